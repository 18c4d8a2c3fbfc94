from collections import Counter
from datetime import timedelta

import pytest

from pullguard.planning.ecs_quota import BURST, DELAY_MAX_S, QUOTA_PER_S, SHARE_PER_S, delays_s, paced_until, wait_s
from tests.fakes import NOW

FAMILIES, A_PAGE = 10_000, 100
# What the quota imposes on one description of each family and one listing of each page.
IMPOSED_S = (FAMILIES + FAMILIES // A_PAGE - BURST) / QUOTA_PER_S


def schedule(late_s: float) -> list[float]:
    """Return when each call of a sweep is made, in seconds; each page comes ``late_s`` after its delay."""
    calls, until, now = list[float](), None, NOW
    for _ in range(FAMILIES // A_PAGE):
        seconds = (now - NOW).total_seconds()
        calls += [seconds, *(seconds + delay for delay in delays_s(A_PAGE))]
        until = paced_until(until, A_PAGE + 1, now=now)
        now += timedelta(seconds=wait_s(until, now=now) + late_s)
    return calls


@pytest.mark.parametrize("late_s", [0, 0.5, 2, 4])
def test_10_000_families_take_less_than_a_tenth_more_than_the_quota_imposes(late_s: float) -> None:
    calls = schedule(late_s)
    assert len(calls) == 10_100
    assert IMPOSED_S < max(calls) < 1.1 * IMPOSED_S


@pytest.mark.parametrize("late_s", [0, 0.5, 2, 4])
def test_events_find_room_in_the_bucket_throughout(late_s: float) -> None:
    tokens, before = float(BURST), 0.0
    for at in sorted(schedule(late_s)):
        tokens = min(BURST, tokens + (at - before) * QUOTA_PER_S) - 1
        before = at
        assert tokens > 0


def test_the_messages_of_a_page_are_spread_over_its_time() -> None:
    assert delays_s(0) == ()
    assert Counter(delays_s(100)) == {0: 19, 1: 18, 2: 19, 3: 18, 4: 19, 5: 7}
    assert Counter(delays_s(20, calls=2)) == {0: 10, 1: 9, 2: 1}
    assert delays_s(20_000)[-1] == DELAY_MAX_S


@pytest.mark.parametrize(
    ("before_s", "after_s"),
    [(None, 10), (0, 10), (30, 40), (-4, 6), (-10, 0), (-3600, 0)],
    ids=["first", "in-time", "early", "late", "very-late", "after-an-hour"],
)
def test_a_short_delay_is_made_up_for_and_a_long_one_is_not(before_s: float | None, after_s: float) -> None:
    before = None if before_s is None else NOW + timedelta(seconds=before_s)
    assert paced_until(before, int(10 * SHARE_PER_S), now=NOW) == NOW + timedelta(seconds=after_s)


@pytest.mark.parametrize(("until_s", "wait"), [(None, 0), (-5, 0), (0.9, 0), (5.9, 5), (5000, DELAY_MAX_S)])
def test_a_message_is_delayed_by_whole_seconds(until_s: float | None, wait: int) -> None:
    until = None if until_s is None else NOW + timedelta(seconds=until_s)
    assert wait_s(until, now=NOW) == wait
