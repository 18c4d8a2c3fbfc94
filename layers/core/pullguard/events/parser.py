"""One reader for each kind of event, and the table that assigns events to readers."""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pullguard.domain.arn import (
    Arn,
    MalformedReference,
    SecretReference,
    parse_secret_id,
    parse_task_definition,
    partition_of,
)
from pullguard.domain.errors import Malformed, Rejected, shown
from pullguard.domain.provenance import quoted
from pullguard.domain.usage import read_place, service_in
from pullguard.events.envelope import EVENT_MAX_BYTES, Event, open_event, readable
from pullguard.events.triggers import (
    KeyChange,
    KeyChanged,
    PolicyChanged,
    RoleChange,
    RoleChanged,
    RotationChanged,
    RotationOutcome,
    RotationStep,
    SecretChange,
    SecretChanged,
    ServiceChanged,
    StoppedContainer,
    TaskDefinitionRegistered,
    TaskStarted,
    TaskStopped,
    Trigger,
    is_of_service,
)

_FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}")
_FAMILY_AND_REVISION = re.compile(r"[A-Za-z0-9_-]{1,255}:[1-9][0-9]{0,9}")
_ROLE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_KEY_ID = re.compile(r"(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_VERSION_ID = re.compile(r"[A-Za-z0-9_-]{32,64}")
_LABEL = re.compile(r"[A-Za-z0-9/_+=.@-]{1,256}")
# The steps of a rotation function, in which Secrets Manager reports a failure; nothing else of that text is read.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
_STEPS: Mapping[str, RotationStep] = {
    "createSecret": "createSecret",
    "setSecret": "setSecret",
    "testSecret": "testSecret",
    "finishSecret": "finishSecret",
}
_FAILED_STEP = re.compile(r"Error when executing lambda .* during (\w+) step")
_CLOUDTRAIL = frozenset({"AWS API Call via CloudTrail", "AWS Service Event via CloudTrail"})
_DROPPED = "CloudTrail drops parts above 100 KB; the sweep validates it"


def parse_event_text(body: str) -> Trigger:
    """Read the body of an SQS message that holds one EventBridge event as JSON.

    Raises ``Rejected`` if it is too large, not JSON, not an object, or an event that ``parse_event`` rejects.
    """
    if len(body) > EVENT_MAX_BYTES or len(body.encode("utf-8", "surrogatepass")) > EVENT_MAX_BYTES:
        raise Rejected(f"the message is larger than the {EVENT_MAX_BYTES // 1024} KB of an EventBridge event")
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"the message {shown(body, 40)} is not JSON") from error
    if not isinstance(event, dict):
        raise Rejected(f"the message {shown(body, 40)} is not a JSON object")
    return parse_event(event)


def parse_event(event: Mapping[str, Any]) -> Trigger:
    """Read one EventBridge event as delivered (``source``, ``detail-type``, ``detail``, ...).

    Raises ``Rejected`` if it is malformed, unknown, a failed call, or contradicts itself.
    """
    source, detail_type, detail = event.get("source"), event.get("detail-type"), event.get("detail")
    if not (isinstance(source, str) and isinstance(detail_type, str) and isinstance(detail, Mapping)):
        raise Rejected(f"the event {quoted(event.get('id'))} lacks its source, detail-type or detail")
    name = detail.get("eventName") if detail_type in _CLOUDTRAIL else detail_type
    read = _READERS.get((source, name)) if isinstance(name, str) else None
    if read is None or not isinstance(name, str):
        raise Rejected(f"no trigger is known for {quoted(name)} ({quoted(detail_type)}) of {quoted(source)}")
    opened = open_event(event, name, detail)
    # A failed API call changed nothing. The end of a rotation is not a call: its error is the message.
    error = opened.at("errorCode") or opened.at("errorMessage")
    if detail_type in _CLOUDTRAIL and name not in _ROTATIONS and error:
        raise opened.refuse(f"the call failed, so nothing changed: {quoted(error)}")
    return read(opened)


# --- Amazon ECS ------------------------------------------------------------------------------------------------


def _registered(event: Event) -> Trigger:
    answered = event.at("responseElements", "taskDefinition", "taskDefinitionArn")
    if answered is not None:
        arn = event.arn(answered, "taskDefinitionArn", parse_task_definition)
        return TaskDefinitionRegistered(task_definition=arn, family=_family_of(arn), **event.origin)
    if event.at("requestParameters", "family") is None:
        raise event.refuse(f"names neither the task definition nor its family: {_DROPPED}")
    family = event.proved(_FAMILY, "a family", "requestParameters", "family")
    return TaskDefinitionRegistered(task_definition=None, family=family, **event.origin)


