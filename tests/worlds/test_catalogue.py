"""Each finding in its world, and nothing in the near miss."""

import pytest

from pullguard.checks.examine import examine
from sandbox.worlds.catalogue import CASES
from sandbox.worlds.catalogue.parts import CREDENTIALS
from sandbox.worlds.catalogue.scene import Case
from tests.worlds.looking import facts_of, findings_of

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
# Near misses that are another task definition, or in which nobody looks any more or nobody can tell yet.
PROVES_NOTHING = {
    "reference-malformed: another partition",
    "credentials-missing: a twin at an address of Docker Hub",
    "credentials-missing: a twin that is nobody's official image",
    "credentials-missing: a twin with credentials",
    "credentials-missing: a registry of one's own",
    "credentials-missing: two secrets to choose from",
    "credentials-on-ecr-image: a malformed reference beside it",
    "secret-replica-failed: in progress for hours",
    "execution-role-missing: no executionRoleArn",
    "execution-role-not-found: a role of nothing",
    "fargate-platform-too-old: no Windows",
    "fargate-platform-too-old: with credentials",
    "container-agent-too-old: of its launch type",
    "container-agent-too-old: by capacity provider",
    "container-agent-too-old: not Fargate",
    "container-agent-too-old: of its cluster",
    "task-start-failed: too many pulls",
    "task-start-failed: fifteen minutes ago",
    "task-start-failed: credentials not read",
    "task-start-failed: not Amazon ECR's",
}
BY_NAME = [pytest.param(case, id=f"{case.check}: {case.way}") for case in CASES]


@pytest.mark.parametrize("case", BY_NAME)
def test_exactly_that_finding(case: Case) -> None:
    found = findings_of(case.broken)
    assert [(each.check, each.status, each.severity) for each in found] == [(case.check, case.status, case.severity)]
    assert str(CREDENTIALS["password"]) not in repr(found)


@pytest.mark.parametrize("case", BY_NAME)
def test_nothing_in_the_near_miss(case: Case) -> None:
    assert findings_of(case.near_miss) == ()


@pytest.mark.parametrize("case", BY_NAME)
def test_the_near_miss_ends_the_finding(case: Case) -> None:
    """A finding ends only if its check says that it is over: no check may fall silent where all is well."""
    open_ = {finding.id for facts in facts_of(case.broken) for finding in examine(facts).findings}
    passed = {id_ for facts in facts_of(case.near_miss) for id_ in examine(facts).passed}
    assert (open_ <= passed) is (f"{case.check}: {case.way}" not in PROVES_NOTHING)
