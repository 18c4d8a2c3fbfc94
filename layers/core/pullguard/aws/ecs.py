"""Amazon ECS: task definitions, what runs them, and the two calls that write."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from threading import local
from typing import TYPE_CHECKING, Any, Final

from pullguard.aws.answers import NEVER_SENT, asks, looked_up, writing
from pullguard.aws.service_uses import own_revision, service_uses
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.domain.lookup import Lookup, Tags
from pullguard.domain.task_definition import TaskDefinition, read_task_definition
from pullguard.domain.usage import FailedStart, Instance, Reason, ServiceUse, TaskUse
from pullguard.planning.reregister import MemberTree, member_tree

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

# DescribeTaskDefinition has no specific error for a missing task definition: it returns ClientException.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
_NO_SUCH = frozenset({"ClientException"})
SERVICES_A_CALL = 10  # DescribeServices
_TASKS_A_CALL = 100  # DescribeTasks
_INSTANCES_A_CALL = 100  # DescribeContainerInstances
_WIRE: Final = local()
"""The raw response to the last DescribeTaskDefinition of a thread, as ``body``."""


class Ecs:
    """Reads and writes in one account and Region."""

    def __init__(self, client: "ECSClient") -> None:
        self._client = client
        for event, handler in _HANDLERS.items():  # once per client, which outlives each of its gateways
            client.meta.events.register(event, handler, unique_id=event)

    @asks("ecs:DescribeTaskDefinition")
    def describe(self, reference: str) -> Lookup[TaskDefinition]:
        """Describe a revision (ARN, ``family:revision``) or the newest ACTIVE revision of a family (name)."""

        def call() -> TaskDefinition:
            answer = self._client.describe_task_definition(taskDefinition=reference, include=["TAGS"])
            return read_task_definition(answer["taskDefinition"], _tags(answer.get("tags", [])))

        return looked_up("ecs:DescribeTaskDefinition", reference, call, missing=_NO_SUCH)

    @asks("ecs:DescribeTaskDefinition")
    def describe_raw(self, reference: str) -> tuple[Mapping[str, Any], Mapping[str, Any], Tags]:
        """Describe a revision (by ARN), or the newest ACTIVE one of a family (by name), for re-registration.

        Return the parsed task definition, the whole raw response, and the tags.

        Raises ``Denied``; other errors propagate, since an executor must not guess.
        """
        _WIRE.body = None  # without a new raw response, the parsing below fails and nothing is registered
        with writing("ecs", reference):
            answer = self._client.describe_task_definition(taskDefinition=reference, include=["TAGS"])
        return answer["taskDefinition"], json.loads(_WIRE.body), _tags(answer.get("tags", []))

    def register_members(self) -> MemberTree:
        """Return the input members of RegisterTaskDefinition that the installed SDK knows."""
        shape: Any = self._client.meta.service_model.operation_model("RegisterTaskDefinition").input_shape
        return member_tree(shape)

    @asks("ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole")
    def register(self, request: Mapping[str, Any]) -> Arn:
        """Register a task definition with its tags; return the ARN of the new revision. Raises ``Denied``."""
        with writing("ecs", f"the family {request['family']}"):
            answer = self._client.register_task_definition(**request)
        return Arn.parse(answer["taskDefinition"]["taskDefinitionArn"], service="ecs", resource_type="task-definition")

    @asks("ecs:UpdateService", "iam:PassRole")
    def move_service(self, cluster: str, service: str, task_definition: Arn) -> None:
        """Move a service to another revision; nothing else changes. Raises ``Denied``."""
        with writing("ecs", service):
            self._client.update_service(cluster=cluster, service=service, taskDefinition=str(task_definition))

    @asks("ecs:UpdateService")
    def redeploy(self, cluster: str, service: str) -> None:
        """Make a service replace its tasks with new ones of the same revision. Raises ``Denied``."""
        with writing("ecs", service):
            self._client.update_service(cluster=cluster, service=service, forceNewDeployment=True)

    @asks("ecs:ListTaskDefinitionFamilies")
    def families(self, token: str | None = None, prefix: str | None = None) -> tuple[tuple[str, ...], str | None]:
        """Return one page of the families with an ACTIVE revision, and the token of the next page."""
        request: dict[str, Any] = {"status": "ACTIVE", "maxResults": 100}
        if token:
            request["nextToken"] = token
        if prefix:
            request["familyPrefix"] = prefix
        answer = self._client.list_task_definition_families(**request)
        return tuple(answer["families"]), answer.get("nextToken")

    @asks("ecs:ListTaskDefinitions")
    def active_revisions(self, token: str | None = None) -> tuple[tuple[str, ...], str | None]:
        """Return one page of the ARNs of all ACTIVE revisions, and the token of the next page.

        The newest revision of a family comes first, before its others.
        https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitions.html
        """
        request: dict[str, Any] = {"status": "ACTIVE", "sort": "DESC", "maxResults": 100}
        if token:
            request["nextToken"] = token
        answer = self._client.list_task_definitions(**request)
        return tuple(answer["taskDefinitionArns"]), answer.get("nextToken")

    @asks("ecs:ListClusters")
    def clusters(self) -> Iterator[str]:
        """Yield the ARNs of all clusters."""
        for page in self._client.get_paginator("list_clusters").paginate():
            yield from page["clusterArns"]

    @asks("ecs:ListServices", "ecs:DescribeServices")
    def services(self, cluster: str) -> Iterator[ServiceUse]:
        """Yield the ACTIVE services of ``cluster``, one entry per revision that each runs."""
        for page in self._client.get_paginator("list_services").paginate(
            cluster=cluster, PaginationConfig={"PageSize": 100}
        ):
            arns = iter(page["serviceArns"])
            while some := list(islice(arns, SERVICES_A_CALL)):
                yield from self.described(cluster, some)

    @asks("ecs:DescribeServices")
    def described(self, cluster: str, services: Sequence[str]) -> Iterator[ServiceUse]:
        """Yield those of at most ten ``services`` (ARNs or names) that are ACTIVE, as ``services`` does."""
        answer = self._client.describe_services(cluster=cluster, services=services, include=["TAGS"])
        for service in answer["services"]:
            if service["status"] == "ACTIVE":
                yield from service_uses(cluster, service)

    @asks("ecs:DescribeServices")
    def own_revision(self, cluster: str, service: str) -> str | None:
        """Return the ARN of a service's desired task definition; None if UpdateService could not change it.

        Raises ``Denied``; other errors propagate, since an executor must not guess.
        Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html
        """
        with writing("ecs", service):
            found = self._client.describe_services(cluster=cluster, services=[service])["services"]
        return next((revision for each in found if (revision := own_revision(each)) is not None), None)

    @asks("ecs:ListTasks", "ecs:DescribeTasks")
    def tasks(self, cluster: str, family: str | None = None) -> Iterator[TaskUse]:
        """Yield the running tasks of ``cluster``, or only those of ``family``."""
        for task in self._tasks(cluster, family, "RUNNING"):
            yield TaskUse(
                cluster_arn=cluster,
                task_arn=task["taskArn"],
                task_definition=task["taskDefinitionArn"],
                has_pulled="startedAt" in task or task.get("lastStatus", "RUNNING") == "RUNNING",
                launch_type=task.get("launchType"),
                platform_version=task.get("platformVersion"),
                capacity_provider=task.get("capacityProviderName"),
                started_at=task.get("startedAt"),
            )

    @asks("ecs:ListTasks", "ecs:DescribeTasks")
    def failed_starts(self, cluster: str, family: str | None = None) -> Iterator[tuple[str, FailedStart]]:
        """Yield the tasks of ``cluster``, or only those of ``family``, that stopped before they ran.

        Each comes with the ARN of its task definition. ECS remembers them for about an hour.
        """
        for task in self._tasks(cluster, family, "STOPPED"):
            if task.get("stopCode") == "TaskFailedToStart" and "stoppedAt" in task:
                start = FailedStart(
                    task_arn=task["taskArn"],
                    stopped_at=task["stoppedAt"],
                    reasons=tuple(_reasons(task)),
                    of_service=task.get("group", "").startswith("service:"),
                    images=tuple(each["image"] for each in task.get("containers", ()) if each.get("image")),
                    execution_role=task.get("overrides", {}).get("executionRoleArn"),
                )
                yield task["taskDefinitionArn"], start

    @asks("ecs:ListContainerInstances", "ecs:DescribeContainerInstances")
    def instances(self, cluster: str) -> Iterator[Instance]:
        """Yield the container instances of ``cluster`` that accept tasks, with their agent versions."""
        pages = self._client.get_paginator("list_container_instances").paginate(cluster=cluster, status="ACTIVE")
        for page in pages:
            arns = iter(page["containerInstanceArns"])
            while some := list(islice(arns, _INSTANCES_A_CALL)):
                answer = self._client.describe_container_instances(cluster=cluster, containerInstances=some)
                for instance in answer["containerInstances"]:
                    yield Instance(
                        cluster_arn=cluster,
                        instance_arn=instance["containerInstanceArn"],
                        agent_version=instance.get("versionInfo", {}).get("agentVersion", ""),
                        attributes=frozenset(each["name"] for each in instance.get("attributes", ())),
                        capacity_provider=instance.get("capacityProviderName"),
                    )

    def _tasks(self, cluster: str, family: str | None, status: str) -> Iterator[Mapping[str, Any]]:
        request: dict[str, Any] = {"cluster": cluster, "desiredStatus": status}
        if family:
            request["family"] = family
        for page in self._client.get_paginator("list_tasks").paginate(**request):
            arns = iter(page["taskArns"])
            while some := list(islice(arns, _TASKS_A_CALL)):
                yield from self._client.describe_tasks(cluster=cluster, tasks=some)["tasks"]


def _reasons(task: Mapping[str, Any]) -> Iterator[Reason]:
    if text := task.get("stoppedReason"):
        yield Reason(text=text)
    for container in task.get("containers", ()):
        if text := container.get("reason"):
            yield Reason(text=text, image=container.get("image"), container=container.get("name"))


def _keep_raw(response_dict: Mapping[str, Any], **_: object) -> None:
    """Keep the raw response: the SDK's parser drops members that it does not know."""
    _WIRE.body = response_dict.get("body")


