"""Each remedy with a command: a broken world in which it is pasted, or why no paste finishes the job.

Most worlds are the catalogue's; some are one's own, since the catalogue breaks one thing at a time and people find
more than that.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from sandbox.world import ManagedPolicy, Role, Secret, World
from tests.remedies.pasting import GOOD, Place
from tests.worlds.catalogue import CASES
from tests.worlds.catalogue.parts import (
    CREDENTIALS,
    DECRYPT,
    FAMILY,
    OPTED_IN,
    READ,
    ROLE,
    SECRET,
    THE_KEY,
    THE_SECRET,
    WITHOUT_CREDENTIALS,
    allow,
    document,
    healthy,
    naming,
    task_definition,
)
from tests.worlds.catalogue.scene import Answers, Call, Scene

Person: TypeAlias = Callable[[Place, str], None]
"""The manual steps of the remedy's text; the text is the shell's output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One broken world. ``leaves`` are the checks that still find the faults that the text leaves.

    ``way`` is the kind of fault; without a ``scene``, the catalogue's world of that kind is used.
    """

    check: str
    way: str
    scene: Scene | None = None
    by_person: Person | None = None
    leaves: tuple[str, ...] = ()
    text: str = ""

    @property
    def broken(self) -> Scene:
        """The broken world."""
        return self.scene or next(each.broken for each in CASES if (each.check, each.way) == (self.check, self.way))


# --- Worlds in which more than one thing is broken ------------------------------------------------------------------

STALE, PARTIAL = f"${{stale:{SECRET}}}", f"${{partial:{SECRET}}}"
_IAM_GONE = (
    Call(service="iam", operation="delete_role_policy", arguments={"RoleName": ROLE, "PolicyName": "registry"}),
    Call(service="iam", operation="delete_role", arguments={"RoleName": ROLE}),
)
_SECRET_GONE = Call(
    service="secretsmanager",
    operation="delete_secret",
    arguments={"SecretId": THE_SECRET, "ForceDeleteWithoutRecovery": True},
)
MANAGED = {"pullguard:managed": "true"}
VIA: Mapping[str, Any] = {
    "StringEquals": {
        "kms:EncryptionContext:SecretARN": [THE_SECRET],
        "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com",
    }
}
# The shape of Pullguard's own policy, which says under which key the secret was.
GRANTED = document(
    {"Sid": "PullguardSecrets", **allow(READ, [THE_SECRET])},
    {"Sid": "PullguardKey0123456789ab", **allow(DECRYPT, [THE_KEY], Condition=VIA)},
)
ODD = "registry/a+b=c@d.e_f"
"""A name with every sign that may be in one."""

_RECREATED = healthy(container=naming(STALE), secret={"recreated": True}, allows=(allow(READ, STALE),))
_KEYED = {"value": CREDENTIALS, "tags": OPTED_IN, "key": THE_KEY}
_LOGGED = {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "web"}}}


def _role_gone(**changes: Any) -> Scene:
    return Scene(world=healthy(**changes), then=_IAM_GONE)


def _misspelt_role() -> Scene:
    """The role that the task definition names is gone; another one, of a similar name, has no access."""
    world = healthy()
    return Scene(world=replace(world, roles=(*world.roles, Role(name="web-exeuction"))), then=_IAM_GONE)


def _odd() -> World:
    secret = Secret(name=ODD, value=CREDENTIALS, tags=OPTED_IN)
    role = Role(name="-web+exec=a,b@c.d_e", tags=MANAGED)
    task = {"executionRoleArn": f"${{role:{role.name}}}"}
    return World(
        roles=(role,),
        secrets=(secret,),
        task_definitions=(task_definition(naming(f"${{secret:{ODD}}}"), task),),
    )


def _pulled_through() -> World:
    """A secret for Amazon ECR's pull through cache, which a task names as well."""
    name = "ecr-pullthroughcache/docker-hub"
    value = {"username": "acme-web", "accessToken": "dckr_pat_0123456789"}
    return healthy(
        secret={"name": name, "value": value},
        container=naming(f"${{secret:{name}}}"),
        allows=(allow(READ, f"${{secret:{name}}}"),),
    )


