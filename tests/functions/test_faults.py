"""Every AWS call of both executors goes wrong in every way: in the end all is as it would have been anyway.

The calls are not written down here: they are those of a run in which nothing goes wrong, so that a new call is tried
from the day it is made. One message about a broken task definition enters the real handlers (tests/functions/
application.py); afterwards, as every sweep does, somebody asks for another look at what is in use.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from moto import mock_aws

from pullguard.arn import Arn
from pullguard.events import Cause
from pullguard.ledger import Ledger
from pullguard.messages import LISTED, Review
from pullguard.remedies.grant import POLICY_NAME, Granted, policy_document, render
from pullguard.roster import Roster, Sweep
from tests.functions.application import LANES, QUEUES, Application, Message
from tests.functions.stack import ACCOUNT, Stack
from tests.functions.wire import Fault, Wire
from tests.functions.world import allow, create_role, create_secret, look_body, register

WIRES = {function: Wire() for function in LANES.values()}
# A read has no effect that a timeout could hide, and one that is throttled throughout is one that is denied. One that
# is throttled once botocore sends again: that is tried for the first read of each operation. To die after a read leaves
# behind what to die after the write before it does: that is tried at the first call and at each write.
ASKS = ("Describe", "Get", "List")
WRITES = ("Put", "Register", "Update", "Delete", "Send")


def _look_at_everything(app: Application) -> None:
    for revision in app.stack.client("ecs").list_task_definitions()["taskDefinitionArns"]:
        app.send("ValidationQueue", look_body(revision))


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A world for one executor: ``begin`` makes it and sends the message, ``mended`` is how it must end.

    ``again`` sends what a later sweep asks for. ``told`` are the kinds of what is told where nothing goes wrong.
    """

    name: str
    function: str
    begin: Callable[[Application], None]
    mended: Callable[[Stack], Any]
    again: Callable[[Application], None] = _look_at_everything
    told: frozenset[str] = frozenset({"Finding Opened", "Remediation Completed", "Finding Resolved"})
    parameters: tuple[tuple[str, str], ...] = (("Mode", "remediate"), ("MoveServices", "true"))


def _broken(broken: Callable[[Stack], str]) -> Callable[[Application], None]:
    """Let somebody ask for a look at what ``broken`` makes."""
    return lambda app: app.send("ValidationQueue", look_body(broken(app.stack)))


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


def _ledger(stack: Stack) -> Ledger:
    return Ledger(stack.client("dynamodb"), "ledger")


ROLE = Arn.parse(f"arn:aws:iam::{ACCOUNT}:role/web-execution")


def _unused(app: Application) -> None:
    """A grant of ours that a complete sweep has found unused, beside one that is needed."""
    stack, ledger = app.stack, _ledger(app.stack)
    key = stack.client("kms").create_key()["KeyMetadata"]["Arn"]
    role, needed, unused = create_role(stack), create_secret(stack, "registry/two"), create_secret(stack, key=key)
    revision = register(stack, needed, role=role)
    grants = (
        Granted(secret=Arn.parse(needed), key=None),
        Granted(secret=Arn.parse(unused), key=Arn.parse(key)),
    )
    stack.client("iam").put_role_policy(
        RoleName="web-execution", PolicyName=POLICY_NAME, PolicyDocument=render(policy_document(grants))
    )
    ledger.record_write(ROLE, write_id="m-0", record={}, now=app.time)
    ledger.keep_grants(ROLE, grants, task_definition=revision)
    _sweep_finds_it_unused(app)


def _sweep_finds_it_unused(app: Application) -> None:
    """Let a complete sweep mark what nothing needs, as it did for longer than the grace, and ask for a review."""
    ledger, sweep = _ledger(app.stack), f"s-{app.time:%H%M%S}"
    for each in ledger.holdings(ROLE):
        if each.granted.key is not None:
            ledger.mark_unused(ROLE, each.granted.secret, sweep=sweep, now=app.time - timedelta(days=20))
    roster = Roster(app.stack.client("dynamodb"), "ledger")
    roster.save_complete(Sweep(id=sweep, began_at=app.time.isoformat(), due=None), now=app.time)
    _review(app, sweep)


def _review(app: Application, sweep: str) -> None:
    review = Review(role=ROLE, cause=Cause(kind=LISTED, event_id=sweep, at=app.time))
    app.send("GrantQueue", review.to_json(), group=sweep)


def _untagged_while_it_is_granted(app: Application) -> None:
    """The secret's owner takes the tag away in the moment of the write, which has to be taken back."""
    stack = app.stack
    app.wires["patch_execution_role"].ambush = ("iam:PutRolePolicy", lambda: _untag(stack))
    app.send("ValidationQueue", look_body(register(stack, create_secret(stack), role=create_role(stack))))


