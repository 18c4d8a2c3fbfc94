"""The externally visible state of a family, independent of anything that Pullguard reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import agent
from sandbox.agent import Fetch
from sandbox.demo.scene import Scene
from sandbox.worlds.demo import CLUSTER, role_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A family at one moment.

    ``fetch`` is the result of the agent for the newest revision. ``policies`` are the role's inline policies by name,
    ``revisions`` the raw task definitions with their tags, oldest first.
    """

    family: str
    fetch: Fetch
    policies: Mapping[str, Any]
    attached: tuple[str, ...]
    revisions: tuple[Mapping[str, Any], ...]
    running: str | None

    @property
    def newest(self) -> Mapping[str, Any]:
        """The newest revision."""
        return self.revisions[-1]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The revisions' numbers."""
        return tuple(int(each["revision"]) for each in self.revisions)


def reference_of(revision: Mapping[str, Any]) -> str:
    """Return the reference of a revision's only container."""
    (container,) = revision["containerDefinitions"]
    return str(container["repositoryCredentials"]["credentialsParameter"])


def observe(scene: Scene, family: str) -> Observation:
    """Observe a registered family."""
    revisions = _revisions(scene, family)
    role = role_name(family)
    iam = scene.aws.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    return Observation(
        family=family,
        fetch=agent.fetch(scene.aws, revisions[-1]["executionRoleArn"], reference_of(revisions[-1])),
        policies={name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names},
        attached=tuple(sorted(policy["PolicyArn"] for policy in attached)),
        revisions=revisions,
        running=_running(scene, family),
    )


def _revisions(scene: Scene, family: str) -> tuple[Mapping[str, Any], ...]:
    ecs = scene.aws.client("ecs")
    arns = ecs.list_task_definitions(familyPrefix=family, sort="ASC")["taskDefinitionArns"]
    described = [ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"]) for arn in arns]
    revisions = [
        {**each["taskDefinition"], "tags": {tag["key"]: tag["value"] for tag in each.get("tags", [])}}
        for each in described
        if each["taskDefinition"]["family"] == family
    ]
    return tuple(sorted(revisions, key=lambda revision: int(revision["revision"])))


def _running(scene: Scene, family: str) -> str | None:
    """Return the revision (``worker:1``) that the service of the family's own name runs, None without one."""
    services = scene.aws.client("ecs").describe_services(cluster=CLUSTER, services=[family])["services"]
    return str(services[0]["taskDefinition"]).rpartition("/")[2] if services else None
