"""A batch of validations: its messages are handled at once, and whatever delays one delays no other.

Whether messages overlap is seen in which calls are under way together, and not in seconds. The one bound in seconds is
that for the mates of a message that takes long.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from threading import Barrier, Event, Lock
from types import ModuleType
from typing import Any

import pytest

import pullguard.registry
import pullguard.runtime.bootstrap
import pullguard.runtime.receiver
from pullguard.aws.deadline import Deadline
from pullguard.domain.arn import Arn
from pullguard.domain.verification import Verification
from pullguard.store.ledger import Ledger
from sandbox.runtime.samples import fresh
from tests.functions.stack import ACCOUNT, TEMPLATE, Context, Stack, failed, sqs_event
from tests.functions.world import allow, create_role, create_secret, register, request_body

VALIDATE = "validate_task_definition"
MATES_WITHIN_S = 15
MATES = 8
Begin = Callable[..., ModuleType]


@pytest.fixture
def begin(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Start a function, by default the validator, with parameters of the stack."""

    def start(function: str = VALIDATE, **parameters: str) -> ModuleType:
        for name, value in stack.environment(function, **parameters).items():
            monkeypatch.setenv(name, value)
        return stack.start(function)

    return start


def invoke(module: ModuleType, *arns: str, context: Context | None = None) -> list[str]:
    """Handle a batch about these task definitions; return the ids of the messages that go back."""
    return failed(module.handler(sqs_event(*map(request_body, arns)), context or Context(VALIDATE)))


def before(module: ModuleType, call: str, step_in: Callable[[], object]) -> None:
    """Step in before each call of an operation (``ecs:DescribeTaskDefinition``), in its thread."""

    def act(**_: object) -> None:
        step_in()

    service, _, operation = call.partition(":")
    module.deployment.clients.get(service).meta.events.register(f"before-call.*.{operation}", act)


def healthy(stack: Stack, number: int) -> str:
    """A revision with a role and a secret of its own, which its role may read."""
    role, secret = create_role(stack, f"role-{number}"), create_secret(stack, f"registry/{number}")
    allow(stack, secret, role_name=f"role-{number}")
    return register(stack, secret, role=role, family=f"web-{number}")


def validated(stack: Stack) -> set[str]:
    """The families of the task definitions that were validated, according to the ledger."""
    items = (item["pk"]["S"] for item in stack.items() if item["sk"]["S"] == "REFERENCES")
    return {arn.rpartition("/")[2].partition(":")[0] for arn in items}


@pytest.fixture
def mates(stack: Stack) -> list[str]:
    """Healthy task definitions."""
    return [healthy(stack, number) for number in range(MATES)]


FAMILIES_OF_MATES = {f"web-{number}" for number in range(MATES)}


# --- at once ---------------------------------------------------------------------------------------------------------


def test_ten_messages_are_read_at_the_same_time(stack: Stack, begin: Begin) -> None:
    arns, module = [healthy(stack, number) for number in range(10)], begin()
    together = Barrier(10, timeout=MATES_WITHIN_S)
    for call in ("ecs:DescribeTaskDefinition", "iam:GetRole", "secretsmanager:DescribeSecret", "dynamodb:Query"):
        before(module, call, together.wait)
    assert invoke(module, *arns) == []
    assert validated(stack) == {f"web-{number}" for number in range(10)}


def test_messages_about_one_role_and_secret_read_them_once(stack: Stack, begin: Begin) -> None:
    role, secret = create_role(stack), create_secret(stack)
    allow(stack, secret)
    arns = [register(stack, secret, role=role, family=f"web-{number}") for number in range(10)]
    module, calls = begin(), list[str]()
    once = (
        "iam:GetRole",
        "iam:ListRolePolicies",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetResourcePolicy",
        "secretsmanager:ListSecretVersionIds",
        "secretsmanager:GetSecretValue",
    )
    for call in once:
        before(module, call, partial(calls.append, call))
    assert invoke(module, *arns) == []
    assert sorted(calls) == sorted(once)


def test_ten_messages_about_one_task_definition_share_one_answer(stack: Stack, begin: Begin) -> None:
    arn, module = register(stack, create_secret(stack), role=create_role(stack)), begin(Mode="remediate")
    assert invoke(module, *[arn] * 10) == []
    assert [json.loads(each["Body"])["detail-type"] for each in stack.messages("AlertQueue")] == ["Finding Opened"]
    assert stack.waiting("GrantQueue") == 1


def test_ten_task_definitions_of_one_incident_are_all_its_members(stack: Stack, begin: Begin) -> None:
    role, secret = create_role(stack), create_secret(stack)
    arns = [register(stack, secret, role=role, family=f"web-{number}") for number in range(10)]
    assert invoke(begin(Mode="remediate"), *arns) == []
    members = [item["sk"]["S"] for item in stack.items() if item["pk"]["S"].startswith("CAUSE#")]
    assert {arn for arn in arns if any(member.startswith(f"MEMBER#{arn}#") for member in members)} == set(arns)
    assert len(stack.messages("AlertQueue")) == 10


