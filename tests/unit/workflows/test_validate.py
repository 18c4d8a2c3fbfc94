from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.actions import Mode
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Rejected
from pullguard.domain.facts import Rotation, RotationEnd, Usage, Verification
from pullguard.domain.messages import LISTED, UNLISTED
from pullguard.planning.planner import Rules
from pullguard.store.ledger import Ledger
from pullguard.store.task_definitions import TaskDefinitionStore
from tests.fakes import (
    NOW,
    Crash,
    World,
    container,
    denied,
    granted,
    key,
    revision_arn,
    role,
    secret,
    secret_arn,
    service,
    task_definition,
)
from tests.flows import ASKED_FOR, Harness, request

GHCR, KEYED = secret(), secret("keyed", "KeyKey", key=key())
HEALTHY = World((task_definition(container(GHCR)),), (role(reads=[GHCR]),), (GHCR,))
BROKEN = World((task_definition(container(GHCR)),), (role(),), (GHCR,))
STALE = World((task_definition(container(secret_arn(suffix="OldOld"))),), (role(reads=[GHCR]),), (GHCR,))


def world(of: World, **changes: Any) -> World:
    """A copy, that counts its own questions."""
    return replace(of, asked=[], **changes)


@pytest.fixture
def harness(ledger: Ledger) -> Callable[..., Harness]:
    return lambda of, **changes: Harness(ledger, world(of), **changes)


Staged = Callable[..., Harness]


# --- What it costs -----------------------------------------------------------------------------------------------


def test_a_valid_definition_costs_one_description_and_one_read_of_each_fact(harness: Staged) -> None:
    here = harness(HEALTHY)
    assert here.validate().findings == 0
    assert here.world.asked == [
        ("task-definition", str(revision_arn())),
        ("role", str(role().arn)),
        ("secret", str(GHCR.arn)),
    ]
    assert (here.sent.messages, here.sent.events) == ([], [])


def test_where_it_runs_is_asked_only_where_something_is_wrong(harness: Staged) -> None:
    here = harness(BROKEN)
    here.validate()
    assert Counter(kind for kind, _ in here.world.asked) == {"task-definition": 1, "role": 1, "secret": 1, "usage": 1}


def test_where_it_runs_is_asked_too_where_a_task_failed_to_start(harness: Staged) -> None:
    here = harness(HEALTHY)
    here.validate(request(kind="ECS Task State Change"))
    assert ("usage", str(revision_arn())) in here.world.asked


def test_the_same_question_twice_in_a_batch_is_answered_once(harness: Staged) -> None:
    here = harness(BROKEN)
    validator = here.validator()
    first = validator.validate(ASKED_FOR, occasion="m-1")
    asked = len(here.world.asked)
    assert validator.validate(ASKED_FOR, occasion="m-2") == first
    assert len(here.world.asked) == asked
    assert len(here.sent.messages) == 1


# --- What is told ------------------------------------------------------------------------------------------------


def test_a_finding_is_told_once_and_its_end_once(harness: Staged) -> None:
    here = harness(BROKEN)
    reported = [here.validate().told, here.validate().told]
    here.world = world(HEALTHY)
    reported += [here.validate().told, here.validate().told]
    assert reported == [1, 0, 1, 0]
    assert here.sent.reported() == ["Finding Opened", "Finding Resolved"]


def test_an_event_is_in_the_shape_of_the_contract(harness: Staged) -> None:
    here = harness(BROKEN)
    here.validate()
    (event,) = here.sent.events
    assert (event["Source"], event["EventBusName"]) == ("pullguard", "pullguard")
    assert event["Resources"] == [str(revision_arn())]
    (detail,) = here.sent.details("Finding Opened")
    assert detail["schema_version"] == 1
    assert detail["sequence"] == 1
    assert detail["finding"]["check"] == "secret-access-missing"
    assert detail["finding"]["task_definition"] == str(revision_arn())


CRASHES = {"before-it-is-told": "put_events", "before-anything-is-asked": "send_message"}


