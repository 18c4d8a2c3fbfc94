"""One task definition in a world, and what is planned for it."""

from dataclasses import dataclass, field, replace
from typing import Any

from pullguard.checks.examine import examine
from pullguard.domain.actions import Fix, Grant, MoveService, Plan, ReferenceChange, Reregister
from pullguard.domain.secret import Key, Secret
from pullguard.domain.usage import FailedStart, Reason
from pullguard.domain.verification import Verification
from pullguard.planning.planner import Rules, make_plan
from tests.fakes import CLUSTER, NOW, World, key, revision_arn, role, secret, secret_arn, service, task_definition


def plan(world: World, **rules: Any) -> Plan:
    facts = world.facts()
    return make_plan(facts, examine(facts).findings, Rules(**rules))


def world(*containers: dict[str, Any], secrets: tuple[Secret, ...], **changes: Any) -> World:
    """One task definition in a world where its role may read nothing, unless another role is given."""
    tags = changes.pop("tags", {})
    roles = (changes.pop("role", role()),)
    return World(task_definitions=(task_definition(*containers, tags=tags),), roles=roles, secrets=secrets, **changes)


GHCR = secret()
KEYED = secret(key=key())
AWS_KEYED = secret(key=key(2, manager="AWS", policy={}))
OLD, NEW = secret_arn(suffix="OldOld"), secret(suffix="NewNew")
SUCCESSOR = revision_arn(revision=8)
IMAGE = "ghcr.io/acme/web:1"
PROVED: dict[str, Any] = {
    "verifications": {IMAGE: Verification(answer="ok")},
    "as_anybody": {IMAGE: Verification(answer="rejected")},
}
ATTACH = {"pullguard:attach": "true"}
MEANT = secret("registry/meant", tags={"pullguard:roles": "web-*"})
NEW_QUAY = secret(suffix="NewNew", registry="quay.io")
REFUSED_START = FailedStart(
    task_arn="task/1",
    stopped_at=NOW,
    reasons=(Reason(text=f"CannotPullContainerError: pull access denied for {IMAGE}, repository does not exist"),),
)


def grant(of: Secret, **changes: Any) -> Grant:
    whole = Grant(
        task_definition=revision_arn(),
        role=role().arn,
        secret=of.arn,
        key=of.key.arn if isinstance(of.key, Key) and of.key.manager == "CUSTOMER" else None,
        findings=(),
    )
    return replace(whole, **changes)


def reregister(*changes: tuple[str | None, Secret | None], name: str = "app") -> Reregister:
    return Reregister(
        task_definition=revision_arn(),
        changes=tuple(
            ReferenceChange(container=name, before=before, after=after.arn if after else None)
            for before, after in changes
        ),
        findings=(),
    )


def move(name: str = "web") -> MoveService:
    return MoveService(
        cluster=CLUSTER,
        service=service(name).service_arn,
        before=revision_arn(),
        after=SUCCESSOR,
        changes=reregister((str(OLD), NEW)).changes,
    )


def bare(actions: tuple[Fix, ...]) -> tuple[Fix, ...]:
    """The actions without the ids of their findings, for comparison."""
    return tuple(each if isinstance(each, MoveService) else replace(each, findings=()) for each in actions)


@dataclass(frozen=True)
class Case:
    """A world, and what is to be done and refused in it; ``refused`` are kinds with words of their reasons."""

    world: World
    actions: tuple[Fix, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    rules: dict[str, Any] = field(default_factory=dict)


def check_plan(case: Case) -> None:
    """Check the actions, and the kinds and reasons of the refusals, in order."""
    made = plan(case.world, **case.rules)
    assert bare(made.actions) == case.actions
    assert [refusal.kind for refusal in made.refusals] == [kind for kind, _ in case.refused]
    for refusal, (_, words) in zip(made.refusals, case.refused, strict=True):
        assert words in refusal.why


def check_refusals(case: Case) -> None:
    """Check that each refusal says what the owner would do, and names its findings and its task definition."""
    for refusal in plan(case.world, **case.rules).refusals:
        assert refusal.remedy
        assert refusal.findings
        assert refusal.task_definition == revision_arn()
