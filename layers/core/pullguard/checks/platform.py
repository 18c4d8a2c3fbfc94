"""Can the platform that runs it fetch registry credentials at all, and did a task just fail to start?"""

from collections.abc import Iterable
from typing import Final

from pullguard.checks.check import Check, referring, skipped, subject_of, unreadable
from pullguard.checks.failed_starts import quoted, recent_starts
from pullguard.findings import Answer, Failed, Passed, Remedy
from pullguard.model import Facts, Missing, NotLooked, ServiceUse, TaskUse, Unreadable, Usage
from pullguard.stopped_reason import explain

_PRIVATE_REGISTRY = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html"
_STOPPED_TASKS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html"
# Both from the page above: "platform version 1.2.0 or later", "version 1.19.0 or later of the container agent".
OLDEST_PLATFORM: Final = (1, 2, 0)
OLDEST_AGENT: Final = (1, 19, 0)


def _version(text: str) -> tuple[int, ...] | None:
    """Read ``1.18.0`` as numbers; None for LATEST and whatever else is no version."""
    parts = text.removeprefix("v").split(".")
    return tuple(int(part) for part in parts) if all(part.isascii() and part.isdigit() for part in parts) else None


def _used(facts: Facts) -> Usage | None:
    return facts.usage if isinstance(facts.usage, Usage) and any(referring(facts)) else None


def _platform_too_old(facts: Facts) -> Iterable[Answer]:
    """Linux platform versions only: those of Windows on Fargate are numbered by themselves, from 1.0.0."""
    yield from _not_looked(facts)
    usage = _used(facts)
    family = facts.task_definition.raw.get("runtimePlatform", {}).get("operatingSystemFamily", "LINUX")
    if usage is None or not str(family).startswith("LINUX"):
        return
    subject = subject_of(facts)
    services = [use for use in usage.services if _is_old(use.platform_version)]
    tasks = [use for use in usage.tasks if _is_old(use.platform_version)]
    if not services and not tasks:
        yield Passed(subject=subject)
        return
    old = (
        *(f"service {use.service_arn} runs on platform version {use.platform_version}" for use in services),
        *(f"task {use.task_arn} runs on platform version {use.platform_version}" for use in tasks),
    )
    service = next(iter(services), None)
    region = facts.task_definition.arn.region
    yield Failed(
        subject=subject,
        cause=f"{facts.task_definition.arn.resource_name} runs on a Fargate platform version before 1.2.0.",
        evidence="; ".join(old),
        remedy=Remedy(
            text="Let the service run on a platform version that is supported, best LATEST.",
            snippet=(
                f"aws ecs update-service --region {region} --cluster {service.cluster_arn} --service {service.name} "
                "--platform-version LATEST"
                if service
                else None
            ),
        ),
    )


def _is_old(platform: str | None) -> bool:
    version = None if platform is None else _version(platform)
    return version is not None and version < OLDEST_PLATFORM


def _not_looked(facts: Facts) -> Iterable[Answer]:
    """Say once, for the group, that nobody looked where the revision runs."""
    if not any(referring(facts)):
        return
    match facts.usage:
        case NotLooked() as not_looked:
            yield skipped(subject_of(facts), not_looked)
        case Unreadable() as unread:
            yield unreadable(subject_of(facts), "Where the revision runs", unread)
        case Missing() | Usage():
            return


def _agent_too_old(facts: Facts) -> Iterable[Answer]:
    usage = _used(facts)
    if usage is None:
        return
    uses: tuple[ServiceUse | TaskUse, ...] = (*usage.services, *usage.tasks)
    clusters = {use.cluster_arn for use in uses if use.launch_type != "FARGATE" and use.platform_version is None}
    instances = [instance for instance in usage.instances if instance.cluster_arn in clusters]
    if not instances:
        return
    subject = subject_of(facts)
    old = [
        instance
        for instance in instances
        if (version := _version(instance.agent_version)) is not None and version < OLDEST_AGENT
    ]
    if not old:
        yield Passed(subject=subject)
        return
    yield Failed(
        subject=subject,
        cause=(
            f"{len(old)} of {len(instances)} container instances that may place "
            f"{facts.task_definition.arn.resource_name} have a container agent before 1.19.0."
        ),
        evidence="; ".join(f"{instance.instance_arn}: agent {instance.agent_version}" for instance in old[:10]),
        remedy=Remedy(
            text="Update the agent, or replace the instance by one of a current ECS-optimized image.",
            snippet=(
                f"aws ecs update-container-agent --region {facts.task_definition.arn.region} "
                f"--cluster {old[0].cluster_arn} --container-instance {old[0].instance_arn}"
            ),
        ),
    )


def _start_failed(facts: Facts) -> Iterable[Answer]:
    usage = facts.usage
    if not isinstance(usage, Usage):
        return
    recent = recent_starts(facts)
    related = [start for start in recent if explain(start.reasons).is_registry_related]
    subject = subject_of(facts)
    if not related:
        if recent or usage.tasks:
            yield Passed(subject=subject)
        return
    newest = max(related, key=lambda start: start.stopped_at)
    explanation = explain(newest.reasons)
    yield Failed(
        subject=subject,
        cause=(
            f"A task of {facts.task_definition.arn.resource_name} failed to start at "
            f"{newest.stopped_at:%Y-%m-%d %H:%M:%S} UTC: {explanation.sentence}"
        ),
        evidence=quoted(newest),
        remedy=Remedy(text="Look at the task's network, and at the registry's limits."),
        explained_by=explanation.checks,
    )


CHECKS = (
    Check(
        id="fargate-platform-too-old",
        group="platform and run time",
        severity="error",
        fails_when="a service or task runs it on a Fargate (Linux) platform version before 1.2.0",
        fix="none",
        source=_PRIVATE_REGISTRY,
        ask=_platform_too_old,
    ),
    Check(
        id="container-agent-too-old",
        group="platform and run time",
        severity="error",
        fails_when="a container instance that may place it has a container agent before 1.19.0",
        fix="none",
        source=_PRIVATE_REGISTRY,
        ask=_agent_too_old,
    ),
    Check(
        id="task-start-failed",
        group="platform and run time",
        severity="error",
        fails_when=(
            "a task stopped within the last 15 minutes with a registry-authentication or pull reason; the finding says "
            "which check explains it"
        ),
        fix="none",
        source=_STOPPED_TASKS,
        ask=_start_failed,
    ),
)
