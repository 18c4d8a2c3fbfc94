"""Many permission or tag changes of one resource: validations at once for the first, later ones for the rest."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.store.claims import ClaimStore
from pullguard.store.ledger import Ledger
from pullguard.workflows import resolve_change
from pullguard.workflows.resolve_change import CLOCKS_S, _fingerprint
from tests.fakes import Crash, World, container, revision_arn, role, secret, task_definition
from tests.flows import Harness, request
from tests.unit.workflows.resolve_change.scene import GHCR, WEB, asked, resolver, sample
from tests.unit.workflows.resolve_change.shared_key import DEPENDENTS, KEY_USERS, event, use_key

WINDOW_S = 60
DELAY_S = WINDOW_S + CLOCKS_S
ITEM_MAX_BYTES = 400 * 1024  # of DynamoDB


def change(number: int, name: str = "put-role-policy") -> str:
    return event(name, f"change-{number}")


def delays(here: Harness) -> list[int]:
    return [each["DelaySeconds"] for each in here.sent.messages if each["QueueUrl"] == "validations"]


@pytest.fixture
def keyed(ledger: Ledger) -> Harness:
    """Twelve task definitions depend on one key."""
    here = Harness(ledger, World())
    for arn in KEY_USERS:
        use_key(ledger, arn)
    return here


def test_thirty_grants_on_a_shared_key_cost_two_validations_of_each_dependent(keyed: Harness) -> None:
    results = []
    for number in range(30):
        results.append(resolver(keyed).resolve(change(number, ("create-grant", "revoke-grant")[number % 2])))
        keyed.later(seconds=1)
    assert delays(keyed) == [0] * DEPENDENTS + [DELAY_S] * DEPENDENTS
    assert sorted(asked(keyed)) == sorted([str(arn) for arn in KEY_USERS] * 2)
    assert [each.asked for each in results] == [DEPENDENTS, DEPENDENTS, *[0] * 28]
    assert [each.debounced for each in results] == [False, False, *[True] * 28]
    assert not any(each.copy for each in results)


URGENT = ("disable-key", "enable-key", "schedule-key-deletion", "key-deleted")


@pytest.mark.parametrize("name", URGENT)
def test_an_urgent_change_of_the_same_key_is_never_delayed(keyed: Harness, name: str) -> None:
    for number in range(3):
        resolver(keyed).resolve(change(number, "create-grant"))
    keyed.sent.messages.clear()
    assert resolver(keyed).resolve(change(3, name)).asked == DEPENDENTS
    assert delays(keyed) == [0] * DEPENDENTS


@pytest.mark.parametrize("name", ["secret-label-updated", "delete-secret", "restore-secret", "rotation-failed"])
def test_an_urgent_change_of_a_secret_is_not_delayed_by_its_tags(harness: Harness, name: str) -> None:
    for number in range(3):
        resolver(harness).resolve(change(number, "tag-secret"))
    harness.sent.messages.clear()
    assert resolver(harness).resolve(sample(name)).asked == 2
    assert delays(harness) == [0, 0]


@pytest.mark.parametrize("name", ["register-task-definition", "update-service", "task-stopped-fargate"])
def test_a_change_of_a_task_definition_is_not_delayed_by_its_role(harness: Harness, name: str) -> None:
    for number in range(3):
        resolver(harness).resolve(change(number))
    harness.sent.messages.clear()
    resolver(harness).resolve(sample(name))
    assert delays(harness) == [0]


# Each row: when changes of one role come, in seconds, and the delays of the validations that they request.
COMINGS: dict[str, tuple[list[int], list[int]]] = {
    "one": ([0], [0]),
    "two, one after the other": ([0, WINDOW_S], [0, 0]),
    "two at a time": ([0, 1], [0, DELAY_S]),
    "one before the later validation is due": ([0, 1, WINDOW_S], [0, DELAY_S]),
    "one after it": ([0, 1, 1 + WINDOW_S], [0, DELAY_S, 0]),
    "every five seconds for three minutes": ([*range(0, 3 * WINDOW_S, 5)], [0, DELAY_S] * 3),
}


@pytest.mark.parametrize(("times", "expected"), COMINGS.values(), ids=COMINGS)
def test_changes_are_validated_at_once_or_later_and_never_left_out(
    harness: Harness, times: list[int], expected: list[int]
) -> None:
    start = harness.now()
    for number, seconds in enumerate(times):
        harness.later(seconds=seconds - (harness.now() - start).total_seconds())
        resolver(harness).resolve(change(number))
    assert delays(harness) == expected


@pytest.mark.parametrize(
    ("debounce_s", "expected"), [(0, [0, 0, 0]), (1, [0, 2]), (899, [0, 900]), (900, [0, 900])], ids=str
)
def test_the_window_is_a_setting_and_sqs_delays_a_message_for_fifteen_minutes_at_most(
    harness: Harness, debounce_s: int, expected: list[int]
) -> None:
    for number in range(3):
        resolver(harness, debounce_s=debounce_s).resolve(change(number))
    assert delays(harness) == expected


def test_a_later_validation_carries_the_provenance_of_the_change_that_requested_it(harness: Harness) -> None:
    for number, name in enumerate(("put-role-policy", "tag-role", "detach-role-policy")):
        resolver(harness).resolve(change(number, name))
    causes = [each["cause"] for each in harness.sent.bodies("validations")]
    assert [(each["kind"], each["event_id"]) for each in causes] == [
        ("PutRolePolicy", "change-0"),
        ("TagRole", "change-1"),
    ]


def test_changes_of_two_resources_do_not_wait_for_each_other(harness: Harness) -> None:
    changes = [change(0), change(1, "tag-secret"), change(2).replace("web-execution", "api-execution")]
    results = [resolver(harness).resolve(each) for each in changes]
    assert [(each.asked, each.delay_s) for each in results] == [(1, 0), (2, 0), (1, 0)]


@pytest.mark.parametrize("changes_before", [1, 2], ids=["after the first", "after the later validations"])
def test_a_new_dependent_gets_a_later_validation_and_the_others_no_more(harness: Harness, changes_before: int) -> None:
    for number in range(changes_before):
        resolver(harness).resolve(change(number))
    late = task_definition(container(GHCR), family="late", role_name="web-execution")
    harness.world = World((late,), (role("web-execution", reads=[GHCR]),), (GHCR,))
    harness.validate(request(late.arn))
    result = resolver(harness).resolve(change(8))
    assert (result.affected, result.asked, result.delay_s) == (2, (2, 1)[changes_before - 1], DELAY_S)
    assert resolver(harness).resolve(change(9)).debounced
    assert Counter(asked(harness)) == {str(WEB): 2, str(late.arn): 1}


def test_a_new_dependent_does_not_extend_the_time_in_which_changes_wait(keyed: Harness, ledger: Ledger) -> None:
    for number in range(2):
        resolver(keyed).resolve(change(number, "create-grant"))
    for number in range(2, 5):
        keyed.later(seconds=15)
        use_key(ledger, revision_arn(f"new-{number}"))
        assert resolver(keyed).resolve(change(number, "create-grant")).asked == 1
    keyed.later(seconds=15)
    result = resolver(keyed).resolve(change(5, "create-grant"))
    assert (result.asked, result.delay_s) == (DEPENDENTS + 3, 0)


def test_thirty_changes_while_dependents_are_added_cost_two_validations_of_each(keyed: Harness, ledger: Ledger) -> None:
    for number in range(30):
        resolver(keyed).resolve(change(number, "create-grant"))
        use_key(ledger, revision_arn(f"new-{number:02}"))
        keyed.later(seconds=1)
    costs = Counter(asked(keyed))
    assert {costs[str(arn)] for arn in KEY_USERS} == {2}
    assert costs.total() == 2 * DEPENDENTS + 29


def test_dependents_beyond_those_that_a_mark_can_hold_are_validated_after_each_change(
    keyed: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve_change, "_COVERED_MAX", DEPENDENTS - 2)
    results = [resolver(keyed).resolve(change(number, "create-grant")) for number in range(4)]
    assert [each.asked for each in results] == [DEPENDENTS, DEPENDENTS, 2, 2]


def test_the_mark_of_the_most_dependents_fits_an_item(keyed: Harness, ledger: Ledger) -> None:
    most = frozenset(_fingerprint(revision_arn(f"family-{number}")) for number in range(resolve_change._COVERED_MAX))
    assert len(most) == resolve_change._COVERED_MAX
    ledger.claims.mark("x", now=keyed.now(), of=most)
    marked = ledger.claims.marked("x", now=keyed.now())
    assert marked is not None
    assert len(json.dumps(list(marked.of))) < ITEM_MAX_BYTES * 0.7


def test_a_change_is_not_left_out_after_the_later_validations_although_its_runs_clock_is_behind(
    harness: Harness,
) -> None:
    resolver(harness).resolve(change(0))
    start, ahead_s = harness.now(), 0.5
    harness.later(seconds=ahead_s)
    due = start + timedelta(seconds=resolver(harness).resolve(change(1)).delay_s)
    harness.time = due - timedelta(seconds=ahead_s)
    assert not resolver(harness).resolve(change(2)).debounced


def test_an_event_that_affects_no_task_definition_is_not_debounced(harness: Harness) -> None:
    nobodys = secret("nobodys", "Nobody")
    for number in range(3):
        result = resolver(harness).resolve(change(number, "tag-secret").replace(str(GHCR.arn), str(nobodys.arn)))
        assert (result.affected, result.debounced, result.cold) == (0, False, True)


# --- Runs that fail ---


@pytest.mark.parametrize("changes_before", [0, 1], ids=["the first", "a later one"])
def test_a_change_whose_validations_could_not_be_requested_requests_them_again(
    harness: Harness, changes_before: int
) -> None:
    for number in range(changes_before):
        resolver(harness).resolve(change(number))
    harness.sent.messages.clear()
    harness.sent.failing.append("send_message_batch")
    with pytest.raises(Crash):
        resolver(harness).resolve(change(8))
    result = resolver(harness).resolve(change(8))
    assert (result.asked, result.delay_s) == (1, (0, DELAY_S)[changes_before])
    assert asked(harness) == [str(WEB)]


def test_a_change_after_one_that_failed_requests_the_validations_itself(harness: Harness) -> None:
    resolver(harness).resolve(change(0))
    harness.sent.failing.append("send_message_batch")
    with pytest.raises(Crash):
        resolver(harness).resolve(change(1))
    assert resolver(harness).resolve(change(2)).delay_s == DELAY_S


def test_no_change_relies_on_validations_that_a_dead_run_may_not_have_requested(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver(harness).resolve(change(0))
    with monkeypatch.context() as patched:  # a run that ends at its time limit records nothing
        patched.setattr(ClaimStore, "mark", lambda *_, **__: None)
        harness.sent.failing.append("send_message_batch")
        with pytest.raises(Crash):
            resolver(harness).resolve(change(1))
    harness.sent.messages.clear()
    began = harness.now()
    results = [resolver(harness).resolve(change(number)) for number in range(2, 11)]
    assert [each.delay_s for each in results] == [DELAY_S, *[0] * 8]
    assert [each.debounced for each in results] == [False, *[True] * 8]
    assert asked(harness) == [str(WEB)]
    assert harness.now() - began <= timedelta(seconds=1), "only the first waits for the dead run"


def test_a_change_waits_for_the_run_that_is_requesting_the_validations(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver(harness).resolve(change(0))
    mark, waits, results = ClaimStore.mark, [], []

    def mark_late(store: ClaimStore, what: str, **given: Any) -> None:
        """The next change comes between the requests and their mark."""

        def pause(seconds: float) -> None:
            waits.append(seconds)
            mark(store, what, **given)

        results.append(replace(resolver(harness), pause=pause).resolve(change(2)))

    monkeypatch.setattr(ClaimStore, "mark", mark_late)
    assert resolver(harness).resolve(change(1)).delay_s == DELAY_S
    assert [each.debounced for each in results] == [True]
    assert len(waits) == 1
