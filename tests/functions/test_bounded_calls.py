"""The calls of an event do not depend on how many services the account has, and dependents share theirs."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.functions.stack import Context, Stack, failed, sqs_event
from tests.functions.world import create_role, create_secret, know_what_runs, register, request_body

Counted = Callable[..., tuple[Callable[[dict[str, Any]], Any], Counter[str]]]


@pytest.fixture
def counted(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Start a function whose calls are counted, each as ``service:Operation``."""

    def begin(function: str, **parameters: str) -> tuple[Callable[[dict[str, Any]], Any], Counter[str]]:
        for name, value in stack.environment(function, **parameters).items():
            monkeypatch.setenv(name, value)
        module, calls = stack.start(function), Counter[str]()

        def count(model: Any) -> None:
            calls.update([f"{model.service_model.service_name}:{model.name}"])

        def handle(event: dict[str, Any]) -> Any:
            stack.watching[:] = [count]
            return module.handler(event, Context(function))

        return handle, calls

    return begin


def serve(stack: Stack, family: str, revision: str) -> None:
    stack.client("ecs").create_service(cluster="main", serviceName=family, taskDefinition=revision, desiredCount=0)


def of_ecs(calls: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in calls.items() if name.startswith("ecs:")}


def broken(stack: Stack, family: str) -> str:
    """A revision whose role may not read its secret, with a service; nothing of it is shared with other families."""
    revision = register(
        stack, create_secret(stack, f"registry/{family}"), role=create_role(stack, family), family=family
    )
    serve(stack, family, revision)
    return revision


def test_a_registration_costs_the_same_however_many_services_others_have(stack: Stack, counted: Counted) -> None:
    stack.client("ecs").create_cluster(clusterName="main")
    other = register(stack, None, role="arn:aws:iam::123456789012:role/other", family="other")
    (validate, validated), (alert, alerted) = counted("validate_task_definition"), counted("publish_alert")
    spent = []
    for family, others in (("web", 3), ("api", 97)):
        for number in range(others):
            serve(stack, f"{family}-{number}", other)
        revision = broken(stack, family)
        know_what_runs(stack)
        for calls in (validated, alerted):
            calls.clear()
        assert failed(validate(sqs_event(request_body(revision, kind="RegisterTaskDefinition")))) == []
        events = [each["Body"] for each in stack.messages("AlertQueue")]
        assert failed(alert(sqs_event(*events))) == []
        spent.append((Counter(validated), Counter(alerted)))
    assert spent[0] == spent[1]
    assert of_ecs(validated) == {"ecs:DescribeTaskDefinition": 1, "ecs:DescribeServices": 1}
    assert of_ecs(alerted) == {}


def test_services_that_break_together_share_their_calls(stack: Stack, counted: Counted) -> None:
    """300 of them cost as much each: tests/unit/aws/test_ledger_usage.py."""
    role, secret = create_role(stack), create_secret(stack)
    stack.client("ecs").create_cluster(clusterName="main")
    revisions = [register(stack, secret, role=role, family=f"f-{number}") for number in range(20)]
    for number, revision in enumerate(revisions):
        serve(stack, f"f-{number}", revision)
    know_what_runs(stack)
    validate, calls = counted("validate_task_definition")
    for batch in (revisions[:10], revisions[10:]):
        assert failed(validate(sqs_event(*(request_body(each, kind="DeleteSecret") for each in batch)))) == []
    assert of_ecs(calls) == {"ecs:DescribeTaskDefinition": 20, "ecs:DescribeServices": 2}
