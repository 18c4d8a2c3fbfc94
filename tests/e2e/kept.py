"""Attacks on kept data: grants beside a need, planted records, and oversized texts."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import Granted
from pullguard.domain.role_item import SHOWS_AFTER, GrantRecord, PolicyWrite
from pullguard.store.ledger import Ledger
from sandbox.demo.evidence import OWN_POLICY, only, reading
from tests.e2e.attack import DONE, OPENED, PLANNED, REFUSED, RESOLVED, Mount, Statements, attack
from tests.e2e.ground import Ground

GRANTED = (OPENED, DONE, RESOLVED)
OBSERVED = {"pullguard:mode": "observe"}

# --- Beside a need ---------------------------------------------------------------------------------------------------

EARLIER_ROLE = timedelta(hours=-1)
# As far ahead as a write may be: it is one that IAM may not show yet for nearly ten minutes, while all attacks go on.
STILL_RECENT = SHOWS_AFTER - timedelta(seconds=10)


def _beside(
    *,
    stands: bool,
    ours: timedelta | None = timedelta(),
    registry: str | None = "",
    tags: Mapping[str, str] | None = None,
    rekeyed: bool = False,
    also: Statements = lambda _: (),
) -> Mount:
    """A role that needs one secret, and another (``NAME-beside``) beside it.

    ``stands`` is whether our policy grants the other secret. ``ours``: the ledger has a record of that grant, and of
    the write that made it, from so long after the role was created; None: it has neither. ``rekeyed``: the secret has
    moved to a key of the account's own, which our policy does not grant. ``also`` are foreign statements in our policy.
    """

    def mount(ground: Ground, name: str) -> None:
        reported = None if registry is None else registry.replace("GOOD", ground.good)
        key = ground.client("kms").create_key()["KeyMetadata"]["Arn"] if rekeyed else None
        other = ground.secret(f"{name}-beside", registry=reported, tags=tags, key=key)
        role = Arn.parse(ground.role(name))
        iam = ground.client("iam")
        if stands:
            own = only(reading(other))
            own["Statement"] += also(other)
            iam.put_role_policy(RoleName=f"{name}-execution", PolicyName=OWN_POLICY, PolicyDocument=json.dumps(own))
        if ours is not None:
            at = iam.get_role(RoleName=f"{name}-execution")["Role"]["CreateDate"] + ours
            _record(ground, role, Granted(secret=Arn.parse(other), key=None), name, at)
        ground.define(name, ground.secret(name), role=str(role))

    return mount


def _record(ground: Ground, role: Arn, grant: Granted, name: str, at: datetime) -> None:
    """Let the ledger say that this stack made a grant for the family ``name``, and that it is confirmed."""
    where = f"{ground.scene.aws.region}:{ground.scene.aws.account_id}"
    user = f"arn:aws:ecs:{where}:task-definition/{name}:1"
    record = GrantRecord(granted=grant, task_definition=user, granted_at=at, is_confirmed=True)
    users = {str(grant.secret): user}
    write = PolicyWrite(id=name, policy=OWN_POLICY, at=at, before=(), after=(grant,), users=users, outcome="done")
    roles = ledger(ground).roles
    known = roles.item(role)
    assert roles.replace(role, known, replace(known, grants=(record,), writes=(write,)))


def ledger(ground: Ground) -> Ledger:
    """The stack's ledger, as an administrator writes to it."""
    return Ledger(ground.client("dynamodb"), ground.scene.stack.outputs["LedgerTable"])


def _any_service(secret: str) -> Iterable[dict[str, Any]]:
    """Decrypt as our policy has it, through any service and for one more principal."""
    equals = {"kms:ViaService": "*", "kms:EncryptionContext:SecretARN": [secret]}
    region, account = secret.split(":")[3:5]
    yield {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": [f"arn:aws:kms:{region}:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
        "Condition": {"StringEquals": equals, "StringLike": {"aws:PrincipalArn": "*"}},
    }


def _with(name: str) -> tuple[str, ...]:
    return (name, f"{name}-beside")


