"""No false alarm: task definitions in every legal way to write them give no finding at all."""

import pytest

from pullguard.aws.readers import ReadValues
from pullguard.checks.examine import examine
from tests.worlds.catalogue import clean
from tests.worlds.examining import facts_of

FAMILIES = [definition.family for definition in clean.TASK_DEFINITIONS]
READ_VALUES: tuple[ReadValues, ...] = ("never", "opted-in", "all")


@pytest.mark.parametrize("values", READ_VALUES)
@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_is_found(family: str, values: ReadValues) -> None:
    (facts,) = (each for each in facts_of(clean.SCENE, values=values) if each.task_definition.family == family)
    examination = examine(facts)
    assert examination.findings == ()
    assert examination.summary.passed >= 12 * examination.summary.references, "something was looked at"


def test_it_is_large_enough() -> None:
    assert len(set(FAMILIES)) >= 50
