"""The stack that a command works on, and roles named on the command line."""

import pytest

from pullguard_cli.connection import connect
from pullguard_cli.deployment import Deployment
from pullguard_cli.failures import CannotRun
from tests.unit.cli.conftest import Run, in_account


def test_a_missing_stack_is_reported_in_one_line(run: Run, aws: None) -> None:
    ran = run("stop", "--yes", "--stack", "nope")
    assert ran.code == 2
    assert "nope" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_foreign_stack_is_refused(run: Run, aws: None) -> None:
    in_account("cloudformation").create_stack(
        StackName="theirs", TemplateBody='{"Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}}}'
    )
    ran = run("stop", "--yes", "--stack", "theirs")
    assert ran.code == 2
    assert "has no output StopParameter" in ran.err


@pytest.fixture
def deployment(aws: None) -> Deployment:
    return Deployment(connection=connect(), stack="pullguard", outputs={})


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("web", "arn:aws:iam::123456789012:role/web"),
        ("team/web", "arn:aws:iam::123456789012:role/team/web"),
        ("arn:aws:iam::999999999999:role/web", "arn:aws:iam::999999999999:role/web"),
    ],
)
def test_a_name_or_an_arn_names_a_role(deployment: Deployment, name: str, arn: str) -> None:
    assert str(deployment.role_arn(name)) == arn


@pytest.mark.parametrize("name", ["arn:aws:iam::999999999999:user/ada", "arn:x", "a b"])
def test_anything_else_is_refused(deployment: Deployment, name: str) -> None:
    with pytest.raises(CannotRun, match="Pass a role name"):
        deployment.role_arn(name)


def test_a_stack_without_an_output_is_not_ours(deployment: Deployment) -> None:
    with pytest.raises(CannotRun, match="not a Pullguard stack"):
        deployment.output("LedgerTable")
