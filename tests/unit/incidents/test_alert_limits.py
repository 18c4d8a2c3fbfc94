"""Which limit the next alert would exceed."""

from datetime import timedelta

import pytest

from pullguard.incidents.alert_limits import (
    ALERTS_MAX,
    HOUR,
    STACK,
    UNUSED,
    AlertLimits,
    SentAlert,
    exceeded,
    together_with,
)
from tests.fakes import NOW

LIMITS = AlertLimits(family=4, stack=60)


def alert(what: str = "next", family: str = "web", *, in_use: bool = True, ago: timedelta = timedelta()) -> SentAlert:
    return SentAlert(what=what, family=family, in_use=in_use, at=NOW - ago)


def several(count: int, family: str = "", *, in_use: bool = True, ago: timedelta = timedelta()) -> list[SentAlert]:
    return [alert(f"{family}{number}{in_use}", family, in_use=in_use, ago=ago) for number in range(count)]


NEXT: dict[str, tuple[SentAlert, list[SentAlert], AlertLimits, str]] = {
    "the-first": (alert(), [], LIMITS, ""),
    "the-familys-last": (alert(), several(3, "web"), LIMITS, ""),
    "one-more-than-the-familys-last": (alert(), several(4, "web"), LIMITS, "web"),
    "after-an-hour": (alert(), several(4, "web", ago=HOUR), LIMITS, ""),
    "before-the-hour-is-over": (alert(), several(4, "web", ago=HOUR - timedelta(seconds=1)), LIMITS, "web"),
    "another-family": (alert(family="api"), several(4, "web"), LIMITS, ""),
    "about-several-families": (alert(family=""), several(4, "web"), LIMITS, ""),
    "no-limit-for-a-family": (alert(), several(9, "web"), AlertLimits(stack=60), ""),
    "no-limit-at-all": (alert(), several(999, "web"), AlertLimits(), ""),
    "the-stacks-last": (alert(), several(59), LIMITS, ""),
    "one-more-than-the-stacks-last": (alert(), several(60), LIMITS, STACK),
    "the-family-comes-first": (alert(), several(4, "web") + several(56), LIMITS, "web"),
    "the-last-of-what-nothing-runs": (alert(in_use=False), several(29, in_use=False), LIMITS, ""),
    "one-more-of-what-nothing-runs": (alert(in_use=False), several(30, in_use=False), LIMITS, UNUSED),
    "what-runs-does-not-use-that-half": (alert(in_use=False), several(59), LIMITS, ""),
    "a-service-beside-what-nothing-runs": (alert(), several(30, in_use=False), LIMITS, ""),
    "half-of-one-is-one": (alert(in_use=False), [], AlertLimits(stack=1), ""),
    "one-that-was-counted": (alert("web0True"), several(4, "web"), LIMITS, ""),
}


@pytest.mark.parametrize(("following", "sent", "limits", "limit"), NEXT.values(), ids=NEXT)
def test_the_next_alert_exceeds_a_limit(
    following: SentAlert, sent: list[SentAlert], limits: AlertLimits, limit: str
) -> None:
    assert exceeded(following, sent, limits) == limit


@pytest.mark.parametrize(("scope", "count"), [("web", 4), (STACK, 61), (UNUSED, 31)])
def test_a_limit_is_a_number_of_alerts(scope: str, count: int) -> None:
    assert AlertLimits(family=4, stack=61).of(scope) == count


def test_an_alert_is_counted_once_and_for_an_hour() -> None:
    old, recent = alert("old", ago=HOUR), alert("recent", ago=HOUR / 2)
    assert together_with(alert("next"), [old, recent]) == (recent, alert("next"))
    assert together_with(alert("recent"), [old, recent]) == (alert("recent"),)


def test_no_more_than_a_thousand_are_remembered_the_newest() -> None:
    kept = together_with(alert(), several(2 * ALERTS_MAX))
    assert (len(kept), kept[-1]) == (ALERTS_MAX, alert())


def test_an_alert_is_stored_in_the_second() -> None:
    stored = alert(in_use=False, ago=timedelta(microseconds=1))
    assert SentAlert.from_list(stored.to_list()) == alert(in_use=False, ago=timedelta(seconds=1))
