"""Many secrets that one role needs at once: the real handlers on moto, and what they ask AWS."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from pullguard.domain.arn import Arn
from tests.functions.stack import OWN_POLICY, Stack, failed, sqs_event
from tests.functions.world import create_role, create_secret, register, request_body

Start = Callable[..., Callable[[dict[str, Any]], dict[str, Any]]]
VALIDATE, PATCH, ALERT = "validate_task_definition", "patch_execution_role", "publish_alert"
SECRETS, BATCH, WRITES_MAX = 80, 10, 3
GRANTS_BESIDE = 3  # messages about grants that are handled while ten task definitions are validated


class Traffic:
    """The handlers around their queues, as far as grants need them."""

    def __init__(self, stack: Stack, start: Start) -> None:
        self.stack = stack
        self.handlers = {name: start(name, Mode="remediate") for name in (VALIDATE, PATCH, ALERT)}
        self.asked: list[str] = []
        self.handled = 0

    def validate(self, *bodies: str) -> None:
        for first in range(0, len(bodies), BATCH):
            self.handle(VALIDATE, *bodies[first : first + BATCH])

    def handle(self, function: str, *bodies: str) -> None:
        event = sqs_event(*bodies, groups=("role",) * len(bodies))
        for record in event["Records"]:
            self.handled += 1
            record["messageId"] = f"m-{self.handled}"
        assert not failed(self.handlers[function](event) or {"batchItemFailures": []})

    def grant(self, count: int | None = None) -> None:
        """Handle the next messages about grants, all of them without a ``count``; Lambda delivers one at a time."""
        self.take()
        for _ in range(len(self.asked) if count is None else min(count, len(self.asked))):
            self.handle(PATCH, self.asked.pop(0))

    def take(self) -> None:
        queue = self.stack.ids["GrantQueue"]
        while messages := self.stack.messages("GrantQueue"):
            for each in messages:
                self.stack.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
                self.asked.append(each["Body"])

    def alert(self) -> list[dict[str, str]]:
        """Send the alerts that are due, and return them."""
        for each in self.stack.messages("AlertQueue"):
            self.handle(ALERT, each["Body"])
        return [json.loads(each["Body"]) for each in self.stack.messages("Inbox")]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The requests to AWS so far, by function and operation."""
    counted: Counter[str] = Counter()
    note = Stack._note

    def counting(self: Stack, function: str, model: Any, params: Any) -> None:
        counted[f"{function} {model.name}"] += 1
        note(self, function, model, params)

    monkeypatch.setattr(Stack, "_note", counting)
    return counted


def of(calls: Counter[str], function: str) -> dict[str, int]:
    """Return how often a function asked each operation."""
    return {name.partition(" ")[2]: count for name, count in calls.items() if name.startswith(f"{function} ")}


def granted(stack: Stack) -> list[str]:
    """Return the secrets that our policy grants."""
    answer = stack.client("iam").get_role_policy(RoleName="web-execution", PolicyName=OWN_POLICY)
    statements = answer["PolicyDocument"]["Statement"]
    found = statements[0]["Resource"]
    return [found] if isinstance(found, str) else found


def findings(stack: Stack) -> Counter[str]:
    """Return how many findings there are, by their last event."""
    stored = (each for each in stack.items() if each["sk"]["S"].startswith("FINDING#"))
    return Counter(json.loads(each["data"]["S"])["event"] for each in stored)


def broken(stack: Stack, count: int) -> dict[str, str]:
    """Register task definitions with one role and a secret each; return the validation requests by secret."""
    role = create_role(stack)
    secrets = (create_secret(stack, f"registry/team-{number:02}") for number in range(count))
    return {
        each: request_body(register(stack, each, role=role, family=f"web-{number:02}"))
        for number, each in enumerate(secrets)
    }


def test_eighty_secrets_that_one_role_needs_at_once_are_at_most_three_writes(
    stack: Stack, start: Start, calls: Counter[str]
) -> None:
    traffic, requests = Traffic(stack, start), broken(stack, SECRETS)
    bodies = list(requests.values())
    for first in range(0, SECRETS, BATCH):
        traffic.validate(*bodies[first : first + BATCH])
        traffic.grant(GRANTS_BESIDE)
    traffic.grant()
    assert calls[f"{PATCH} PutRolePolicy"] == WRITES_MAX
    assert sorted(granted(stack)) == sorted(requests)
    # Each message describes its own secret, and each write all that it leaves in the policy.
    assert calls[f"{PATCH} DescribeSecret"] == SECRETS + sum(after - 1 for after in (10, 40, 80))


def test_one_grant_and_a_message_that_has_nothing_to_do_take_these_calls(
    stack: Stack, start: Start, calls: Counter[str]
) -> None:
    traffic, (body,) = Traffic(stack, start), broken(stack, 1).values()
    traffic.validate(body)
    traffic.grant()
    facts = ("DescribeTaskDefinition", "GetRole", "ListRolePolicies", "ListAttachedRolePolicies")
    secret = ("DescribeSecret", "GetResourcePolicy", "ListSecretVersionIds")
    # The item before the plan and before the write, the grants that others wait for, the plan, the report, its end.
    ledger = {"Query": 3, "TransactWriteItems": 2, "PutItem": 2}
    write = {"GetParameter": 2, "PutRolePolicy": 1, "PutEvents": 1, "SendMessageBatch": 1}
    assert of(calls, PATCH) == {**dict.fromkeys((*facts, *secret), 1), **ledger, **write}
    calls.clear()
    traffic.handle(PATCH, body)
    asks_again = {"Query": 1, "SendMessageBatch": 1}
    assert of(calls, PATCH) == {**dict.fromkeys((*facts, "GetRolePolicy", *secret), 1), **asks_again}


def test_all_findings_resolve_and_each_write_is_one_alert(stack: Stack, start: Start) -> None:
    traffic, requests = Traffic(stack, start), broken(stack, BATCH)
    traffic.validate(*requests.values())
    traffic.grant()
    # The write is followed by a validation of each task definition and by a review, each message by a validation.
    assert stack.waiting("ValidationQueue") == BATCH + 1 + (BATCH - 1)
    traffic.validate(*requests.values())
    assert findings(stack) == {"Finding Resolved": BATCH}
    assert stack.waiting("GrantQueue") == 0
    done = [each for each in traffic.alert() if "granted" in each["Subject"]]
    assert len(done) == 1
    message = done[0]["Message"]
    assert f"one write grants {BATCH} secrets" in message
    assert all(
        f"- {Arn.parse(each).resource_name} for web-{number:02}:1" in message for number, each in enumerate(requests)
    )
    families = json.loads(done[0]["MessageAttributes"]["family"]["Value"])  # type: ignore[index]
    assert families == ["several", *(f"web-{number:02}" for number in range(BATCH))]
