import pytest

from pullguard.aws.pace import Pace
from pullguard.planning.ecs_quota import QUOTA_PER_S


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def took(pace: Pace, clock: Clock, calls: int) -> float:
    began = clock()
    for _ in range(calls):
        pace.wait()
    return clock() - began


def test_nothing_limits_it_at_first(clock: Clock) -> None:
    assert took(Pace(clock=clock, sleep=clock.sleep), clock, 1000) == 0


def test_the_wanted_rate_is_kept(clock: Clock) -> None:
    assert took(Pace(5, clock=clock, sleep=clock.sleep), clock, 101) == pytest.approx(20, abs=0.3)


def test_throttling_brings_the_documented_quota(clock: Clock) -> None:
    pace = Pace(clock=clock, sleep=clock.sleep)
    pace.throttled()
    assert pace.per_second == QUOTA_PER_S
    assert took(pace, clock, 201) == pytest.approx(10, rel=0.1)


def test_throttling_brings_the_share_of_the_process(clock: Clock) -> None:
    pace = Pace(share=1.85, clock=clock, sleep=clock.sleep)
    assert took(pace, clock, 1000) == 0
    pace.throttled()
    assert pace.per_second == 1.85
    assert took(pace, clock, 20) == pytest.approx(10, rel=0.1)


def test_a_share_grows_in_proportion(clock: Clock) -> None:
    whole, share = (Pace(share=share, clock=clock, sleep=clock.sleep) for share in (20, 2))
    for pace in (whole, share):
        pace.throttled()
    clock.now += 30
    for pace in (whole, share):
        pace.wait()
    assert whole.per_second == pytest.approx(26)
    assert share.per_second == pytest.approx(2.6)


def test_throttled_together_is_one_sign(clock: Clock) -> None:
    pace = Pace(clock=clock, sleep=clock.sleep)
    for _ in range(16):
        pace.throttled()
    assert pace.per_second == QUOTA_PER_S
    clock.now += 3
    pace.throttled()
    assert pace.per_second is not None
    assert pace.per_second < QUOTA_PER_S


def test_it_recovers_and_never_passes_what_was_asked(clock: Clock) -> None:
    pace = Pace(10, clock=clock, sleep=clock.sleep)
    for _ in range(5):
        clock.now += 3
        pace.throttled()
    slow = pace.per_second
    clock.now += 3600
    pace.wait()
    assert slow is not None
    assert slow < 10
    assert pace.per_second == 10
