"""An audit with cached revisions finds the same as one that describes everything, in each world of the catalogue."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from pullguard_cli.connection import Connection
from pullguard_cli.revision_cache import RevisionCache
from pullguard_cli.run_audit import Auditor
from pullguard_cli.scope import Scope
from tests.fakes import ACCOUNT, task_definition
from tests.worlds.catalogue import CASES, clean
from tests.worlds.catalogue.scene import Scene, prepare
from tests.worlds.examining import client, clients, registry_of

OTHERS = 10  # so many families must be cached that listing revisions may be cheaper
COUNTING = "count"
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
SCENES = [
    *(pytest.param(case.broken, id=f"{case.check}: {case.way}") for case in CASES),
    pytest.param(clean.SCENE, id="clean"),
]


class Silent:
    """Watches nothing."""

    def found(self, families: int) -> None:
        pass

    def checked(self, family: str) -> None:
        pass


def audited(scene: Scene, path: Path) -> tuple[dict[str, Any], Counter[str]]:
    """Audit a loaded scene with the cache in ``path``, and return what was found, and the calls that were made."""
    calls: Counter[str] = Counter()
    aws = clients(scene.region)
    for service in ("ecs", "resourcegroupstaggingapi"):
        events = aws.get(service).meta.events
        events.register("before-call", lambda model, **_: calls.update([model.name]), unique_id=COUNTING)
    cache = RevisionCache(path, account=ACCOUNT, region=scene.region)
    found = Auditor(
        Connection(clients=aws, account=ACCOUNT, region=scene.region),
        Scope(live_registry=scene.registry is not None),
        Silent(),
        cache=cache,
        now=lambda: datetime.now(UTC) + scene.after,
    ).run()
    cache.save()
    for service in ("ecs", "resourcegroupstaggingapi"):
        aws.get(service).meta.events.unregister("before-call", unique_id=COUNTING)
    return {**found.to_dict(), "passed": found.summary}, calls


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "revisions"


def fill(path: Path, region: str) -> None:
    """Keep other families than the scene's."""
    cache = RevisionCache(path, account=ACCOUNT, region=region)
    for number in range(OTHERS):
        cache.keep(task_definition(family=f"other-{number}"))
    cache.save()


@pytest.mark.parametrize("scene", SCENES)
def test_the_findings_are_the_same(scene: Scene, path: Path) -> None:
    with mock_aws() as aws, registry_of(scene.registry) as host:
        aws.reset()
        prepare(scene, client, {"registry": host})
        first, described = audited(scene, path)
        kept = len(RevisionCache(path, account=ACCOUNT, region=scene.region).families())
        fill(path, scene.region)
        second, calls = audited(scene, path)
    assert second == first
    assert (described["ListTaskDefinitions"], calls["ListTaskDefinitions"]) == (0, 1)
    assert calls["DescribeTaskDefinition"] == described["DescribeTaskDefinition"] - kept
