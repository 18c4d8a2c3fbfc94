"""Builders for the tests of access/: requests, policies, and roles and secrets of two accounts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pullguard.access.evaluate import Policies
from pullguard.access.gates import FindingId, PullAccess
from pullguard.access.policy import Layer, Policy, parse_policy
from pullguard.access.request import NOTHING, Request, RoleSession, Unknowable
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Unreadable
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Key, KeyGrant, Secret

OURS, THEIRS = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{OURS}:role/svc/exec"
SESSION = f"arn:aws:sts::{OURS}:assumed-role/exec/task-1"
ROOT = f"arn:aws:iam::{OURS}:root"
SECRET = f"arn:aws:secretsmanager:us-east-1:{OURS}:secret:registry-AbCdEf"
THEIR_SECRET = f"arn:aws:secretsmanager:us-east-1:{THEIRS}:secret:registry-AbCdEf"
KEY = f"arn:aws:kms:us-east-1:{OURS}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
THEIR_KEY = f"arn:aws:kms:us-east-1:{THEIRS}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
READ, DECRYPT = "secretsmanager:GetSecretValue", "kms:Decrypt"
TRUST = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}

Source = dict[str, Any]


def document(*statements: Source, version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements)}


def allow(action: str | list[str] = "*", resource: str | list[str] = "*", **more: Any) -> Source:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str | list[str] = "*", resource: str | list[str] = "*", **more: Any) -> Source:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def to(principal: Any, effect: str = "Allow", action: str = "*", **more: Any) -> Source:
    """A statement of a resource policy."""
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": "*", **more}


def policy(layer: Layer, *statements: Source, level: int | None = None) -> Policy:
    return parse_policy(
        document(*statements), layer=layer, name=f"the-{layer.name.lower()}", kind="inline", level=level
    )


def identity(*statements: Source) -> tuple[Policy, ...]:
    return (policy(Layer.IDENTITY, *statements),)


def request(
    action: str = READ,
    resource: str = SECRET,
    *,
    session: str | None = "task-1",
    unknowable: Unknowable = NOTHING,
    **context: Any,
) -> Request:
    return Request.of(
        caller=RoleSession(role_arn=ROLE, account=OURS, role_id="AROAEXAMPLE", session=session),
        action=action,
        resource=resource,
        resource_account=resource.split(":")[4],
        context={key.replace("__", ":"): value for key, value in context.items()},
        unknowable=unknowable,
    )


def policies(
    *statements: Source,
    boundary: Source | None = None,
    resource: Source | tuple[Source, ...] | None = None,
    layer: Layer = Layer.RESOURCE,
    service_control: tuple[tuple[Source, ...], ...] = (),
    resource_control: tuple[tuple[Source, ...], ...] = (),
    grants: tuple[KeyGrant, ...] = (),
) -> Policies:
    listed = (resource,) if isinstance(resource, dict) else resource
    return Policies(
        identity=identity(*statements) if statements else (),
        boundary=None if boundary is None else (policy(Layer.BOUNDARY, boundary),),
        resource=None if listed is None else policy(layer, *listed),
        service_control=tuple(
            tuple(policy(Layer.SERVICE_CONTROL, each, level=place) for each in level)
            for place, level in enumerate(service_control)
        ),
        resource_control=tuple(
            tuple(policy(Layer.RESOURCE_CONTROL, each, level=place) for each in level)
            for place, level in enumerate(resource_control)
        ),
        grants=grants,
    )


def named(name: str, *statements: Source) -> NamedPolicy:
    return NamedPolicy(name=name, document=document(*statements))


def role(*statements: Source, trust: Source = TRUST, **changes: Any) -> Role:
    """An execution role of our account with one inline policy."""
    inline = (named("registry", *statements),) if statements else ()
    whole = Role(
        arn=Arn.parse(ROLE), name="exec", role_id="AROAEXAMPLE", inline_policies=inline, trust_policy=document(trust)
    )
    return replace(whole, **changes)


def key(arn: str = KEY, **changes: Any) -> Key:
    """A customer managed key that delegates to its own account."""
    account = arn.split(":")[4]
    delegating = document(to({"AWS": f"arn:aws:iam::{account}:root"}, action="kms:*"))
    whole = Key(arn=Arn.parse(arn), manager="CUSTOMER", state="Enabled", policy=delegating, grants=(), aliases=())
    return replace(whole, **changes)


def secret(arn: str = SECRET, tags: Mapping[str, str] | None = None, **changes: Any) -> Secret:
    """A secret without a resource policy under aws/secretsmanager."""
    return replace(Secret(arn=Arn.parse(arn), name="registry", tags=tags or {}), **changes)


# --- What rows about a whole pull share ----------------------------------------------------------------------------

READS, READS_THEIRS = allow(READ, SECRET), allow(READ, THEIR_SECRET)
DECRYPTS = allow(DECRYPT, KEY)
BOTH = (READS_THEIRS, allow(DECRYPT, THEIR_KEY))
FULL, S3 = named("full", allow()), named("s3", allow("s3:*"))
LETS_IN = document(to({"AWS": ROLE}, action=READ))
LATER = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}
ours = secret()
theirs = secret(
    THEIR_SECRET, resource_policy=LETS_IN, key=key(THEIR_KEY, policy=document(to({"AWS": ROOT}, action=DECRYPT)))
)


def denied(permission: str, resource: str = SECRET) -> Unreadable:
    return Unreadable(permission=permission, resource=resource, reason="denied")


UNREAD = denied("iam:ListRolePolicies", ROLE)


def first_finding(access: PullAccess) -> FindingId | None:
    return access.failures[0].finding
