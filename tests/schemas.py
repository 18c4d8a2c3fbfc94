"""The JSON schemas of docs/: objects are open to readers, and what we write is described all the same."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal


def schema_of(command: Literal["audit", "check"]) -> dict[str, Any]:
    """Return the schema of a command's JSON."""
    schema: dict[str, Any] = json.loads(Path(f"docs/{command}.schema.json").read_text())
    return schema


def undescribed(data: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield the path of every member of ``data`` that the schema does not describe."""
    definitions = schema["$defs"]

    def walk(value: Any, described: Mapping[str, Any], at: str) -> Iterator[str]:
        if "$ref" in described:
            described = definitions[described["$ref"].rpartition("/")[2]]
        if isinstance(value, dict) and "properties" in described:
            for name, inner in value.items():
                if name in described["properties"]:
                    yield from walk(inner, described["properties"][name], f"{at}.{name}")
                else:
                    yield f"{at}.{name}"
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner, described["items"], f"{at}[]")

    return walk(data, schema, "")
