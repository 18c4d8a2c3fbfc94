import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError

from pullguard.arn import Arn
from pullguard.aws.ecs import Ecs
from pullguard.errors import NotNow
from pullguard.flows.reregister import LEASE_S, Reregisterer
from pullguard.flows.writing import WAITS_S
from pullguard.ledger import Ledger
from pullguard.model import ScheduleUse, Usage
from pullguard.planner import Rules
from pullguard.remedies.reregister import REREGISTERED_TAG
from pullguard.stop import Stop, switch_text
from tests.fakes import (
    CLUSTER,
    GOOD_VALUE,
    NOW,
    REGION,
    World,
    container,
    denied,
    revision_arn,
    role,
    role_arn,
    secret,
    secret_arn,
    service,
    task_definition,
)
from tests.flows import CAUSE, LOOK, Stage, look

STOPPED = switch_text(Stop(by="ada", at="2026-11-23T11:59:00+00:00"))
OLD, NEW = secret_arn(suffix="OldOld"), secret(suffix="NewNew")
SOURCE, SUCCESSOR = revision_arn(revision=7), revision_arn(revision=8)
STALE = World((task_definition(container(OLD)),), (role(reads=[NEW]),), (NEW,))
MENDED = task_definition(container(NEW), revision=8)
# The successor is registered, and a service still runs the broken revision.
MOVING = replace(
    STALE,
    task_definitions=(*STALE.task_definitions, MENDED),
    running=Usage(newest=False, successor=SUCCESSOR, services=(service(),)),
)


def described(**more: Any) -> dict[str, Any]:
    """The answer of DescribeTaskDefinition about the broken revision."""
    definition = {
        "taskDefinitionArn": str(SOURCE),
        "family": "web",
        "revision": 7,
        "status": "ACTIVE",
        "executionRoleArn": str(role_arn()),
        "containerDefinitions": [container(OLD, cpu=64)],
        **more,
    }
    return {"taskDefinition": definition, "tags": [{"key": "team", "value": "shop"}]}


REQUEST = {
    "family": "web",
    "executionRoleArn": str(role_arn()),
    "containerDefinitions": [container(NEW, cpu=64)],
    "tags": [{"key": "team", "value": "shop"}, {"key": REREGISTERED_TAG, "value": str(SOURCE)}],
}


class Wire:
    """ECS at the end of the wire: takes exactly the calls that are expected, in order, and answers them as JSON.

    A Stubber would answer behind the parser, which drops the very members that must not be lost.
    """

    def __init__(self) -> None:
        self.expected: list[tuple[str, dict[str, Any], dict[str, Any] | str]] = []

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        operation, expected, answer = self.expected.pop(0)
        target = request.headers["X-Amz-Target"]
        called = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
        body: Any = request.body
        assert (called, json.loads(body)) == (operation, expected)
        if isinstance(answer, str):
            return self._response(request, 400, {"__type": answer})
        return self._response(request, 200, answer)

    def _response(self, request: AWSPreparedRequest, status: int, answer: dict[str, Any]) -> AWSResponse:
        raw: Any = Body(json.dumps(answer).encode())
        return AWSResponse(request.url, status, HTTPHeaders(), raw)


