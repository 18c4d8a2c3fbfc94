"""One alert an incident: many findings of one broken thing, coming and going one after another."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.checks.catalogue import incident_of
from pullguard.domain.remediation import Deed, Remediation, RemediationEvent
from pullguard.domain.usage import Usage
from pullguard.store.incidents import IncidentStore
from pullguard.store.ledger import Ledger
from pullguard.store.services import Kept
from pullguard.workflows.publish_once import CLAIM_S, Alerted, BeingReported
from tests.fakes import Crash, World, container, key, revision_arn, role, secret, service, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.incident_scene import (
    FAMILIES,
    NO_PASSWORD,
    NO_USERNAME,
    OPENED,
    SECRET,
    all_working,
    deliver,
    subjects,
    validate,
    world,
)


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return all_working(ledger)


# --- One message -------------------------------------------------------------------------------------------------


def test_a_broken_secret_is_one_message_and_its_repair_one_resolution(harness: Harness) -> None:
    harness.world = world(broken=True)
    validate(harness, *FAMILIES)
    deliver(harness)
    harness.later(hours=2, minutes=5)
    harness.world = world(broken=False)
    validate(harness, *FAMILIES)
    deliver(harness)
    assert subjects(harness) == [
        "[Pullguard] error: 12 services cannot pull: secret registry/ghcr - secret-value-empty-field",
        "[Pullguard] resolved: 12 services: secret registry/ghcr - secret-value-empty-field",
    ]
    assert "(lasted 2 h 5 min)" in harness.sent.alerts[1]["Message"]
    for each in FAMILIES:
        for alert in harness.sent.alerts:
            assert f"service/main/{each} ({each}:7)" in alert["Message"]


def test_the_first_message_names_all_before_they_have_been_validated(harness: Harness) -> None:
    harness.world = world(broken=True)
    validate(harness, "f3")
    deliver(harness, "json")
    message = json.loads(harness.sent.alerts[0]["Message"])
    assert sorted(message["dependents"]) == sorted(service(each).service_arn for each in FAMILIES)
    assert message["dependents"][0] == service("f3").service_arn
    assert message["dependents_not_looked_at"] == 11
    validate(harness, *FAMILIES)
    deliver(harness)
    assert len(harness.sent.alerts) == 1


def test_a_task_definition_that_no_service_runs_is_named_itself(harness: Harness) -> None:
    harness.services._delete("SERVICES", service("f1").service_arn)
    harness.world = world(broken=True)
    validate(harness, "f0")
    deliver(harness)
    assert "- task-definition/f1:7 *\n" in harness.sent.alerts[0]["Message"]
    assert "11 services and 1 task definition cannot pull" in harness.sent.alerts[0]["Subject"]


def test_the_end_is_reported_when_the_last_one_is_fixed_and_not_before(harness: Harness) -> None:
    harness.world = world(broken=True)
    validate(harness, *FAMILIES)
    deliver(harness)
    harness.world = world(broken=False)
    for number, family in enumerate(FAMILIES, start=1):
        validate(harness, family)
        deliver(harness)
        assert len(harness.sent.alerts) == (2 if number == len(FAMILIES) else 1)


def test_a_service_is_named_by_the_revision_that_it_ran_then(harness: Harness) -> None:
    harness.world = world(broken=True)
    validate(harness, "f0", "f1")
    deliver(harness)
    harness.services.keep(service("f0").service_arn, Kept(task_definition=str(revision_arn("f0", 8))))
    harness.world = world(broken=False)
    validate(harness, "f0", "f1")
    deliver(harness)
    assert "- service/main/f0 (f0:7)\n- service/main/f1 (f1:7)\n" in harness.sent.alerts[1]["Message"]


def families_reported(here: Harness) -> list[list[str]]:
    """The values of the attribute ``family`` of each alert, any of which a filter may match."""
    return [json.loads(each["MessageAttributes"]["family"]["StringValue"]) for each in here.sent.alerts]


@pytest.mark.parametrize("changes", [False, True], ids=["opened", "opened-and-changed"])
def test_every_recipient_of_the_opening_gets_the_end(harness: Harness, changes: bool) -> None:
    harness.world = world(broken=True)
    validate(harness, "f3")
    deliver(harness)
    validate(harness, "f1")
    if changes:
        harness.world = replace(harness.world, secrets=(replace(SECRET, value=NO_USERNAME),))
        validate(harness, "f1", "f3")
    harness.world = world(broken=False)
    deliver(harness)
    validate(harness, "f1", "f3")
    deliver(harness)
    opening, *_, end = families_reported(harness)
    assert len(harness.sent.alerts) == 2 + changes
    assert opening == end
    assert sorted(end) == sorted(("several", *FAMILIES))
    text = harness.sent.alerts[-1]["Message"]
    assert "Was affected: 12 services; 10 of them (marked *) reference it and were not found failing\n" in text
    first, last = (
        [line for line in harness.sent.alerts[number]["Message"].splitlines() if line.startswith("- ")]
        for number in (0, -1)
    )
    assert [line.removesuffix(" *") for line in last] == [line.removesuffix(" *") for line in first]
    assert [line for line in last if "*" not in line] == ["- service/main/f3 (f3:7)", "- service/main/f1 (f1:7)"]


def test_the_end_names_those_too_who_joined_unreported(harness: Harness) -> None:
    harness.world = world(broken=True)
    validate(harness, "f0")
    deliver(harness)
    harness.world = world(broken=True, families=(*FAMILIES, "late"))
    validate(harness, "late")
    harness.world = world(broken=False, families=(*FAMILIES, "late"))
    validate(harness, "f0", "late")
    deliver(harness)
    assert families_reported(harness)[-1] == [*families_reported(harness)[0], "late"]
    assert "- task-definition/late:7\n" in harness.sent.alerts[-1]["Message"]


def test_an_incident_that_opens_again_is_not_reported_yet(harness: Harness) -> None:
    for is_broken in (True, False):
        harness.world = world(broken=is_broken)
        validate(harness, "f0")
        deliver(harness)
    harness.world = world(broken=True)
    validate(harness, "f0")
    harness.sent.failing = ["publish"]
    with pytest.raises(Crash):
        deliver(harness)
    (record,) = harness.incidents.records()
    assert (record.event, record.affected) == ("Finding Opened", ())


def test_two_broken_things_are_two_messages(ledger: Ledger) -> None:
    other = secret("registry/hub", "Hubbbb")
    lame = replace(other, value=NO_PASSWORD.value)
    families = (task_definition(container(SECRET), family="f0"), task_definition(container(other), family="f1"))
    here = Harness(ledger, World(families, (role(reads=[SECRET, other]),), (NO_PASSWORD, lame)))
    validate(here, "f0", "f1")
    deliver(here)
    assert len(here.sent.alerts) == 2


def test_a_new_revision_with_the_old_fault_is_no_new_message(ledger: Ledger) -> None:
    old, new = (task_definition(container(SECRET), role_name=None, revision=number) for number in (7, 8))
    here = Harness(ledger, World((old,), (), (SECRET,)))
    here.validate(request(revision_arn("web", 7)))
    deliver(here)
    here.world = replace(here.world, task_definitions=(old, new))
    here.validate(request(revision_arn("web", 8)))
    here.world = replace(here.world, running=Usage(newest=False))
    here.validate(request(revision_arn("web", 7)))
    deliver(here)
    assert len(here.sent.alerts) == 1


def test_an_incident_in_another_state_is_reported_as_changed_when_all_are_in_it(harness: Harness) -> None:
    harness.world = world(broken=True)
    validate(harness, "f0", "f1")
    deliver(harness)
    harness.world = replace(harness.world, secrets=(replace(SECRET, value=NO_USERNAME),))
    validate(harness, "f0")
    deliver(harness)
    assert len(harness.sent.alerts) == 1
    validate(harness, "f1")
    deliver(harness)
    assert len(harness.sent.alerts) == 2
    kinds = [each["MessageAttributes"]["kind"]["StringValue"] for each in harness.sent.alerts]
    assert kinds == ["Finding Opened", "Finding Changed"]
    assert "has no username" in harness.sent.alerts[1]["Message"]


def test_a_finding_that_moves_to_another_incident_ends_the_one_that_it_leaves(ledger: Ledger) -> None:
    """The secret is under a key that was turned off, then under another one that is turned off as well."""
    first, second = (replace(SECRET, key=key(number, state="Disabled")) for number in (1, 2))
    here = Harness(ledger, World((task_definition(container(SECRET)),), (role(reads=[first, second]),), (first,)))
    here.validate()
    deliver(here)
    here.world = replace(here.world, secrets=(second,))
    here.validate()
    deliver(here)
    kinds = sorted(each["MessageAttributes"]["kind"]["StringValue"] for each in here.sent.alerts)
    assert kinds == ["Finding Opened", "Finding Opened", "Finding Resolved"]


# --- Crashes and copies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copies", [1, 3])
def test_any_order_and_number_of_copies_is_one_message(harness: Harness, copies: int) -> None:
    harness.world = world(broken=True)
    validate(harness, *FAMILIES)
    harness.sent.events = [*reversed(harness.sent.events)] * copies
    deliver(harness)
    assert len(harness.sent.alerts) == 1


def test_an_incident_that_a_run_kept_and_did_not_report_is_reported_by_the_next(harness: Harness) -> None:
    harness.world = world(broken=True)
    validate(harness, "f0")
    events = list(harness.sent.events)
    harness.sent.failing = ["publish"]
    with pytest.raises(Crash):
        deliver(harness)
    validate(harness, "f1")
    with pytest.raises(BeingReported):
        deliver(harness)
    harness.later(seconds=30)
    harness.sent.events = events
    deliver(harness)
    assert [each[:19] for each in subjects(harness)] == [OPENED]


def test_an_opening_that_could_not_be_reported_is_reported_though_it_is_over(harness: Harness) -> None:
    harness.world = world(broken=True)
    validate(harness, "f0")
    harness.sent.failing = ["publish"]
    with pytest.raises(Crash):
        deliver(harness)
    harness.later(seconds=30)
    harness.world = world(broken=False)
    validate(harness, "f0")
    deliver(harness)
    assert [each.partition(": ")[0] for each in subjects(harness)] == ["[Pullguard] error", "[Pullguard] resolved"]


def test_two_runs_that_see_the_same_keep_it_once(harness: Harness) -> None:
    harness.world = world(broken=True)
    validate(harness, "f0", "f1")
    reporter = harness.alerter().reporter
    record = harness.ledger.entries.get(revision_arn("f0")).findings[0]
    races: list[Any] = []
    save = type(reporter.incidents).save

    class Raced(type(reporter.incidents)):  # type: ignore[misc]
        """Another run reports the incident right before this one records it."""

        def save(self, *args: Any, **kwargs: Any) -> bool:
            if not races:
                races.append(harness.alerter().reporter.report(incident_of(record.finding)))
            return save(self, *args, **kwargs)

    raced = replace(reporter, incidents=Raced(harness.ledger.entries._client, "ledger"))
    assert races == []
    assert not raced.report(incident_of(record.finding)).sent
    assert [each.sent for each in races] == [True]
    assert len(harness.sent.alerts) == 1


def test_a_thousand_further_dependents_cost_two_reads_each(harness: Harness) -> None:
    harness.world = world(broken=True)
    validate(harness, "f0")
    deliver(harness)
    validate(harness, "f1")
    asked: list[str] = []
    harness.ledger.entries._client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: asked.append(model.name)
    )
    deliver(harness)
    assert asked == ["GetItem", "GetItem"]


def test_a_finding_that_comes_before_the_resolution_is_stored_opens_the_incident_again(harness: Harness) -> None:
    """Its own run still saw the open incident: nothing to report. So the run that resolves has to read once more."""
    harness.world = world(broken=True)
    validate(harness, "f0")
    deliver(harness)
    harness.world = world(broken=False)
    validate(harness, "f0")
    over, harness.sent.events = harness.sent.events, []
    save, others = IncidentStore.save, list[Alerted]()

    def breaks_again_then_save(self: IncidentStore, *args: Any, **kwargs: Any) -> bool:
        if not others:
            harness.world = world(broken=True)
            validate(harness, "f1")
            others.extend(deliver(harness))
        return save(self, *args, **kwargs)

    harness.sent.events = over
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(IncidentStore, "save", breaks_again_then_save)
        deliver(harness)
    assert [each.sent for each in others] == [False]
    kinds = [each["MessageAttributes"]["kind"]["StringValue"] for each in harness.sent.alerts]
    assert kinds == ["Finding Opened", "Finding Resolved", "Finding Opened"]
    (incident,) = harness.incidents.records()
    assert (incident.is_open, incident.is_reported) == (True, True)


def test_three_thousand_dependents_with_long_names_are_one_message_and_never_another(harness: Harness) -> None:
    """DynamoDB refuses an item above 400 KB: the alert would be sent, not marked, and sent again."""
    harness.world = world(broken=True)
    names = {str(service(f"{number:04}-{'x' * 250}").service_arn) for number in range(3_000)}
    everything = harness.services.known() | {each: Kept(task_definition=str(revision_arn("f0"))) for each in names}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(harness.services), "known", lambda _: everything)
        validate(harness, "f0")
        copies = list(harness.sent.events)
        deliver(harness)
        harness.later(hours=2)
        harness.sent.events = [*copies, *copies]
        deliver(harness)
        validate(harness, "f1")
        deliver(harness)
    assert [each[:19] for each in subjects(harness)] == [OPENED]
    (kept,) = harness.incidents.records()
    assert (kept.is_reported, kept.is_full) == (True, True)
    assert 0 < len(kept.affected) < len(names)


# --- Deeds -------------------------------------------------------------------------------------------------------


def refused(here: Harness) -> list[str]:
    return [each for each in subjects(here) if "refused" in each]


def test_a_refusal_for_one_role_is_reported_once_however_many_ask(ledger: Ledger) -> None:
    strange = secret(registry=None)
    families = tuple(task_definition(container(strange), family=each) for each in FAMILIES)
    here = Harness(ledger, World(families, (role(),), (strange,)))
    validate(here, *FAMILIES)
    assert here.sent.reported().count("Remediation Refused") == 12
    deliver(here)
    assert len(refused(here)) == 1


@pytest.mark.parametrize(
    ("event", "quiet"),
    [
        ("Remediation Planned", timedelta(days=90)),
        ("Remediation Refused", timedelta(days=90)),
        ("Remediation Failed", timedelta(days=1)),
    ],
)
def test_the_same_deed_is_reported_again_after_its_time(
    ledger: Ledger, event: RemediationEvent, quiet: timedelta
) -> None:
    here = Harness(ledger, World())

    def report(family: str, why: str = "IAM refused") -> bool:
        deed = Deed(kind="grant", what="grant", task_definition=str(revision_arn(family)), target="role", why=why)
        here.reporter.remediation(Remediation(event=event, deed=deed, message_id=here.time.isoformat()), now=here.time)
        (result,) = deliver(here)
        return result.sent

    assert [report("f0"), report("f1"), report("f2", why="another reason")] == [True, False, True]
    here.later(seconds=quiet.total_seconds() - 1)
    assert not report("f3")
    here.later(seconds=1)
    assert report("f4")


def test_a_remediation_whose_run_died_is_reported_by_the_next_once_the_claim_ends(ledger: Ledger) -> None:
    here = Harness(ledger, World())
    deed = Deed(kind="grant", what="grant", task_definition=str(revision_arn()), target="role", why="IAM refused")
    here.reporter.remediation(Remediation(event="Remediation Refused", deed=deed), now=here.time)
    events = list(here.sent.events)
    here.sent.failing = ["publish"]
    with pytest.raises(Crash):
        deliver(here)
    here.sent.events = list(events)
    with pytest.raises(BeingReported):  # another run may be at it
        deliver(here)
    here.later(seconds=CLAIM_S)
    results = []
    for _ in range(2):
        here.sent.events = list(events)
        results += deliver(here)
    assert [each.sent for each in results] == [True, False]
    assert len(here.sent.alerts) == 1


def test_each_write_is_reported(ledger: Ledger) -> None:
    here = Harness(ledger, World())
    deed = Deed(kind="grant", what="grant", task_definition=str(revision_arn()), target="role")
    for message_id in ("m-1", "m-2"):
        done = Remediation(event="Remediation Completed", deed=deed, message_id=message_id)
        here.reporter.remediation(done, now=here.time)
    deliver(here)
    assert len(here.sent.alerts) == 2
