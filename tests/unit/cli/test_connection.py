"""Which Region a command uses, and who calls."""

import pytest

from pullguard_cli.connection import connect
from pullguard_cli.failures import CannotRun


@pytest.mark.parametrize(
    ("region", "environment", "expected"),
    [
        ("eu-west-1", {"AWS_REGION": "us-east-1"}, "eu-west-1"),
        (None, {"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "us-east-1"}, "eu-north-1"),
        (None, {"AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
    ],
    ids=["option", "AWS_REGION", "AWS_DEFAULT_REGION"],
)
@pytest.mark.usefixtures("aws")
def test_the_region_of_the_option_wins_then_the_environment(
    monkeypatch: pytest.MonkeyPatch, region: str | None, environment: dict[str, str], expected: str
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    connection = connect(region=region)
    assert connection.region == expected
    assert connection.clients.get("ecs").meta.region_name == expected


@pytest.mark.usefixtures("aws")
def test_the_caller_is_identified() -> None:
    connection = connect()
    assert connection.account == "123456789012"
    assert connection.caller.startswith("arn:aws:sts::123456789012:")


@pytest.mark.parametrize("region", ["nowhere", "eu central", "eu-central-1.evil.example"])
@pytest.mark.usefixtures("aws")
def test_a_malformed_region_is_refused_before_any_call(region: str) -> None:
    with pytest.raises(CannotRun, match="is not an AWS Region"):
        connect(region=region)
