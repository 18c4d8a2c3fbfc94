"""World broken, alert read, snippet pasted, pull works: for each check whose broken state the embedded AWS can hold."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.emulator import Emulator
from tests.remedies.pasting import placed
from tests.remedies.table import EVERYTHING, LATER, PASTED, Row

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with Emulator() as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment.items():
            patch.setenv(name, value)
        yield aws


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.check}: {row.way}") for row in PASTED])
def test_a_pasted_remedy_leaves_the_pull_working(aws: Emulator, row: Row, tmp_path: Path) -> None:
    with placed(aws, row.broken, tmp_path) as place:
        wrong = [each for each in place.findings() if each.check == row.check]
        assert wrong
        for finding in wrong:
            printed = place.paste(finding)
            if row.by_person is not None:
                row.by_person(place, printed)
        place.scene = replace(place.scene, after=timedelta())
        assert [each.check for each in place.findings()] == list(row.leaves)
        pulls = place.pulls()
        assert pulls
        assert [each for each in pulls if not each.ok] == []


@pytest.mark.parametrize("name", EVERYTHING)
def test_all_that_is_found_is_pasted_in_its_order(aws: Emulator, name: str, tmp_path: Path) -> None:
    """First every command, then the revision with all members: ECS registers none whose role does not exist.

    The commands are pasted twice: none is one that may run only once, and none undoes another.
    """
    scene, by_person = EVERYTHING[name]
    with placed(aws, scene, tmp_path) as place:
        wrong = place.findings()
        assert len(wrong) > 1
        printed = "".join(place.run(finding) for finding in (*wrong, *wrong))
        for finding in wrong:
            place.register_members(finding)
        if by_person is not None:
            by_person(place, printed)
        assert [(each.check, each.cause) for each in place.findings()] == []
        assert [each for each in place.pulls() if not each.ok] == []


@pytest.mark.parametrize("name", LATER)
def test_a_later_remedy_takes_nothing_away(aws: Emulator, name: str, tmp_path: Path) -> None:
    scene, change = LATER[name]
    with placed(aws, scene, tmp_path) as place:
        for finding in place.findings():
            place.paste(finding)
        assert [each for each in place.pulls() if not each.ok] == []
        change(place)
        again = place.findings()
        assert again
        for finding in again:
            place.paste(finding)
        assert [(each.check, each.cause) for each in place.findings()] == []
        assert [each for each in place.pulls() if not each.ok] == []