def _send_once(
    *,
    operation: Any,
    response: tuple[Any, Mapping[str, Any]] | None,
    caught_exception: Exception | None,
    **_: object,
) -> None:
    """Keep the SDK from retrying a request that may have taken effect and would take effect again.

    RegisterTaskDefinition has no idempotency token: sent twice, it creates two revisions. When the message is retried
    later, the new revision's tag shows that it exists, or the service's newest deployment shows the redeployment.
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
    """
    if caught_exception is not None and not isinstance(caught_exception, NEVER_SENT):
        raise caught_exception
    if response is not None and response[0].status_code >= 500:  # noqa: PLR2004 (an AWS fault)
        code = response[0].status_code
        raise NotNow(f"AWS answered {operation.name} with {code}: it may have taken effect")


def _force_once(*, request_dict: Mapping[str, Any], **answered: Any) -> None:
    """Keep the SDK from retrying a forced deployment; moving a service is idempotent."""
    if json.loads(request_dict["body"]).get("forceNewDeployment"):
        _send_once(**answered)


_HANDLERS: Final[Mapping[str, Callable[..., None]]] = {
    "before-parse.ecs.DescribeTaskDefinition": _keep_raw,
    "needs-retry.ecs.RegisterTaskDefinition": _send_once,
    "needs-retry.ecs.UpdateService": _force_once,
}


def _tags(pairs: Any) -> Tags:
    return {pair["key"]: pair.get("value", "") for pair in pairs}
