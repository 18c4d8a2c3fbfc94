"""Every AWS call of both executors goes wrong in every way: in the end all is as it would have been anyway.

The calls are not written down here: they are those of a run in which nothing goes wrong, so that a new call is tried
from the day it is made. One message about a broken task definition enters the real handlers (tests/functions/
application.py); afterwards, as every sweep does, somebody asks for another look at what is in use.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from moto import mock_aws

from tests.functions.application import LANES, Application, Message
from tests.functions.stack import Stack
from tests.functions.wire import Fault, Wire
from tests.functions.world import allow, create_role, create_secret, look_body, register

WIRES = {function: Wire() for function in LANES.values()}
# A read has no effect that a timeout could hide, and one that is throttled throughout is one that is denied.
READS = (Fault.THROTTLED, Fault.DENIED, Fault.DIED)
WRITES = ("Put", "Register", "Update", "Delete", "Send")


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A broken world for one executor: ``broken`` makes it and returns the revision; ``mended`` is how it must end."""

    function: str
    broken: Callable[[Stack], str]
    mended: Callable[[Stack], Any]


def _lacking_grant(stack: Stack) -> str:
    key = stack.client("kms").create_key()["KeyMetadata"]["Arn"]
    return register(stack, create_secret(stack, key=key), role=create_role(stack))


def _stale_reference(stack: Stack) -> str:
    role, old = create_role(stack), create_secret(stack)
    arn = register(stack, old, role=role)
    stack.client("secretsmanager").delete_secret(SecretId=old, ForceDeleteWithoutRecovery=True)
    allow(stack, create_secret(stack))
    ecs = stack.client("ecs")
    ecs.create_cluster(clusterName="main")
    for name in ("web", "admin"):
        ecs.create_service(cluster="main", serviceName=name, taskDefinition=arn, desiredCount=0)
    return arn


def _policies(stack: Stack) -> Any:
    """All inline policies of the role, with the key and the secret by other names than their random ones."""
    iam = stack.client("iam")
    names = iam.list_role_policies(RoleName="web-execution")["PolicyNames"]
    found = {
        name: iam.get_role_policy(RoleName="web-execution", PolicyName=name)["PolicyDocument"]["Statement"]
        for name in names
    }
    (secret,) = stack.client("secretsmanager").list_secrets()["SecretList"]
    text = json.dumps(found).replace(secret["ARN"], "SECRET").replace(secret.get("KmsKeyId", "-"), "KEY")
    return {
        name: [(each["Action"], each["Resource"], each.get("Condition")) for each in statements]
        for name, statements in json.loads(text).items()
    }


def _revisions_and_services(stack: Stack) -> Any:
    """The revisions by number with the source that each names, and what each service runs."""
    ecs = stack.client("ecs")
    sources = {}
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        answer = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        tags = {tag["key"]: tag["value"] for tag in answer["tags"]}
        sources[_short(arn)] = _short(tags.get("pullguard:reregistered-from", ""))
    services = ecs.describe_services(cluster="main", services=["web", "admin"])["services"]
    return sources, {each["serviceName"]: _short(each["taskDefinition"]) for each in services}


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]


