"""Can the platform fetch registry credentials at all, and did a task just fail to start?"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from pullguard.checks.check import (
    NEEDS_RUNNING,
    PRIVATE_REGISTRY,
    Check,
    gives_credentials,
    image_of,
    skipped,
    subject_of,
    unreadable,
)
from pullguard.checks.failed_starts import ROLE_GATES, OtherRole, diagnosed, other_role, quoted, recent_starts
from pullguard.domain.arn import Arn
from pullguard.domain.aws_cli import command, in_order
from pullguard.domain.diagnosis import Diagnosis, Explanation, Kind
from pullguard.domain.errors import shown
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Passed, Remedy, Unsure
from pullguard.domain.lookup import Missing, NotAsked, Unreadable
from pullguard.domain.usage import FailedStart, Instance, ServiceUse, TaskUse, Usage

_STOPPED_TASKS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html"
# Both from the page above: "platform version 1.2.0 or later", "version 1.19.0 or later of the container agent".
OLDEST_PLATFORM: Final = (1, 2, 0)
OLDEST_AGENT: Final = (1, 19, 0)

_NAMED_MAX: Final = 10
_CHECK_THE_OTHER_ROLE: Final = "Check that role: Pullguard examines the task definition's own only."
_OR_THE_OWN_ROLE: Final = "or start the task with the task definition's role."
_ALLOW_READING: Final = (
    "Let it read the secret (secretsmanager:GetSecretValue) and decrypt it with the secret's key (kms:Decrypt)"
)
# The causes in the role, and what the role then lacks.
_LACKED_BY_THE_ROLE: Final[Mapping[Kind, str]] = {
    "role-credentials": "Let ecs-tasks.amazonaws.com assume it, and check that it exists under the ARN that is named",
    "credentials-denied": "Give it the access that the text says is missing",
    "decrypt-denied": "Let it kms:Decrypt with the secret's key, in its own policy and in the key's",
    "credentials-failed": _ALLOW_READING,
    "unclear": _ALLOW_READING,
}
# Causes that also affect a task that needs the role or Secrets Manager only for something else.
_OF_ANY_SECRET: Final[frozenset[Kind]] = frozenset({"role-credentials", "unclear"})
_UPDATE_AGENT: Final = "Update the agent, or replace the instance by one of a current ECS-optimized image."


def _version(text: str) -> tuple[int, ...] | None:
    """Read ``1.18.0`` as numbers; None for LATEST and any other text that is not a version."""
    parts = text.removeprefix("v").split(".")
    return tuple(int(part) for part in parts) if all(part.isascii() and part.isdigit() for part in parts) else None


def _used(facts: Facts) -> Usage | None:
    return facts.usage if isinstance(facts.usage, Usage) and gives_credentials(facts) else None


def _platform_too_old(facts: Facts) -> Iterable[Answer]:
    """Linux platform versions only: Windows on Fargate has its own numbers, from 1.0.0."""
    yield from _not_asked(facts)
    usage = _used(facts)
    family = facts.task_definition.raw.get("runtimePlatform", {}).get("operatingSystemFamily", "LINUX")
    if usage is None or not str(family).startswith("LINUX"):
        return
    subject = subject_of(facts)
    services = [use for use in usage.services if _is_before(OLDEST_PLATFORM, use.platform_version)]
    tasks = [use for use in usage.listed_tasks if _is_before(OLDEST_PLATFORM, use.platform_version)]
    if not services and not tasks:
        if not isinstance(usage.tasks, NotAsked):
            yield Passed(subject=subject)
        return
    old = (
        *(f"service {use.service_arn} runs on platform version {use.platform_version}" for use in services),
        *(f"task {use.task_arn} runs on platform version {use.platform_version}" for use in tasks),
    )
    region = facts.task_definition.arn.region
    yield Failed(
        subject=subject,
        cause=f"{facts.task_definition.arn.resource_name} runs on a Fargate platform version before 1.2.0.",
        evidence="; ".join(old),
        remedy=Remedy(
            text="Run it on a platform version that is supported, best LATEST.",
            snippet=in_order(*(_latest_platform(region, service) for service in services)) or None,
        ),
    )


def _latest_platform(region: str, service: ServiceUse) -> str | None:
    """Return the command that helps if ECS deploys the service; other controllers accept new task sets only."""
    if service.controller != "ECS":
        return None
    at = (("--region", region), ("--cluster", service.cluster_arn), ("--service", service.name))
    return command("ecs", "update-service", *at, ("--platform-version", "LATEST"))


def _is_before(oldest: tuple[int, ...], text: str | None) -> bool:
    version = None if text is None else _version(text)
    return version is not None and version < oldest


def _not_asked(facts: Facts) -> Iterable[Answer]:
    """Report once, for the group, that the uses of the revision were not read."""
    if not gives_credentials(facts):
        return
    match facts.usage:
        case NotAsked() as not_asked:
            question = "Can the platform versions and container agents that run it pull with credentials?"
            yield skipped(subject_of(facts), question, not_asked)
        case Unreadable() as unread:
            yield unreadable(subject_of(facts), "The services and tasks of the revision", unread)
        case Missing() | Usage():
            return


def _agent_too_old(facts: Facts) -> Iterable[Answer]:
    """Check the instances on which a service or task may be placed; a constraint unknown here may exclude some.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement.html
    """
    usage = _used(facts)
    if usage is None:
        return
    uses: tuple[ServiceUse | TaskUse, ...] = (*usage.services, *usage.listed_tasks)
    instances = [each for each in usage.instances if any(_may_be_placed_on(each, use) for use in uses)]
    subject, definition = subject_of(facts), facts.task_definition.arn
    if not instances:
        return
    old = [each for each in instances if _is_before(OLDEST_AGENT, each.agent_version)]
    if not old:
        yield Passed(subject=subject)
        return
    evidence = "; ".join(f"{each.instance_arn}: agent {each.agent_version}" for each in old[:_NAMED_MAX])
    constraints = _constraints(facts, usage)
    if constraints and len(old) < len(instances):
        yield Unsure(
            subject=subject,
            cause=(
                f"{len(old)} of {len(instances)} container instances have a container agent before 1.19.0; whether "
                f"{definition.resource_name} may be placed on them hangs on its placement constraints."
            ),
            evidence=f"{evidence}. Placement constraints: {'; '.join(map(shown, constraints))}",
            remedy=_update_agents(definition, old),
        )
        return
    yield Failed(
        subject=subject,
        cause=(
            f"{len(old)} of {len(instances)} container instances that may place {definition.resource_name} have a "
            "container agent before 1.19.0."
        ),
        evidence=evidence,
        remedy=_update_agents(definition, old),
    )


def _may_be_placed_on(instance: Instance, use: ServiceUse | TaskUse) -> bool:
    """Whether ECS considers the instance for it: by cluster, launch type and capacity provider."""
    if instance.cluster_arn != use.cluster_arn or use.launch_type == "FARGATE" or use.platform_version is not None:
        return False
    if instance.is_external is not (use.launch_type == "EXTERNAL"):
        return False
    providers = use.capacity_providers if isinstance(use, ServiceUse) else tuple(filter(None, (use.capacity_provider,)))
    return not providers or instance.capacity_provider in providers


def _constraints(facts: Facts, usage: Usage) -> tuple[str, ...]:
    """Return the placement expressions; ``distinctInstance`` restricts no particular instance."""
    own = (each.get("expression", "") for each in facts.task_definition.raw.get("placementConstraints") or ())
    services = (each for use in usage.services for each in use.constraints if each != "distinctInstance")
    return tuple(sorted({*filter(None, own), *services}))


def _update_agents(definition: Arn, old: list[Instance]) -> Remedy:
    named = old[:_NAMED_MAX]
    more = f" These are the first {len(named)} of {len(old)}." if len(old) > len(named) else ""
    return Remedy(
        text=f"{_UPDATE_AGENT}{more}",
        snippet=in_order(*(_update_agent(definition, instance) for instance in named)),
    )


def _update_agent(definition: Arn, instance: Instance) -> str:
    at = (("--region", definition.region), ("--cluster", instance.cluster_arn))
    return command("ecs", "update-container-agent", *at, ("--container-instance", instance.instance_arn))


def _start_failed(facts: Facts) -> Iterable[Answer]:
    usage = facts.usage
    if not isinstance(usage, Usage):
        return
    found = [(start, diagnosed(start, facts)) for start in recent_starts(facts)]
    related = [(start, diagnosis) for start, diagnosis in found if _is_related(diagnosis.explanation, facts)]
    subject = subject_of(facts)
    newest = max(related, key=lambda each: each[0].stopped_at, default=None)
    started = usage.last_started_at
    if newest is None or (started is not None and started > newest[0].stopped_at):
        if started is not None:
            yield Passed(subject=subject, proved_at=started)
        return  # without attempts, the absence of failures proves nothing
    yield _failed_to_start(facts, *newest)


_IF_PRIVATE: Final = (
    "If the image is private, register a revision that names a secret with the registry's credentials in "
    "repositoryCredentials. If it is public, check its name."
)


def _is_related(explanation: Explanation, facts: Facts) -> bool:
    """Whether a start failed for registry credentials or a pull. Other secrets need the execution role as well."""
    if explanation.kind in _OF_ANY_SECRET and not gives_credentials(facts):
        return False
    return explanation.is_registry_related


def _failed_to_start(facts: Facts, start: FailedStart, diagnosis: Diagnosis) -> Failed:
    explanation, subject = diagnosis.explanation, subject_of(facts)
    cause = (
        f"A task of {facts.task_definition.arn.resource_name} failed to start at "
        f"{start.stopped_at:%Y-%m-%d %H:%M:%S} UTC: {explanation.sentence}"
    )
    failed = Failed(
        subject=subject,
        cause=cause,
        evidence=quoted(start),
        remedy=Remedy(text=_fix(explanation, facts)),
        explained_by=explanation.checks,
        scope=_shared_fault(facts, diagnosis),
    )
    other = other_role(start, diagnosis, facts.task_definition)
    if other is None:
        return failed
    return replace(
        failed,
        subject=replace(subject, role=other.arn),
        cause=f"{cause} {other.sentence}",
        remedy=Remedy(text=_fix_with(other, explanation)),
        unrelated_gates=ROLE_GATES,
    )


def _fix(explanation: Explanation, facts: Facts) -> str:
    """Return the fix; if the task definition names no secret, no fix for a secret's content."""
    if explanation.kind == "pull-denied" and not gives_credentials(facts):
        return _IF_PRIVATE
    return explanation.how_to_fix


