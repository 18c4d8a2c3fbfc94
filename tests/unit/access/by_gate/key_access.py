"""Rows of the gate ``key-access``: may the role decrypt with the key, through Secrets Manager?"""

from dataclasses import replace

from pullguard.domain.lookup import Missing, NotAsked
from pullguard.domain.secret import KeyGrant
from tests.unit.access.by_gate.rows import Failures, Passes, Unknowns
from tests.unit.access.worlds import (
    BOTH,
    DECRYPT,
    DECRYPTS,
    KEY,
    OURS,
    READS,
    READS_THEIRS,
    ROLE,
    ROOT,
    SECRET,
    THEIR_KEY,
    allow,
    denied,
    deny,
    document,
    key,
    named,
    ours,
    role,
    secret,
    theirs,
    to,
)

THROUGH = {
    "StringEquals": {
        "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com",
        "kms:EncryptionContext:SecretARN": SECRET,
    }
}

FAILURES: Failures = {
    "no-decrypt": (role(READS), secret(key=key()), "decrypt-access-missing", True),
    "decrypt-by-alias": (
        role(READS, allow(DECRYPT, "arn:aws:kms:us-east-1:111122223333:alias/x")),
        secret(key=key()),
        "decrypt-access-missing",
        True,
    ),
    "decrypt-through-another-service": (
        role(READS, allow(DECRYPT, KEY, Condition={"StringEquals": {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}})),
        secret(key=key()),
        "decrypt-access-missing",
        True,
    ),
    "decrypt-for-another-secret": (
        role(READS, allow(DECRYPT, KEY, Condition={"StringEquals": {"kms:EncryptionContext:SecretARN": SECRET + "x"}})),
        secret(key=key()),
        "decrypt-access-missing",
        True,
    ),
    "decrypt-denied": (role(READS, DECRYPTS, deny(DECRYPT)), secret(key=key()), "decrypt-access-denied", False),
    "decrypt-denied-under-the-default-key": (role(READS, deny("kms:*")), ours, "decrypt-access-denied", False),
    "key-policy-denies": (
        role(READS, DECRYPTS),
        secret(key=key(policy=document(to({"AWS": ROOT}), to("*", "Deny")))),
        "decrypt-access-denied",
        False,
    ),
    "key-policy-of-others": (
        role(READS, DECRYPTS),
        secret(key=key(policy=document(to({"AWS": f"{ROOT[:-4]}role/admin"})))),
        "decrypt-access-denied",
        False,
    ),
    "key-policy-delegates-other-actions": (
        role(READS, DECRYPTS),
        secret(key=key(policy=document(to({"AWS": ROOT}, action="kms:Describe*")))),
        "decrypt-access-denied",
        False,
    ),
    "cross-key-lets-nobody-in": (role(*BOTH), replace(theirs, key=key(THEIR_KEY)), "decrypt-access-denied", False),
    "cross-key-no-identity": (role(READS_THEIRS), theirs, "decrypt-access-missing", True),
    "decrypt-outside-boundary": (
        role(READS, DECRYPTS, boundary=named("b", allow("secretsmanager:*"))),
        secret(key=key()),
        "secret-access-blocked-by-boundary",
        False,
    ),
    "decrypt-outside-scp": (
        role(READS, DECRYPTS, control_policies=((named("s", allow("secretsmanager:*")),),)),
        secret(key=key()),
        "secret-access-blocked-by-organization",
        False,
    ),
}

PASSES: Passes = {
    "deny-not-through-a-service": (
        role(READS, deny("kms:*", Condition={"Bool": {"aws:ViaAWSService": "false"}})),
        ours,
    ),
    "customer-key": (role(READS, DECRYPTS), secret(key=key())),
    "customer-key-narrowly": (role(READS, allow(DECRYPT, KEY, Condition=THROUGH)), secret(key=key())),
    "customer-key-names-role": (role(READS), secret(key=key(policy=document(to({"AWS": ROLE}))))),
    "customer-key-like-the-default": (
        role(READS),
        secret(
            key=key(
                policy=document(
                    to(
                        "*",
                        action=DECRYPT,
                        Condition={
                            "StringEquals": {
                                "kms:CallerAccount": OURS,
                                "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com",
                            }
                        },
                    )
                )
            )
        ),
    ),
    "customer-key-by-alias": (
        role(
            READS,
            allow(DECRYPT, "*", Condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/registry"}}),
        ),
        secret(key=key(aliases=("alias/registry",))),
    ),
    "grant": (
        role(READS),
        secret(
            key=key(
                policy=document(to({"AWS": "1" * 12})),
                grants=(KeyGrant(grant_id="g", grantee=ROLE, operations=("Decrypt",)),),
            )
        ),
    ),
    "default-key-outside-boundary": (role(READS, boundary=named("b", allow("secretsmanager:*"))), ours),
}

UNKNOWNS: Unknowns = {
    "key-not-looked": (
        role(READS),
        secret(key=NotAsked(why="switched off", switch="--live")),
        "decrypt-access-missing",
        "switched off",
    ),
    "key-policy": (
        role(READS, DECRYPTS),
        secret(key=key(policy=denied("kms:GetKeyPolicy", KEY))),
        "decrypt-access-denied",
        "kms:GetKeyPolicy",
    ),
    "grants": (
        role(READS),
        secret(key=key(policy=document(to({"AWS": "1" * 12})), grants=denied("kms:ListGrants", KEY))),
        "decrypt-access-missing",
        "kms:ListGrants",
    ),
    "key-policy-not-found": (
        role(READS, DECRYPTS),
        secret(key=key(policy=Missing(resource=KEY))),
        "decrypt-access-denied",
        "although AWS had just described it",
    ),
    "grants-not-found": (
        role(READS),
        secret(key=key(policy=document(to({"AWS": "1" * 12})), grants=Missing(resource=KEY))),
        "decrypt-access-missing",
        "although AWS had just described it",
    ),
    "key-tag": (
        role(READS, allow(DECRYPT, KEY, Condition={"StringEquals": {"aws:ResourceTag/a": "b"}})),
        secret(key=key()),
        "decrypt-access-missing",
        "aws:ResourceTag",
    ),
    "aliases": (
        role(READS, allow(DECRYPT, "*", Condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}})),
        secret(key=key(aliases=None)),
        "decrypt-access-missing",
        "kms:ResourceAliases",
    ),
}
