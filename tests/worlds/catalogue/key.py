"""Worlds in which the secret's customer managed key is wrong, and ones in which it only looks odd."""

from dataclasses import replace
from typing import Any

from pullguard.domain.lookup import Missing
from sandbox.world import ACCOUNT_KEY_POLICY, Grant
from tests.worlds.catalogue import by_hand
from tests.worlds.catalogue.parts import (
    CREDENTIALS,
    DECRYPT,
    DECRYPTS,
    OPTED_IN,
    READS,
    THE_ROLE,
    THE_SECRET,
    allow,
    deny,
    document,
    healthy,
    to,
)
from tests.worlds.catalogue.scene import Case, Scene

BOTH = (READS, DECRYPTS)
VIA = {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}
ROOT = {"AWS": "arn:aws:iam::${account}:root"}
ADMINISTRATORS = to(ROOT, ["kms:Describe*", "kms:Put*", "kms:Create*", "kms:Enable*", "kms:Get*", "kms:List*"])


def _keyed(*, allows: tuple[Any, ...] = BOTH, **key: Any) -> Scene:
    return Scene(world=healthy(key=key, allows=allows))


def _by_policy(*statements: dict[str, Any], allows: tuple[Any, ...] = (READS,), **key: Any) -> Scene:
    return _keyed(allows=allows, policy=document(*statements), **key)


def _key(check: str, way: str, broken: Scene, near_miss: Scene) -> Case:
    return Case(check=check, way=way, broken=broken, near_miss=near_miss)


_KEYED = _keyed()


def _state(state: str) -> Case:
    return _key("key-unusable", state, replace(_KEYED, facts=by_hand.key(state=state)), _KEYED)


UNUSABLE = (
    _key("key-unusable", "disabled", _keyed(state="Disabled"), _KEYED),
    _key("key-unusable", "to be deleted", _keyed(state="PendingDeletion"), _KEYED),
    _key(
        "key-unusable",
        "an update of it",
        replace(_KEYED, facts=by_hand.key(state="Unavailable")),
        replace(_KEYED, facts=by_hand.key(state="Updating")),
    ),
    _state("PendingImport"),
    _state("PendingReplicaDeletion"),
    _key(
        "key-unusable",
        "gone",
        replace(_KEYED, facts=by_hand.secret(key=Missing(resource="alias/registry"))),
        replace(_KEYED, facts=by_hand.secret(key=None)),
    ),
)

_MISSING = "decrypt-access-missing"
DECRYPT_MISSING = (
    _key(_MISSING, "no such statement", _keyed(allows=(READS,)), _KEYED),
    _key(
        _MISSING,
        "another key",
        _keyed(allows=(READS, allow(DECRYPT, "arn:aws:kms:us-east-1:${account}:key/other"))),
        _keyed(allows=(READS, allow(DECRYPT, "arn:aws:kms:us-east-1:${account}:key/*"))),
    ),
    _key(
        _MISSING,
        "through another service",
        _keyed(
            allows=(
                READS,
                {**DECRYPTS, "Condition": {"StringEquals": {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}}},
            )
        ),
        _keyed(allows=(READS, {**DECRYPTS, "Condition": VIA})),
    ),
    _key(
        _MISSING,
        "for another secret",
        _keyed(
            allows=(
                READS,
                {**DECRYPTS, "Condition": {"StringEquals": {"kms:EncryptionContext:SecretARN": f"{THE_SECRET}x"}}},
            )
        ),
        _keyed(
            allows=(READS, {**DECRYPTS, "Condition": {"StringEquals": {"kms:EncryptionContext:SecretARN": THE_SECRET}}})
        ),
    ),
    _key(
        _MISSING,
        "by the alias's ARN",
        _keyed(allows=(READS, allow(DECRYPT, "arn:aws:kms:us-east-1:${account}:alias/registry"))),
        Scene(
            world=healthy(key={}, secret={"key": "alias/registry", "value": CREDENTIALS, "tags": OPTED_IN}, allows=BOTH)
        ),
    ),
    _key(
        _MISSING,
        "directly, not through Secrets Manager",
        _keyed(allows=(READS, {**DECRYPTS, "Condition": {"Null": {"kms:ViaService": "true"}}})),
        _keyed(allows=(READS, {**DECRYPTS, "Condition": {"Null": {"kms:ViaService": "false"}}})),
    ),
)

_DENIED = "decrypt-access-denied"
DECRYPT_DENIED = (
    _key(
        _DENIED,
        "the key policy neither names nor delegates",
        _by_policy(ADMINISTRATORS, allows=BOTH),
        _by_policy(ADMINISTRATORS, to({"AWS": THE_ROLE}, DECRYPT)),
    ),
    _key(
        _DENIED,
        "the key policy names another role",
        _by_policy(ADMINISTRATORS, to({"AWS": "arn:aws:iam::${account}:role/other"}, DECRYPT), allows=BOTH),
        _by_policy(ADMINISTRATORS, grants=(Grant(grantee=THE_ROLE),)),
    ),
    _key(
        _DENIED,
        "the key policy denies",
        _by_policy(*ACCOUNT_KEY_POLICY["Statement"], {**to({"AWS": THE_ROLE}, DECRYPT), "Effect": "Deny"}, allows=BOTH),
        _by_policy(
            *ACCOUNT_KEY_POLICY["Statement"], {**to({"AWS": THE_ROLE}, "kms:Encrypt"), "Effect": "Deny"}, allows=BOTH
        ),
    ),
    _key(
        _DENIED,
        "the role's policy denies",
        _keyed(allows=(*BOTH, deny(DECRYPT))),
        _keyed(allows=(*BOTH, deny(DECRYPT, Condition={"StringNotLike": {"kms:ViaService": "secretsmanager.*"}}))),
    ),
    _key(
        _DENIED,
        "through another service",
        _by_policy(
            ADMINISTRATORS,
            to("*", DECRYPT, Condition={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
        ),
        _by_policy(ADMINISTRATORS, to({"AWS": THE_ROLE}, DECRYPT, Condition=VIA)),
    ),
    _key(
        _DENIED,
        "a grant for another secret",
        _by_policy(
            ADMINISTRATORS,
            grants=(Grant(grantee=THE_ROLE, constraints={"EncryptionContextSubset": {"SecretARN": "another"}}),),
        ),
        _by_policy(
            ADMINISTRATORS,
            grants=(Grant(grantee=THE_ROLE, constraints={"EncryptionContextSubset": {"SecretARN": THE_SECRET}}),),
        ),
    ),
    _key(
        _DENIED,
        "a grant to encrypt",
        _by_policy(ADMINISTRATORS, grants=(Grant(grantee=THE_ROLE, operations=("Encrypt",)),)),
        _by_policy(ADMINISTRATORS, grants=(Grant(grantee=THE_ROLE, operations=("Encrypt", "Decrypt")),)),
    ),
)

CASES = (*UNUSABLE, *DECRYPT_MISSING, *DECRYPT_DENIED)
