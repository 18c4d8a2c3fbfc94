"""Rows of the gate ``secret-resource-policy``: a secret of another account."""

from dataclasses import replace

from tests.unit.access.by_gate.rows import Failures, Passes, Unknowns
from tests.unit.access.worlds import BOTH, OURS, THEIRS, denied, document, named, role, theirs, to

FAILURES: Failures = {
    "cross-no-resource-policy": (
        role(*BOTH),
        replace(theirs, resource_policy=None),
        "secret-resource-policy-missing",
        False,
    ),
    "cross-owner-named-only": (
        role(*BOTH),
        replace(theirs, resource_policy=document(to({"AWS": f"arn:aws:iam::{THEIRS}:root"}))),
        "secret-resource-policy-missing",
        False,
    ),
}

PASSES: Passes = {
    "cross-account-by-another-policy": (
        role(*BOTH),
        replace(theirs, resource_policy=None, other_policies=(named("more", to({"AWS": OURS})),)),
    ),
    "cross-account": (role(*BOTH), theirs),
    "cross-account-named": (role(*BOTH), replace(theirs, resource_policy=document(to({"AWS": OURS})))),
}

UNKNOWNS: Unknowns = {
    "other-resource-policies-across-accounts": (
        role(*BOTH),
        replace(theirs, other_policies=denied("secretsmanager:ListResourcePolicies")),
        "secret-resource-policy-missing",
        "secretsmanager:ListResourcePolicies",
    ),
    "resource-policy-across-accounts": (
        role(*BOTH),
        replace(theirs, resource_policy=denied("secretsmanager:GetResourcePolicy")),
        "secret-resource-policy-missing",
        "secretsmanager:GetResourcePolicy",
    ),
}
