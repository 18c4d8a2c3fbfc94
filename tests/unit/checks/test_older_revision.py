"""On a revision that is not the newest Pullguard promises no copy, and says where to go."""

from dataclasses import replace

from pullguard.checks.examine import examine
from pullguard.domain.actions import Plan
from pullguard.domain.findings import Finding
from pullguard.domain.usage import Usage
from pullguard.planning.planner import Rules, make_plan
from tests.fakes import CLUSTER, World, container, revision_arn, role, secret, secret_arn, service, task_definition

NEW = secret(suffix="NewNew")
STALE = World((task_definition(container(secret_arn(suffix="OldOld"))),), (role(reads=(NEW,)),), (NEW,))


def stale(usage: Usage, world: World = STALE) -> Finding:
    (finding,) = examine(replace(world.facts(), usage=usage)).findings
    assert finding.check == "reference-stale"
    return finding


def test_the_newest_is_registered_again() -> None:
    assert stale(Usage(newest=True)).remedy.action == "reregister"


def test_an_older_one_makes_way_for_the_newest() -> None:
    newest = revision_arn(revision=8)
    remedy = stale(Usage(newest=False, latest=newest, services=(service(), service("b", controller="EXTERNAL")))).remedy
    assert remedy.action == "none"
    assert "web:8 is newer" in remedy.text
    assert remedy.snippet == (
        f"aws ecs update-service --region us-east-1 --cluster {CLUSTER} --service web --task-definition {newest}"
    )


def test_the_plan_is_kept_if_our_own_revision_has_taken_its_place() -> None:
    newest = revision_arn(revision=8)
    assert stale(Usage(newest=False, latest=newest, successor=newest)).remedy.action == "reregister"


def test_a_working_reference_is_left_alone_with_a_remark() -> None:
    world = World((task_definition(container(NEW.name)),), (role(reads=(NEW,)),), (NEW,))
    (finding,) = examine(replace(world.facts(), usage=Usage(newest=True))).findings
    assert (finding.check, finding.severity, finding.remedy.action) == (
        "reference-not-full-arn",
        "warning",
        "reregister",
    )
    assert "left to you" in finding.remedy.text
    assert make_plan(world.facts(), (finding,), Rules()) == Plan()
