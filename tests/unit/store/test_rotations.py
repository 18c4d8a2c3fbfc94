"""How rotations ended: the latest end is kept, in whatever order events arrive."""

from datetime import timedelta

from pullguard.domain.secret import RotationEnd
from pullguard.store.ledger import Ledger
from tests.fakes import NOW, secret_arn

FAILED = RotationEnd(outcome="failed", at=NOW, step="testSecret")
LATER = RotationEnd(outcome="succeeded", at=NOW + timedelta(seconds=1))


def test_the_latest_end_is_kept(ledger: Ledger) -> None:
    assert ledger.rotations.end(secret_arn()) is None
    for end, kept in ((FAILED, FAILED), (LATER, LATER), (FAILED, LATER)):
        ledger.rotations.keep(secret_arn(), end)
        assert ledger.rotations.end(secret_arn()) == kept
    assert ledger.rotations.end(secret_arn("registry/other")) is None
