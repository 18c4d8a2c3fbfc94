"""Worlds in which the secret or its value is wrong, and ones in which it only looks odd."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from sandbox.world import Role, Secret, World
from tests.worlds.catalogue import by_hand
from tests.worlds.catalogue.parts import (
    CREDENTIALS,
    OPTED_IN,
    READ,
    ROLE,
    SECRET,
    THE_SECRET,
    allow,
    document,
    healthy,
    naming,
    task_definition,
)
from tests.worlds.catalogue.scene import Call, Case, Scene

HEALTHY = Scene(world=healthy())
DELETED = Scene(world=healthy(secret={"deleted": True}))
USERNAME, PASSWORD = CREDENTIALS["username"], CREDENTIALS["password"]
_RESTORED = Call(service="secretsmanager", operation="restore_secret", arguments={"SecretId": THE_SECRET})
_PUT_AGAIN = Call(
    service="secretsmanager",
    operation="put_secret_value",
    arguments={"SecretId": THE_SECRET, "SecretString": json.dumps(CREDENTIALS)},
)

SCHEDULED = (
    Case(
        check="secret-scheduled-for-deletion",
        way="in its recovery window",
        broken=DELETED,
        near_miss=replace(DELETED, then=(_RESTORED,)),
    ),
)

# --- versions ----------------------------------------------------------------------------------------------------

_NO_VALUE_YET = Scene(
    before=(
        Call(
            service="secretsmanager",
            operation="create_secret",
            arguments={"Name": SECRET, "Tags": [{"Key": "pullguard:registry", "Value": "docker.io"}]},
            keep="ARN",
            name=SECRET,
        ),
    ),
    world=World(
        roles=(Role(name=ROLE, inline={"registry": document(allow(READ, f"${{made:{SECRET}}}"))}),),
        task_definitions=(task_definition(naming(f"${{made:{SECRET}}}")),),
    ),
)
_FIRST_VALUE = replace(_PUT_AGAIN, arguments={**_PUT_AGAIN.arguments, "SecretId": SECRET})


def _labelled(way: str, broken: dict[str, tuple[str, ...]], near_miss: dict[str, tuple[str, ...]]) -> Case:
    return Case(
        check="secret-no-current-version",
        way=way,
        broken=replace(HEALTHY, facts=by_hand.secret(stages=broken)),
        near_miss=replace(HEALTHY, facts=by_hand.secret(stages=near_miss)),
    )


NO_CURRENT_VERSION = (
    Case(
        check="secret-no-current-version",
        way="created without a value",
        broken=_NO_VALUE_YET,
        near_miss=replace(_NO_VALUE_YET, then=(_FIRST_VALUE,)),
    ),
    Case(
        check="secret-no-current-version",
        way="no labels at all",
        broken=replace(HEALTHY, facts=by_hand.secret(stages={})),
        near_miss=replace(HEALTHY, then=(_PUT_AGAIN,)),
    ),
    _labelled("AWSPREVIOUS only", {"v1": ("AWSPREVIOUS",)}, {"v1": ("AWSPREVIOUS",), "v2": ("AWSCURRENT",)}),
    _labelled("AWSPENDING only", {"v1": ("AWSPENDING",)}, {"v1": ("AWSPENDING", "AWSCURRENT")}),
    _labelled("a label of one's own", {"v1": ("awscurrent",)}, {"v1": ("mine",), "v2": ("other", "AWSCURRENT")}),
)

# --- the value ---------------------------------------------------------------------------------------------------


def _value(check: str, way: str, broken: Any, near_miss: Any, severity: Literal["error", "warning"] = "error") -> Case:
    def scene(value: Any) -> Scene:
        return Scene(world=healthy(secret={"value": value}))

    return Case(check=check, way=way, severity=severity, broken=scene(broken), near_miss=scene(near_miss))


_TEXT = json.dumps(CREDENTIALS)
_EXTRA = {**CREDENTIALS, "email": "", "auths": {"docker.io": {"auth": None}}, "n": 1}
VALUES = (
    _value("secret-value-binary", "the JSON as bytes", _TEXT.encode(), _TEXT),
    _value("secret-value-malformed", "user:password", f"{USERNAME}:{PASSWORD}", _TEXT),
    _value("secret-value-malformed", "only the password", PASSWORD, f" \n{_TEXT}\n"),
    _value("secret-value-malformed", "JSON cut short", _TEXT[:-1], json.dumps(CREDENTIALS, indent=2)),
    _value("secret-value-malformed", "a list", f"[{_TEXT}]", _EXTRA),
    _value("secret-value-malformed", "a JSON text", json.dumps(_TEXT), _TEXT),
    _value("secret-value-malformed", "a number for a password", {**CREDENTIALS, "password": 12345}, _EXTRA),
    _value("secret-value-malformed", "an object for a username", {**CREDENTIALS, "username": {"n": USERNAME}}, _EXTRA),
    _value("secret-value-malformed", "true for a password", {**CREDENTIALS, "password": True}, _EXTRA),
    _value("secret-value-empty-field", "no password", {"username": USERNAME}, _TEXT),
    _value("secret-value-empty-field", "an empty username", {**CREDENTIALS, "username": ""}, {**CREDENTIALS, "x": ""}),
    _value(
        "secret-value-empty-field", "null for a password", {**CREDENTIALS, "password": None}, {**CREDENTIALS, "x": None}
    ),
    _value("secret-value-empty-field", "an empty object", {}, _EXTRA),
    _value(
        "secret-value-empty-field", "other names", {"user": USERNAME, "pass": PASSWORD}, {"user": "u", **CREDENTIALS}
    ),
    _value("secret-value-empty-field", "Docker's own file", {"auths": {"docker.io": {"auth": PASSWORD}}}, _EXTRA),
    _value(
        "secret-value-key-case",
        "a capital",
        {"Username": USERNAME, "password": PASSWORD},
        {"Username": USERNAME, **CREDENTIALS},
        "warning",
    ),
    _value(
        "secret-value-key-case",
        "capitals",
        {"USERNAME": USERNAME, "PASSWORD": PASSWORD},
        {**CREDENTIALS, "PASSWORDS": "x"},
        "warning",
    ),
)

# --- rotation ----------------------------------------------------------------------------------------------------

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_EVERY_DAY = Call(
    service="secretsmanager",
    operation="rotate_secret",
    arguments={"SecretId": THE_SECRET, "RotationRules": {"AutomaticallyAfterDays": 1}},
)
_PENDING = Call(
    service="secretsmanager",
    operation="put_secret_value",
    arguments={"SecretId": THE_SECRET, "SecretString": _TEXT, "VersionStages": ["AWSPENDING"]},
)
_ROTATED = replace(HEALTHY, then=(_EVERY_DAY, _PUT_AGAIN))
_ROTATING = {"v1": ("AWSCURRENT",), "v2": ("AWSPENDING",)}


def _rotation(way: str, broken: by_hand.Change, near_miss: by_hand.Change) -> Case:
    return Case(
        check="secret-rotation-failed",
        way=way,
        broken=replace(HEALTHY, facts=broken),
        near_miss=replace(HEALTHY, facts=near_miss),
    )


ROTATION = (
    Case(
        check="secret-rotation-failed",
        way="overdue",
        broken=replace(_ROTATED, after=3 * _DAY),
        near_miss=replace(_ROTATED, after=_DAY + _HOUR),
    ),
    Case(
        check="secret-rotation-failed",
        way="pending ever since",
        broken=replace(
            HEALTHY,
            then=(
                replace(
                    _EVERY_DAY, arguments={"SecretId": THE_SECRET, "RotationRules": {"AutomaticallyAfterDays": 30}}
                ),
                _PUT_AGAIN,
                _PENDING,
            ),
            after=2 * _DAY,
        ),
        near_miss=replace(
            HEALTHY,
            then=(
                replace(
                    _EVERY_DAY, arguments={"SecretId": THE_SECRET, "RotationRules": {"AutomaticallyAfterDays": 30}}
                ),
                _PUT_AGAIN,
                _PENDING,
            ),
        ),
    ),
    _rotation(
        "overdue by a day and a second",
        by_hand.rotating(due=_DAY + timedelta(seconds=1), days=30),
        by_hand.rotating(due=_DAY, days=30),
    ),
    _rotation(
        "no next date, and the last one too long ago",
        by_hand.rotating(last=timedelta(days=31, seconds=1), days=30),
        by_hand.rotating(last=timedelta(days=31), days=30),
    ),
    _rotation("never rotated", by_hand.rotating(due=2 * _DAY), by_hand.rotating(due=-_DAY)),
    _rotation(
        "pending for a day and a second",
        by_hand.rotating(changed=_DAY + timedelta(seconds=1), due=-_DAY, stages=_ROTATING),
        by_hand.rotating(changed=_DAY, due=-_DAY, stages=_ROTATING),
    ),
    _rotation(
        "pending on a version of its own",
        by_hand.rotating(changed=9 * _DAY, due=-_DAY, stages=_ROTATING),
        by_hand.rotating(
            changed=9 * _DAY, due=-_DAY, stages={"v0": ("AWSPREVIOUS",), "v1": ("AWSPENDING", "AWSCURRENT")}
        ),
    ),
    _rotation(
        "pending, and rotation is on",
        by_hand.rotating(changed=9 * _DAY, stages=_ROTATING),
        by_hand.secret(stages=_ROTATING),
    ),
)

# --- replicas ----------------------------------------------------------------------------------------------------

_REPLICATE = Call(
    service="secretsmanager",
    operation="replicate_secret_to_regions",
    arguments={"SecretId": SECRET, "AddReplicaRegions": [{"Region": "us-east-1"}]},
)
_PRIMARY = World(secrets=(Secret(name=SECRET, value=CREDENTIALS, tags=OPTED_IN),))
_IN_THE_WAY = Call(service="secretsmanager", operation="create_secret", arguments={"Name": SECRET, "SecretString": "x"})


def _replicated(reference: str) -> Scene:
    """The primary is in the second Region, and has a replica in the task's Region."""
    return Scene(
        elsewhere=_PRIMARY,
        elsewhere_then=(_REPLICATE,),
        world=World(
            roles=(Role(name=ROLE, inline={"registry": document(allow(READ, reference))}),),
            task_definitions=(task_definition(naming(reference)),),
        ),
    )


