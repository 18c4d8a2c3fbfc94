"""Worlds in which the execution role is wrong, and ones in which it only looks odd."""

from dataclasses import replace
from typing import Any

from pullguard.domain.role import NamedPolicy
from sandbox.world import Document, ManagedPolicy, World
from tests.worlds.catalogue import by_hand
from tests.worlds.catalogue.parts import (
    DECRYPT,
    DECRYPTS,
    ECS_TASKS,
    READ,
    READS,
    ROLE,
    SECRET,
    THE_ROLE,
    THE_SECRET,
    WITHOUT_CREDENTIALS,
    allow,
    deny,
    document,
    healthy,
    to,
)
from tests.worlds.catalogue.scene import Call, Case, Scene

HEALTHY = Scene(world=healthy())
PARTIAL = f"${{partial:{SECRET}}}"


def _role(way: str, check: str, broken: World, near_miss: World) -> Case:
    return Case(check=check, way=way, broken=Scene(world=broken), near_miss=Scene(world=near_miss))


# --- does it exist, and may ECS use it -----------------------------------------------------------------------------

_NO_ROLE = {"executionRoleArn": None}
_PATHED = Call(
    service="iam",
    operation="create_role",
    arguments={
        "RoleName": "pathed",
        "Path": "/svc/",
        "AssumeRolePolicyDocument": '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":'
        '{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}',
    },
)
_MAY_READ = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::${account}:role/svc/pathed"},
    "Action": READ,
    "Resource": "*",
}


def _by_path(path: str) -> Scene:
    """A role with a path, which the secret's policy allows under this path."""
    world = healthy(
        task={"executionRoleArn": f"arn:aws:iam::${{account}}:role/{path}pathed"},
        secret={"policy": document(_MAY_READ)},
    )
    return Scene(before=(_PATHED,), world=world)


MISSING_ROLE = (
    _role(
        "no executionRoleArn",
        "execution-role-missing",
        healthy(task=_NO_ROLE),
        healthy(task=_NO_ROLE, container={**WITHOUT_CREDENTIALS, "image": "quay.io/acme/web:1.0"}),
    ),
    _role(
        "only a task role",
        "execution-role-missing",
        healthy(task={**_NO_ROLE, "taskRoleArn": THE_ROLE}),
        healthy(task={"taskRoleArn": "arn:aws:iam::${account}:role/not-looked-at"}),
    ),
)
_NOT_FOUND = "execution-role-not-found"
ROLE_NOT_FOUND = (
    _role(
        "a role of nothing",
        _NOT_FOUND,
        healthy(task={"executionRoleArn": "arn:aws:iam::${account}:role/nothing"}),
        healthy(
            task={"executionRoleArn": "arn:aws:iam::${account}:role/nothing"},
            container={**WITHOUT_CREDENTIALS, "image": "quay.io/acme/web:1.0"},
        ),
    ),
    _role(
        "a short name of nothing",
        _NOT_FOUND,
        healthy(task={"executionRoleArn": "nothing"}),
        healthy(task={"executionRoleArn": ROLE}),
    ),
    _role(
        "a misspelt name",
        _NOT_FOUND,
        healthy(task={"executionRoleArn": "arn:aws:iam::${account}:role/web-exectuion"}),
        healthy(),
    ),
    Case(check=_NOT_FOUND, way="another path", broken=_by_path(""), near_miss=_by_path("svc/")),
    _role(
        "no role's ARN",
        _NOT_FOUND,
        healthy(task={"executionRoleArn": "arn:aws:iam::${account}:user/web-execution"}),
        healthy(),
    ),
)

_ASSUME = "sts:AssumeRole"