def _untag(stack: Stack) -> None:
    stack.client("secretsmanager").untag_resource(SecretId="registry/ghcr", TagKeys=["pullguard:registry"])


def _look_and_review(app: Application) -> None:
    _untag(app.stack)  # where no write was tried, its owner has not done so yet
    _look_at_everything(app)
    if _ledger(app.stack).unagreed(ROLE):
        _review(app, "s-1")


def _held(stack: Stack) -> Any:
    """The role's policies, and what the ledger holds of them."""
    ledger = _ledger(stack)
    names = {each["ARN"]: each["Name"] for each in stack.client("secretsmanager").list_secrets()["SecretList"]}
    holdings = sorted(names[str(each.secret)] for each in ledger.granted(ROLE))
    return _policies(stack), holdings, len(ledger.unagreed(ROLE))


def _policies(stack: Stack) -> Any:
    """All inline policies of the role, with keys and secrets by other names than their random ones."""
    iam = stack.client("iam")
    names = iam.list_role_policies(RoleName="web-execution")["PolicyNames"]
    found = {
        name: iam.get_role_policy(RoleName="web-execution", PolicyName=name)["PolicyDocument"]["Statement"]
        for name in names
    }
    text = json.dumps(found)
    for secret in stack.client("secretsmanager").list_secrets()["SecretList"]:
        text = text.replace(secret["ARN"], secret["Name"]).replace(secret.get("KmsKeyId", "no key"), "KEY")
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


REVOKING = (("Mode", "remediate"), ("RevokeUnusedGrants", "true"))
PLAYS = (
    Play(name="grant", function="patch_execution_role", begin=_broken(_lacking_grant), mended=_held),
    Play(
        name="withdraw",
        function="patch_execution_role",
        begin=_unused,
        mended=_held,
        again=_sweep_finds_it_unused,
        told=frozenset({"Remediation Completed"}),
        parameters=REVOKING,
    ),
    Play(
        name="take-back",
        function="patch_execution_role",
        begin=_untagged_while_it_is_granted,
        mended=_held,
        again=_look_and_review,
        told=frozenset({"Finding Opened", "Remediation Failed", "Remediation Refused"}),
    ),
    Play(
        name="reregister",
        function="reregister_task_definition",
        begin=_broken(_stale_reference),
        mended=_revisions_and_services,
    ),
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
        stack.create(QUEUES)
        app = Application(stack, monkeypatch, WIRES, parameters=dict(play.parameters))
        play.begin(app)
        app.run()
        calls = tuple(WIRES[play.function].calls)
        WIRES[play.function].lay()
        play.again(app)
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
        known = undisturbed(play).calls
        for place, call in enumerate(known):
            is_first = known.index(call) == place
            asked = (Fault.DENIED, *[Fault.THROTTLED] * is_first, *[Fault.DIED] * (place == 0))
            for fault in Fault if call.partition(":")[2].startswith(WRITES) else asked:
                yield pytest.param(play, place, fault, id=f"{play.name}-{place:02}-{call}-{fault.name.lower()}")


def operations() -> Iterator[Any]:
    for play in PLAYS:
        for operation in sorted(set(undisturbed(play).calls)):
            yield pytest.param(play, operation, id=f"{play.name}-{operation}")


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
    assert {each for each in wanted.told if each[0] != "Remediation Failed"} <= set(told)
    assert len(told) == len(set(told))
    assert not outcome.failed or wanted.failed or fault is Fault.DENIED


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


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.name)
def test_undisturbed_it_is_mended_and_told_once(play: Play) -> None:
    outcome = undisturbed(play)
    assert len(outcome.told) == len(set(outcome.told))
    assert {kind for kind, _ in outcome.told} == play.told
    assert (outcome.died, outcome.reasons) == ((), ())


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.name)
def test_while_observing_nothing_is_written_and_what_would_be_is_told(play: Play) -> None:
    outcome = perform(replace(play, parameters=(*play.parameters, ("Mode", "observe"))))
    called = {*outcome.calls, *(call for wire in WIRES.values() for call in wire.calls)}
    changes = {call for call in called if call.startswith(("iam:", "ecs:")) and not call.split(":")[1].startswith(ASKS)}
    assert changes == set()
    kinds = {kind for kind, _ in outcome.told}
    assert "Remediation Planned" in kinds
    assert kinds.isdisjoint({"Remediation Completed", "Remediation Failed"})