_AT_PRIMARY, _AT_REPLICA = _replicated(f"${{elsewhere:{SECRET}}}"), _replicated(f"${{replica:{SECRET}}}")
_READABLE = by_hand.secret(resource_policy=None)  # moto does not return a replica's
_TOO_LATE = replace(_AT_PRIMARY, elsewhere_then=(), then=(_IN_THE_WAY, replace(_REPLICATE, region="eu-central-1")))


def _replica(way: str, broken: by_hand.Change, near_miss: by_hand.Change) -> Case:
    return Case(
        check="secret-replica-failed",
        way=way,
        severity="warning",
        broken=replace(_AT_PRIMARY, facts=broken),
        near_miss=replace(_AT_PRIMARY, facts=near_miss),
    )


REPLICAS = (
    Case(
        check="secret-replica-failed",
        way="another secret of its name was in the way",
        severity="warning",
        broken=_TOO_LATE,
        near_miss=_AT_PRIMARY,
    ),
    _replica(
        "failed",
        by_hand.replicating("Failed", changed=timedelta(minutes=1)),
        by_hand.replicating("Failed", changed=timedelta(minutes=1), region="eu-west-1"),
    ),
    _replica(
        "in progress for hours",
        by_hand.replicating("InProgress", changed=2 * _HOUR),
        by_hand.replicating("InProgress", changed=timedelta(minutes=1)),
    ),
    Case(
        check="secret-replica-failed",
        way="the task names the replica",
        severity="warning",
        broken=replace(_AT_REPLICA, facts=by_hand.together(_READABLE, by_hand.replicating("Failed", changed=_HOUR))),
        near_miss=replace(_AT_REPLICA, facts=_READABLE),
    ),
)

CASES = (*SCHEDULED, *NO_CURRENT_VERSION, *VALUES, *ROTATION, *REPLICAS)