class Body(BytesIO):
    """As much of urllib3's response as botocore reads."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


class Act:
    """A stage with a reregisterer, whose calls to ECS are exactly those that are expected."""

    def __init__(self, stage: Stage, wire: Wire, client: Any) -> None:
        self.stage = stage
        self.wire = wire
        self.client = client

    def expect_description(self, *, beside: dict[str, Any] | None = None, **more: Any) -> None:
        """Expect that the newest revision of the family is described; ``beside`` stands beside its definition."""
        request = {"taskDefinition": "web", "include": ["TAGS"]}
        self.wire.expected.append(("DescribeTaskDefinition", request, {**described(**more), **(beside or {})}))

    def expect_look_at(self, reference: str, **members: Any) -> None:
        """Expect that one revision is described; without ``members`` there is none."""
        request = {"taskDefinition": reference, "include": ["TAGS"]}
        answer: Any = described(**members) if members else "ClientException"
        self.wire.expected.append(("DescribeTaskDefinition", request, answer))

    def expect_registration(self, *, error: str | None = None, new: Arn | None = None) -> None:
        """Expect that the family is described once more, and then the registration."""
        self.expect_description()
        answer = {"taskDefinition": {"taskDefinitionArn": str(new or SUCCESSOR)}}
        self.wire.expected.append(("RegisterTaskDefinition", REQUEST, error or answer))

    def expect_comparison(self, successor: dict[str, Any] | None = None) -> None:
        """Expect that both revisions are described once more; ``successor`` are other members of the second."""
        mended = {"taskDefinitionArn": str(SUCCESSOR), "revision": 8, "containerDefinitions": [container(NEW, cpu=64)]}
        for arn, answer in ((SOURCE, described()), (SUCCESSOR, described(**{**mended, **(successor or {})}))):
            self.wire.expected.append(
                ("DescribeTaskDefinition", {"taskDefinition": str(arn), "include": ["TAGS"]}, answer)
            )

    def expect_service(self, name: str = "web", **members: Any) -> None:
        """Expect that a service is asked what it is to run; it is the broken revision, unless ``members`` say else."""
        arn = service(name).service_arn
        found = {"serviceArn": arn, "serviceName": name, "status": "ACTIVE", "taskDefinition": str(SOURCE), **members}
        self.wire.expected.append(("DescribeServices", {"cluster": CLUSTER, "services": [arn]}, {"services": [found]}))

    def expect_move(self, name: str = "web", *, error: str | None = None) -> None:
        """Expect that the service is asked twice what it is to run, and then the move."""
        self.expect_service(name)
        self.expect_service(name)
        request = {"cluster": CLUSTER, "service": service(name).service_arn, "taskDefinition": str(SUCCESSOR)}
        self.wire.expected.append(("UpdateService", request, error or {}))

    def run(self, *, occasion: str = "m-1") -> Any:
        flow = Reregisterer(executor=self.stage.executor(), ecs=Ecs(self.client))
        return flow.run(LOOK, occasion=occasion)

    def told(self) -> list[str]:
        return self.stage.sent.told()

    def looks(self) -> list[tuple[str, int]]:
        """What is to be looked at again, and after how many seconds."""
        return [
            (json.loads(each["MessageBody"])["task_definition"], each["DelaySeconds"])
            for each in self.stage.sent.messages
        ]

    def deeds(self, event: str) -> list[tuple[str, str]]:
        """The targets and reasons of what was told as ``event``, a target by its last part."""
        details = (detail["remediation"] for detail in self.stage.sent.details(event))
        return [(each["target"].rpartition("/")[2], each["why"]) for each in details]

    def failure(self) -> dict[str, Any]:
        (detail,) = self.stage.sent.details("Remediation Failed")
        remediation: dict[str, Any] = detail["remediation"]
        return remediation


@pytest.fixture
def act(ledger: Ledger) -> Iterator[Callable[..., Act]]:
    wire = Wire()
    answer: Any = wire
    client = boto3.client("ecs", region_name=REGION, config=Config(retries={"total_max_attempts": 1}))
    client.meta.events.register_first("before-send.ecs", answer)
    yield lambda world, **changes: Act(Stage(ledger, world, **changes), wire, client)
    assert wire.expected == []


@pytest.fixture
def moving(act: Callable[..., Act]) -> Act:
    """The successor was validated and is in order; the service may be moved."""
    here = act(MOVING, rules=Rules(move_services=True))
    here.stage.validate(look(SUCCESSOR))
    here.stage.sent.messages.clear()
    here.stage.sent.events.clear()
    return here


Acted = Callable[..., Act]


# --- Registering -------------------------------------------------------------------------------------------------


def test_the_very_request_and_what_is_told_of_it(act: Acted) -> None:
    here = act(STALE)
    here.expect_description()
    here.expect_registration()
    result = here.run()
    assert result.registered == str(SUCCESSOR)
    (detail,) = here.stage.sent.details("Remediation Completed")
    assert (detail["remediation"]["before"], detail["remediation"]["after"]) == (str(SOURCE), str(SUCCESSOR))
    assert [arn for arn, _ in here.looks()] == [str(SUCCESSOR), str(SOURCE)]


def test_a_second_run_finds_the_lease_taken_and_looks_again_after_it(act: Acted) -> None:
    here = act(STALE)
    here.expect_description()
    here.expect_registration()
    here.run(occasion="m-1")
    here.stage.sent.messages.clear()
    assert here.run(occasion="m-2").why == "just registered, or about to be"
    assert here.looks() == [(str(SOURCE), LEASE_S)]


def test_after_a_run_that_died_the_next_registers_when_the_lease_has_ended(act: Acted) -> None:
    here = act(STALE)
    here.expect_description()
    here.expect_registration(error="ServerException")
    with pytest.raises(ClientError):
        here.run()
    here.stage.later(seconds=LEASE_S)
    here.expect_description()
    here.expect_registration()
    assert here.run(occasion="m-1").registered == str(SUCCESSOR)


def test_a_successor_is_adopted_and_nothing_is_registered_twice(act: Acted) -> None:
    # The run that registered died before it could tell; the tag on the new revision says that it did.
    here = act(replace(MOVING, running=Usage(newest=False, successor=SUCCESSOR)))
    assert here.run().why == "nothing to write any more"
    assert here.told() == []


def test_nothing_is_registered_where_it_is_not_seen_what_came_over_the_wire(act: Acted) -> None:
    here = act(STALE)
    here.expect_description()
    ecs = Ecs(here.client)
    here.client.meta.events.unregister("before-parse.ecs.DescribeTaskDefinition", ecs._keep_raw)
    with pytest.raises(TypeError):
        Reregisterer(executor=here.stage.executor(), ecs=ecs).run(LOOK, occasion="m-1")
    assert here.told() == []


@pytest.mark.parametrize("where", ["aThingOfNextYear", "containerDefinitions[0].aThingOfNextYear"])
def test_a_member_that_the_sdk_does_not_know_stops_the_registration(act: Acted, where: str) -> None:
    here = act(STALE)
    if "[" in where:
        here.expect_description(containerDefinitions=[container(OLD, aThingOfNextYear=1)])
    else:
        here.expect_description(aThingOfNextYear={"x": 1})
    here.run()
    assert where in here.failure()["why"]
    assert "Update Pullguard" in here.failure()["why"]


NOTHING_TO_DO: dict[str, dict[str, Any]] = {
    "the-need-has-gone": {"world": replace(STALE, task_definitions=(task_definition(container(NEW)),))},
    "the-task-definition-is-gone": {"world": World()},
    "it-cannot-be-described": {"world": replace(STALE, unreadable={"task-definition": denied()})},
    "infrastructure-as-code-owns-it": {
        "world": replace(
            STALE, task_definitions=(task_definition(container(OLD), tags={"aws:cloudformation:stack-name": "prod"}),)
        )
    },
    "a-newer-revision-exists": {"world": replace(STALE, running=Usage(newest=False, services=(service(),)))},
    "a-grant-comes-first": {"world": replace(STALE, roles=(role(),))},
    "a-grant-that-comes-first-is-refused": {"world": replace(STALE, roles=(role(managed=False),))},
    "the-mode-is-observe": {"world": STALE, "mode": "observe"},
    "services-are-not-to-be-moved": {"world": MOVING},
}


@pytest.mark.parametrize("changes", NOTHING_TO_DO.values(), ids=NOTHING_TO_DO)
def test_a_late_message_writes_nothing(act: Acted, changes: dict[str, Any]) -> None:
    here = act(**changes)
    assert here.run().why == "nothing to write any more"
    assert (here.told(), here.looks()) == ([], [])


def test_what_changed_since_it_was_planned_is_not_registered(act: Acted) -> None:
    here = act(STALE)
    here.expect_description(containerDefinitions=[container(NEW)])
    here.run()
    assert "not any more" not in here.failure()["what"]
    assert "any more" in here.failure()["why"]


@pytest.mark.parametrize("code", ["AccessDeniedException", "AccessDenied"])
def test_a_refusal_of_ecs_is_told(act: Acted, code: str) -> None:
    here = act(STALE)
    here.expect_description()
    here.expect_registration(error=code)
    here.run()
    assert "ecs:RegisterTaskDefinition" in here.failure()["why"]
    assert code in here.failure()["why"]
    assert here.failure()["remedy"]


@pytest.mark.parametrize(
    ("error", "outcome"), [(None, "written"), ("AccessDenied", "refused"), ("Throttling", "unknown")]
)
def test_what_was_written_to_ecs_is_in_the_history(act: Acted, error: str | None, outcome: str) -> None:
    here = act(STALE)
    here.expect_description()
    here.expect_registration(error=error)
    with suppress(ClientError):
        here.run()
    (write,) = here.stage.ledger.ecs_writes("web")
    assert here.stage.ledger.families() == ("web",)
    assert (write.kind, write.outcome, write.before) == ("reregister", outcome, str(SOURCE))
    assert write.after == (None if error else str(SUCCESSOR))
    assert (write.cause, write.event_id) == (CAUSE.kind, CAUSE.event_id)
    assert here.stage.ledger.written_in_hour("family web", now=NOW) == (0 if error else 1)


def test_any_other_error_of_ecs_sends_the_message_back(act: Acted) -> None:
    here = act(STALE)
    here.expect_description()
    here.expect_registration(error="ThrottlingException")
    with pytest.raises(ClientError):
        here.run()
    assert here.told() == []


def test_the_circuit_breaker_stops_and_tells(act: Acted) -> None:
    here = act(STALE, writes_per_hour=1)
    here.expect_description()
    here.expect_registration()
    here.run()
    for done in here.stage.ledger.done_in("web"):  # somebody undid it, and lets it be done again
        here.stage.ledger.let_again("web", done)
    here.stage.later(seconds=LEASE_S)
    here.run(occasion="m-2")
    assert "family web was written to 1 times in this hour" in here.failure()["why"]


def test_while_everything_is_stopped_nothing_is_registered(act: Acted) -> None:
    here = act(STALE, stop=STOPPED)
    for occasion in ("m-1", "m-2"):
        assert here.run(occasion=occasion).registered is None
        here.stage.later(seconds=LEASE_S)
    assert here.told() == ["Remediation Planned"]


# --- What somebody else does meanwhile ---

HUMAN: dict[str, Any] = {
    "taskDefinitionArn": str(SUCCESSOR),
    "revision": 8,
    "containerDefinitions": [container(NEW, image="x/web:2")],
}
LATE = revision_arn(revision=9)


@pytest.mark.parametrize("earlier_looks", [0, 1])
def test_a_revision_that_somebody_registered_after_the_proof_is_not_hidden(act: Acted, earlier_looks: int) -> None:
    here = act(STALE)
    for _ in range(earlier_looks):
        here.expect_description()
    here.expect_description(**HUMAN)
    result = here.run()
    assert (result.registered, here.told()) == (None, [])
    assert "web:8" in result.why
    assert here.looks() == [(str(SOURCE), WAITS_S[0])]


BETWEEN: dict[str, tuple[dict[str, Any], bool]] = {
    "somebody's": (HUMAN, True),
    "somebody's-that-is-deregistered": ({**HUMAN, "status": "INACTIVE"}, False),
    "there-is-none": ({}, False),
}


@pytest.mark.parametrize(("members", "hidden"), BETWEEN.values(), ids=BETWEEN)
def test_a_revision_that_was_hidden_in_the_last_moment_is_told(
    act: Acted, members: dict[str, Any], *, hidden: bool
) -> None:
    here = act(STALE)
    here.expect_description()
    here.expect_registration(new=LATE)
    here.expect_look_at("web:8", **members)
    assert here.run().registered == str(LATE)
    assert here.told() == ["Remediation Completed", *(["Remediation Failed"] if hidden else [])]
    if hidden:
        assert "web:8 was registered by somebody else" in here.failure()["why"]
        assert f"deregister-task-definition --region {REGION} --task-definition {LATE}" in here.failure()["remedy"]


def test_no_service_is_moved_to_a_copy_that_hides_somebodys_revision(act: Acted) -> None:
    late = task_definition(container(NEW), revision=9)
    usage = Usage(newest=False, successor=LATE, services=(service(),))
    here = act(
        replace(STALE, task_definitions=(*STALE.task_definitions, late), running=usage), rules=Rules(move_services=True)
    )
    here.stage.validate(look(LATE))
    here.stage.sent.events.clear()
    here.expect_look_at("web:8", **HUMAN)
    assert here.run().moved == 0
    assert here.told() == ["Remediation Failed"]


DEPLOYED: dict[str, dict[str, Any]] = {
    "another-revision": {"taskDefinition": str(LATE)},
    "a-deployment-of-another-revision-began": {"deployments": [{"status": "PRIMARY", "taskDefinition": str(LATE)}]},
    "it-is-gone": {"status": "INACTIVE"},
    "codedeploy-has-it-now": {"deploymentController": {"type": "CODE_DEPLOY"}},
}


@pytest.mark.parametrize("earlier_looks", [0, 1])
@pytest.mark.parametrize("members", DEPLOYED.values(), ids=DEPLOYED)
def test_a_service_that_was_deployed_meanwhile_is_not_moved_back(
    moving: Act, members: dict[str, Any], earlier_looks: int
) -> None:
    moving.expect_comparison()
    for _ in range(earlier_looks):
        moving.expect_service()
    moving.expect_service(**members)
    result = moving.run()
    assert (result.moved, moving.told()) == (0, [])
    assert [arn for arn, _ in moving.looks()] == [str(SOURCE)]


def test_copies_of_a_message_are_not_counted_by_the_circuit_breaker(act: Acted) -> None:
    here = act(STALE, writes_per_hour=1)
    here.expect_description()
    here.expect_registration()
    for number in range(5):
        here.run(occasion=f"m-{number}")
    assert here.told() == ["Remediation Completed"]


# --- What stands beside the definition ---

BESIDE: dict[str, tuple[dict[str, Any], str]] = {
    "a-sibling": ({"aThingOfNextYear": {"x": 1}}, "aThingOfNextYear"),
    "a-member-of-a-tag": ({"tags": [{"key": "a", "value": "b", "propagate": True}]}, "tags[0].propagate"),
}


@pytest.mark.parametrize(("beside", "named"), BESIDE.values(), ids=BESIDE)
def test_what_would_be_lost_beside_the_definition_stops_the_registration(
    act: Acted, beside: dict[str, Any], named: str
) -> None:
    here = act(STALE)
    here.expect_description(beside=beside)
    assert here.run().registered is None
    assert named in here.failure()["why"]


# --- What was undone stays undone ---

UNDONE: dict[str, dict[str, Any]] = {
    "deregistered": {"taskDefinitionArn": str(SUCCESSOR), "status": "INACTIVE"},
    "about-to-be-deleted": {"taskDefinitionArn": str(SUCCESSOR), "status": "DELETE_IN_PROGRESS"},
    "deleted": {},
}


@pytest.mark.parametrize("members", UNDONE.values(), ids=UNDONE)
def test_what_somebody_deregistered_is_not_registered_again(act: Acted, members: dict[str, Any]) -> None:
    here = act(STALE)
    here.expect_description()
    here.expect_registration()
    here.run(occasion="m-0")
    for number in range(1, 4):
        here.stage.later(hours=6)
        here.expect_look_at(str(SUCCESSOR), **members)
        assert here.run(occasion=f"m-{number}").registered is None
    assert here.told() == ["Remediation Completed", "Remediation Refused"]
    ((_, why),) = here.deeds("Remediation Refused")
    assert "web:8, which Pullguard registered in its place, is not active any more" in why


def test_what_ecs_does_not_show_yet_is_not_registered_again(act: Acted) -> None:
    here = act(STALE)
    here.expect_description()
    here.expect_registration()
    here.run(occasion="m-0")
    here.stage.later(seconds=LEASE_S)
    here.expect_look_at(str(SUCCESSOR), taskDefinitionArn=str(SUCCESSOR), revision=8)
    with pytest.raises(NotNow, match="does not say yet"):
        here.run(occasion="m-1")


def test_what_a_run_registered_that_died_at_once_stays_undone_too(act: Acted) -> None:
    here = act(STALE)
    here.expect_description()
    here.expect_registration(error="ServerException")  # and yet it took effect
    with pytest.raises(ClientError):
        here.run()
    here.stage.world = replace(MOVING, running=Usage(newest=False, successor=SUCCESSOR))
    here.run()
    here.stage.world = STALE
    here.stage.later(hours=6)
    here.expect_look_at(str(SUCCESSOR))
    assert here.run(occasion="m-2").registered is None


def test_a_service_that_somebody_moved_back_stays_there(moving: Act) -> None:
    moving.expect_comparison()
    moving.expect_move()
    moving.run()
    for number in range(2, 4):
        moving.stage.later(hours=6)
        moving.expect_comparison()
        assert moving.run(occasion=f"m-{number}").moved == 0
    assert moving.told() == ["Remediation Completed", "Remediation Refused"]
    ((target, why),) = moving.deeds("Remediation Refused")
    assert (target, "moved it back" in why) == ("web", True)


@pytest.mark.parametrize("held", ["family", "role"])
def test_where_the_family_or_the_role_is_held_nothing_is_registered(act: Acted, held: str) -> None:
    here = act(STALE)
    hold(here, held)
    assert here.run().registered is None
    ((_, why),) = here.deeds("Remediation Planned")
    assert f"the {held} is held since" in why


@pytest.mark.parametrize("held", ["family", "role"])
def test_where_the_family_or_the_role_is_held_no_service_is_moved(moving: Act, held: str) -> None:
    hold(moving, held)
    moving.expect_comparison()
    assert moving.run().moved == 0
    assert [target for target, _ in moving.deeds("Remediation Planned")] == ["web"]


@pytest.mark.parametrize("held", ["family", "role"])
def test_a_hold_that_comes_between_the_proof_and_the_write_stops_the_registration(
    act: Acted, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    here = act(STALE)
    here.expect_description()
    hold_before_the_record(here, monkeypatch, held)
    assert here.run().registered is None
    assert [write.outcome for write in here.stage.ledger.ecs_writes("web")] == ["refused"]
    assert here.told() == ["Remediation Planned"]


@pytest.mark.parametrize("held", ["family", "role"])
def test_a_hold_that_comes_between_the_proof_and_the_write_stops_the_move(
    moving: Act, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    moving.expect_comparison()
    moving.expect_service()
    hold_before_the_record(moving, monkeypatch, held)
    assert moving.run().moved == 0
    assert [write.outcome for write in moving.stage.ledger.ecs_writes("web")] == ["refused"]
    assert moving.told() == ["Remediation Planned"]


def hold_before_the_record(here: Act, monkeypatch: pytest.MonkeyPatch, held: str) -> None:
    kept = Ledger.record_ecs_write

    def hold_then_keep(ledger: Ledger, *args: Any, **kwargs: Any) -> None:
        hold(here, held)
        kept(ledger, *args, **kwargs)

    monkeypatch.setattr(Ledger, "record_ecs_write", hold_then_keep)


def hold(here: Act, held: str) -> None:
    stop = Stop(by="ada", at="2026-11-23T11:59:00+00:00")
    if held == "family":
        here.stage.ledger.save_family_hold("web", stop)
    else:
        here.stage.ledger.save_hold(role_arn(), stop)


# --- Where it only observes ---

OBSERVED: dict[str, tuple[Rules, list[str]]] = {
    "moves-are-on": (
        Rules(move_services=True),
        ['Then it would move service "a" to the new revision.', 'tell them: "rule nightly", service "b", service "c".'],
    ),
    "moves-are-off": (Rules(), ['tell them: "rule nightly", service "a", service "b", service "c".']),
}


@pytest.mark.parametrize(("rules", "words"), OBSERVED.values(), ids=OBSERVED)
def test_observing_says_what_would_follow_the_registration(act: Acted, rules: Rules, words: list[str]) -> None:
    owned = replace(service("c"), tags={"aws:cloudformation:stack-name": "prod"})
    usage = Usage(
        newest=True,
        services=(service("a"), service("b", controller="CODE_DEPLOY"), owned),
        schedules=(ScheduleUse(kind="rule", name="nightly", within="1"),),
    )
    here = act(replace(STALE, running=usage), mode="observe", rules=rules)
    here.stage.validate()
    ((_, why),) = here.deeds("Remediation Planned")
    assert all(each in why for each in words)
    assert ("would move" in why) == rules.move_services


# --- Moving services ---------------------------------------------------------------------------------------------


def test_a_service_is_moved_to_a_successor_that_is_in_order(moving: Act) -> None:
    moving.expect_comparison()
    moving.expect_move()
    assert moving.run().moved == 1
    (move,) = moving.stage.ledger.ecs_writes("web")
    assert (move.kind, move.outcome) == ("move-service", "written")
    assert (move.before, move.after) == (str(SOURCE), str(SUCCESSOR))
    (detail,) = moving.stage.sent.details("Remediation Completed")
    assert detail["remediation"]["kind"] == "move-service"
    assert (detail["remediation"]["before"], detail["remediation"]["after"]) == (str(SOURCE), str(SUCCESSOR))
    assert [arn for arn, _ in moving.looks()] == [str(SOURCE)]


FORGED: dict[str, dict[str, Any]] = {
    "another-image": {"containerDefinitions": [container(NEW, cpu=64, image="evil.example/miner:1")]},
    "another-secret": {"containerDefinitions": [container(secret("registry/other"), cpu=64)]},
    "another-role": {"taskRoleArn": str(role_arn("admin"))},
    "one-more-container": {"containerDefinitions": [container(NEW, cpu=64), container(NEW, name="miner")]},
    "a-member-that-the-sdk-does-not-know": {"aThingOfNextYear": {"x": 1}},
}


@pytest.mark.parametrize("successor", FORGED.values(), ids=FORGED)
def test_a_service_is_not_moved_to_what_only_says_that_we_registered_it(moving: Act, successor: dict[str, Any]) -> None:
    moving.expect_comparison(successor)
    assert moving.run().moved == 0
    assert "web:8 says by its tag that Pullguard registered it from web:7, but it differs" in moving.failure()["why"]


def test_what_ecs_fills_in_at_registration_is_no_difference(moving: Act) -> None:
    moving.expect_comparison({"volumes": [], "enableFaultInjection": False})
    moving.expect_move()
    assert moving.run().moved == 1


def test_a_service_is_not_moved_to_a_successor_that_nobody_has_validated(act: Acted) -> None:
    here = act(MOVING, rules=Rules(move_services=True))
    assert here.run().why == "its successor is yet to be validated"
    assert [arn for arn, _ in here.looks()] == [str(SUCCESSOR), str(SOURCE)]
    assert here.told() == []


BROKEN_SUCCESSORS: dict[str, dict[str, Any]] = {
    "another-container-is-broken": {
        "task_definitions": (
            *STALE.task_definitions,
            task_definition(container(NEW), container("nowhere", name="b"), revision=8),
        )
    },
    "its-role-is-gone": {
        "task_definitions": (*STALE.task_definitions, task_definition(container(NEW), role_name="gone", revision=8))
    },
    "it-cannot-be-described": {"unreadable": {str(SUCCESSOR): denied()}},
}


@pytest.mark.parametrize("changes", BROKEN_SUCCESSORS.values(), ids=BROKEN_SUCCESSORS)
def test_a_service_is_not_moved_to_a_successor_that_is_broken_as_well(moving: Act, changes: dict[str, Any]) -> None:
    moving.stage.world = replace(moving.stage.world, **changes)
    moving.run()
    assert str(SUCCESSOR) in moving.failure()["why"]
    assert moving.looks() == []


def test_what_the_validator_knows_of_a_successors_value_counts(act: Acted) -> None:
    here = act(MOVING, rules=Rules(move_services=True))
    empty = replace(NEW, value=replace(GOOD_VALUE, password="empty"))
    here.stage.world = replace(MOVING, secrets=(empty,))
    here.stage.validate(look(SUCCESSOR))
    here.stage.world = MOVING  # an executor does not read the value
    here.run()
    assert "secret-value-empty-field" in here.failure()["why"]


def test_a_refused_move_is_told(moving: Act) -> None:
    moving.expect_comparison()
    moving.expect_move(error="AccessDeniedException")
    moving.run()
    assert "ecs:UpdateService" in moving.failure()["why"]


def test_a_service_that_was_written_to_too_often_is_left(moving: Act) -> None:
    moving.stage.writes_per_hour = 1
    moving.stage.ledger.count_write(f"service {service().service_arn}", now=moving.stage.now())
    moving.expect_comparison()
    moving.run()
    assert "was written to 1 times in this hour" in moving.failure()["why"]


@pytest.mark.parametrize("why", ["the breaker is open", "it is denied", "it was moved back"])
@pytest.mark.parametrize("which", ["a", "b", "c"])
def test_a_service_that_stays_does_not_keep_the_others(moving: Act, which: str, why: str) -> None:
    services = tuple(map(service, "abc"))
    moving.stage.world = replace(
        moving.stage.world, running=Usage(newest=False, successor=SUCCESSOR, services=services)
    )
    moving.stage.writes_per_hour = 1
    if why == "the breaker is open":
        moving.stage.ledger.count_write(f"service {service(which).service_arn}", now=moving.stage.now())
    if why == "it was moved back":
        moving.stage.ledger.keep_move(service(which).service_arn, SOURCE, SUCCESSOR)
    moving.expect_comparison()
    for name in "abc":
        if name != which:
            moving.expect_move(name)
        elif why == "it is denied":
            moving.expect_move(name, error="AccessDeniedException")

    assert moving.run().moved == 2

    event = "Remediation Refused" if why == "it was moved back" else "Remediation Failed"
    assert [target for target, _ in moving.deeds(event)] == [which]
    assert [target for target, _ in moving.deeds("Remediation Completed")] == [name for name in "abc" if name != which]
    assert {arn for arn, _ in moving.looks()} == {str(SOURCE)}


def test_while_everything_is_stopped_no_service_is_moved(moving: Act) -> None:
    moving.stage.stop = STOPPED
    moving.expect_comparison()
    assert moving.run().moved == 0
    assert moving.told() == ["Remediation Planned"]
