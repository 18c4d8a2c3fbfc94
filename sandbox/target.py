"""The target of a call in a few words: the names in its request, and nothing of its contents, which may be secret."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

_NAMES: Final = (
    "TableName",
    "QueueUrl",
    "TopicArn",
    "EventBusName",
    "RoleName",
    "PolicyName",
    "SecretId",
    "KeyId",
    "cluster",
    "service",
    "family",
    "taskDefinition",
    "DetailType",
    "Name",
)
_KEYS: Final = ("pk", "sk")
_LISTS: Final = ("TransactItems", "Entries")


def target(body: bytes) -> str:
    """Return the names in a request's body, in a fixed order; empty if it has no names or an unknown form."""
    return " ".join(_parts(_members(body)))


def _members(body: bytes) -> Mapping[str, Any]:
    try:
        members = json.loads(body)
    except ValueError:
        return dict(parse_qsl(body.decode(errors="replace")))
    return members if isinstance(members, dict) else {}


def _parts(members: Mapping[str, Any]) -> Iterator[str]:
    for name in _NAMES:
        if isinstance(value := members.get(name), str):
            yield value.rpartition("/")[2] if name == "QueueUrl" else value
    for item in (members.get("Key"), members.get("Item")):
        if isinstance(item, dict):
            yield from (str(item[key]["S"]) for key in _KEYS if isinstance(item.get(key), dict) and "S" in item[key])
    for each in (each for name in _LISTS for each in members.get(name) or () if isinstance(each, dict)):
        yield from _parts(each)
        for write in each.values():  # a transaction's item: {"Put": {"TableName": ..., "Item": ...}}
            if isinstance(write, dict):
                yield from _parts(write)
