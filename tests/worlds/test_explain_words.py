"""The output of ``explain`` for each world of the catalogue: existing names only, in complete sentences."""

import pytest

from pullguard_cli.gates import pulls_of
from pullguard_cli.output.explanation import end_of
from tests.sentences import faults, said_of
from tests.worlds.catalogue import CASES, clean
from tests.worlds.catalogue.scene import Scene
from tests.worlds.examining import facts_of

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
SCENES = [
    *(pytest.param(case.broken, id=f"{case.check}: {case.way}") for case in CASES),
    *(pytest.param(case.near_miss, id=f"{case.check}: {case.way}: near miss") for case in CASES),
    pytest.param(clean.SCENE, id="clean"),
]


@pytest.mark.parametrize("scene", SCENES)
def test_no_sentence_names_what_is_not_there(scene: Scene) -> None:
    for facts in facts_of(scene):
        for pull in pulls_of(facts):
            reported = [*said_of(pull), ("end", f"{end_of(pull).plain.rstrip('.')}.")]
            assert [(gate, text) for gate, text in reported if faults(text)] == []