def _trust(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": ECS_TASKS, "Action": _ASSUME, **more}


def _trusted(way: str, broken: dict[str, Any] | tuple[dict[str, Any], ...], near_miss: dict[str, Any]) -> Case:
    several = broken if isinstance(broken, tuple) else (broken,)
    return _role(
        way,
        "execution-role-not-assumable",
        healthy(role={"trust": document(*several)}),
        healthy(role={"trust": document(near_miss)}),
    )


def _from(key: str, value: str, operator: str = "StringEquals") -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


NOT_ASSUMABLE = (
    _trusted(
        "for EC2 instances",
        _trust(Principal={"Service": "ec2.amazonaws.com"}),
        _trust(Principal={"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}),
    ),
    _trusted("for ECS itself", _trust(Principal={"Service": "ecs.amazonaws.com"}), _trust(Action="sts:*")),
    _trusted("denied", (_trust(), _trust(Effect="Deny")), _trust(Action=[_ASSUME, "sts:TagSession"])),
    _trusted(
        "for another account's tasks",
        _trust(**_from("aws:SourceAccount", "444455556666")),
        _trust(**_from("aws:SourceAccount", "${account}")),
    ),
    _trusted(
        "for another Region's tasks",
        _trust(**_from("aws:SourceArn", "arn:aws:ecs:eu-west-1:${account}:*", "ArnLike")),
        _trust(**_from("aws:SourceArn", "arn:aws:ecs:us-east-1:${account}:*", "ArnLike")),
    ),
)

# --- may it read the secret ----------------------------------------------------------------------------------------


def _policy(name: str, *statements: dict[str, Any]) -> ManagedPolicy:
    return ManagedPolicy(name=name, document=document(*statements))


def _access(way: str, broken: tuple[Any, ...], near_miss: World | None = None) -> Case:
    return _role(way, "secret-access-missing", healthy(allows=broken), near_miss or healthy())


_ATTACHED: dict[str, Any] = {"policies": (_policy("read", READS),), "role": {"attached": ("${policy:read}",)}}
_LETS_IN = to({"AWS": THE_ROLE}, READ)
ACCESS_MISSING = (
    _access("no policy at all", (), healthy(allows=(), **_ATTACHED)),
    _access(
        "another action",
        (allow("secretsmanager:DescribeSecret", THE_SECRET),),
        healthy(allows=(allow("secretsmanager:Get*", THE_SECRET),)),
    ),
    _access("a partial ARN", (allow(READ, PARTIAL),), healthy(allows=(allow(READ, f"{PARTIAL}-??????"),))),
    _access(
        "an old suffix", (allow(READ, f"{PARTIAL}-a1B2c3"),), healthy(allows=(), secret={"policy": document(_LETS_IN)})
    ),
    _access("five wildcards", (allow(READ, f"{PARTIAL}-?????"),), healthy(allows=(allow(READ, f"{PARTIAL}*"),))),
    _access(
        "another Region",
        (allow(READ, "arn:aws:secretsmanager:eu-west-1:${account}:secret:registry/web-??????"),),
        healthy(allows=(allow(READ, "arn:aws:secretsmanager:*:${account}:secret:registry/web-??????"),)),
    ),
    _access(
        "a tag that the secret does not have",
        (allow(READ, THE_SECRET, **_from("aws:ResourceTag/team", "acme")),),
        healthy(allows=(allow(READ, THE_SECRET, **_from("aws:ResourceTag/pullguard:registry", "docker.io")),)),
    ),
    _access(
        "all but this one",
        ({"Effect": "Allow", "Action": READ, "NotResource": f"{PARTIAL}-??????"},),
        healthy(allows=({"Effect": "Allow", "NotAction": "iam:*", "Resource": THE_SECRET},)),
    ),
    _role(
        "a resource policy that names another role",
        "secret-access-missing",
        healthy(allows=(), secret={"policy": document(to({"AWS": "arn:aws:iam::${account}:root"}, READ))}),
        healthy(allows=(), secret={"policy": document(to({"AWS": [THE_ROLE]}, "secretsmanager:*"))}),
    ),
)

_OTHER = "arn:aws:secretsmanager:us-east-1:${account}:secret:production/*"


def _denied(way: str, broken: World, near_miss: World) -> Case:
    return _role(way, "secret-access-denied", broken, near_miss)


def _says_no(policy: Document) -> dict[str, Any]:
    return {"secret": {"policy": policy}}


_NO = {"Effect": "Deny", "Principal": "*", "Action": READ, "Resource": "*"}
ACCESS_DENIED = (
    _denied(
        "the role's policy",
        healthy(allows=(READS, deny(READ, THE_SECRET))),
        healthy(allows=(READS, deny(READ, _OTHER))),
    ),
    _denied(
        "a policy that is attached",
        healthy(policies=(_policy("no", deny("secretsmanager:*")),), role={"attached": ("${policy:no}",)}),
        healthy(policies=(_policy("no", deny("secretsmanager:Put*")),), role={"attached": ("${policy:no}",)}),
    ),
    _denied(
        "the secret's policy",
        healthy(**_says_no(document(_NO))),
        healthy(**_says_no(document({**_NO, "Condition": {"ArnNotEquals": {"aws:PrincipalArn": THE_ROLE}}}))),
    ),
    _denied(
        "the secret's policy, by NotPrincipal",
        healthy(**_says_no(document({**_NO, "Principal": {"AWS": "${role:web-execution}"}}))),
        healthy(**_says_no(document({**_NO, **_from("aws:SecureTransport", "false", "Bool")}))),
    ),
    _denied(
        "all but another secret",
        healthy(allows=(READS, {"Effect": "Deny", "Action": READ, "NotResource": _OTHER})),
        healthy(allows=(READS, {"Effect": "Deny", "Action": READ, "NotResource": f"{PARTIAL}-??????"})),
    ),
    _denied(
        "the boundary",
        healthy(policies=(_policy("limit", allow("*"), deny(READ)),), role={"boundary": "${policy:limit}"}),
        healthy(policies=(_policy("limit", allow("*"), deny(READ, _OTHER)),), role={"boundary": "${policy:limit}"}),
    ),
)


def _bounded(way: str, broken: tuple[Any, ...], near_miss: tuple[Any, ...], **changes: Any) -> Case:
    def world(statements: tuple[Any, ...]) -> World:
        return healthy(policies=(_policy("limit", *statements),), role={"boundary": "${policy:limit}"}, **changes)

    return _role(way, "secret-access-blocked-by-boundary", world(broken), world(near_miss))


BLOCKED_BY_BOUNDARY = (
    _bounded("no such action", (allow(["s3:*", "logs:*"]),), (allow(["s3:*", "secretsmanager:*", "kms:Decrypt"]),)),
    _bounded(
        "another secret", (allow(READ, _OTHER), allow(DECRYPT)), (allow(READ, f"{PARTIAL}-??????"), allow(DECRYPT))
    ),
    _bounded(
        "not its key",
        (allow(READ),),
        (allow(READ), allow(DECRYPT, "arn:aws:kms:us-east-1:${account}:key/*")),
        key={},
        allows=(READS, DECRYPTS),
    ),
)

# --- too much, and too many ----------------------------------------------------------------------------------------


def _broad(way: str, broken: Any, near_miss: Any) -> Case:
    return replace(
        _role(way, "secret-access-too-broad", healthy(allows=(broken,)), healthy(allows=(near_miss,))),
        severity="warning",
    )


TOO_BROAD = (
    _broad("everything", allow("*"), allow("*", THE_SECRET)),
    _broad("every secret", allow(READ), allow(READ, "arn:aws:secretsmanager:us-east-1:${account}:secret:registry/*")),
    _broad(
        "every secret, by ARN", allow(READ, "arn:aws:secretsmanager:*:*:secret:*"), allow(READ, f"{PARTIAL}-??????")
    ),
    _broad(
        "all but one",
        {"Effect": "Allow", "Action": READ, "NotResource": _OTHER},
        allow(READ, **_from("aws:ResourceTag/pullguard:registry", "docker.io")),
    ),
    replace(
        _role(
            "a policy that is attached",
            "secret-access-too-broad",
            healthy(
                allows=(), policies=(_policy("all", allow("secretsmanager:*")),), role={"attached": ("${policy:all}",)}
            ),
            healthy(
                allows=(),
                policies=(_policy("all", allow("secretsmanager:List*"), READS),),
                role={"attached": ("${policy:all}",)},
            ),
        ),
        severity="warning",
    ),
)


def _crowded(room_chars: int) -> tuple[NamedPolicy, ...]:
    """Return inline policies that leave this much room of the 10,240 characters."""
    empty = '{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Deny","Action":"none:Null","Resource":"*"}]}'
    filler = empty.replace('"Sid":""', f'"Sid":"{"x" * (10_240 - room_chars - len(empty))}"')
    return (NamedPolicy(name="crowd", document=filler),)


# {"Version":"2012-10-17","Statement":[{"Sid":"PullguardSecrets","Effect":"Allow","Action":"secretsmanager:
# GetSecretValue","Resource":["…"]}]}; the ARN in it has 72 characters.
_GRANT_CHARS = 137 + len("arn:aws:secretsmanager:us-east-1:123456789012:secret:registry/web-a1B2c3")
_NO_GRANT = Scene(world=healthy(allows=()))
QUOTA = (
    Case(
        check="inline-policy-quota",
        way="no room for the grant",
        broken=replace(_NO_GRANT, facts=by_hand.role(inline_policies=_crowded(_GRANT_CHARS - 1))),
        near_miss=replace(
            Scene(world=healthy(allows=(), **_ATTACHED)), facts=by_hand.role(inline_policies=_crowded(0))
        ),
    ),
)

CASES = (
    *MISSING_ROLE,
    *ROLE_NOT_FOUND,
    *NOT_ASSUMABLE,
    *ACCESS_MISSING,
    *ACCESS_DENIED,
    *BLOCKED_BY_BOUNDARY,
    *TOO_BROAD,
    *QUOTA,
)
