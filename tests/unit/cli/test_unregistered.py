"""Account and Region of a task definition that is not registered, and checks without AWS."""

import pytest

from pullguard.domain.lookup import NotAsked
from pullguard_cli.input.declared import Declared, DeclaredContainer, DeployTime
from pullguard_cli.unregistered import NOT_ASKED, UNKNOWN_ACCOUNT, Home, OfflineReaders, home_of, judge
from tests.fakes import NOW

ROLE = "arn:aws:iam::123456789012:role/execution"
SECRET = "arn:aws:secretsmanager:eu-west-1:999999999999:secret:registry/ghcr-AbCdEf"


def declared(*, arn: str | None = None, role: str | None = None, reference: str | DeployTime | None = None) -> Declared:
    container = DeclaredContainer(name="app", image="ghcr.io/a/b:1", reference=reference, line=3, image_line=3)
    return Declared(
        file="a.json", line=1, family="web", containers=(container,), execution_role=role, role_line=2, arn=arn
    )


@pytest.mark.parametrize(
    ("made", "region", "environment", "expected"),
    [
        (declared(), None, {}, ("us-east-1", UNKNOWN_ACCOUNT, False)),
        (declared(), "eu-north-1", {}, ("eu-north-1", UNKNOWN_ACCOUNT, True)),
        (declared(), None, {"AWS_REGION": "eu-west-3"}, ("eu-west-3", UNKNOWN_ACCOUNT, True)),
        (declared(role=ROLE), None, {}, ("us-east-1", "123456789012", False)),
        (declared(reference=SECRET), None, {}, ("eu-west-1", "999999999999", True)),
        (declared(role=ROLE, reference=SECRET), None, {}, ("eu-west-1", "123456789012", True)),
        (
            declared(arn="arn:aws:ecs:eu-south-1:111122223333:task-definition/web:7", role=ROLE),
            None,
            {"AWS_REGION": "eu-west-3"},
            ("eu-south-1", "111122223333", True),
        ),
        (
            declared(role=ROLE.replace("arn:aws:", "arn:aws-cn:")),
            None,
            {"AWS_REGION": "eu-west-3"},
            ("cn-north-1", "123456789012", False),
        ),
    ],
    ids=["nothing", "option", "environment", "role", "secret", "both", "own ARN", "other partition"],
)
def test_account_and_region(
    made: Declared, region: str | None, environment: dict[str, str], expected: tuple[str, str, bool]
) -> None:
    home = home_of(made, region=region, account=None, environment=environment)
    assert (home.region, home.account, home.region_is_known) == expected


@pytest.mark.parametrize(
    ("home", "name"),
    [
        (Home(region="eu-west-1", account=UNKNOWN_ACCOUNT), "web"),
        (Home(region="eu-west-1", account="123456789012", region_is_known=False), "web"),
        (
            Home(region="eu-west-1", account="123456789012"),
            "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:0",
        ),
    ],
    ids=["no account", "no Region", "both"],
)
def test_a_stand_in_never_appears_in_a_name(home: Home, name: str) -> None:
    assert home.name_of(declared()) == name


def test_offline_readers_answer_nothing() -> None:
    readers = OfflineReaders()
    answers = (
        readers.task_definition("web"),
        readers.registry_secrets("eu-west-1"),
        readers.organization(),
        readers.every_role(),
        readers.every_secret("eu-west-1"),
    )
    assert all(isinstance(answer, NotAsked) and answer == NOT_ASKED for answer in answers)


@pytest.mark.parametrize(
    ("reference", "checks"),
    [
        ("registry/ghcr", {"execution-role-missing", "reference-not-full-arn"}),
        (DeployTime(text="!Ref Secret"), {"execution-role-missing"}),
        (None, set()),
    ],
    ids=["name", "set on deployment", "none"],
)
def test_values_set_on_deployment_are_checked_for_presence_only(
    reference: str | DeployTime | None, checks: set[str]
) -> None:
    home = Home(region="eu-west-1", account="123456789012")
    found = judge(declared(reference=reference), home, OfflineReaders(), now=NOW)
    assert {each.check for each in found.findings} == checks
