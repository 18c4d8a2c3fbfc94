"""Rows of the gate ``key-usable``: can the key that the secret is encrypted under be used at all?"""

from dataclasses import replace

from pullguard.domain.lookup import Missing
from tests.unit.access.by_gate.rows import Failures, Passes, Unknowns
from tests.unit.access.worlds import BOTH, DECRYPTS, KEY, READS, THEIR_KEY, denied, key, role, secret, theirs

FAILURES: Failures = {
    "cross-default-key": (role(*BOTH), replace(theirs, key=None), "default-key-cross-account", False),
    "cross-aws-managed-key": (
        role(*BOTH),
        replace(theirs, key=key(THEIR_KEY, manager="AWS")),
        "default-key-cross-account",
        False,
    ),
    "key-gone": (role(READS), secret(key=Missing(resource=KEY)), "key-unusable", False),
    **{
        f"key-{state}": (role(READS, DECRYPTS), secret(key=key(state=state)), "key-unusable", False)
        for state in (
            "Disabled",
            "PendingDeletion",
            "PendingReplicaDeletion",
            "PendingImport",
            "Unavailable",
            "Creating",
        )
    },
}

PASSES: Passes = {
    "customer-key-updating": (role(READS, DECRYPTS), secret(key=key(state="Updating"))),
}

UNKNOWNS: Unknowns = {
    "key": (role(READS), secret(key=denied("kms:DescribeKey", KEY)), "key-unusable", "kms:DescribeKey"),
    "key-state": (role(READS, DECRYPTS), secret(key=key(state="Moving")), "key-unusable", "Moving"),
}