def _service(event: Event) -> Trigger:
    service = _named_service(event)
    asked = event.at("requestParameters", "taskDefinition")
    found = event.at("responseElements", "service", "taskDefinition") or asked
    if found is None:
        raise event.refuse(f"names no task definition: {_DROPPED}")
    if isinstance(found, str) and _FAMILY.fullmatch(found):
        return ServiceChanged(service=service, task_definition=None, family=found, **event.origin)
    if isinstance(found, str) and _FAMILY_AND_REVISION.fullmatch(found):
        found = f"arn:{partition_of(event.region)}:ecs:{event.region}:{event.account}:task-definition/{found}"
    if not (isinstance(found, str) and found.startswith("arn:")):
        raise event.refuse(f"taskDefinition {quoted(found)} is not a family, a revision or an ARN: {_DROPPED}")
    arn = event.arn(found, "taskDefinition", parse_task_definition)
    return ServiceChanged(service=service, task_definition=arn, family=_family_of(arn), **event.origin)


def _named_service(event: Event) -> Arn | None:
    """Return the ARN of the service with its cluster, from the answer or else the request; None if it lacks one.

    Both may be given as names or ARNs; the ARNs of old services lack the cluster, whose name has a default.
    """
    answered = event.at("responseElements", "service", "serviceArn")
    if answered is not None:
        event.arn(answered, "serviceArn", _ecs("service"))
    asked = event.at("requestParameters", "service") or event.at("requestParameters", "serviceName")
    within = event.at("responseElements", "service", "clusterArn") or event.at("requestParameters", "cluster")
    name, cluster = answered or asked, within or "default"
    if not (isinstance(name, str) and isinstance(cluster, str)):
        return None
    *before, name = name.split("/")
    if answered is not None and len(before) > 1:
        cluster = before[-1]
    home = f"arn:{partition_of(event.region)}:ecs:{event.region}:{event.account}"
    try:
        return service_in(read_place(f"{home}:cluster/{cluster.rpartition('/')[2]}"), name)
    except Malformed:
        return None


def _task(event: Event) -> Trigger:
    status = event.at("lastStatus")
    if status == "STOPPED":
        return _stopped(event)
    if status != "RUNNING":
        raise event.refuse(f"the task is {quoted(status)}, neither RUNNING nor STOPPED")
    if is_of_service(event.text("group")):
        raise event.refuse("the task is a service's, which is known from the service itself")
    arn = event.arn(event.at("taskDefinitionArn"), "taskDefinitionArn", parse_task_definition)
    cluster = event.arn(event.at("clusterArn"), "clusterArn", _ecs("cluster"))
    return TaskStarted(task_definition=arn, cluster=cluster, ran=True, **event.origin)


def _stopped(event: Event) -> Trigger:
    containers = event.at("containers")
    trigger = TaskStopped(
        task_definition=event.arn(event.at("taskDefinitionArn"), "taskDefinitionArn", parse_task_definition),
        task=event.arn(event.at("taskArn"), "taskArn", _ecs("task")),
        cluster=event.arn(event.at("clusterArn"), "clusterArn", _ecs("cluster")),
        stop_code=event.text("stopCode"),
        stopped_reason=event.text("stoppedReason"),
        containers=tuple(
            StoppedContainer(**{member: readable(container.get(member)) for member in ("name", "image", "reason")})
            for container in (containers if isinstance(containers, list) else ())
            if isinstance(container, Mapping)
        ),
        group=event.text("group"),
        launch_type=event.text("launchType"),
        platform_version=event.text("platformVersion"),
        **event.origin,
    )
    # An old agent gives no stopCode, so a text about the pull is reason enough for a validation.
    if trigger.stop_code != "TaskFailedToStart" and not trigger.explanation.is_registry_related:
        if trigger.of_service:
            raise event.refuse(f"the task stopped ({quoted(trigger.stop_code)}), but not for a pull that failed")
        ran = event.at("startedAt") is not None or trigger.stop_code == "EssentialContainerExited"
        return TaskStarted(task_definition=trigger.task_definition, cluster=trigger.cluster, ran=ran, **event.origin)
    return trigger


def _family_of(arn: Arn) -> str:
    return arn.resource_name.rpartition(":")[0]


def _ecs(resource_type: str) -> Callable[[str], Arn]:
    return partial(Arn.parse, service="ecs", resource_type=resource_type)


# --- AWS Secrets Manager ---------------------------------------------------------------------------------------