@pytest.mark.parametrize("operation", CRASHES.values(), ids=CRASHES)
def test_a_run_that_dies_on_the_way_is_made_good_by_the_next_exactly_once(harness: Staged, operation: str) -> None:
    here = harness(BROKEN)
    here.sent.failing = [operation]
    with pytest.raises(Crash):
        here.validate()
    here.validate()
    here.validate(occasion="m-2")
    assert here.sent.reported() == ["Finding Opened"]
    assert len(here.sent.messages) == 2


def test_a_change_after_an_untold_opening_is_told_as_it_is_now(harness: Staged) -> None:
    here = harness(BROKEN)
    here.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.validate()
    here.world = world(HEALTHY)
    here.validate()
    here.validate()
    assert here.sent.reported() == ["Finding Resolved"]


def test_what_cannot_be_read_is_told_as_unknown_and_resolves_nothing(harness: Staged) -> None:
    here = harness(BROKEN)
    here.validate()
    here.world = world(BROKEN, unreadable={str(role().arn): denied("iam:GetRole", str(role().arn))})
    here.validate()
    (_, unknown) = here.sent.details("Finding Opened")
    assert unknown["finding"]["status"] == "unknown"
    assert "iam:GetRole" in unknown["finding"]["evidence"]
    assert "Finding Resolved" not in here.sent.reported()


def test_a_task_definition_that_cannot_be_described_is_told_as_unknown(harness: Staged) -> None:
    here = harness(HEALTHY)
    here.world.unreadable = {"task-definition": denied("ecs:DescribeTaskDefinition", str(revision_arn()))}
    assert here.validate().findings == 1
    (detail,) = here.sent.details("Finding Opened")
    assert detail["finding"]["status"] == "unknown"
    assert here.sent.messages == []


def test_a_task_definition_that_is_gone_resolves_its_findings_and_is_forgotten(harness: Staged) -> None:
    here = harness(BROKEN)
    here.validate()
    here.world = World()
    here.validate()
    assert here.sent.reported() == ["Finding Opened", "Finding Resolved"]
    assert here.ledger.dependents(str(GHCR.arn)) == ()


def test_an_old_revision_that_nothing_runs_has_no_findings(harness: Staged) -> None:
    here = harness(BROKEN)
    here.world.running = Usage(newest=False)
    assert here.validate().findings == 0
    assert (here.sent.events, here.sent.messages) == ([], [])


def test_an_old_revision_that_something_runs_matters(harness: Staged) -> None:
    here = harness(BROKEN)
    here.world.running = Usage(newest=False, services=(service(),))
    assert here.validate().findings == 1


# --- Who references what -----------------------------------------------------------------------------------------


def test_the_edges_are_those_of_the_present_references(harness: Staged) -> None:
    here = harness(HEALTHY)
    here.validate()
    assert here.ledger.dependents(str(GHCR.arn)) == (revision_arn(),)
    here.world = World((task_definition(container(KEYED)),), (role(reads=[KEYED]),), (KEYED,))
    here.validate()
    assert here.ledger.dependents(str(GHCR.arn)) == ()
    assert here.ledger.dependents(str(key().arn)) == (revision_arn(),)


def test_edges_stay_where_the_task_definition_could_not_be_read(harness: Staged) -> None:
    here = harness(HEALTHY)
    here.validate()
    here.world = world(HEALTHY, unreadable={"task-definition": denied()})
    here.validate()
    assert here.ledger.dependents(str(GHCR.arn)) == (revision_arn(),)


def test_a_malformed_reference_is_a_finding_and_no_crash(harness: Staged) -> None:
    here = harness(World((task_definition(container("arn:x")),), (role(),), ()))
    here.validate()
    (detail,) = here.sent.details("Finding Opened")
    assert detail["finding"]["check"] == "reference-malformed"


# --- What the sweep is told --------------------------------------------------------------------------------------


def known(harness: Harness) -> dict[str, tuple[str | None, bool]]:
    return {
        each.task_definition.resource_name: (each.answered, each.certain) for each in harness.definition_store.known()
    }