BESIDE = (
    attack(
        "observed-secret-does-not-come-back",
        _beside(stands=False, ours=STILL_RECENT, tags=OBSERVED),
        reported=GRANTED,
        granted=("observed-secret-does-not-come-back",),
        writes=1,
    ),
    attack(
        "observed-secret-stays-as-it-stands",
        _beside(stands=True, tags=OBSERVED),
        reported=GRANTED,
        granted=_with("observed-secret-stays-as-it-stands"),
        writes=1,
    ),
    attack(
        "secret-not-opted-in-any-more-gets-no-new-key",
        _beside(stands=True, registry=None, rekeyed=True),
        "an owner does not consent to this grant any more",
        reported=(*GRANTED, PLANNED),
        granted=_with("secret-not-opted-in-any-more-gets-no-new-key"),
        writes=1,
    ),
    attack(
        "secret-for-other-roles-by-now-gets-no-new-key",
        _beside(stands=True, tags={"pullguard:roles": "api-*"}, rekeyed=True),
        "an owner does not consent to this grant any more",
        reported=(*GRANTED, PLANNED),
        granted=_with("secret-for-other-roles-by-now-gets-no-new-key"),
        writes=1,
    ),
    attack(
        "role-created-again",
        _beside(stands=False, ours=EARLIER_ROLE),
        reported=GRANTED,
        granted=("role-created-again",),
        writes=1,
    ),
    attack(
        "grant-comes-back-and-is-reported",
        _beside(stands=False, ours=STILL_RECENT),
        "registry/grant-comes-back-and-is-reported-beside",
        reported=GRANTED,
        granted=_with("grant-comes-back-and-is-reported"),
        writes=1,
    ),
    attack(
        "somebodys-grant-with-half-a-tag",
        _beside(stands=True, ours=None, registry="GOOD evil_host!"),
        "registry/somebodys-grant-with-half-a-tag-beside",
        "which this stack has not granted",
        reported=(*GRANTED, REFUSED),
        granted=_with("somebodys-grant-with-half-a-tag"),
        writes=1,
    ),
    attack(
        "somebodys-key-through-any-service",
        _beside(stands=True, also=_any_service),
        "it also holds what is not Pullguard's",
        "It stays. If it is not needed, remove it from the policy by hand.",
        reported=(*GRANTED, REFUSED),
        granted=_with("somebodys-key-through-any-service"),
        stays=_any_service,
        writes=1,
    ),
)

# --- Pasted where a name belongs -------------------------------------------------------------------------------------

# Made up, and put together here so that no scanner takes them for real ones.
TOKEN: Final = "gh" + "p_Zt4Kq" + "9vXw2LmR7" + "sYb3NcE8hJdU6gTfA1o"
BASE64: Final = base64.b64encode(b"ci-user:" + b"kH7-unmistakably-pasted-pw").decode().rstrip("=")
SHA: Final = "3f786850e387550fdab836ed7e6dc881de23001b"
PASTED: Final = (TOKEN, BASE64)


def _named(reference: str) -> Mount:
    def mount(ground: Ground, name: str) -> None:
        prefix = f"arn:aws:secretsmanager:{ground.scene.aws.region}:{ground.scene.aws.account_id}:secret"
        ground.define(name, reference.replace("PREFIX", prefix), role=ground.role(name))

    return mount


def _elsewhere(
    *,
    image: str | None = None,
    container: str = "app",
    registry: str | None = "",
    tags: Mapping[str, str] | None = None,
) -> Mount:
    def mount(ground: Ground, name: str) -> None:
        secret = ground.secret(name, registry=registry)
        there = image and image.replace("GOOD", ground.good)
        ground.define(name, secret, role=ground.role(name), image=there, container=container, tags=tags)

    return mount


TOKENS = (
    attack("token-as-reference", _named(TOKEN), "looks like a GitHub token", reported=(OPENED,)),
    attack("token-in-an-arn", _named(f"PREFIX:registry/{TOKEN}"), "looks like a GitHub token", reported=(OPENED,)),
    attack("base64-as-reference", _named(BASE64), "an encoded username and password", reported=(OPENED,)),
    attack("base64-as-image-tag", _elsewhere(image=f"GOOD/acme/x:{BASE64}", registry=None), "is not opted in"),
    attack("token-as-container-name", _elsewhere(container=TOKEN, registry=None), "is not opted in"),
    attack("base64-as-registry-tag", _elsewhere(registry=BASE64), "does not parse"),
    attack(
        "token-as-tag",
        _elsewhere(tags={"token": TOKEN, "login": BASE64}),
        reported=GRANTED,
        granted=("token-as-tag",),
        writes=1,
    ),
    attack("commit-as-image-tag", _elsewhere(image=f"GOOD/acme/x:{SHA}", registry=None), SHA),
)