def _secret(change: SecretChange, event: Event) -> Trigger:
    asked = event.at("requestParameters", "secretId") or event.at("requestParameters", "name")
    answered = event.at("responseElements", "arn")
    found = answered or asked
    if found is None:
        raise event.refuse("names no secret, neither in responseElements.arn nor in requestParameters.secretId")
    arn, name = _named(event, found)
    version_id, label = _labelled(event) if change in ("value", "created") else (None, None)
    return SecretChanged(
        secret=arn,
        name=_complete_name(event, arn, event.at("responseElements", "name")) if answered else name,
        change=change,
        version_id=version_id,
        label=label,
        **event.origin,
    )


def _label_updated(event: Event) -> Trigger:
    if not event.resources:
        raise event.refuse("names no secret in resources")
    found = event.resources[0]
    arn, _ = _named(event, found)
    if arn is None or arn.account != event.account:
        raise event.refuse(f"resources[0] {quoted(found)} is not the ARN of a secret in the event's account")
    return SecretChanged(
        secret=arn,
        name=_complete_name(event, arn, event.at("name")),
        change="value",
        version_id=event.proved(_VERSION_ID, "a version id", "versionId"),
        label=event.proved(_LABEL, "a staging label", "labelUpdated"),
        **event.origin,
    )


def _rotation(outcome: RotationOutcome, event: Event) -> Trigger:
    found = event.at("additionalEventData", "SecretId") or event.at("serviceEventDetails", "secretId")
    if found is None:
        raise event.refuse("names no secret, neither in additionalEventData nor in serviceEventDetails")
    arn, _ = _named(event, found)
    if arn is None:
        raise event.refuse(f"the secret {quoted(found)} is not an ARN")
    failed = _FAILED_STEP.fullmatch(event.text("errorMessage"))
    step = _STEPS.get(failed.group(1)) if failed else None
    return RotationChanged(secret=arn, outcome=outcome, step=step, **event.origin)


def _named(event: Event, found: object) -> tuple[Arn | None, str | None]:
    """Validate the secret's id in an event: its ARN, or its name (then there is no ARN)."""
    if not isinstance(found, str):
        raise event.refuse(f"the secret {quoted(found)} is not a text")
    reference = parse_secret_id(found, region=event.region)
    if isinstance(reference, MalformedReference):
        raise event.refuse(f"the secret, {reference.reported}, {reference.why}")
    if reference.arn is None:
        return None, reference.name
    return event.arn(reference.text, "the secret", Arn.parse, own_account=False), None


def _complete_name(event: Event, arn: Arn | None, reported: object) -> str | None:
    """Return the secret's name: the reported one, else that of the ARN, which AWS itself wrote."""
    if reported is not None:
        return _named(event, reported)[1]
    if arn is None:
        return None
    return SecretReference(text=str(arn), name=arn.resource_name, arn=arn).name_without_suffix


def _labelled(event: Event) -> tuple[str | None, str | None]:
    """Return which version got which label, if the call proves both: a write moves AWSCURRENT unless it names stages.

    PutSecretValue's request token becomes the version's id. UpdateSecret's does only if a value was given, which the
    event hides, but then the answer has the id.
    Sources: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html
    """
    if event.name == "UpdateSecretVersionStage":
        version = event.at("requestParameters", "moveToVersionId")
        label = event.at("requestParameters", "versionStage")
    else:
        token = event.at("requestParameters", "clientRequestToken") if event.name == "PutSecretValue" else None
        version = event.at("responseElements", "versionId") or token
        labels = event.at("requestParameters", "versionStages") or ["AWSCURRENT"]
        label = labels[0] if isinstance(labels, list) and len(labels) == 1 else None
    if not (isinstance(version, str) and _VERSION_ID.fullmatch(version)):
        return None, None
    return (version, label) if isinstance(label, str) and _LABEL.fullmatch(label) else (None, None)


# --- AWS KMS and IAM -------------------------------------------------------------------------------------------


def _key(change: KeyChange, event: Event) -> Trigger:
    listed = event.at("resources")
    arns = [entry.get("ARN") for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list) else []
    answered = next((arn for arn in arns if isinstance(arn, str) and ":key/" in arn), None)
    asked = event.at("responseElements", "keyId") or event.at("requestParameters", "keyId")
    found = answered or asked
    if found is None:
        raise event.refuse("names no key, neither in resources nor in requestParameters.keyId")
    if isinstance(found, str) and _KEY_ID.fullmatch(found):
        found = f"arn:{partition_of(event.region)}:kms:{event.region}:{event.account}:key/{found}"
    parse = partial(Arn.parse, service="kms", resource_type="key")
    return KeyChanged(key=event.arn(found, "the key", parse, own_account=False), change=change, **event.origin)


