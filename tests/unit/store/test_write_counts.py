"""Writes per hour, for the circuit breaker."""

from datetime import timedelta

from pullguard.store.ledger import Ledger
from tests.fakes import NOW


def test_writes_are_counted_by_scope_and_hour(ledger: Ledger) -> None:
    hour = timedelta(hours=1)
    times = [("a", NOW), ("a", NOW), ("b", NOW), ("a", NOW + hour), ("a", NOW + timedelta(minutes=59))]
    for scope, at in times:
        ledger.write_counts.add(scope, now=at)
    assert [ledger.write_counts.in_hour(scope, now=NOW) for scope in ("a", "b", "c")] == [3, 1, 0]
    assert ledger.write_counts.in_hour("a", now=NOW + hour) == 1
