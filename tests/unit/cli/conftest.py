"""Run the command in-process against moto."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from pullguard_cli.main import main
from sandbox.emulator import REGION, client
from sandbox.world import World, load
from sandbox.worlds import demo
from tests.unit.cli.deployed import Stack, create


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Ran(code=left.value.code, out=said.out, err=said.err)

    return command


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty account, of which nothing is cached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield


@pytest.fixture
def broken(aws: None) -> World:
    """The account of the demo before any remediation."""
    world = demo.world()
    load(world, client)
    return world


def in_account(service: str) -> Any:
    return client(service)


def answering(code: str) -> Callable[..., tuple[Any, Mapping[str, Any]]]:
    """Return a botocore hook (before-call) that answers in place of AWS."""

    class Response:
        status_code = 400

    def answer(**_: object) -> tuple[Any, Mapping[str, Any]]:
        return Response(), {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}

    return answer


@pytest.fixture
def stack(aws: None) -> Stack:
    in_account("iam").create_role(RoleName="web-execution", AssumeRolePolicyDocument="{}")
    return create()


@pytest.fixture
def family(stack: Stack) -> str:
    in_account("ecs").register_task_definition(
        family="web", containerDefinitions=[{"name": "app", "image": "x", "memory": 64}]
    )
    return "web"