# --- Without end -----------------------------------------------------------------------------------------------------


def _policy(*statements: Mapping[str, Any]) -> Mount:
    """An honest need of a role with another policy, which takes for ever to compare; and a neighbour in its batch."""

    def mount(ground: Ground, name: str) -> None:
        role, secret = ground.role(name), ground.secret(name)
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))
        ground.client("iam").put_role_policy(RoleName=f"{name}-execution", PolicyName="other", PolicyDocument=document)
        ground.define(name, secret, role=role)

    return mount


_READ: Final = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue"}
_NEVER: Final = {"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/nobody"}}
WITHOUT_END = (
    attack(
        "role-policy-of-asterisks",
        _policy({**_READ, "Resource": "arn:aws:secretsmanager:" + "*" * 9_000, "Condition": _NEVER}),
        reported=GRANTED,
        granted=("role-policy-of-asterisks",),
        writes=1,
    ),
    attack(
        "role-policy-of-many-asterisks",
        _policy(
            *(
                {**_READ, "Resource": f"arn:*:*:*:*:*{'r*' * 2}{'*?' * (20 + n)}*", "Condition": _NEVER}
                for n in range(30)
            ),
            {**_READ, "Resource": "*", "Condition": {"StringLike": {"secretsmanager:SecretId": "*?" * 400 + "x"}}},
        ),
        reported=GRANTED,
        granted=("role-policy-of-many-asterisks",),
        writes=1,
    ),
)

# --- Planted in the ledger -------------------------------------------------------------------------------------------

_NONSENSE: Final = ('{"stopped": 7}', "[]", "7", "{", "null")


def _planted(*places: tuple[str, str], hold: bool = False) -> Mount:
    """Unreadable items among those that every sweep and alert reads; ``NAME`` is the attack's."""

    def mount(ground: Ground, name: str) -> None:
        role = ground.role(name)
        table, client = ground.scene.stack.outputs["LedgerTable"], ground.client("dynamodb")
        for partition, sort in places:
            for number, data in enumerate(_NONSENSE[:1] if hold else _NONSENSE):
                where = partition.replace("ARN", role), sort.replace("NAME", name).replace("N", str(number))
                keys = dict(zip(("pk", "sk"), ({"S": each} for each in where), strict=True))
                client.put_item(TableName=table, Item={**keys, "data": {"S": "[]" if hold else data}})
        ground.define(name, ground.secret(name), role=role)

    return mount


def _login_of_nonsense(ground: Ground, name: str) -> None:
    """The registry's kept answer to the secret's login is unreadable; the family's need is met all the same."""
    secret = ground.secret(name)
    stages = ground.client("secretsmanager").describe_secret(SecretId=secret)["VersionIdsToStages"]
    for version in stages:
        keys = {"pk": {"S": f"LOGIN#{secret}"}, "sk": {"S": f"{version}#{ground.good}"}}
        ground.client("dynamodb").put_item(
            TableName=ground.scene.stack.outputs["LedgerTable"], Item={**keys, "data": {"S": "[]"}}
        )
    ground.define(name, secret, role=ground.role(name))


PLANTED = (
    attack(
        "login-that-nobody-can-read",
        _login_of_nonsense,
        reported=GRANTED,
        granted=("login-that-nobody-can-read",),
        writes=1,
    ),
    attack(
        "malformed-items-of-the-ledger",
        _planted(
            *((kind, "!NAME-N") for kind in ("KNOWN", "CAUSES", "SERVICES", "HOLDS", "WAITING", "ROLES")),
            ("ROLE#ARN", "GRANTED#!N"),
            ("ROLE#ARN", "WRITE#!N"),
            ("ROLE#ARN", "UNAGREED#!N"),
        ),
        reported=GRANTED,
        granted=("malformed-items-of-the-ledger",),
        writes=1,
    ),
    attack(
        "hold-that-nobody-can-read",
        _planted(("ROLE#ARN", "HOLD"), hold=True),
        "the role is held",
        reported=(OPENED, PLANNED),
    ),
)

KEPT = (*BESIDE, *TOKENS, *WITHOUT_END, *PLANTED)