# --- what delays one message delays no other -------------------------------------------------------------------------


def several(stack: Stack, family: str, containers: int, host: str) -> str:
    """A revision of many containers, whose images are in the registry at ``host``, with one secret."""
    secret = create_secret(stack, f"registry/{family}", registry=host)
    role = create_role(stack, f"role-{family}")
    allow(stack, secret, role_name=f"role-{family}")
    answer = stack.client("ecs").register_task_definition(
        family=family,
        executionRoleArn=role,
        containerDefinitions=[
            {
                "name": f"app-{number}",
                "image": f"{host}/acme/{family}-{number}:1",
                "memory": 64,
                "repositoryCredentials": {"credentialsParameter": secret},
            }
            for number in range(containers)
        ],
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


class SlowRegistry:
    """A registry that takes ten seconds for an image, and the first time as long as the mates are not validated."""

    def __init__(self, stack: Stack) -> None:
        self.time = 0.0
        self.asked: list[str] = []
        self.mates_came_first = False
        self._stack, self._lock = stack, Lock()

    def clock(self) -> float:
        return self.time

    def verification(self, _secret: object, image: Any, *_: object, **__: object) -> Verification:
        if image.host == "ghcr.io":
            return Verification(answer="ok")
        with self._lock:
            self._wait_for_mates()
            self.asked.append(image.text)
            self.time += 10
        return Verification(answer="ok")

    def _wait_for_mates(self) -> None:
        until = time.monotonic() + MATES_WITHIN_S
        while not self.mates_came_first and time.monotonic() < until:
            self.mates_came_first = validated(self._stack) >= FAMILIES_OF_MATES


def test_a_slow_registry_delays_no_mate_and_ends_in_time(
    stack: Stack, begin: Begin, mates: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = SlowRegistry(stack)
    monkeypatch.setattr(pullguard.registry, "verification", registry.verification)
    monkeypatch.setattr(pullguard.runtime.bootstrap, "Deadline", partial(Deadline, clock=registry.clock))
    slow = [several(stack, f"slow-{number}", 10, "slow.example") for number in range(2)]
    limit_s = TEMPLATE.functions()[VALIDATE]["Timeout"]
    context = Context(VALIDATE, remaining_ms=1000 * limit_s)
    assert invoke(begin(VerifyCredentials="true"), *slow, *mates, context=context) == []
    assert registry.mates_came_first
    assert registry.time <= limit_s / 2 + 10
    # What was not asked is unknown, and not in order.
    assert validated(stack) == {*FAMILIES_OF_MATES, "slow-0", "slow-1"}
    ledger = Ledger(stack.client("dynamodb"), "ledger")
    for number, arn in enumerate(slow):
        found = [each.finding for each in ledger.entries.get(Arn.parse(arn)).findings]
        unasked = 10 - sum(f"/slow-{number}-" in image for image in registry.asked)
        assert {(each.check, each.status) for each in found} == {("registry-unreachable", "unknown")}
        assert len(found) == unasked > 0
        assert all("was not asked about this image" in each.evidence for each in found)
    assert ledger.entries.get(Arn.parse(mates[0])).findings == ()


def _asterisks(stack: Stack) -> list[str]:
    """Six roles whose policies are asterisks, with question marks between them."""
    arns = []
    for number in range(2):
        arn = several(stack, f"poison-{number}", 10, "ghcr.io")
        for policy in range(6):
            patterns = [f"arn:*:*:*:*:*{'a' * place}{'*?' * 800}{policy}*" for place in range(6)]
            statement = {"Effect": "Allow", "Action": "*", "Resource": patterns}
            stack.client("iam").put_role_policy(
                RoleName=f"role-poison-{number}",
                PolicyName=f"asterisks-{policy}",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            )
        arns.append(arn)
    return arns


def _many_containers(stack: Stack) -> list[str]:
    return [several(stack, "poison", 1000, "ghcr.io")]


def _malformed_items(stack: Stack) -> list[str]:
    """Items of two task definitions that cannot be read: they are skipped, and logged."""
    arns = [several(stack, f"poison-{number}", 1, "ghcr.io") for number in range(2)]
    for arn, sort in zip(arns, ("FINDING#0", "REFERENCES"), strict=True):
        item = {"pk": {"S": f"TD#{arn}"}, "sk": {"S": sort}, "data": {"S": "["}}
        stack.client("dynamodb").put_item(TableName="ledger", Item=item)
    return arns


POISON = {
    "policies of asterisks": _asterisks,
    "a thousand containers": _many_containers,
    "malformed items": _malformed_items,
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_poisoned_message_delays_no_mate(
    stack: Stack, begin: Begin, mates: list[str], poison: Callable[[Stack], list[str]]
) -> None:
    arns, module, judged = poison(stack), begin(), dict[str, float]()

    def note(params: dict[str, Any], **_: object) -> None:
        judged.update(dict.fromkeys((mate for mate in mates if mate in str(params["body"])), time.monotonic()))

    module.deployment.clients.get("dynamodb").meta.events.register("before-call.*.TransactWriteItems", note)
    began = time.monotonic()
    assert invoke(module, *arns, *mates) == []
    assert judged.keys() == set(mates)
    assert max(judged.values()) - began < MATES_WITHIN_S
    assert validated(stack) >= FAMILIES_OF_MATES
    assert not any(item["sk"]["S"].startswith("FINDING") and "/web-" in item["pk"]["S"] for item in stack.items())


# --- what ends in no time --------------------------------------------------------------------------------------------


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The time of the batch passes when a run calls this, and the handler answers; the run goes on after the test."""
    passed, answered, made = Event(), Event(), list[Deadline]()

    def deadline(seconds: float) -> Deadline:
        made.append(Deadline(seconds))
        return made[-1]

    def wait(futures: list[Any], timeout: float) -> None:
        while not futures[0].done() and not passed.is_set():
            time.sleep(0.001)
        passed.clear()

    def passes() -> None:
        made[-1].end()
        passed.set()
        assert answered.wait(MATES_WITHIN_S)

    monkeypatch.setattr(pullguard.runtime.bootstrap, "Deadline", deadline)
    monkeypatch.setattr(pullguard.runtime.receiver, "wait", wait)
    passes.answered = answered  # type: ignore[attr-defined]
    yield passes
    answered.set()


# The calls of a validation that finds something, in order.
CALLS = (
    "ecs:DescribeTaskDefinition",
    "iam:GetRole",
    "secretsmanager:DescribeSecret",
    "dynamodb:Query",
    "dynamodb:TransactWriteItems",
    "dynamodb:PutItem",
    "events:PutEvents",
    "sqs:SendMessage",
)


@pytest.mark.parametrize("call", CALLS)
def test_a_run_that_overruns_returns_alone_and_calls_nothing_afterwards(
    stack: Stack, begin: Begin, passing: Any, call: str
) -> None:
    broken = register(stack, create_secret(stack), role=create_role(stack))
    module, sent = begin(Mode="remediate"), list[str]()
    before(module, call, passing)
    assert invoke(module, broken) == ["m-0"]
    for service in ("dynamodb", "ecs", "events", "iam", "secretsmanager", "sqs"):
        events = module.deployment.clients.get(service).meta.events
        events.register("before-send", lambda event_name, **_: sent.append(event_name))
    then = stack.items(), stack.waiting("AlertQueue"), stack.waiting("GrantQueue")
    # Lambda thaws the process: the run goes on where it was, and ends.
    (run,) = (each for each in threading.enumerate() if each.name.startswith("record"))
    passing.answered.set()
    run.join(MATES_WITHIN_S)
    assert not run.is_alive()
    assert sent == []
    assert (stack.items(), stack.waiting("AlertQueue"), stack.waiting("GrantQueue")) == then


def test_the_next_delivery_does_the_rest_of_a_run(stack: Stack, begin: Begin, passing: Any) -> None:
    broken = register(stack, create_secret(stack), role=create_role(stack))
    module, times = begin(Mode="remediate"), count()
    before(module, "events:PutEvents", lambda: passing() if next(times) == 0 else None)
    assert invoke(module, broken) == ["m-0"]
    passing.answered.set()
    assert stack.waiting("AlertQueue") == 0
    assert invoke(begin(Mode="remediate"), broken) == []
    assert [json.loads(each["Body"])["detail-type"] for each in stack.messages("AlertQueue")] == ["Finding Opened"]
    assert stack.waiting("GrantQueue") == 1


REGISTERED = (Path(__file__).parents[2] / "events/eventbridge/register-task-definition.json").read_text("utf-8")


def test_events_that_come_after_the_time_of_the_batch_return_and_those_before_count(
    stack: Stack, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One event after another: they are resolved in their order."""
    deadline, asked = Deadline(60), count()
    monkeypatch.setattr(pullguard.runtime.bootstrap, "Deadline", lambda _: deadline)
    module = begin("resolve_change")
    before(module, "sqs:SendMessageBatch", lambda: deadline.end() if next(asked) == 1 else None)
    text = fresh(REGISTERED.replace("111122223333", ACCOUNT))
    events = [text.replace("task-definition/web:7", f"task-definition/web:{number}") for number in range(1, 5)]
    assert failed(module.handler(sqs_event(*events), Context("resolve_change"))) == ["m-1", "m-2", "m-3"]
    assert [json.loads(each["Body"])["task_definition"][-6:] for each in stack.messages("ValidationQueue")] == [
        "/web:1"
    ]
