"""Alerts above the limits are held back: a notice says so at once, and the next hourly run sums them up."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.domain.remediation import Deed, Remediation
from pullguard.domain.usage import Usage
from pullguard.incidents.alert_limits import STACK, UNUSED, AlertLimits
from pullguard.store.incidents import IncidentStore
from pullguard.store.ledger import Ledger
from pullguard.store.services import Kept
from pullguard.workflows.publish_once import Alerted
from pullguard.workflows.remind import Reminded
from tests.fakes import Crash, World, container, revision_arn, role, secret, service, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.incident_scene import HOURLY, deliver, subjects
from tests.unit.workflows.incident_scene import world as shared_world

FAMILY = AlertLimits(family=4)
NOTICE = "[Pullguard] 4 alerts about web in an hour: more follow in a summary"
LOCK_S = 120


def gone(number: int, family: str = "web") -> str:
    return f"registry/{family}-{number:02}"


def wrong_names(*revisions: int, family: str = "web") -> World:
    """Revisions of a family, each of which names a secret of its own that does not exist."""
    named = ((number, container(secret(gone(number, family)).arn)) for number in revisions)
    definitions = [task_definition(each, family=family, revision=number) for number, each in named]
    return World(tuple(definitions), (role(),), ())


def both(*worlds: World) -> World:
    return World(tuple(each for world in worlds for each in world.task_definitions), (role(),), ())


def validate_all(here: Harness) -> None:
    for each in here.world.task_definitions:
        here.validate(request(each.arn))


def fail(here: Harness, count: int = 10, family: str = "web") -> list[Alerted]:
    here.world = wrong_names(*range(1, count + 1), family=family)
    validate_all(here)
    return deliver(here)


def remind(here: Harness, form: str = "text") -> Reminded:
    result = here.alerter(form).handle(HOURLY)
    assert isinstance(result, Reminded)
    return result


def summaries(here: Harness) -> list[str]:
    return [each["Message"] for each in here.sent.alerts if each["Subject"].startswith("[Pullguard] summary of ")]


def named(text: str, count: int = 10, family: str = "web") -> set[int]:
    """The secrets that a message names, by their numbers."""
    return {number for number in range(1, count + 1) if gone(number, family) in text}


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, World(), limits=FAMILY, reminder_every=None)


# --- One family --------------------------------------------------------------------------------------------------


def test_ten_wrong_names_are_four_alerts_a_notice_and_one_summary(harness: Harness) -> None:
    results = fail(harness)
    assert [each.sent for each in results] == [True] * 4 + [False] * 6
    assert sum(each.measures.get("AlertsHeldBack", 0) for each in results) == 6
    assert subjects(harness)[4:] == [NOTICE]
    harness.later(minutes=40)
    assert remind(harness) == Reminded(open=10, summarized=6)
    (summary,) = summaries(harness)
    assert subjects(harness)[5:] == ["[Pullguard] summary of 6 alerts: 6 errors"]
    alone = [named(each["Message"]) for each in harness.sent.alerts[:4]]
    assert all(len(each) == 1 for each in alone)
    assert set().union(*alone, named(summary)) == set(range(1, 11))
    assert len(named(summary)) == 6


def test_a_summary_is_sent_once(harness: Harness) -> None:
    fail(harness)
    for _ in range(5):
        harness.later(hours=1)
        remind(harness)
    assert len(harness.sent.alerts) == 6


def test_copies_of_the_events_repeat_nothing_and_are_not_counted(harness: Harness) -> None:
    harness.world = wrong_names(*range(1, 11))
    validate_all(harness)
    events = list(harness.sent.events)
    deliver(harness)
    harness.sent.events = [*events, *events]
    assert {each.held for each in deliver(harness)} == {""}
    harness.later(hours=1)
    remind(harness)
    harness.sent.events = events
    deliver(harness)
    assert len(harness.sent.alerts) == 6


def test_a_limit_holds_in_any_sixty_minutes(harness: Harness) -> None:
    """An hour that began with each full hour would let eight pass at its end."""
    harness.time = harness.time.replace(minute=59, second=50)
    harness.world = wrong_names(*range(1, 11))
    for each in harness.world.task_definitions:
        harness.validate(request(each.arn))
        deliver(harness)
        harness.later(seconds=1)
    assert len(harness.sent.alerts) == 5


def test_an_hour_later_alerts_are_sent_again(harness: Harness) -> None:
    fail(harness, 5)
    harness.later(hours=1)
    remind(harness)
    harness.world = wrong_names(*range(1, 7))
    validate_all(harness)
    assert [each.sent for each in deliver(harness)] == [True]


def test_a_family_holds_back_no_alert_about_another(harness: Harness) -> None:
    fail(harness)
    assert [each.sent for each in fail(harness, 4, family="api")] == [True] * 4
    assert len(harness.sent.alerts) == 9


def test_a_full_family_holds_back_nothing_that_others_share(harness: Harness) -> None:
    families = ("web", "zz")
    for each in families:
        harness.services.keep(service(each).service_arn, Kept(task_definition=str(revision_arn(each))))
    fail(harness)
    harness.world = shared_world(broken=False, families=families)
    validate_all(harness)
    harness.world = shared_world(broken=True, families=families)
    harness.validate(request(revision_arn("web")))
    deliver(harness)
    assert subjects(harness)[-1].startswith("[Pullguard] error: 2 services cannot pull: secret registry/ghcr")


def test_without_limits_every_alert_is_sent_and_nothing_is_counted(harness: Harness) -> None:
    harness.limits = AlertLimits()
    fail(harness)
    assert len(harness.sent.alerts) == 10
    assert harness.sent_alerts.last_hour().alerts == ()


def test_a_limit_costs_one_call_for_each_alert_that_is_sent(harness: Harness) -> None:
    asked: list[str] = []
    harness.ledger.entries._client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: asked.append(model.name)
    )
    counts = []
    for limits, number in ((AlertLimits(), 1), (FAMILY, 2)):
        harness.limits, harness.world = limits, wrong_names(number)
        validate_all(harness)
        asked.clear()
        deliver(harness)
        counts.append(len(asked))
    assert counts[1] == counts[0] + 1


# --- Until the summary -------------------------------------------------------------------------------------------


def no_longer_used(here: Harness, *revisions: int) -> None:
    here.world = replace(wrong_names(*revisions), running=Usage(newest=False))
    validate_all(here)
    deliver(here)


def test_a_held_back_alert_that_is_over_is_named_as_resolved(harness: Harness) -> None:
    fail(harness, 6)
    no_longer_used(harness, 5, 6)
    assert len(harness.sent.alerts) == 5
    remind(harness)
    assert subjects(harness)[5:] == ["[Pullguard] summary of 2 alerts: 2 resolved"]
    assert named(summaries(harness)[0]) == {5, 6}


def test_a_notice_that_could_not_be_sent_is_sent_with_the_copy_of_the_event(harness: Harness) -> None:
    fail(harness, 4)
    harness.world = wrong_names(5)
    validate_all(harness)
    events = list(harness.sent.events)
    harness.sent.failing = ["publish"]
    with pytest.raises(Crash):
        deliver(harness)
    harness.later(seconds=180)
    harness.sent.events = events
    assert [each.sent for each in deliver(harness)] == [False]
    assert subjects(harness)[4:] == [NOTICE]
    assert named(harness.sent.alerts[4]["Message"]) == {5}


def test_a_summary_that_could_not_be_sent_is_sent_the_next_time(harness: Harness) -> None:
    fail(harness, 6)
    harness.sent.failing = ["publish"]
    with pytest.raises(Crash):
        remind(harness)
    assert remind(harness).summarized == 0  # the other run may still send it
    harness.later(seconds=LOCK_S)
    assert remind(harness).summarized == 2


def test_a_run_that_died_amid_its_marks_is_followed_by_a_summary_of_the_others(harness: Harness) -> None:
    fail(harness, 8)
    save, saves = IncidentStore.save, list[str]()

    def die_at_the_third(self: IncidentStore, *args: Any, **kwargs: Any) -> bool:
        saves.append("x")
        if len(saves) == 3:
            raise Crash("save")
        return save(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(IncidentStore, "save", die_at_the_third)
        with pytest.raises(Crash):
            remind(harness)
    harness.later(seconds=180)
    assert remind(harness).summarized == 2
    first, second = (named(each) for each in summaries(harness))
    assert first > second
    harness.later(seconds=180)
    assert remind(harness).summarized == 0


def test_a_change_while_the_summary_is_sent_is_named_by_the_next(harness: Harness) -> None:
    fail(harness, 5)
    publish, done = type(harness.sent).publish, list[str]()

    def resolve_then_publish(self: Any, **alert: Any) -> Any:
        if alert["Subject"].startswith("[Pullguard] summary") and not done:
            done.append("x")
            no_longer_used(harness, 5)
        return publish(self, **alert)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(harness.sent), "publish", resolve_then_publish)
        remind(harness)
    harness.later(hours=1)
    remind(harness)
    assert subjects(harness)[5:] == [
        "[Pullguard] summary of 1 alert: 1 error",
        "[Pullguard] summary of 1 alert: 1 resolved",
    ]
    assert all(each.is_reported and not each.held for each in harness.incidents.records())


# --- The stack ---------------------------------------------------------------------------------------------------


def test_many_families_reach_the_stacks_limit_and_all_are_named(harness: Harness) -> None:
    harness.limits = AlertLimits(family=4, stack=10)
    for number in range(20):
        fail(harness, 1, family=f"f{number:02}")
    half = "[Pullguard] 5 alerts about what no service runs in an hour: more follow in a summary"
    assert subjects(harness)[5:] == [half]
    harness.later(minutes=30)
    assert remind(harness).summarized == 15
    together = "".join(each["Message"] for each in harness.sent.alerts)
    assert all(gone(1, f"f{number:02}") in together for number in range(20))


def test_half_of_the_stacks_limit_is_reserved_for_what_a_service_runs(harness: Harness) -> None:
    harness.limits = AlertLimits(family=4, stack=4)
    for number in range(9):
        fail(harness, 1, family=f"f{number}")
    harness.services.keep(service("shop").service_arn, Kept(task_definition=str(revision_arn("shop", 1))))
    assert [each.sent for each in fail(harness, 1, family="shop")] == [True]
    assert "shop (1 service) cannot pull" in subjects(harness)[-1]


def test_the_notice_about_a_family_counts_for_the_stack_whose_notice_takes_its_place(harness: Harness) -> None:
    harness.limits = AlertLimits(family=1, stack=4)
    limits = [each.held for family in ("f0", "f1", "f2") for each in fail(harness, 3, family=family)]
    assert limits == ["", "f0", "f0", UNUSED, UNUSED, UNUSED, UNUSED, UNUSED, UNUSED]
    assert [each.partition(" in an hour")[0] for each in subjects(harness)[1:]] == [
        "[Pullguard] 1 alert about f0",
        "[Pullguard] 2 alerts about what no service runs",
    ]
    harness.limits = AlertLimits(family=1, stack=2)
    harness.services.keep(service("shop").service_arn, Kept(task_definition=str(revision_arn("shop", 1))))
    assert [each.held for each in fail(harness, 1, family="shop")] == [STACK]
    assert subjects(harness)[3:] == ["[Pullguard] 2 alerts in an hour: more follow in a summary"]


# --- Remediations ------------------------------------------------------------------------------------------------


def refuse(here: Harness, *roles: str) -> list[Alerted]:
    """Each role of a family lacks access to a secret that is not opted in."""
    strange = secret(registry=None)
    definitions = [
        task_definition(container(strange), revision=number, role_name=each) for number, each in enumerate(roles, 1)
    ]
    here.world = World(tuple(definitions), tuple(map(role, roles)), (strange,))
    validate_all(here)
    here.sent.events = [each for each in here.sent.events if each["DetailType"] == "Remediation Refused"]
    return deliver(here)


def test_refusals_count_for_their_family_and_are_named_once(harness: Harness) -> None:
    roles = [f"role-{number}" for number in range(6)]
    assert [each.held for each in refuse(harness, *roles)] == ["", "", "", "", "web", "web"]
    events = list(harness.sent.events)
    harness.later(minutes=30)
    assert remind(harness).summarized == 2
    (summary,) = summaries(harness)
    assert summary.count("- refused to grant role role-") == 2
    assert "not opted in" in summary
    harness.later(hours=1)
    harness.sent.events = events
    assert {each.sent for each in deliver(harness)} <= {False}
    assert remind(harness).summarized == 0


def test_a_refusal_that_was_sent_is_not_held_back_again(harness: Harness) -> None:
    harness.limits = AlertLimits(family=1)
    assert [each.sent for each in refuse(harness, "a")] == [True]
    harness.world = replace(harness.world, task_definitions=(replace_revision(harness.world, 9),))
    validate_all(harness)
    harness.sent.events = [each for each in harness.sent.events if each["DetailType"] == "Remediation Refused"]
    (again,) = deliver(harness)
    assert (again.sent, again.held, again.why) == (False, "", "published before")


def replace_revision(world: World, revision: int) -> Any:
    return task_definition(container(world.secrets[0]), revision=revision, role_name=world.roles[0].name)


def test_a_remediation_that_was_sent_after_all_is_not_in_the_summary(harness: Harness) -> None:
    harness.limits = AlertLimits(family=1)
    assert [each.held for each in refuse(harness, "a", "b")] == ["", "web"]
    held = harness.sent_alerts.held(now=harness.now())
    assert len(held) == 1
    harness.ledger.claims.mark(held[0].what, now=harness.now())
    assert remind(harness).summarized == 0
    assert harness.sent_alerts.held(now=harness.now()) == ()


def test_every_write_reaches_people_though_a_limit_is_reached(harness: Harness) -> None:
    harness.limits = AlertLimits(family=1, stack=3)
    for number in range(5):
        deed = Deed(
            kind="grant", what=f"grant role r-{number} access", task_definition=str(revision_arn()), target=str(number)
        )
        done = Remediation(event="Remediation Completed", deed=deed, message_id=f"m-{number}")
        harness.reporter.remediation(done, now=harness.time)
    events = list(harness.sent.events)
    assert [each.held for each in deliver(harness)] == ["", "", "", STACK, STACK]
    assert remind(harness).summarized == 2
    (summary,) = summaries(harness)
    assert sorted(line for line in summary.splitlines() if line.startswith("- ")) == [
        "- granted role r-3 access",
        "- granted role r-4 access",
    ]
    harness.later(days=13)
    harness.sent.events = events
    assert {each.sent for each in deliver(harness)} == {False}


# --- Reminders ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "alone", "summed"), [(3, 3, 0), (4, 0, 4)])
def test_more_than_three_reminders_at_once_are_one_summary(
    harness: Harness, count: int, alone: int, summed: int
) -> None:
    harness.reminder_every = timedelta(hours=24)
    fail(harness, count)
    results = []
    for _ in range(6):
        harness.later(hours=8)
        results.append(remind(harness))
    assert [(each.reminded, each.summarized) for each in results if each.reminded or each.summarized] == [
        (alone, summed)
    ] * 2
    if summed:
        assert subjects(harness)[-1] == "[Pullguard] summary of 4 alerts: 4 reminders"
        assert named(summaries(harness)[0]) == {1, 2, 3, 4}


def test_reminders_do_not_count(harness: Harness) -> None:
    harness.reminder_every = timedelta(hours=24)
    fail(harness, 3)
    harness.later(hours=24)
    assert remind(harness).reminded == 3
    assert [each.sent for each in fail(harness, 7)].count(True) == 4


# --- What a family or an invented reference cannot do ---


def serve(here: Harness, family: str, revision: int = 1) -> None:
    """Let the ledger know a service that runs a revision."""
    here.services.keep(service(family).service_arn, Kept(task_definition=str(revision_arn(family, revision))))


def limited(ledger: Ledger, stack: int = 60) -> Harness:
    return Harness(ledger, World(), limits=AlertLimits(family=4, stack=stack), reminder_every=None)


def test_revisions_that_nothing_runs_hold_back_no_alert_about_a_service(ledger: Ledger) -> None:
    here = limited(ledger)
    serve(here, "web")
    here.world = wrong_names(2, 3, 4, 5)
    validate_all(here)
    assert [each.sent for each in deliver(here)] == [True] * 4
    here.world = wrong_names(1)
    validate_all(here)
    assert [each.sent for each in deliver(here)] == [True]


def test_an_incident_held_for_its_first_family_is_announced_once_it_concerns_services(ledger: Ledger) -> None:
    here, shared = limited(ledger), secret("registry/shared")
    fail(here, 4, family="evil")
    here.world = World((task_definition(container(shared.arn), family="evil", revision=9),), (role(),), ())
    validate_all(here)
    assert [each.held for each in deliver(here)] == ["evil"]
    families = [f"prod{number}" for number in range(3)]
    for family in families:
        serve(here, family)
    definitions = (task_definition(container(shared.arn), family=family, revision=1) for family in families)
    here.world = World(tuple(definitions), (role(),), ())
    validate_all(here)
    assert [each.sent for each in deliver(here)] == [True, False, False]
    assert "3 services" in subjects(here)[-1]


def test_services_that_only_reference_the_same_secret_do_not_make_an_alert_urgent(ledger: Ledger) -> None:
    """Anyone who may register task definitions can name a living secret with a wrong suffix."""
    here, living = limited(ledger, stack=10), secret()
    serve(here, "web")
    healthy, reader = task_definition(container(living), family="web", revision=1), role(reads=[living])
    here.world = World((healthy,), (reader,), (living,))
    validate_all(here)
    held = []
    for number in range(6):
        stale = replace(living.arn, resource=f"{living.arn.resource[:-6]}AAAA{number:02d}")
        evil = task_definition(container(stale), family=f"evil{number}")
        here.world = World((healthy, evil), (reader,), (living,))
        here.validate(request(evil.arn))
        held += [each.held for each in deliver(here)]
    assert held == ["", "", "", "", "", UNUSED]
    serve(here, "prod")
    here.world = wrong_names(1, family="prod")
    validate_all(here)
    assert [each.sent for each in deliver(here)] == [True]
