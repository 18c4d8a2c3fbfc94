"""One task definition, found by family, revision or ARN."""

import pytest

from sandbox.world import World
from tests.unit.cli.conftest import Run, in_account


def test_explain_takes_an_arn_and_its_region(run: Run, broken: World, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = in_account("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"]["taskDefinitionArn"]
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert run("explain", arn).code == 1
    assert run("explain", arn.replace("task-definition", "cluster")).code == 2
    assert "There is no task definition" in run("explain", "nobody").err
