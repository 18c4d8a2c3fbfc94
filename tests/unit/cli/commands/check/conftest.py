"""Run ``pullguard check`` in a folder of its own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import pytest
from typer.testing import CliRunner

from pullguard_cli.main import app
from tests.schemas import schema_of, undescribed

SCHEMA = schema_of("check")
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:registry/ghcr-AbCdEf"
ROLE = "arn:aws:iam::123456789012:role/execution"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Parse the JSON on standard output and validate it against the schema."""
        data = json.loads(self.out)
        if "findings" in data:
            jsonschema.validate(data, SCHEMA, cls=jsonschema.Draft202012Validator)
            assert list(undescribed(data, SCHEMA)) == []
            assert len(data["not_checked"]) == data["summary"]["not_checked"]
        return data

    @property
    def found(self) -> list[tuple[str, str]]:
        """The findings of a run with --format json, as (check, severity)."""
        return [(each["check"], each["severity"]) for each in self.data["findings"]]


Check: TypeAlias = Callable[..., Ran]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Run the command on ``files``, given by name and content. Their names are the positional arguments."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_WORKSPACE", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)

    def run(*options: str, files: dict[str, Any] | None = None, stdin: bytes | None = None) -> Ran:
        for name, content in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else _text(content).encode())
        result = CliRunner().invoke(app, ["check", *options, *(files or {})], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, indent=2)


def definition(*containers: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return a valid task definition with the given changes."""
    return {
        "family": "web",
        "executionRoleArn": ROLE,
        "containerDefinitions": list(containers) or [container()],
        **members,
    }


def container(reference: object = SECRET, *, name: str = "app", image: object = "ghcr.io/acme/app:1") -> dict[str, Any]:
    """Return a container definition, without credentials if ``reference`` is absent."""
    credentials = {} if reference is None else {"repositoryCredentials": {"credentialsParameter": reference}}
    return {"name": name, "image": image, **credentials}
