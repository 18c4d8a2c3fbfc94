"""``pullguard findings``."""

from pullguard.checks.catalogue import CHECKS
from tests.unit.cli.conftest import Run


def test_findings_lists_the_catalogue(run: Run) -> None:
    out = run("findings").out
    assert all(check.id in out for check in CHECKS)
    one = run("findings", "reference-stale")
    assert (one.code, "re-register" in one.out) == (0, True)
    assert run("findings", "reference-stall").err == (
        'pullguard: There is no check "reference-stall". Did you mean reference-stale?\n'
    )
