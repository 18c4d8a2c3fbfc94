"""Notices: what there is to report, and for how long it has been so."""

from datetime import timedelta
from typing import Any

import pytest

from pullguard.alerts import describe
from tests.unit.alerts.notices import OPENED, REFUSAL, about_a_deed, notice


def test_a_notice_about_nothing_is_no_notice() -> None:
    with pytest.raises(ValueError, match="about none of them"):
        notice(findings=())


LATER = OPENED + timedelta(minutes=5)
SPANS: dict[str, tuple[dict[str, Any], timedelta | None]] = {
    "not-known-when-it-opened": ({"opened_at": None, "now": LATER}, None),
    "no-end": ({}, None),
    "until-now": ({"now": LATER}, timedelta(minutes=5)),
    "until-resolved": ({"resolved_at": LATER}, timedelta(minutes=5)),
    "resolved-counts-and-not-now": ({"resolved_at": LATER, "now": LATER + timedelta(days=1)}, timedelta(minutes=5)),
    "a-clock-that-runs-behind": ({"now": OPENED - timedelta(seconds=3)}, timedelta()),
}


@pytest.mark.parametrize(("changes", "lasted"), SPANS.values(), ids=SPANS)
def test_how_long_it_lasted(changes: dict[str, Any], lasted: timedelta | None) -> None:
    assert notice(**changes).lasted == lasted


def test_a_notice_may_be_about_a_finding_a_deed_or_both() -> None:
    deed = describe(REFUSAL)
    assert notice("Remediation Refused", deed=deed).findings == notice().findings
    assert about_a_deed("Remediation Refused", deed).deed == deed
