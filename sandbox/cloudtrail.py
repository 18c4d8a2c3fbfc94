"""The events that CloudTrail would have sent to EventBridge for a call, derived from its wire form. Pure.

The embedded AWS sends no CloudTrail events; the relay creates them with this module. An event has EventBridge's own
member names (``source``, ``detail-type``, ``resources``, ``detail``).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

Event: TypeAlias = dict[str, Any]

PART_LIMIT_BYTES = 100 * 1024
"""CloudTrail omits requestParameters or responseElements above this size.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

RECORDED: Mapping[str, frozenset[str]] = {
    "ecs": frozenset({"RegisterTaskDefinition", "DeregisterTaskDefinition", "UpdateService", "CreateService"}),
    "secretsmanager": frozenset(
        {
            "CreateSecret",
            "PutSecretValue",
            "UpdateSecret",
            "UpdateSecretVersionStage",
            "DeleteSecret",
            "RestoreSecret",
            "RotateSecret",
            "PutResourcePolicy",
            "DeleteResourcePolicy",
            "TagResource",
            "UntagResource",
            "ReplicateSecretToRegions",
            "RemoveRegionsFromReplication",
            "StopReplicationToReplica",
        }
    ),
    "kms": frozenset(
        {
            "DisableKey",
            "EnableKey",
            "ScheduleKeyDeletion",
            "CancelKeyDeletion",
            "PutKeyPolicy",
            "CreateGrant",
            "RevokeGrant",
            "RetireGrant",
        }
    ),
    "iam": frozenset(
        {
            "PutRolePolicy",
            "DeleteRolePolicy",
            "AttachRolePolicy",
            "DetachRolePolicy",
            "PutRolePermissionsBoundary",
            "DeleteRolePermissionsBoundary",
            "UpdateAssumeRolePolicy",
            "TagRole",
            "UntagRole",
            "CreateRole",
            "DeleteRole",
            "CreatePolicyVersion",
            "SetDefaultPolicyVersion",
        }
    ),
}
"""The calls that are relayed: service as in its event source, and action."""

_API_VERSION = {"ecs": "2014-11-13", "secretsmanager": "2017-10-17", "kms": "2014-11-01", "iam": "2010-05-08"}

_LOWER_CASE_ARN = frozenset({"CreateSecret", "PutSecretValue", "UpdateSecret", "RotateSecret"})
"""Secrets Manager calls whose answer CloudTrail gives as ``arn``; the others have ``aRN``.

Published records show ``arn`` for PutSecretValue and ``aRN`` for DeleteSecret; the rest is a guess, so a reader has to
accept both.
"""

_HIDDEN = frozenset({"SecretString", "SecretBinary", "secretString", "secretBinary"})
_TIMES = frozenset({"registeredAt", "deregisteredAt", "createdAt", "updatedAt", "DeletionDate", "CreateDate"})
_NO_RESPONSE = {"iam": frozenset({"CreateRole"}), "kms": frozenset({"CreateGrant", "ScheduleKeyDeletion"})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller. ``arn`` as GetCallerIdentity would return it."""

    arn: str
    account: str
    access_key: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One successful call, with its bodies as sent over the wire."""

    service: str
    action: str
    region: str
    caller: Caller
    request: bytes
    response: bytes
    request_id: str
    event_id: str
    at: datetime
    user_agent: str = ""


def is_recorded(service: str, action: str) -> bool:
    """Whether the relay creates an event for this call."""
    return action in RECORDED.get(service, frozenset())


def events_of(call: ApiCall) -> list[Event]:
    """Return the events of one call, in CloudTrail's order: the call itself, then the service's own actions."""
    secret = json.loads(call.response or b"{}").get("ARN") if call.action == "RotateSecret" else None
    started = [service_event(call, "RotationStarted", secret)] if secret else []
    succeeded = [service_event(call, "RotationSucceeded", secret)] if secret else []
    return [api_event(call), *started, *succeeded]


def api_event(call: ApiCall) -> Event:
    """Return the ``AWS API Call via CloudTrail`` event of a call."""
    request, response = _parts(call)
    detail: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": identity(call.caller),
        "eventTime": _instant(call.at),
        "eventSource": f"{call.service}.amazonaws.com",
        "eventName": call.action,
        "awsRegion": call.region,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": call.user_agent,
        "requestParameters": request or None,
        "responseElements": response or None,
        "requestID": call.request_id,
        "eventID": call.event_id,
        "readOnly": False,
        "eventType": "AwsApiCall",
        "apiVersion": _API_VERSION[call.service],
        "managementEvent": True,
        "recipientAccountId": call.caller.account,
        "eventCategory": "Management",
    }
    if call.service == "kms":
        detail["resources"] = _key_resources(call, request)
    for part in ("requestParameters", "responseElements"):
        if len(json.dumps(detail[part])) > PART_LIMIT_BYTES:
            del detail[part]
    return _envelope(call.service, "AWS API Call via CloudTrail", detail)


def service_event(call: ApiCall, name: str, secret_arn: str) -> Event:
    """Return an ``AWS Service Event via CloudTrail`` event of Secrets Manager (RotationStarted, RotationFailed ...)."""
    return rotation_event(
        name,
        secret_arn,
        account=call.caller.account,
        region=call.region,
        at=call.at,
        event_id=f"{call.event_id}-{name}",
    )


