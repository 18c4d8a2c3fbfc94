"""Parse a described service into the revisions that it runs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pullguard.domain.usage import ServiceUse


def service_uses(cluster: str, service: Mapping[str, Any]) -> Iterator[ServiceUse]:
    """Yield what a service runs: its own task definition, and other ones of its task sets and deployments with tasks.

    A service with an external controller has no task definition of its own, but that of its primary task set.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html
    """
    deployments = service.get("deployments", ())
    own = ServiceUse(
        cluster_arn=cluster,
        service_arn=service["serviceArn"],
        name=service["serviceName"],
        task_definition=service.get("taskDefinition", ""),
        controller=service.get("deploymentController", {}).get("type", "ECS"),
        desired_count=service.get("desiredCount", 0),
        running_count=service.get("runningCount", 0),
        deployed_at=next((each.get("createdAt") for each in deployments if each.get("status") == "PRIMARY"), None),
        constraints=tuple(
            each.get("expression") or each.get("type", "") for each in service.get("placementConstraints", ())
        ),
        tags={each["key"]: each.get("value", "") for each in service.get("tags", ())},
        **_platform(service),
    )
    rest = sorted((*service.get("taskSets", ()), *deployments), key=lambda each: each.get("status") != "PRIMARY")
    if not own.task_definition and rest:
        first, *rest = rest
        own = replace(own, task_definition=first.get("taskDefinition", ""), **_platform(first))
    if own.task_definition:
        yield own
    known = {own.task_definition, "", None}
    for each in rest:
        if _wants_tasks(each) and (revision := each.get("taskDefinition")) not in known:
            known.add(revision)
            yield replace(
                own,
                task_definition=revision,
                beside=True,
                desired_count=each.get("computedDesiredCount", each.get("desiredCount", 0)),
                running_count=each.get("runningCount", 0),
                deployed_at=each.get("createdAt"),
                **_platform(each),
            )


def own_revision(service: Mapping[str, Any]) -> str | None:
    """Return the ARN of the service's desired task definition.

    Return None if the service no longer exists, if a controller other than ECS deploys it, or if the service and its
    primary deployment disagree: one of them is about to change.
    """
    controller = service.get("deploymentController", {}).get("type", "ECS")
    if (service.get("status"), controller) != ("ACTIVE", "ECS"):
        return None
    primary = {each.get("taskDefinition") for each in service.get("deployments", ()) if each.get("status") == "PRIMARY"}
    said = {service.get("taskDefinition"), *primary}
    return said.pop() if len(said) == 1 else None


def _wants_tasks(described: Mapping[str, Any]) -> bool:
    """Whether a task set or deployment has or wants tasks: a replaced one may be listed for a while."""
    return any(
        described.get(count) for count in ("computedDesiredCount", "desiredCount", "runningCount", "pendingCount")
    )


def _platform(described: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "launch_type": described.get("launchType"),
        "platform_version": described.get("platformVersion"),
        "capacity_providers": tuple(each["capacityProvider"] for each in described.get("capacityProviderStrategy", ())),
    }