def test_a_sweep_is_answered_and_no_other_look_is(harness: Staged) -> None:
    here = harness(HEALTHY)
    here.validate()
    here.definition_store.ask(revision_arn(), "e-1")
    here.validate()
    assert known(here) == {"web:7": (None, False)}
    here.validate(request(kind=LISTED))
    assert known(here) == {"web:7": ("e-1", True)}


def test_a_crash_answers_nothing(harness: Staged) -> None:
    here = harness(BROKEN)
    here.definition_store.ask(revision_arn(), "e-1")
    here.sent.failing = ["put_events"]
    with pytest.raises(Crash):
        here.validate(request(kind=LISTED))
    assert known(here) == {"web:7": (None, False)}


def test_each_look_of_a_batch_answers_its_own_sweep(harness: Staged) -> None:
    here = harness(HEALTHY)
    here.definition_store.ask(revision_arn(), "e-1")
    validator = here.validator()
    validator.validate(ASKED_FOR, occasion="m-1")
    validator.validate(request(kind=LISTED), occasion="m-2")
    assert known(here) == {"web:7": ("e-1", True)}


UNCERTAIN: dict[str, dict[str, Any]] = {
    "the-task-definition": {"task-definition": denied()},
    "the-role": {str(role().arn): denied()},
    "the-secret": {str(GHCR.arn): denied("secretsmanager:DescribeSecret")},
    "where-it-runs": {"usage": denied("ecs:ListServices")},
}


@pytest.mark.parametrize("unreadable", UNCERTAIN.values(), ids=UNCERTAIN)
def test_an_answer_that_could_not_read_everything_is_not_certain(harness: Staged, unreadable: dict[str, Any]) -> None:
    here = harness(BROKEN)
    here.world.unreadable = unreadable
    here.definition_store.ask(revision_arn(), "e-1")
    here.validate(request(kind=UNLISTED))
    assert known(here) == {"web:7": ("e-1", False)}


@pytest.mark.parametrize("world_after", [HEALTHY, World()], ids=["an-old-revision", "deregistered-and-deleted"])
def test_what_is_listed_no_more_and_runs_nowhere_is_forgotten(harness: Staged, world_after: World) -> None:
    here = harness(BROKEN)
    here.validate()
    here.world = world(world_after, running=Usage(newest=False))
    here.definition_store.ask(revision_arn(), "e-1")
    here.validate(request(kind=UNLISTED))
    assert here.sent.reported() == ["Finding Opened", "Finding Resolved"]
    assert here.ledger.dependents(str(GHCR.arn)) == ()
    assert known(here) == {}
    assert not here.ledger.entry(revision_arn()).seen


def test_what_runs_although_no_page_listed_it_is_kept(harness: Staged) -> None:
    here = harness(HEALTHY)
    here.validate()
    here.world.running = Usage(newest=False, services=(service(),))
    here.validate(request(kind=UNLISTED))
    assert here.ledger.dependents(str(GHCR.arn)) == (revision_arn(),)
    assert list(known(here)) == ["web:7"]


def test_whoever_could_not_tell_where_it_runs_forgets_nothing(harness: Staged) -> None:
    here = harness(HEALTHY)
    here.validate()
    here.world.unreadable = {"usage": denied("ecs:ListServices")}
    here.validate(request(kind=UNLISTED))
    assert here.ledger.dependents(str(GHCR.arn)) == (revision_arn(),)