PLAYS = (
    Play(function="patch_execution_role", broken=_lacking_grant, mended=_policies),
    Play(function="reregister_task_definition", broken=_stale_reference, mended=_revisions_and_services),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it ended: the state, what was told (each thing once), the messages that died, and the executor's calls."""

    state: Any
    told: tuple[tuple[str, str], ...]
    died: tuple[Message, ...]
    reasons: tuple[str, ...]
    calls: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether people were told that something failed."""
        return any(kind == "Remediation Failed" for kind, _ in self.told)


def perform(play: Play, fault: Fault | None = None, place: int | str = -1) -> Outcome:
    """Let one message about the broken revision run to its end, and a sweep's look after it."""
    for wire in WIRES.values():
        wire.lay()
    WIRES[play.function].lay(fault, place)
    with mock_aws(), pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("time.sleep", lambda _: None)  # botocore waits before it tries again
        stack = Stack()
        stack.create()
        app = Application(stack, monkeypatch, WIRES)
        app.send("ValidationQueue", look_body(play.broken(stack)))
        app.run()
        calls = tuple(WIRES[play.function].calls)
        WIRES[play.function].lay()
        for revision in stack.client("ecs").list_task_definitions()["taskDefinitionArns"]:
            app.send("ValidationQueue", look_body(revision))
        app.run()
        return Outcome(
            state=play.mended(stack),
            told=_told(app.told()),
            died=tuple(app.died),
            reasons=tuple(_reasons(stack, play.function)),
            calls=calls,
        )


def _told(events: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Return what is told: a copy of an event is told to nobody twice."""
    things = {
        (kind := each["detail-type"], *_identity(each["detail"])): (kind, _what(each["detail"])) for each in events
    }
    return tuple(sorted(things.values()))


def _identity(detail: dict[str, Any]) -> tuple[str, int]:
    thing = detail.get("finding") or detail["remediation"]
    return thing["id"], detail.get("sequence", 0)


def _what(detail: dict[str, Any]) -> str:
    if "finding" in detail:
        return f"{detail['finding']['check']} of {_short(detail['finding']['task_definition'])}"
    remediation = detail["remediation"]
    return f"{remediation['kind']} {_short(remediation['target'])}{' with a key' if remediation['key'] else ''}"


def _reasons(stack: Stack, function: str) -> Iterator[str]:
    queue = next(name for name, each in LANES.items() if each == function)
    for letter in stack.messages(queue.replace("Queue", "DeadLetters")):
        yield letter["MessageAttributes"]["reason"]["StringValue"]


@cache
def undisturbed(play: Play) -> Outcome:
    """The run in which nothing goes wrong."""
    return perform(play)


def calls() -> Iterator[Any]:
    """Every call of every executor, in every way in which it can go wrong."""
    for play in PLAYS:
        for place, call in enumerate(undisturbed(play).calls):
            for fault in Fault if call.partition(":")[2].startswith(WRITES) else READS:
                yield pytest.param(play, place, fault, id=f"{play.function}-{place:02}-{call}-{fault.name.lower()}")


def operations() -> Iterator[Any]:
    for play in PLAYS:
        for operation in sorted(set(undisturbed(play).calls)):
            yield pytest.param(play, operation, id=f"{play.function}-{operation}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault" in metafunc.fixturenames:
        metafunc.parametrize(("play", "place", "fault"), list(calls()))
    elif "operation" in metafunc.fixturenames:
        metafunc.parametrize(("play", "operation"), list(operations()))


def test_one_call_goes_wrong_once(play: Play, place: int, fault: Fault) -> None:
    wanted = undisturbed(play)

    outcome = perform(play, fault, place)

    assert outcome.state == wanted.state
    assert (outcome.died, outcome.reasons) == ((), ())
    told = [each for each in outcome.told if each[0] != "Remediation Failed"]
    assert set(wanted.told) <= set(told)
    assert len(told) == len(set(told))
    assert not outcome.failed or fault is Fault.DENIED


def test_one_operation_is_denied_throughout(play: Play, operation: str) -> None:
    wanted = undisturbed(play)

    outcome = perform(play, Fault.DENIED, operation)

    # While it lasts, the message is handled, or told of as failed, or lies in the dead letters and says why.
    assert outcome.died == ()
    assert all("AccessDenied" in reason for reason in outcome.reasons)
    # Once it is over, the next look mends everything.
    assert outcome.state == wanted.state
    told = [each for each in outcome.told if each[0] != "Remediation Failed"]
    assert len(told) == len(set(told))


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.function)
def test_undisturbed_it_is_mended_and_told_once(play: Play) -> None:
    outcome = undisturbed(play)
    assert len(outcome.told) == len(set(outcome.told))
    assert {kind for kind, _ in outcome.told} == {"Finding Opened", "Remediation Completed", "Finding Resolved"}
    assert (outcome.died, outcome.reasons, outcome.failed) == ((), (), False)