def _fix_with(other: OtherRole, explanation: Explanation) -> str:
    """Return the fix for a task that used ``other``; it concerns that role only if the cause is in the role."""
    lacked = _LACKED_BY_THE_ROLE.get(explanation.kind)
    if lacked is not None:
        return f"{_CHECK_THE_OTHER_ROLE} {lacked}, {_OR_THE_OWN_ROLE}"
    return f"{explanation.how_to_fix} Pullguard did not check the role that the task used, {other.role}."


def _shared_fault(facts: Facts, diagnosis: Diagnosis) -> str:
    """Return the shared fault if several families have it: the path to a host, or the host; otherwise empty."""
    images = (image_of(container) for container in facts.task_definition.containers)
    hosts = sorted({image.host for image in images if image is not None and not image.is_ecr})
    at = diagnosis.registry if diagnosis.registry in hosts else " and ".join(hosts)
    match diagnosis.explanation.kind:
        case "rate-limited":
            return f"pull limit of {at}"
        case "locked-out":
            return f"locked login at {at}"
        case "tls-failed":
            return f"certificate of {at}"
        case "address-refused":
            return f"firewall of {at}"
        case "registry-error":
            return f"registry {at}"
        case "registry-unreachable":
            return f"way to {at}"
        case "secret-unreachable":
            return "way to Secrets Manager"
        case "secret-throttled":
            return "quota of Secrets Manager"
        case _:
            return ""


CHECKS = (
    Check(
        id="fargate-platform-too-old",
        gate="platform",
        severity="error",
        fails_when="a service or task runs it on a Fargate (Linux) platform version before 1.2.0",
        needs=NEEDS_RUNNING,
        remedy="aws ecs update-service --service NAME --platform-version LATEST",
        source=PRIVATE_REGISTRY,
        ask=_platform_too_old,
    ),
    Check(
        id="container-agent-too-old",
        gate="platform",
        severity="error",
        fails_when="a container instance that may place it has a container agent before 1.19.0",
        needs=f"{NEEDS_RUNNING}, ecs:ListContainerInstances, ecs:DescribeContainerInstances",
        remedy="aws ecs update-container-agent, or a current ECS-optimized image",
        source=PRIVATE_REGISTRY,
        ask=_agent_too_old,
    ),
    Check(
        id="task-start-failed",
        gate="platform",
        severity="error",
        fails_when=(
            "a task stopped within the last 15 minutes with a registry-authentication or pull reason; the finding "
            "says which check explains it"
        ),
        fix_words="that of the check that explains it",
        needs=NEEDS_RUNNING,
        remedy="the remedy of the finding that explains it",
        source=_STOPPED_TASKS,
        ask=_start_failed,
    ),
)
