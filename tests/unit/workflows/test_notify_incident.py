"""One alert a cause: many findings of one broken thing, coming and going one after another."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.checks.catalogue import cause_of
from pullguard.domain.facts import Usage, ValueShape
from pullguard.domain.remediation import Deed, Remediation, RemediationEvent
from pullguard.store.ledger import Ledger
from pullguard.store.services import Kept
from pullguard.workflows.publish_once import Alerted, BeingTold
from pullguard.workflows.remind import Reminded
from tests.fakes import Crash, World, container, key, revision_arn, role, secret, service, task_definition
from tests.flows import Stage, look

SECRET = secret()
NO_USERNAME = ValueShape(form="json-object", username="missing", password="ok", version_id="v3")
NO_PASSWORD = replace(SECRET, value=ValueShape(form="json-object", username="ok", password="missing", version_id="v2"))
FAMILIES = tuple(f"f{number}" for number in range(12))
OPENED, RESOLVED = "[Pullguard] error: ", "[Pullguard] resolved: "


def world(*, broken: bool, families: tuple[str, ...] = FAMILIES) -> World:
    """Families that share one secret, each run by a service of its name."""
    return World(
        tuple(task_definition(container(SECRET), family=each) for each in families),
        (role(reads=[SECRET]),),
        (NO_PASSWORD if broken else SECRET,),
    )


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    """Everything has been looked at and works; the sweep has seen the services."""
    here = Stage(ledger, world(broken=False))
    validate(here, *FAMILIES)
    for each in FAMILIES:
        here.services.keep(service(each).service_arn, Kept(task_definition=str(revision_arn(each))))
    assert here.sent.events == []
    return here


def validate(here: Stage, *families: str) -> None:
    for each in families:
        here.validate(look(revision_arn(each)))


def deliver(here: Stage, form: str = "text") -> list[Alerted]:
    """Hand every event on the bus to the alerter, once, in order."""
    events, here.sent.events = here.sent.events, []
    bodies = [
        json.dumps({"source": each["Source"], "detail-type": each["DetailType"], "detail": json.loads(each["Detail"])})
        for each in events
    ]
    return [here.alerter(form).alert(body) for body in bodies]


def subjects(here: Stage) -> list[str]:
    return [each["Subject"] for each in here.sent.alerts]


# --- One message -------------------------------------------------------------------------------------------------


def test_a_broken_secret_is_one_message_and_its_mending_one_resolution(stage: Stage) -> None:
    stage.world = world(broken=True)
    validate(stage, *FAMILIES)
    deliver(stage)
    stage.later(hours=2, minutes=5)
    stage.world = world(broken=False)
    validate(stage, *FAMILIES)
    deliver(stage)
    assert subjects(stage) == [
        "[Pullguard] error: 12 services cannot pull: secret registry/ghcr - secret-value-empty-field",
        "[Pullguard] resolved: 12 services: secret registry/ghcr - secret-value-empty-field",
    ]
    assert "(lasted 2 h 5 min)" in stage.sent.alerts[1]["Message"]
    for each in FAMILIES:
        for alert in stage.sent.alerts:
            assert f"service/main/{each} ({each}:7)" in alert["Message"]


def test_the_first_message_names_all_before_they_have_been_looked_at(stage: Stage) -> None:
    stage.world = world(broken=True)
    validate(stage, "f3")
    deliver(stage, "json")
    message = json.loads(stage.sent.alerts[0]["Message"])
    assert sorted(message["dependents"]) == sorted(service(each).service_arn for each in FAMILIES)
    assert message["dependents"][0] == service("f3").service_arn
    assert message["dependents_not_looked_at"] == 11
    validate(stage, *FAMILIES)
    deliver(stage)
    assert len(stage.sent.alerts) == 1


def test_a_task_definition_that_no_service_runs_is_named_itself(stage: Stage) -> None:
    stage.services.forget(service("f1").service_arn)
    stage.world = world(broken=True)
    validate(stage, "f0")
    deliver(stage)
    assert "- task-definition/f1:7 *\n" in stage.sent.alerts[0]["Message"]
    assert "11 services and 1 task definition cannot pull" in stage.sent.alerts[0]["Subject"]


def test_the_end_is_told_when_the_last_one_is_mended_and_not_before(stage: Stage) -> None:
    stage.world = world(broken=True)
    validate(stage, *FAMILIES)
    deliver(stage)
    stage.world = world(broken=False)
    for number, family in enumerate(FAMILIES, start=1):
        validate(stage, family)
        deliver(stage)
        assert len(stage.sent.alerts) == (2 if number == len(FAMILIES) else 1)


def test_what_a_service_ran_then_is_named_though_it_has_moved_since(stage: Stage) -> None:
    stage.world = world(broken=True)
    validate(stage, "f0", "f1")
    deliver(stage)
    stage.services.keep(service("f0").service_arn, Kept(task_definition=str(revision_arn("f0", 8))))
    stage.world = world(broken=False)
    validate(stage, "f0", "f1")
    deliver(stage)
    assert "- service/main/f0 (f0:7)\n- service/main/f1 (f1:7)\n" in stage.sent.alerts[1]["Message"]


def families_told(here: Stage) -> list[list[str]]:
    """The values of the attribute ``family`` of each alert, any of which a filter may match."""
    return [json.loads(each["MessageAttributes"]["family"]["StringValue"]) for each in here.sent.alerts]


@pytest.mark.parametrize("changes", [False, True], ids=["opened", "opened-and-changed"])
def test_whoever_heard_the_opening_hears_the_end(stage: Stage, changes: bool) -> None:
    stage.world = world(broken=True)
    validate(stage, "f3")
    deliver(stage)
    validate(stage, "f1")
    if changes:
        stage.world = replace(stage.world, secrets=(replace(SECRET, value=NO_USERNAME),))
        validate(stage, "f1", "f3")
    stage.world = world(broken=False)
    deliver(stage)
    validate(stage, "f1", "f3")
    deliver(stage)
    opening, *_, end = families_told(stage)
    assert len(stage.sent.alerts) == 2 + changes
    assert opening == end
    assert sorted(end) == sorted(("several", *FAMILIES))
    text = stage.sent.alerts[-1]["Message"]
    assert "Was affected: 12 services; 10 of them (marked *) reference it and were not seen failing\n" in text
    first, last = (
        [line for line in stage.sent.alerts[number]["Message"].splitlines() if line.startswith("- ")]
        for number in (0, -1)
    )
    assert [line.removesuffix(" *") for line in last] == [line.removesuffix(" *") for line in first]
    assert [line for line in last if "*" not in line] == ["- service/main/f3 (f3:7)", "- service/main/f1 (f1:7)"]


def test_the_end_names_those_too_who_joined_and_were_not_told_of(stage: Stage) -> None:
    stage.world = world(broken=True)
    validate(stage, "f0")
    deliver(stage)
    stage.world = world(broken=True, families=(*FAMILIES, "late"))
    validate(stage, "late")
    stage.world = world(broken=False, families=(*FAMILIES, "late"))
    validate(stage, "f0", "late")
    deliver(stage)
    assert families_told(stage)[-1] == [*families_told(stage)[0], "late"]
    assert "- task-definition/late:7\n" in stage.sent.alerts[-1]["Message"]


def test_a_cause_that_opens_again_has_told_nobody_yet(stage: Stage) -> None:
    for is_broken in (True, False):
        stage.world = world(broken=is_broken)
        validate(stage, "f0")
        deliver(stage)
    stage.world = world(broken=True)
    validate(stage, "f0")
    stage.sent.failing = ["publish"]
    with pytest.raises(Crash):
        deliver(stage)
    (record,) = stage.causes.records()
    assert (record.event, record.affected) == ("Finding Opened", ())


def test_two_broken_things_are_two_messages(ledger: Ledger) -> None:
    other = secret("registry/hub", "Hubbbb")
    lame = replace(other, value=NO_PASSWORD.value)
    families = (task_definition(container(SECRET), family="f0"), task_definition(container(other), family="f1"))
    here = Stage(ledger, World(families, (role(reads=[SECRET, other]),), (NO_PASSWORD, lame)))
    validate(here, "f0", "f1")
    deliver(here)
    assert len(here.sent.alerts) == 2


def test_a_new_revision_with_the_old_fault_is_no_new_message(ledger: Ledger) -> None:
    old, new = (task_definition(container(SECRET), role_name=None, revision=number) for number in (7, 8))
    here = Stage(ledger, World((old,), (), (SECRET,)))
    here.validate(look(revision_arn("web", 7)))
    deliver(here)
    here.world = replace(here.world, task_definitions=(old, new))
    here.validate(look(revision_arn("web", 8)))
    here.world = replace(here.world, running=Usage(newest=False))
    here.validate(look(revision_arn("web", 7)))
    deliver(here)
    assert len(here.sent.alerts) == 1


def test_a_cause_in_another_state_is_told_as_changed_when_all_are_in_it(stage: Stage) -> None:
    stage.world = world(broken=True)
    validate(stage, "f0", "f1")
    deliver(stage)
    stage.world = replace(stage.world, secrets=(replace(SECRET, value=NO_USERNAME),))
    validate(stage, "f0")
    deliver(stage)
    assert len(stage.sent.alerts) == 1
    validate(stage, "f1")
    deliver(stage)
    assert len(stage.sent.alerts) == 2
    kinds = [each["MessageAttributes"]["kind"]["StringValue"] for each in stage.sent.alerts]
    assert kinds == ["Finding Opened", "Finding Changed"]
    assert "has no username" in stage.sent.alerts[1]["Message"]


def test_a_finding_that_goes_over_to_another_cause_ends_the_one_that_it_leaves(ledger: Ledger) -> None:
    """The secret is under a key that was turned off, then under another one that is turned off as well."""
    first, second = (replace(SECRET, key=key(number, state="Disabled")) for number in (1, 2))
    here = Stage(ledger, World((task_definition(container(SECRET)),), (role(reads=[first, second]),), (first,)))
    here.validate()
    deliver(here)
    here.world = replace(here.world, secrets=(second,))
    here.validate()
    deliver(here)
    kinds = sorted(each["MessageAttributes"]["kind"]["StringValue"] for each in here.sent.alerts)
    assert kinds == ["Finding Opened", "Finding Opened", "Finding Resolved"]


# --- Crashes and copies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copies", [1, 3])
def test_any_order_and_number_of_copies_is_one_message(stage: Stage, copies: int) -> None:
    stage.world = world(broken=True)
    validate(stage, *FAMILIES)
    stage.sent.events = [*reversed(stage.sent.events)] * copies
    deliver(stage)
    assert len(stage.sent.alerts) == 1


def test_what_a_run_kept_and_did_not_tell_is_told_by_the_next(stage: Stage) -> None:
    stage.world = world(broken=True)
    validate(stage, "f0")
    events = list(stage.sent.events)
    stage.sent.failing = ["publish"]
    with pytest.raises(Crash):
        deliver(stage)
    validate(stage, "f1")
    with pytest.raises(BeingTold):
        deliver(stage)
    stage.later(seconds=30)
    stage.sent.events = events
    deliver(stage)
    assert [each[:19] for each in subjects(stage)] == [OPENED]


def test_an_opening_that_could_not_be_told_is_told_though_it_is_over(stage: Stage) -> None:
    stage.world = world(broken=True)
    validate(stage, "f0")
    stage.sent.failing = ["publish"]
    with pytest.raises(Crash):
        deliver(stage)
    stage.later(seconds=30)
    stage.world = world(broken=False)
    validate(stage, "f0")
    deliver(stage)
    assert [each.partition(": ")[0] for each in subjects(stage)] == ["[Pullguard] error", "[Pullguard] resolved"]


def test_two_runs_that_see_the_same_keep_it_once(stage: Stage) -> None:
    stage.world = world(broken=True)
    validate(stage, "f0", "f1")
    teller = stage.alerter().teller
    record = stage.ledger.entry(revision_arn("f0")).findings[0]
    races: list[Any] = []
    save = type(teller.causes).save

    class Raced(type(teller.causes)):  # type: ignore[misc]
        """Another run tells the cause just before this one keeps it."""

        def save(self, *args: Any, **kwargs: Any) -> bool:
            if not races:
                races.append(stage.alerter().teller.tell(cause_of(record.finding)))
            return save(self, *args, **kwargs)

    raced = replace(teller, causes=Raced(stage.ledger._client, "ledger"))
    assert races == []
    assert not raced.tell(cause_of(record.finding)).sent
    assert [each.sent for each in races] == [True]
    assert len(stage.sent.alerts) == 1


def test_a_thousand_further_dependents_cost_two_reads_each(stage: Stage) -> None:
    stage.world = world(broken=True)
    validate(stage, "f0")
    deliver(stage)
    validate(stage, "f1")
    asked: list[str] = []
    stage.ledger._client.meta.events.register("before-call.dynamodb", lambda model, **_: asked.append(model.name))
    deliver(stage)
    assert asked == ["GetItem", "GetItem"]


# --- Reminders ---------------------------------------------------------------------------------------------------

HOURLY = json.dumps({"source": "aws.events", "detail-type": "Scheduled Event", "id": "e-1", "detail": {}})


def remind(here: Stage) -> Reminded:
    result = here.alerter().handle(HOURLY)
    assert isinstance(result, Reminded)
    return result


def broken(here: Stage, *families: str) -> None:
    here.world = world(broken=True)
    validate(here, *families)
    deliver(here)


def test_people_are_reminded_of_what_is_still_broken_each_time_that_it_is_due(stage: Stage) -> None:
    broken(stage, "f0", "f1")
    reminded = []
    for _ in range(50):
        stage.later(hours=1)
        reminded.append(remind(stage).reminded)
    assert [hour for hour, count in enumerate(reminded, start=1) if count] == [24, 48]
    assert subjects(stage)[1].startswith("[Pullguard] reminder, error: 2 services cannot pull: secret ")
    assert "(for 1 d by now)" in stage.sent.alerts[1]["Message"]
    assert "reference it" not in stage.sent.alerts[1]["Message"]


def test_nobody_is_reminded_of_what_is_over(stage: Stage) -> None:
    broken(stage, "f0")
    stage.world = world(broken=False)
    validate(stage, "f0")
    deliver(stage)
    stage.later(days=2)
    assert remind(stage) == Reminded()
    assert len(stage.sent.alerts) == 2


def test_a_warning_is_reminded_of_once_a_week(ledger: Ledger) -> None:
    by_name = task_definition(container("registry/ghcr"))
    here = Stage(ledger, World((by_name,), (role(reads=[SECRET]),), (SECRET,)))
    here.validate()
    deliver(here)
    assert "warning" in subjects(here)[0]
    reminded = []
    for _ in range(15):
        here.later(days=1)
        reminded.append(remind(here).reminded)
    assert [day for day, count in enumerate(reminded, start=1) if count] == [7, 14]


def test_reminders_can_be_switched_off(stage: Stage) -> None:
    stage.reminder_every = None
    broken(stage, "f0")
    stage.later(days=30)
    assert remind(stage) == Reminded(open=1)


def test_two_copies_of_the_hour_are_one_reminder(stage: Stage) -> None:
    broken(stage, "f0")
    stage.later(hours=24)
    assert [remind(stage).reminded for _ in range(3)] == [1, 0, 0]


def test_a_reminder_that_could_not_be_sent_is_sent_the_next_time(stage: Stage) -> None:
    broken(stage, "f0")
    stage.later(hours=24)
    stage.sent.failing = ["publish"]
    with pytest.raises(Crash):
        remind(stage)
    stage.later(minutes=3)
    assert remind(stage).reminded == 1


def test_the_hour_tells_what_was_left_untold(stage: Stage) -> None:
    stage.world = world(broken=True)
    validate(stage, "f0")
    stage.sent.failing = ["publish"]
    with pytest.raises(Crash):
        deliver(stage)
    stage.later(hours=1)
    assert remind(stage) == Reminded(open=1, told=1)
    assert len(stage.sent.alerts) == 1


# --- Deeds -------------------------------------------------------------------------------------------------------


def refused(here: Stage) -> list[str]:
    return [each for each in subjects(here) if "refused" in each]


def test_a_refusal_for_one_role_is_told_once_however_many_ask(ledger: Ledger) -> None:
    strange = secret(registry=None)
    families = tuple(task_definition(container(strange), family=each) for each in FAMILIES)
    here = Stage(ledger, World(families, (role(),), (strange,)))
    validate(here, *FAMILIES)
    assert here.sent.told().count("Remediation Refused") == 12
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
def test_the_same_deed_is_told_again_after_its_time(ledger: Ledger, event: RemediationEvent, quiet: timedelta) -> None:
    here = Stage(ledger, World())

    def tell(family: str, why: str = "IAM refused") -> bool:
        deed = Deed(kind="grant", what="grant", task_definition=str(revision_arn(family)), target="role", why=why)
        here.teller.remediation(Remediation(event=event, deed=deed, occasion=here.time.isoformat()), now=here.time)
        (result,) = deliver(here)
        return result.sent

    assert [tell("f0"), tell("f1"), tell("f2", why="another reason")] == [True, False, True]
    here.later(seconds=quiet.total_seconds() - 1)
    assert not tell("f3")
    here.later(seconds=1)
    assert tell("f4")


def test_each_write_is_told(ledger: Ledger) -> None:
    here = Stage(ledger, World())
    deed = Deed(kind="grant", what="grant", task_definition=str(revision_arn()), target="role")
    for occasion in ("m-1", "m-2"):
        done = Remediation(event="Remediation Completed", deed=deed, occasion=occasion)
        here.teller.remediation(done, now=here.time)
    deliver(here)
    assert len(here.sent.alerts) == 2