def rotation_event(
    name: str, secret_arn: str, *, account: str, region: str, at: datetime, event_id: str, error: str | None = None
) -> Event:
    """Return the event of one step of a rotation.

    ``error`` is the message of RotationFailed.
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
    """
    detail: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": {"accountId": account, "invokedBy": "secretsmanager.amazonaws.com"},
        "eventTime": _instant(at),
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": "secretsmanager.amazonaws.com",
        "userAgent": "secretsmanager.amazonaws.com",
        "requestParameters": None,
        "responseElements": None,
        "additionalEventData": {"SecretId": secret_arn},
        "requestID": f"Rotation-{secret_arn}-{event_id}",
        "eventID": event_id,
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }
    if error is not None:
        detail["errorMessage"] = error
    return _envelope("secretsmanager", "AWS Service Event via CloudTrail", detail)


def identity(caller: Caller) -> dict[str, Any]:
    """Return the ``userIdentity`` of a caller.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
    """
    common = {
        "principalId": caller.user_id or caller.account,
        "arn": caller.arn,
        "accountId": caller.account,
        "accessKeyId": caller.access_key,
    }
    if match := re.fullmatch(r"arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/.+", caller.arn):
        partition, account, role = match.groups()
        issuer = {
            "type": "Role",
            "principalId": caller.user_id.partition(":")[0],
            "arn": f"arn:{partition}:iam::{account}:role/{role}",
            "accountId": account,
            "userName": role,
        }
        return {"type": "AssumedRole", **common, "sessionContext": {"sessionIssuer": issuer, "attributes": {}}}
    if ":user/" in caller.arn:
        return {"type": "IAMUser", **common, "userName": caller.arn.rpartition("/")[2]}
    return {"type": "Root", **common}


# --- Parts of a record ---------------------------------------------------------------------------------------------


def _parts(call: ApiCall) -> tuple[dict[str, Any], dict[str, Any]]:
    if call.service == "iam":
        request: Any = _query_parameters(call.request)
        response: Any = _created_role(call.response) if call.action == "CreateRole" else {}
    else:
        request = json.loads(call.request or b"{}")
        response = json.loads(call.response or b"{}")
        if call.service in _NO_RESPONSE and call.action not in _NO_RESPONSE[call.service]:
            response = {}
    request, response = _shown(request), _shown(response)
    if call.service == "ecs":  # its wire form is camelCase already, and the keys of its maps belong to the user
        return request, response
    response = _camel(response)
    if call.action in _LOWER_CASE_ARN and "aRN" in response:
        response = {("arn" if key == "aRN" else key): value for key, value in response.items()}
    return _camel(request), response


def _shown(value: Any) -> Any:
    """Return the value as CloudTrail shows it: without secret values, and with its own form of timestamps."""

    def member(key: str, inner: Any) -> Any:
        is_time = key in _TIMES and isinstance(inner, int | float)
        return _long_time(inner) if is_time else _shown(inner)

    if isinstance(value, dict):
        return {key: member(key, inner) for key, inner in value.items() if key not in _HIDDEN}
    return [_shown(inner) for inner in value] if isinstance(value, list) else value


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _camel(inner) for key, inner in value.items()}
    return [_camel(inner) for inner in value] if isinstance(value, list) else value


def _query_parameters(body: bytes) -> dict[str, Any]:
    """Return the members of a query-protocol body, ``Tags.member.1.Key=a`` as ``{"Tags": [{"Key": "a"}]}``."""
    plain: dict[str, Any] = {}
    lists: dict[str, dict[int, Any]] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        match = re.fullmatch(r"(\w+)\.member\.(\d+)(?:\.(\w+))?", name)
        if name in {"Action", "Version"}:
            continue
        if match is None:
            plain[name] = value
            continue
        member, index, key = match[1], int(match[2]), match[3]
        items = lists.setdefault(member, {})
        if key is None:
            items[index] = value
        else:
            items.setdefault(index, {})[key] = value
    return plain | {member: [items[index] for index in sorted(items)] for member, items in lists.items()}


def _created_role(body: bytes) -> dict[str, Any]:
    role = ET.fromstring(body).find(".//{*}Role")
    wanted = ("Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument")
    found = {name: role.findtext(f"{{*}}{name}") for name in wanted} if role is not None else {}
    return {"Role": {name: text for name, text in found.items() if text is not None}}


def _key_resources(call: ApiCall, request: Mapping[str, Any]) -> list[dict[str, str]]:
    key = str(request.get("keyId") or "")
    if not key:
        return []
    arn = key if key.startswith("arn:") else f"arn:aws:kms:{call.region}:{call.caller.account}:key/{key}"
    return [{"accountId": call.caller.account, "type": "AWS::KMS::Key", "ARN": arn}]


def _envelope(service: str, detail_type: str, detail: dict[str, Any]) -> Event:
    return {"source": f"aws.{service}", "detail-type": detail_type, "resources": [], "detail": detail}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _long_time(epoch_s: float) -> str:
    at = datetime.fromtimestamp(epoch_s, tz=UTC)
    return f"{at:%b} {at.day}, {at.year} {at.hour % 12 or 12}:{at:%M:%S %p}"