def _key_noticed(event: Event) -> Trigger:
    """Read AWS KMS's own events about a key: its material has expired, or its waiting time is over and it is deleted.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/kms-events.html
    """
    key_id = event.proved(_KEY_ID, "a key id", "key-id")
    arn = f"arn:{partition_of(event.region)}:kms:{event.region}:{event.account}:key/{key_id}"
    parse = partial(Arn.parse, service="kms", resource_type="key")
    return KeyChanged(key=event.arn(arn, "the key", parse), change="state", **event.origin)


def _role(change: RoleChange, event: Event) -> Trigger:
    role_name = event.proved(_ROLE_NAME, "a role name", "requestParameters", "roleName")
    return RoleChanged(role_name=role_name, change=change, **event.origin)


def _policy(event: Event) -> Trigger:
    """Read which managed policy changed; AWS's own policies change without an event."""
    parse = partial(Arn.parse, service="iam", resource_type="policy")
    found = event.at("requestParameters", "policyArn")
    return PolicyChanged(policy=event.arn(found, "policyArn", parse, regional=False), **event.origin)


# --- Which event is read by what -------------------------------------------------------------------------------

_SECRETS: Mapping[str, SecretChange] = {
    "PutSecretValue": "value",
    "UpdateSecret": "value",
    "UpdateSecretVersionStage": "value",
    "CreateSecret": "created",
    "DeleteSecret": "deleted",
    "RestoreSecret": "restored",
    "PutResourcePolicy": "policy",
    "DeleteResourcePolicy": "policy",
    "TagResource": "tags",
    "UntagResource": "tags",
    "ReplicateSecretToRegions": "replicas",
    "RemoveRegionsFromReplication": "replicas",
    "StopReplicationToReplica": "replicas",
    "RotateSecret": "rotation",
    "CancelRotateSecret": "rotation",
}
_ROTATIONS: Mapping[str, RotationOutcome] = {
    "RotationStarted": "started",
    "RotationSucceeded": "succeeded",
    "RotationFailed": "failed",
    "RotationAbandoned": "abandoned",
    "TestRotationFailed": "test-failed",
}
_KEYS: Mapping[str, KeyChange] = {
    "DisableKey": "state",
    "EnableKey": "state",
    "ScheduleKeyDeletion": "state",
    "CancelKeyDeletion": "state",
    "DeleteImportedKeyMaterial": "state",
    "ImportKeyMaterial": "state",
    "PutKeyPolicy": "policy",
    "CreateGrant": "grants",
    "RevokeGrant": "grants",
    "RetireGrant": "grants",
}
_KEYS_NOTICED = ("KMS CMK Deletion", "KMS Imported Key Material Expiration")
_ROLES: Mapping[str, RoleChange] = {
    "PutRolePolicy": "policy",
    "DeleteRolePolicy": "policy",
    "AttachRolePolicy": "policy",
    "DetachRolePolicy": "policy",
    "PutRolePermissionsBoundary": "boundary",
    "DeleteRolePermissionsBoundary": "boundary",
    "UpdateAssumeRolePolicy": "trust",
    "TagRole": "tags",
    "UntagRole": "tags",
    "CreateRole": "created",
    "DeleteRole": "deleted",
}
_POLICIES = ("CreatePolicyVersion", "SetDefaultPolicyVersion")
_READERS: Mapping[tuple[str, str], Callable[[Event], Trigger]] = {
    ("aws.ecs", "RegisterTaskDefinition"): _registered,
    ("aws.ecs", "CreateService"): _service,
    ("aws.ecs", "UpdateService"): _service,
    ("aws.ecs", "ECS Task State Change"): _task,
    ("aws.secretsmanager", "Secret Label Updated"): _label_updated,
    **{("aws.secretsmanager", name): partial(_secret, change) for name, change in _SECRETS.items()},
    **{("aws.secretsmanager", name): partial(_rotation, outcome) for name, outcome in _ROTATIONS.items()},
    **{("aws.kms", name): partial(_key, change) for name, change in _KEYS.items()},
    **{("aws.kms", name): _key_noticed for name in _KEYS_NOTICED},
    **{("aws.iam", name): partial(_role, change) for name, change in _ROLES.items()},
    **{("aws.iam", name): _policy for name in _POLICIES},
}
BRANCHES: frozenset[tuple[str, str]] = frozenset(_READERS)
"""Every (source, event name or native detail-type) that becomes a trigger: what the rules may match."""