_IN_A_WEEK = datetime.now(UTC) + timedelta(days=7)


def _expired(on: str) -> Scene:
    return Scene(world=healthy(secret={"tags": {**OPTED_IN, "pullguard:expires": on}}))


_CROWD: Mapping[str, Any] = {"Sid": "x" * 10_100, "Effect": "Deny", "Action": "none:Null", "Resource": "*"}
_FOR_EC2: Mapping[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": "ec2.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def _two(one: Mapping[str, Any], two: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return two containers."""
    return [{"name": name, "memory": 128, **members} for name, members in (("one", one), ("two", two))]


def _two_without_anything() -> Scene:
    containers = _two({"image": "${registry}/acme/one:1.0"}, {"image": "${registry}/acme/two:1.0"})
    world = healthy(
        secret={"value": GOOD, "tags": {"pullguard:registry": "${registry}"}},
        task={"containerDefinitions": containers, "executionRoleArn": None},
    )
    return Scene(world=replace(world, roles=()), registry=Answers())


def _two_denied() -> Scene:
    containers = _two(
        {"image": "docker.io/acme/one", **naming(THE_SECRET)},
        {"image": "docker.io/acme/two", **naming("${secret:registry/two}")},
    )
    more = (Secret(name="registry/two", value=CREDENTIALS, tags=OPTED_IN, key=THE_KEY),)
    task = {"containerDefinitions": containers}
    return Scene(world=healthy(key={}, allows=(), more_secrets=more, task=task))


def _crowded() -> Scene:
    """A role whose inline policies have no room left."""
    return Scene(world=healthy(allows=(), role={"inline": {"crowd": document(_CROWD)}}))


def _crowded_twice() -> Scene:
    """The same, and two containers with a secret each."""
    one = {"image": "docker.io/acme/one", **naming(THE_SECRET)}
    two = {"image": "docker.io/acme/two", **naming("${secret:registry/two}")}
    return Scene(
        world=healthy(
            allows=(),
            role={"inline": {"crowd": document(_CROWD)}},
            more_secrets=(Secret(name="registry/two", value=CREDENTIALS, tags=OPTED_IN),),
            task={"containerDefinitions": _two(one, two)},
        )
    )


def _bounded_with_key() -> Scene:
    case = next(each for each in CASES if each.way == "not its key")
    return case.broken


_BOUNDARY = ManagedPolicy(name="limit", document=document(allow("s3:*")))
_BOUNDED: Mapping[str, Any] = {"policies": (_BOUNDARY,), "role": {"boundary": "${policy:limit}"}}
_VERSION = Call(
    service="iam",
    operation="create_policy_version",
    arguments={
        "PolicyArn": "${policy:limit}",
        "PolicyDocument": json.dumps(_BOUNDARY.document),
        "SetAsDefault": True,
    },
)
_ONLY_ADMIN: Mapping[str, Any] = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::${account}:user/admin"},
    "Action": "kms:*",
    "Resource": "*",
}
_DELETED: Mapping[str, Any] = {"AWS": ["AROAQ3EGSOMEDELETEDID", "arn:aws:iam::${account}:user/admin"]}
_CLOSED_KEY: Mapping[str, Any] = {"policy": document(_ONLY_ADMIN)}
_OTHER = Secret(name="registry/two", value=CREDENTIALS, tags=OPTED_IN)
_NAMES_BOTH = {
    "containerDefinitions": _two(
        {"image": "docker.io/acme/one", **naming(THE_SECRET)},
        {"image": "docker.io/acme/two", **naming("${secret:registry/two}")},
    )
}
_READS_BOTH = (allow(READ, [THE_SECRET, "${secret:registry/two}"]), allow(DECRYPT))


def _and_a_family(world: World, secret: str = THE_SECRET, role: str = ROLE) -> World:
    """Return the world with a second family, which names this secret and this role, a copy of the first's."""
    copies = () if role == ROLE else (replace(world.roles[0], name=role),)
    second = task_definition(naming(secret), {"executionRoleArn": f"${{role:{role}}}"}, family="two")
    return replace(world, roles=(*world.roles, *copies), task_definitions=(*world.task_definitions, second))


_ALIAS_GONE = Scene(
    world=healthy(key={}, secret={"key": "alias/registry", "value": CREDENTIALS, "tags": OPTED_IN}),
    then=(Call(service="kms", operation="delete_alias", arguments={"AliasName": "alias/registry"}),),
)
_FROM_REGISTRY = {"image": "${registry}/acme/web:1.0"}
_FOR_REGISTRY = {"tags": {"pullguard:registry": "${registry}"}}
_HALFWAY = Scene(
    world=healthy(container=_FROM_REGISTRY, secret=_FOR_REGISTRY),
    then=(
        Call(
            service="secretsmanager",
            operation="put_secret_value",
            arguments={"SecretId": THE_SECRET, "SecretString": json.dumps(GOOD), "VersionStages": ["AWSPENDING"]},
        ),
    ),
    registry=Answers(),
)
_REFUSED_TO_ANYBODY = Scene(
    world=healthy(container={**WITHOUT_CREDENTIALS, **_FROM_REGISTRY}, secret={"value": GOOD, **_FOR_REGISTRY}),
    registry=Answers(),
)
_REFUSED_TO_ALL = Scene(
    world=healthy(
        container={**WITHOUT_CREDENTIALS, **_FROM_REGISTRY}, secret={"value": GOOD, **_FOR_REGISTRY}, allows=()
    ),
    registry=Answers(),
)
_NO_ROLE_AT_ALL = Scene(
    world=replace(
        healthy(
            container={**WITHOUT_CREDENTIALS, **_FROM_REGISTRY},
            secret={"value": GOOD, **_FOR_REGISTRY},
            task={"executionRoleArn": None},
        ),
        roles=(),
    ),
    registry=Answers(),
)
_CLUSTER = Call(service="ecs", operation="create_cluster", arguments={"clusterName": "main"})


def _old_service(name: str) -> Call:
    arguments = {"cluster": "main", "serviceName": name, "taskDefinition": FAMILY, "desiredCount": 0}
    old = {"launchType": "FARGATE", "platformVersion": "1.1.0"}
    return Call(service="ecs", operation="create_service", arguments={**arguments, **old})


# --- What a person does -----------------------------------------------------------------------------------------------


def _register_what_was_printed(place: Place, printed: str) -> None:
    arn = next(each for each in printed.splitlines() if each.startswith("arn:aws:secretsmanager:"))
    for revision in place.revisions():
        for each in revision["containerDefinitions"]:
            place.register(revision["family"], each["name"], naming(arn))


def _move_to_another_key(place: Place) -> None:
    key = place.aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    place.aws.client("secretsmanager").update_secret(SecretId=SECRET, KmsKeyId=key)


def _store_under_another_key(place: Place) -> None:
    _move_to_another_key(place)
    place.aws.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=json.dumps(CREDENTIALS))


def _remove_the_broad_one(place: Place, printed: str) -> None:
    place.aws.client("iam").delete_role_policy(RoleName=ROLE, PolicyName="registry")


PASTED: Final = (
    Row(check="reference-malformed", way="a JSON key after the ARN"),
    Row(
        check="reference-malformed",
        way="a JSON key after the ARN, and no access",
        scene=Scene(world=healthy(container=naming(f"{THE_SECRET}:password::"), allows=())),
    ),
    Row(check="reference-not-full-arn", way="the name"),
    Row(check="reference-not-full-arn", way="the ARN without its suffix, in another Region"),
    Row(check="reference-stale", way="deleted and created again"),
    Row(check="reference-stale", way="the role may read the old ARN only", scene=Scene(world=_RECREATED)),
    Row(
        check="reference-stale",
        way="neither read nor decrypted nor assumed",
        scene=Scene(
            world=healthy(
                container=naming(STALE),
                secret={"recreated": True, **_KEYED},
                key={},
                allows=(),
                role={"trust": document({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:TagSession"})},
            )
        ),
    ),
    Row(
        check="reference-stale",
        way="neither the boundary nor the role's own policies",
        scene=Scene(world=healthy(container=naming(STALE), secret={"recreated": True}, allows=(), **_BOUNDED)),
    ),
    Row(
        check="reference-stale",
        way="and the key policy is closed",
        scene=Scene(
            world=healthy(container=naming(STALE), secret={"recreated": True, **_KEYED}, key=_CLOSED_KEY, allows=())
        ),
    ),
    Row(check="secret-not-found", way="the name of nothing", leaves=("reference-not-full-arn",)),
    Row(check="secret-not-found", way="deleted for good", by_person=_register_what_was_printed),
    Row(
        check="secret-not-found",
        way="deleted for good, with its key known by the grant",
        scene=Scene(
            world=healthy(key={}, allows=(), role={"inline": {"pullguard-registry-credentials": GRANTED}}),
            then=(_SECRET_GONE,),
        ),
        by_person=_register_what_was_printed,
    ),
    Row(
        check="secret-not-found",
        way="the role may read the secret of that name, whatever its suffix",
        scene=Scene(world=healthy(allows=(allow(READ, f"{PARTIAL}-??????"),)), then=(_SECRET_GONE,)),
        by_person=_register_what_was_printed,
    ),
    Row(check="secret-not-found", way="the secret that took its name is to be deleted as well"),
    Row(
        check="secret-not-found",
        way="an odd name",
        scene=Scene(world=healthy(container=naming(ODD), allows=())),
        leaves=("reference-not-full-arn",),
    ),
    Row(
        check="secret-not-found",
        way="a misspelt name, which the role may not read by its right one",
        scene=Scene(world=healthy(container=naming("registry/wbe"), allows=())),
    ),
    Row(check="credentials-missing", way="accepted by the registry", scene=_REFUSED_TO_ANYBODY),
    Row(check="credentials-missing", way="and the role may not read them", scene=_REFUSED_TO_ALL),
    Row(check="credentials-missing", way="and there is no role", scene=_NO_ROLE_AT_ALL),
    Row(check="secret-scheduled-for-deletion", way="in its recovery window"),
    Row(check="secret-no-current-version", way="created without a value"),
    Row(check="secret-value-binary", way="the JSON as bytes"),
    Row(check="secret-value-malformed", way="user:password"),
    Row(check="secret-value-malformed", way="a number for a password"),
    Row(check="secret-value-empty-field", way="other names"),
    Row(check="secret-value-key-case", way="a capital"),
    Row(
        check="secret-value-empty-field",
        way="what another service reads by that form",
        scene=Scene(world=_pulled_through()),
        by_person=_register_what_was_printed,
    ),
    Row(check="secret-value-suspicious", way="CHANGE_ME"),
    Row(check="credentials-short-lived", way="of a job"),
    Row(check="credentials-expiring", way="long ago", scene=_expired("2020-01-01")),
    Row(check="credentials-expiring", way="in a week", scene=_expired(f"{_IN_A_WEEK:%Y-%m-%d}")),
    Row(check="registry-tag-unreadable", way="a path in an address"),
    Row(check="secret-rotation-failed", way="pending ever since"),
    Row(check="execution-role-missing", way="no executionRoleArn"),
    Row(
        check="execution-role-missing",
        way="no executionRoleArn, and the secret has a key",
        scene=Scene(world=replace(healthy(task={"executionRoleArn": None}, container=_LOGGED, key={}), roles=())),
    ),
    Row(check="execution-role-not-found", way="deleted", scene=_role_gone()),
    Row(check="execution-role-not-found", way="deleted, and the secret has a key", scene=_role_gone(key={})),
    Row(
        check="execution-role-not-found",
        way="deleted, and logs are to be written",
        scene=_role_gone(container=_LOGGED),
    ),
    Row(check="execution-role-not-found", way="another path"),
    Row(
        check="execution-role-not-found",
        way="a misspelt name of a role that may not read the secret",
        scene=_misspelt_role(),
    ),
    Row(
        check="registry-mismatch",
        way="a misspelt registry in the tag",
        scene=Scene(world=healthy(secret={"tags": {"pullguard:registry": "dokcer.io"}})),
    ),
    Row(
        check="registry-mismatch",
        way="a misspelt registry in the image",
        scene=Scene(world=healthy(container={"image": "dokcer.io/acme/web:1.0"})),
    ),
    Row(check="execution-role-not-assumable", way="for EC2 instances"),
    Row(check="execution-role-not-assumable", way="for another account's tasks"),
    Row(
        check="execution-role-not-assumable",
        way="for a role that was deleted",
        scene=Scene(world=healthy(role={"trust": document({**_FOR_EC2, "Principal": _DELETED})})),
    ),
    Row(check="secret-access-missing", way="no policy at all"),
    Row(check="secret-access-missing", way="a partial ARN"),
    Row(check="secret-access-missing", way="odd names", scene=Scene(world=_odd())),
    Row(
        check="secret-access-missing",
        way="both owners agree",
        scene=Scene(world=healthy(allows=(), role={"tags": MANAGED})),
    ),
    Row(check="secret-access-blocked-by-boundary", way="no such action"),
    Row(check="secret-access-blocked-by-boundary", way="not its key"),
    Row(
        check="secret-access-blocked-by-boundary",
        way="and no policy of the role",
        scene=Scene(world=healthy(**_BOUNDED, allows=())),
    ),
    Row(
        check="secret-access-blocked-by-boundary",
        way="not its key, and no policy of the role",
        scene=Scene(
            world=healthy(
                key={},
                allows=(allow(READ, THE_SECRET),),
                policies=(replace(_BOUNDARY, document=document(allow(READ))),),
                role={"boundary": "${policy:limit}"},
            )
        ),
    ),
    Row(
        check="secret-access-blocked-by-boundary",
        way="not its key, and not the key policy",
        scene=Scene(
            world=healthy(
                key=_CLOSED_KEY,
                allows=(allow(READ, THE_SECRET),),
                policies=(replace(_BOUNDARY, document=document(allow(READ))),),
                role={"boundary": "${policy:limit}"},
            )
        ),
    ),
    Row(
        check="secret-access-blocked-by-boundary",
        way="five versions",
        scene=Scene(world=healthy(**_BOUNDED), then=(_VERSION,) * 3),
    ),
    Row(check="secret-access-too-broad", way="every secret", by_person=_remove_the_broad_one),
    Row(check="inline-policy-quota", way="no room", scene=_crowded()),
    Row(check="inline-policy-quota", way="no room for two", scene=_crowded_twice()),
    Row(check="key-unusable", way="disabled"),
    Row(check="key-unusable", way="to be deleted"),
    Row(check="key-unusable", way="its alias is gone", scene=_ALIAS_GONE),
    Row(check="decrypt-access-missing", way="no such statement"),
    Row(check="decrypt-access-denied", way="the key policy neither names nor delegates"),
    Row(check="decrypt-access-denied", way="the key policy names another role"),
    Row(
        check="decrypt-access-denied",
        way="the key policy names a role that was deleted",
        scene=Scene(world=healthy(key={"policy": document({**_ONLY_ADMIN, "Principal": _DELETED})})),
    ),
    Row(check="credentials-rejected", way="wrong credentials"),
    Row(check="credentials-rejected", way="a rotation stopped halfway", scene=_HALFWAY),
    Row(check="fargate-platform-too-old", way="a service"),
    Row(
        check="fargate-platform-too-old",
        way="two services",
        scene=Scene(world=healthy(), then=(_CLUSTER, _old_service("one"), _old_service("two"))),
    ),
)

EVERYTHING: Final[Mapping[str, tuple[Scene, Person | None]]] = {
    "the secret and the role are gone": (
        Scene(world=healthy(), then=(_SECRET_GONE, *_IAM_GONE)),
        _register_what_was_printed,
    ),
    "two containers without credentials or a role": (_two_without_anything(), None),
    "the key is disabled, and the role may do nothing": (
        Scene(world=healthy(key={"state": "Disabled"}, allows=())),
        None,
    ),
    "two containers whose secrets the role may not read": (_two_denied(), None),
    "a malformed reference, a broad trust and no room": (
        Scene(
            world=healthy(
                container=naming(f"{THE_SECRET}:password::"),
                allows=(),
                role={"inline": {"crowd": document(_CROWD)}, "trust": document(_FOR_EC2)},
            )
        ),
        None,
    ),
    "two containers whose secrets have a closed key": (
        Scene(
            world=healthy(
                key=_CLOSED_KEY,
                allows=_READS_BOTH,
                more_secrets=(replace(_OTHER, key=THE_KEY),),
                task=_NAMES_BOTH,
            )
        ),
        None,
    ),
    "two containers and a boundary": (
        Scene(world=healthy(**_BOUNDED, allows=_READS_BOTH, more_secrets=(_OTHER,), task=_NAMES_BOTH)),
        None,
    ),
    "two families and a closed key": (
        Scene(
            world=_and_a_family(
                healthy(key=_CLOSED_KEY, allows=(allow(READ, THE_SECRET), allow(DECRYPT))), role="two-execution"
            )
        ),
        None,
    ),
    "two families whose role is gone": (
        Scene(world=_and_a_family(healthy(more_secrets=(_OTHER,)), "${secret:registry/two}"), then=_IAM_GONE),
        None,
    ),
    "two families whose secret is gone": (
        Scene(world=_and_a_family(healthy(allows=()), role="two-execution"), then=(_SECRET_GONE,)),
        _register_what_was_printed,
    ),
}
"""Worlds in which several things are broken: everything that is found is pasted, in the order of the audit."""

LATER: Final[Mapping[str, tuple[Scene, Callable[[Place], None]]]] = {
    "the secret is encrypted under a key": (Scene(world=healthy(allows=())), _store_under_another_key),
    "the secret is encrypted under another key": (Scene(world=healthy(key={}, allows=())), _store_under_another_key),
    "the next version will have another key": (Scene(world=healthy(key={}, allows=())), _move_to_another_key),
    "no room, and the secret is encrypted under a key": (_crowded(), _store_under_another_key),
}
"""Worlds that are repaired by pasting, and what breaks them again afterwards."""

NOT_PASTED: Final[Mapping[str, str]] = {
    "secret-replica-failed": "the embedded AWS refuses what AWS replicates late and reports as failed",
    "secret-type-unusable": "the embedded AWS has no managed external secrets; the commands are tried for another kind",
    "secret-access-denied": "a Deny is there on purpose: its owner decides, and the command shows the policy",
    "secret-access-blocked-by-organization": "the embedded AWS enforces no control policies; another account decides",
    "secret-resource-policy-missing": "the embedded AWS finds no secret of another account; test_on_paper pastes it",
    "default-key-cross-account": "the embedded AWS finds no secret of another account, and two accounts have to act",
    "image-not-found": "the image has to be built and pushed; nothing in AWS is wrong",
    "container-agent-too-old": "the embedded AWS has no container instances; test_on_paper reads the command",
}
"""The checks whose remedy has a command that no test pastes, each with the reason."""
