"""Rows of the gate ``secret-access``: the policies of the role, its boundary, its organization and the secret."""

from dataclasses import replace

from pullguard.domain.lookup import Missing, NotAsked
from pullguard.domain.role import NamedPolicy
from tests.unit.access.by_gate.rows import Failures, Passes, Unknowns
from tests.unit.access.worlds import (
    DECRYPT,
    FULL,
    LATER,
    LETS_IN,
    OURS,
    READ,
    READS,
    ROLE,
    ROOT,
    S3,
    SECRET,
    SESSION,
    THEIR_KEY,
    UNREAD,
    allow,
    denied,
    deny,
    document,
    named,
    ours,
    role,
    secret,
    theirs,
    to,
)

FAILURES: Failures = {
    "no-policy": (role(), ours, "secret-access-missing", True),
    "other-secret": (role(allow(READ, SECRET + "x")), ours, "secret-access-missing", True),
    "account-named-by-the-secret": (
        role(),
        secret(resource_policy=document(to({"AWS": ROOT}))),
        "secret-access-missing",
        True,
    ),
    "identity-denies": (role(READS, deny(READ)), ours, "secret-access-denied", False),
    "resource-policy-denies": (
        role(READS),
        secret(resource_policy=document(to("*", "Deny"))),
        "secret-access-denied",
        False,
    ),
    "another-resource-policy-denies": (
        role(READS),
        secret(resource_policy=LETS_IN, other_policies=(named("cross-account-replication", to("*", "Deny")),)),
        "secret-access-denied",
        False,
    ),
    "boundary-denies": (role(READS, boundary=named("b", allow(), deny(READ))), ours, "secret-access-denied", False),
    "boundary-lacks": (role(READS, boundary=S3), ours, "secret-access-blocked-by-boundary", False),
    "boundary-and-identity-lack": (role(boundary=S3), ours, "secret-access-blocked-by-boundary", False),
    "boundary-limits-the-role-named-by-the-secret": (
        role(boundary=S3),
        secret(resource_policy=LETS_IN),
        "secret-access-blocked-by-boundary",
        False,
    ),
    "scp-lacks": (role(READS, control_policies=((FULL,), (S3,))), ours, "secret-access-blocked-by-organization", False),
    "scp-denies": (
        role(READS, control_policies=((FULL, named("no", deny(READ))),)),
        ours,
        "secret-access-blocked-by-organization",
        False,
    ),
    "cross-no-identity": (role(allow(DECRYPT, THEIR_KEY)), theirs, "secret-access-missing", True),
    "cross-neither": (
        role(allow(DECRYPT, THEIR_KEY)),
        replace(theirs, resource_policy=None),
        "secret-access-missing",
        False,
    ),
}

PASSES: Passes = {
    "exact": (role(READS), ours),
    "managed-policy": (
        role(attached_policies=(NamedPolicy(name="m", document=document(READS), arn="arn:aws:iam::aws:policy/m"),)),
        ours,
    ),
    "six-question-marks": (role(allow(READ, SECRET[:-6] + "??????")), ours),
    "named-by-the-secret": (role(), secret(resource_policy=LETS_IN)),
    "named-by-another-resource-policy": (
        role(),
        secret(other_policies=(NamedPolicy(name="cross-account-replication", document=LETS_IN),)),
    ),
    "boundary-allows": (role(READS, boundary=FULL), ours),
    "session-outside-boundary": (
        role(boundary=S3),
        secret(resource_policy=document(to("*", Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}}))),
    ),
    "scp-allows": (role(READS, control_policies=((FULL,), (FULL,))), ours),
    "deny-of-another-region": (
        role(READS, deny(Condition={"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}})),
        ours,
    ),
    "deny-without-tls": (role(READS, deny(Condition={"Bool": {"aws:SecureTransport": "false"}})), ours),
    "deny-of-another-account": (role(READS, deny(Condition={"StringNotEquals": {"aws:ResourceAccount": OURS}})), ours),
    "abac": (
        role(
            allow(
                READ, "*", Condition={"StringEquals": {"secretsmanager:ResourceTag/team": "${aws:PrincipalTag/team}"}}
            ),
            tags={"team": "web"},
        ),
        secret(tags={"Team": "web"}),
    ),
    "by-secret-id": (role(allow(READ, "*", Condition={"StringEquals": {"secretsmanager:SecretId": SECRET}})), ours),
}

UNKNOWNS: Unknowns = {
    "inline-policies": (role(inline_policies=UNREAD), ours, "secret-access-missing", "iam:ListRolePolicies"),
    "attached-policies": (
        role(READS, attached_policies=denied("iam:GetPolicyVersion")),
        ours,
        "secret-access-missing",
        "iam:GetPolicyVersion",
    ),
    "boundary": (
        role(READS, boundary=denied("iam:GetPolicy")),
        ours,
        "secret-access-blocked-by-boundary",
        "iam:GetPolicy",
    ),
    "boundary-gone": (
        role(READS, boundary=Missing(resource="arn:b")),
        ours,
        "secret-access-blocked-by-boundary",
        "arn:b was not found, although AWS had just described it",
    ),
    "resource-policy": (
        role(READS),
        secret(resource_policy=denied("secretsmanager:GetResourcePolicy")),
        "secret-access-denied",
        "secretsmanager:GetResourcePolicy",
    ),
    "resource-policy-not-looked": (
        role(READS),
        secret(resource_policy=NotAsked(why="switched off", switch="--live")),
        "secret-access-denied",
        "switched off (--live)",
    ),
    "vpc-endpoint": (
        role(READS),
        secret(resource_policy=document(to("*", "Deny", Condition=LATER))),
        "secret-access-denied",
        "aws:SourceVpce",
    ),
    "source-ip": (
        role(allow(READ, SECRET, Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
        ours,
        "secret-access-missing",
        "aws:SourceIp",
    ),
    "other-resource-policies-unread": (
        role(READS),
        secret(resource_policy=LETS_IN, other_policies=denied("secretsmanager:ListResourcePolicies")),
        "secret-access-denied",
        "secretsmanager:ListResourcePolicies",
    ),
    "session": (role(), secret(resource_policy=document(to({"AWS": SESSION}))), "secret-access-missing", "aws:userid"),
    "organization": (
        role(READS),
        secret(resource_policy=document(to("*", "Deny", Condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}))),
        "secret-access-denied",
        "aws:PrincipalOrgID",
    ),
    "malformed-policy": (
        role(inline_policies=(NamedPolicy(name="odd", document="{"),)),
        ours,
        "secret-access-missing",
        "it is not JSON",
    ),
    "time": (
        role(allow(READ, SECRET, Condition={"DateLessThan": {"aws:CurrentTime": "2026-01-01"}})),
        ours,
        "secret-access-missing",
        "aws:CurrentTime",
    ),
}
