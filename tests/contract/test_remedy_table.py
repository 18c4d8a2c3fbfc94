"""Every remedy with a command is pasted by a test (tests/remedies), or is listed with the reason why it is not."""

from collections import Counter

from pullguard.checks.catalogue import CHECKS
from tests.remedies.table import NOT_PASTED, PASTED

PASTED_CHECKS = {row.check for row in PASTED}


def test_every_check_with_a_command_is_in_exactly_one_of_the_two() -> None:
    """A finding's command that the check does not announce is seen in its world (tests/worlds/test_catalogue.py)."""
    known = {check.id for check in CHECKS}
    with_command = {check.id for check in CHECKS if "aws " in check.remedy}
    assert PASTED_CHECKS & NOT_PASTED.keys() == set()
    assert with_command <= PASTED_CHECKS | NOT_PASTED.keys() <= known


def test_every_row_has_a_name_of_its_own_and_a_world() -> None:
    assert [name for name, count in Counter((row.check, row.way) for row in PASTED).items() if count > 1] == []
    assert all(row.broken.facts is None for row in PASTED), "the embedded AWS holds no facts by hand"


def test_every_reason_is_one() -> None:
    assert all(len(reason.split()) > 4 for reason in NOT_PASTED.values())