def test_forgetting_that_dies_half_way_is_asked_for_again(harness: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    here = harness(HEALTHY)
    here.validate()
    here.world.running = Usage(newest=False)
    with monkeypatch.context() as patched:
        patched.setattr(TaskDefinitionStore, "forget", crash)
        with pytest.raises(Crash):
            here.validate(request(kind=UNLISTED))
    assert list(known(here)) == ["web:7"]
    here.validate(request(kind=UNLISTED))
    assert known(here) == {}


def crash(*_: object) -> None:
    raise Crash("forget")


# --- What is asked for -------------------------------------------------------------------------------------------


def test_a_grant_is_asked_for_in_the_group_of_its_role(harness: Staged) -> None:
    here = harness(BROKEN)
    assert here.validate().asked == 1
    (message,) = here.sent.messages
    assert message["QueueUrl"] == "grants.fifo"
    assert here.sent.bodies("grants.fifo")[0]["task_definition"] == str(revision_arn())
    # Nothing of what is to be granted stands in the message: the executor finds out by itself.
    assert set(here.sent.bodies("grants.fifo")[0]) == {"task_definition", "cause"}


def test_what_one_role_is_to_be_granted_is_done_one_after_the_other_and_another_roles_beside_it(
    harness: Staged,
) -> None:
    definitions = (
        task_definition(container(GHCR)),
        task_definition(container(GHCR), family="api"),
        task_definition(container(GHCR), family="batch", role_name="batch-execution"),
    )
    here = harness(replace(BROKEN, task_definitions=definitions, roles=(role(), role("batch-execution"))))
    for each in definitions:
        here.validate(request(each.arn), occasion=f"m-{each.family}")
    web, api, batch = (message["MessageGroupId"] for message in here.sent.messages)
    assert web == api != batch


def test_a_new_revision_is_asked_for_in_the_group_of_its_family(harness: Staged) -> None:
    here = harness(STALE)
    here.validate()
    (message,) = here.sent.messages
    assert message["QueueUrl"] == "reregistrations.fifo"


def test_no_later_need_is_swallowed_as_a_copy(harness: Staged) -> None:
    here = harness(BROKEN)
    for occasion in ("m-1", "m-1", "m-2"):
        here.validate(occasion=occasion)
    one, copy, later = (message["MessageDeduplicationId"] for message in here.sent.messages)
    assert one == copy != later
    assert len({message["MessageGroupId"] for message in here.sent.messages}) == 1


def test_observing_asks_for_nothing_and_tells_once_what_would_be_done(harness: Staged) -> None:
    here = harness(BROKEN, mode="observe")
    assert [here.validate().asked, here.validate(occasion="m-2").asked] == [0, 0]
    assert here.sent.messages == []
    assert here.sent.reported() == ["Finding Opened", "Remediation Planned"]


def test_observing_tells_of_every_step_ahead(harness: Staged) -> None:
    here = harness(replace(STALE, roles=(role(),)), mode="observe")
    here.validate()
    kinds = [each["remediation"]["kind"] for each in here.sent.details("Remediation Planned")]
    assert kinds == ["grant", "reregister"]


OBSERVE = {"pullguard:mode": "observe"}
IMAGE = "ghcr.io/acme/web:1"
LOWERED: dict[str, World] = {
    "role": replace(BROKEN, roles=(role(tags=OBSERVE),)),
    "secret": replace(BROKEN, secrets=(secret(tags=OBSERVE),)),
    "task-definition": replace(BROKEN, task_definitions=(task_definition(container(GHCR), tags=OBSERVE),)),
    "replacement": replace(STALE, secrets=(secret(tags=OBSERVE),)),
    "secret-that-would-be-named": World(
        (task_definition(container(), tags={"pullguard:attach": "true"}),),
        (role(reads=[GHCR]),),
        (secret(tags={**OBSERVE, "pullguard:roles": "web-execution"}),),
        verifications={IMAGE: Verification(answer="ok")},
        as_anybody={IMAGE: Verification(answer="rejected")},
    ),
}


@pytest.mark.parametrize("lowered", LOWERED.values(), ids=LOWERED)
def test_a_tag_lowers_the_mode(harness: Staged, lowered: World) -> None:
    here = harness(lowered)
    assert here.validate().asked == 0
    assert here.sent.messages == []
    assert "Remediation Planned" in here.sent.reported()


@pytest.mark.parametrize(
    ("world", "mode", "observed"),
    [
        (BROKEN, "remediate", False),
        (BROKEN, "observe", True),
        *((lowered, "remediate", True) for lowered in LOWERED.values()),
    ],
    ids=["remediates", "observes", *LOWERED],
)
def test_a_finding_is_kept_with_whether_its_fix_follows(
    harness: Staged, world: World, mode: Mode, observed: bool
) -> None:
    here = harness(world, mode=mode)
    here.validate()
    assert {each.finding.observed for each in here.ledger.entry(revision_arn()).findings} == {observed}


def test_the_grant_record_says_under_which_key_a_secret_that_is_gone_comes_back(harness: Staged) -> None:
    here = harness(replace(HEALTHY, secrets=(), task_definitions=(task_definition(container(KEYED)),)))
    here.ledger.keep_grants(role().arn, granted(KEYED))
    here.validate()
    (kept,) = here.ledger.entry(revision_arn()).findings
    assert f"--kms-key-id {key().arn}" in str(kept.finding.remedy.snippet)
    assert "pullguard:registry,Value=ghcr.io" in str(kept.finding.remedy.snippet)


def test_a_tag_never_raises_the_mode(harness: Staged) -> None:
    here = harness(replace(BROKEN, roles=(role(tags={"pullguard:mode": "remediate"}),)), mode="observe")
    assert here.validate().asked == 0


@pytest.mark.parametrize("mode", ["observe", "remediate"])
def test_a_refusal_is_told_once(harness: Staged, mode: str) -> None:
    here = harness(replace(BROKEN, secrets=(secret(registry=None),)), mode=mode)
    for occasion in ("m-1", "m-2"):
        here.validate(occasion=occasion)
    (detail,) = here.sent.details("Remediation Refused")
    assert "not opted in" in detail["remediation"]["why"]
    assert here.sent.messages == []


UNREAD = replace(STALE, roles=(role(),))  # its role cannot read the secret that a new revision would name
CLOSED = secret(registry=None)
REFUSALS: dict[str, tuple[World, list[str]]] = {
    "the-secrets-owner-has-not-agreed": (replace(UNREAD, secrets=(CLOSED,)), ["grant"]),
    "the-roles-owner-has-not-agreed": (replace(UNREAD, roles=(role(managed=False),)), ["grant"]),
    "no-grant-is-missing": (replace(STALE, roles=(role(reads=[CLOSED], managed=False),)), ["reregister"]),
    "the-registration-is-refused-for-a-reason-of-its-own": (
        replace(
            UNREAD,
            secrets=(CLOSED,),
            task_definitions=tuple(
                replace(each, tags={"aws:cloudformation:stack-name": "prod"}) for each in STALE.task_definitions
            ),
        ),
        ["grant", "reregister"],
    ),
}


@pytest.mark.parametrize(("world", "kinds"), REFUSALS.values(), ids=REFUSALS)
def test_a_family_is_refused_once_for_each_reason(harness: Staged, world: World, kinds: list[str]) -> None:
    here = harness(world)
    assert here.validate().asked == 0
    assert [each["remediation"]["kind"] for each in here.sent.details("Remediation Refused")] == kinds


def test_each_family_hears_of_a_wrong_host_which_no_command_of_the_owner_ends(harness: Staged) -> None:
    (web,) = STALE.task_definitions
    families = (web, replace(web, arn=revision_arn("api"), family="api"))
    here = harness(replace(UNREAD, task_definitions=families, secrets=(secret(registry="docker.io"),)))
    for each in families:
        here.validate(request(each.arn), occasion=each.family)
    refused = [each["remediation"] for each in here.sent.details("Remediation Refused")]
    assert {each["snippet"] for each in refused} == {None}
    assert [each["target"] for each in refused if each["kind"] == "reregister"] == ["web", "api"]


def test_services_are_asked_for_where_they_may_be_moved(harness: Staged) -> None:
    running = Usage(newest=False, successor=revision_arn(revision=8), services=(service(),))
    here = harness(replace(STALE, running=running), rules=Rules(move_services=True))
    assert here.validate().asked == 1
    assert [each["QueueUrl"] for each in here.sent.messages] == ["reregistrations.fifo"]


def test_a_warning_is_told_and_nothing_is_done(harness: Staged) -> None:
    here = harness(World((task_definition(container("registry/ghcr")),), (role(reads=[GHCR]),), (GHCR,)))
    assert here.validate().asked == 0
    assert here.sent.reported() == ["Finding Opened"]
    assert here.sent.details("Finding Opened")[0]["finding"]["severity"] == "warning"


# --- How a rotation ended ----------------------------------------------------------------------------------------

ROTATED = secret(rotation=Rotation(enabled=True, interval_days=30, last_rotated_at=NOW - timedelta(days=2)))
ROTATING = World((task_definition(container(ROTATED)),), (role(reads=[ROTATED]),), (ROTATED,))
FAILED = RotationEnd(outcome="failed", at=NOW - timedelta(minutes=1), step="setSecret")


def evidence_of(here: Harness) -> str:
    (detail,) = here.sent.details("Finding Opened")
    assert detail["finding"]["check"] == "secret-rotation-failed"
    return str(detail["finding"]["evidence"])


@pytest.mark.parametrize("outcome", ["failed", "abandoned", "test-failed"])
def test_a_rotation_that_failed_is_told_with_what_is_at_risk(harness: Staged, outcome: Any) -> None:
    running = replace(service(), desired_count=2, running_count=2)
    here = harness(replace(ROTATING, running=Usage(newest=True, services=(running, service("other")))))
    here.ledger.keep_rotation_end(ROTATED.arn, replace(FAILED, outcome=outcome))
    here.validate(request(kind="RotationFailed"))
    evidence = evidence_of(here)
    assert "in the setSecret step of its function" in evidence
    assert "service web (2 running) pulls when it is next deployed or scaled out, or a task is replaced" in evidence
    assert "service other pulls when it is scaled out from 0" in evidence


ENDED_WELL = {
    "the next one succeeded": RotationEnd(outcome="succeeded", at=NOW),
    "it failed before the last that succeeded": replace(FAILED, at=NOW - timedelta(days=3)),
}


@pytest.mark.parametrize("end", ENDED_WELL.values(), ids=ENDED_WELL)
def test_a_rotation_that_ended_well_is_not_told(harness: Staged, end: RotationEnd) -> None:
    here = harness(ROTATING)
    here.ledger.keep_rotation_end(ROTATED.arn, end)
    assert here.validate(request(kind="RotationSucceeded")).findings == 0


def test_a_rotation_that_failed_is_resolved_by_the_next_one_and_by_nothing_before_it(harness: Staged) -> None:
    here = harness(ROTATING)
    here.ledger.keep_rotation_end(ROTATED.arn, FAILED)
    here.validate(request(kind="RotationFailed"))
    here.validate(request(kind="Sweep"))
    assert here.sent.reported() == ["Finding Opened"]
    here.ledger.keep_rotation_end(ROTATED.arn, RotationEnd(outcome="succeeded", at=NOW))
    here.validate(request(kind="RotationSucceeded"))
    assert here.sent.reported() == ["Finding Opened", "Finding Resolved"]


def test_how_a_rotation_ended_is_asked_once_in_a_batch_and_only_of_secrets_that_rotate(harness: Staged) -> None:
    here = harness(ROTATING)
    twin = task_definition(container(ROTATED), family="twin")
    still = task_definition(container(KEYED), family="still")
    here.world = replace(ROTATING, task_definitions=(*ROTATING.task_definitions, twin, still), secrets=(ROTATED, KEYED))
    validator = here.validator()
    for arn in (revision_arn(), twin.arn, still.arn):
        validator.validate(request(arn), occasion=str(arn))
    assert set(validator.rotation_ends) == {ROTATED.arn}


@pytest.mark.parametrize("there", ["arn:aws:ecs:us-east-1:444455556666", "arn:aws:ecs:eu-west-1:111122223333"])
def test_what_is_another_accounts_or_regions_is_rejected_and_asked_for_nowhere(ledger: Ledger, there: str) -> None:
    here = Harness(ledger, World())
    stranger = request(Arn.parse(f"{there}:task-definition/web:7"))
    with pytest.raises(Rejected, match="is not of this account and Region"):
        here.validate(stranger)
    with pytest.raises(Rejected, match="is not of this account and Region"):
        here.executor().prove(stranger)
    assert here.world.asked == []
