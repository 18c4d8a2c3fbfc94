from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pullguard.access.contexts import Circumstances
from pullguard.access.decision import Verdict
from pullguard.access.gates import FINDINGS_BY_GATE, FindingId, GateName, PullAccess
from pullguard.access.verdict import grant_would_help, pull_access, trust_allows_ecs_tasks
from pullguard.arn import Arn
from pullguard.model import KeyGrant, Missing, NamedPolicy, NotLooked, Role, Secret, Unreadable
from tests.unit.access.worlds import (
    DECRYPT,
    KEY,
    OURS,
    READ,
    ROLE,
    ROOT,
    SECRET,
    SESSION,
    THEIR_KEY,
    THEIR_SECRET,
    THEIRS,
    TRUST,
    Source,
    allow,
    deny,
    document,
    key,
    named,
    role,
    secret,
    to,
)  # fmt: skip

READS = allow(READ, SECRET)
READS_THEIRS = allow(READ, THEIR_SECRET)
DECRYPTS = allow(DECRYPT, KEY)
THROUGH = {
    "StringEquals": {
        "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com",
        "kms:EncryptionContext:SecretARN": SECRET,
    }
}
FULL, S3 = named("full", allow()), named("s3", allow("s3:*"))
LETS_IN = document(to({"AWS": ROLE}, action=READ))
KEY_LETS_IN = document(to({"AWS": ROOT}, action=DECRYPT))
UNREAD = Unreadable(permission="iam:ListRolePolicies", resource=ROLE, reason="denied")
ours, theirs = secret(), secret(THEIR_SECRET, resource_policy=LETS_IN, key=key(THEIR_KEY, policy=KEY_LETS_IN))
BOTH = (allow(READ, THEIR_SECRET), allow(DECRYPT, THEIR_KEY))

# what it is, role, secret, the gate that fails first, its finding, whether a grant helps
FAILURES = [
    (
        "trust",
        role(READS, trust=TRUST | {"Principal": {"Service": "ec2.amazonaws.com"}}),
        ours,
        "trust-policy",
        "execution-role-not-assumable",
        False,
    ),
    (
        "trust-denies",
        role(READS, trust_policy=document(TRUST, TRUST | {"Effect": "Deny"})),
        ours,
        "trust-policy",
        "execution-role-not-assumable",
        False,
    ),
    ("no-policy", role(), ours, "secret-access", "secret-access-missing", True),
    ("other-secret", role(allow(READ, SECRET + "x")), ours, "secret-access", "secret-access-missing", True),
    (
        "account-named-by-the-secret",
        role(),
        secret(resource_policy=document(to({"AWS": ROOT}))),
        "secret-access",
        "secret-access-missing",
        True,
    ),
    ("identity-denies", role(READS, deny(READ)), ours, "secret-access", "secret-access-denied", False),
    (
        "resource-policy-denies",
        role(READS),
        secret(resource_policy=document(to("*", "Deny"))),
        "secret-access",
        "secret-access-denied",
        False,
    ),
    (
        "boundary-denies",
        role(READS, boundary=named("b", allow(), deny(READ))),
        ours,
        "secret-access",
        "secret-access-denied",
        False,
    ),
    ("boundary-lacks", role(READS, boundary=S3), ours, "secret-access", "secret-access-blocked-by-boundary", False),
    (
        "boundary-and-identity-lack",
        role(boundary=S3),
        ours,
        "secret-access",
        "secret-access-blocked-by-boundary",
        False,
    ),
    (
        "boundary-limits-the-role-named-by-the-secret",
        role(boundary=S3),
        secret(resource_policy=LETS_IN),
        "secret-access",
        "secret-access-blocked-by-boundary",
        False,
    ),
    (
        "scp-lacks",
        role(READS, control_policies=((FULL,), (S3,))),
        ours,
        "secret-access",
        "secret-access-blocked-by-organization",
        False,
    ),
    (
        "scp-denies",
        role(READS, control_policies=((FULL, named("no", deny(READ))),)),
        ours,
        "secret-access",
        "secret-access-blocked-by-organization",
        False,
    ),
    (
        "cross-no-resource-policy",
        role(*BOTH),
        replace(theirs, resource_policy=None),
        "secret-resource-policy",
        "secret-resource-policy-missing",
        False,
    ),
    (
        "cross-owner-named-only",
        role(*BOTH),
        replace(theirs, resource_policy=document(to({"AWS": f"arn:aws:iam::{THEIRS}:root"}))),
        "secret-resource-policy",
        "secret-resource-policy-missing",
        False,
    ),
    ("cross-no-identity", role(allow(DECRYPT, THEIR_KEY)), theirs, "secret-access", "secret-access-missing", True),
    (
        "cross-neither",
        role(allow(DECRYPT, THEIR_KEY)),
        replace(theirs, resource_policy=None),
        "secret-access",
        "secret-access-missing",
        False,
    ),
    ("cross-default-key", role(*BOTH), replace(theirs, key=None), "key-usable", "default-key-cross-account", False),
    (
        "cross-aws-managed-key",
        role(*BOTH),
        replace(theirs, key=key(THEIR_KEY, manager="AWS")),
        "key-usable",
        "default-key-cross-account",
        False,
    ),
    ("key-gone", role(READS), secret(key=Missing(resource=KEY)), "key-usable", "key-unusable", False),
    *(
        (f"key-{state}", role(READS, DECRYPTS), secret(key=key(state=state)), "key-usable", "key-unusable", False)
        for state in (
            "Disabled",
            "PendingDeletion",
            "PendingReplicaDeletion",
            "PendingImport",
            "Unavailable",
            "Creating",
        )
    ),
    ("no-decrypt", role(READS), secret(key=key()), "key-access", "decrypt-access-missing", True),
    (
        "decrypt-by-alias",
        role(READS, allow(DECRYPT, "arn:aws:kms:us-east-1:111122223333:alias/x")),
        secret(key=key()),
        "key-access",
        "decrypt-access-missing",
        True,
    ),
    (
        "decrypt-through-another-service",
        role(READS, allow(DECRYPT, KEY, Condition={"StringEquals": {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}})),
        secret(key=key()),
        "key-access",
        "decrypt-access-missing",
        True,
    ),
    (
        "decrypt-for-another-secret",
        role(READS, allow(DECRYPT, KEY, Condition={"StringEquals": {"kms:EncryptionContext:SecretARN": SECRET + "x"}})),
        secret(key=key()),
        "key-access",
        "decrypt-access-missing",
        True,
    ),
    (
        "decrypt-denied",
        role(READS, DECRYPTS, deny(DECRYPT)),
        secret(key=key()),
        "key-access",
        "decrypt-access-denied",
        False,
    ),
    (
        "decrypt-denied-under-the-default-key",
        role(READS, deny("kms:*")),
        ours,
        "key-access",
        "decrypt-access-denied",
        False,
    ),
    (
        "key-policy-denies",
        role(READS, DECRYPTS),
        secret(key=key(policy=document(to({"AWS": ROOT}), to("*", "Deny")))),
        "key-access",
        "decrypt-access-denied",
        False,
    ),
    (
        "key-policy-of-others",
        role(READS, DECRYPTS),
        secret(key=key(policy=document(to({"AWS": f"{ROOT[:-4]}role/admin"})))),
        "key-access",
        "decrypt-access-denied",
        False,
    ),
    (
        "key-policy-delegates-other-actions",
        role(READS, DECRYPTS),
        secret(key=key(policy=document(to({"AWS": ROOT}, action="kms:Describe*")))),
        "key-access",
        "decrypt-access-denied",
        False,
    ),
    (
        "cross-key-lets-nobody-in",
        role(*BOTH),
        replace(theirs, key=key(THEIR_KEY)),
        "key-access",
        "decrypt-access-denied",
        False,
    ),
    ("cross-key-no-identity", role(READS_THEIRS), theirs, "key-access", "decrypt-access-missing", True),
    (
        "decrypt-outside-boundary",
        role(READS, DECRYPTS, boundary=named("b", allow("secretsmanager:*"))),
        secret(key=key()),
        "key-access",
        "secret-access-blocked-by-boundary",
        False,
    ),
    (
        "decrypt-outside-scp",
        role(READS, DECRYPTS, control_policies=((named("s", allow("secretsmanager:*")),),)),
        secret(key=key()),
        "key-access",
        "secret-access-blocked-by-organization",
        False,
    ),
]
PASSES = [
    ("exact", role(READS), ours),
    (
        "managed-policy",
        role(attached_policies=(NamedPolicy(name="m", document=document(READS), arn="arn:aws:iam::aws:policy/m"),)),
        ours,
    ),
    ("six-question-marks", role(allow(READ, SECRET[:-6] + "??????")), ours),
    ("named-by-the-secret", role(), secret(resource_policy=LETS_IN)),
    ("boundary-allows", role(READS, boundary=FULL), ours),
    (
        "session-outside-boundary",
        role(boundary=S3),
        secret(resource_policy=document(to("*", Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}}))),
    ),
    ("scp-allows", role(READS, control_policies=((FULL,), (FULL,))), ours),
    (
        "deny-of-another-region",
        role(READS, deny(Condition={"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}})),
        ours,
    ),
    ("deny-without-tls", role(READS, deny(Condition={"Bool": {"aws:SecureTransport": "false"}})), ours),
    ("deny-of-another-account", role(READS, deny(Condition={"StringNotEquals": {"aws:ResourceAccount": OURS}})), ours),
    (
        "deny-not-through-a-service",
        role(READS, deny("kms:*", Condition={"Bool": {"aws:ViaAWSService": "false"}})),
        ours,
    ),
    ("cross-account", role(*BOTH), theirs),
    ("cross-account-named", role(*BOTH), replace(theirs, resource_policy=document(to({"AWS": OURS})))),
    ("customer-key", role(READS, DECRYPTS), secret(key=key())),
    ("customer-key-narrowly", role(READS, allow(DECRYPT, KEY, Condition=THROUGH)), secret(key=key())),
    ("customer-key-names-role", role(READS), secret(key=key(policy=document(to({"AWS": ROLE}))))),
    (
        "customer-key-like-the-default",
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
    ("customer-key-updating", role(READS, DECRYPTS), secret(key=key(state="Updating"))),
    (
        "customer-key-by-alias",
        role(
            READS,
            allow(DECRYPT, "*", Condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/registry"}}),
        ),
        secret(key=key(aliases=("alias/registry",))),
    ),
    (
        "grant",
        role(READS),
        secret(
            key=key(
                policy=document(to({"AWS": "1" * 12})),
                grants=(KeyGrant(grant_id="g", grantee=ROLE, operations=("Decrypt",)),),
            )
        ),
    ),
    ("default-key-outside-boundary", role(READS, boundary=named("b", allow("secretsmanager:*"))), ours),
    (
        "abac",
        role(
            allow(
                READ, "*", Condition={"StringEquals": {"secretsmanager:ResourceTag/team": "${aws:PrincipalTag/team}"}}
            ),
            tags={"team": "web"},
        ),
        secret(tags={"Team": "web"}),
    ),
    ("by-secret-id", role(allow(READ, "*", Condition={"StringEquals": {"secretsmanager:SecretId": SECRET}})), ours),
]
LATER = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}


def denied(permission: str, resource: str = SECRET) -> Unreadable:
    return Unreadable(permission=permission, resource=resource, reason="denied")


# what it is, role, secret, the gate, its finding, what it names
UNKNOWNS = [
    (
        "inline-policies",
        role(inline_policies=UNREAD),
        ours,
        "secret-access",
        "secret-access-missing",
        "iam:ListRolePolicies",
    ),
    (
        "attached-policies",
        role(READS, attached_policies=denied("iam:GetPolicyVersion")),
        ours,
        "secret-access",
        "secret-access-missing",
        "iam:GetPolicyVersion",
    ),
    (
        "boundary",
        role(READS, boundary=denied("iam:GetPolicy")),
        ours,
        "secret-access",
        "secret-access-blocked-by-boundary",
        "iam:GetPolicy",
    ),
    (
        "boundary-gone",
        role(READS, boundary=Missing(resource="arn:b")),
        ours,
        "secret-access",
        "secret-access-blocked-by-boundary",
        "arn:b does not exist",
    ),
    (
        "resource-policy",
        role(READS),
        secret(resource_policy=denied("secretsmanager:GetResourcePolicy")),
        "secret-access",
        "secret-access-denied",
        "secretsmanager:GetResourcePolicy",
    ),
    (
        "resource-policy-across-accounts",
        role(*BOTH),
        replace(theirs, resource_policy=denied("secretsmanager:GetResourcePolicy")),
        "secret-resource-policy",
        "secret-resource-policy-missing",
        "secretsmanager:GetResourcePolicy",
    ),
    (
        "resource-policy-not-looked",
        role(READS),
        secret(resource_policy=NotLooked(why="switched off", switch="--live")),
        "secret-access",
        "secret-access-denied",
        "switched off (--live)",
    ),
    ("key", role(READS), secret(key=denied("kms:DescribeKey", KEY)), "key-usable", "key-unusable", "kms:DescribeKey"),
    (
        "key-not-looked",
        role(READS),
        secret(key=NotLooked(why="switched off", switch="--live")),
        "key-access",
        "decrypt-access-missing",
        "switched off",
    ),
    ("key-state", role(READS, DECRYPTS), secret(key=key(state="Moving")), "key-usable", "key-unusable", "Moving"),
    (
        "key-policy",
        role(READS, DECRYPTS),
        secret(key=key(policy=denied("kms:GetKeyPolicy", KEY))),
        "key-access",
        "decrypt-access-denied",
        "kms:GetKeyPolicy",
    ),
    (
        "grants",
        role(READS),
        secret(key=key(policy=document(to({"AWS": "1" * 12})), grants=denied("kms:ListGrants", KEY))),
        "key-access",
        "decrypt-access-missing",
        "kms:ListGrants",
    ),
    (
        "vpc-endpoint",
        role(READS),
        secret(resource_policy=document(to("*", "Deny", Condition=LATER))),
        "secret-access",
        "secret-access-denied",
        "aws:SourceVpce",
    ),
    (
        "source-ip",
        role(allow(READ, SECRET, Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
        ours,
        "secret-access",
        "secret-access-missing",
        "aws:SourceIp",
    ),
    (
        "session",
        role(),
        secret(resource_policy=document(to({"AWS": SESSION}))),
        "secret-access",
        "secret-access-missing",
        "aws:userid",
    ),
    (
        "organization",
        role(READS),
        secret(resource_policy=document(to("*", "Deny", Condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}))),
        "secret-access",
        "secret-access-denied",
        "aws:PrincipalOrgID",
    ),
    (
        "key-tag",
        role(READS, allow(DECRYPT, KEY, Condition={"StringEquals": {"aws:ResourceTag/a": "b"}})),
        secret(key=key()),
        "key-access",
        "decrypt-access-missing",
        "aws:ResourceTag/a",
    ),
    (
        "aliases",
        role(READS, allow(DECRYPT, "*", Condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}})),
        secret(key=key(aliases=None)),
        "key-access",
        "decrypt-access-missing",
        "kms:ResourceAliases",
    ),
    (
        "malformed-policy",
        role(inline_policies=(NamedPolicy(name="odd", document="{"),)),
        ours,
        "secret-access",
        "secret-access-missing",
        "it is not JSON",
    ),
    (
        "malformed-trust",
        role(READS, trust_policy="{"),
        ours,
        "trust-policy",
        "execution-role-not-assumable",
        "it is not JSON",
    ),
    (
        "time",
        role(allow(READ, SECRET, Condition={"DateLessThan": {"aws:CurrentTime": "2026-01-01"}})),
        ours,
        "secret-access",
        "secret-access-missing",
        "aws:CurrentTime",
    ),
]


def first_finding(access: PullAccess) -> FindingId | None:
    assert access.first_failure is not None
    return access.first_failure.finding


@pytest.mark.parametrize(
    ("who", "what", "gate", "finding", "helps"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES]
)
def test_each_cause_has_its_own_finding(
    who: Role, what: Secret, gate: GateName, finding: FindingId, helps: bool
) -> None:
    access = pull_access(who, what)
    assert access.state == "fail"
    first = access.first_failure
    assert first is not None
    assert (first.name, first.finding) == (gate, finding)
    assert finding in FINDINGS_BY_GATE[gate]
    assert first.reason
    assert grant_would_help(access) is helps


@pytest.mark.parametrize(("who", "what"), [row[1:] for row in PASSES], ids=[row[0] for row in PASSES])
def test_what_works_passes_every_gate(who: Role, what: Secret) -> None:
    access = pull_access(who, what)
    assert [(gate.name, gate.reason) for gate in access.gates if gate.state != "pass"] == []
    assert access.state == "pass"
    assert not grant_would_help(access)


@pytest.mark.parametrize(
    ("who", "what", "gate", "finding", "names"), [row[1:] for row in UNKNOWNS], ids=[row[0] for row in UNKNOWNS]
)
def test_what_could_not_be_told_is_unknown_and_named(
    who: Role, what: Secret, gate: GateName, finding: FindingId, names: str
) -> None:
    access = pull_access(who, what)
    assert access.state == "unknown"
    unknown = access.gate(gate)
    assert unknown is not None
    assert (unknown.state, unknown.finding) == ("unknown", finding)
    named_things = [*unknown.missing_keys, *unknown.problems, *(each.permission for each in unknown.unreadable)]
    assert any(names in each for each in named_things), named_things
    assert names in unknown.reason
    assert not grant_would_help(access)


def test_every_finding_has_a_row() -> None:
    found = {row[4] for row in FAILURES} | {"secret-access-too-broad"}
    assert found == {finding for findings in FINDINGS_BY_GATE.values() for finding in findings}


def test_a_certain_deny_decides_though_other_policies_cannot_be_read() -> None:
    access = pull_access(role(deny(READ), attached_policies=UNREAD), ours)
    assert first_finding(access) == "secret-access-denied"


def test_an_unreadable_policy_is_given_with_the_permission_that_lacks() -> None:
    gate = pull_access(role(inline_policies=UNREAD), ours).gate("secret-access")
    assert gate is not None
    assert gate.unreadable == (UNREAD,)


BROAD = [
    ("everything", allow(), True),
    ("every-secret", allow(READ, "arn:aws:secretsmanager:*:*:secret:*"), True),
    ("every-secret-here", allow("secretsmanager:*", f"arn:aws:secretsmanager:us-east-1:{OURS}:*"), True),
    ("all-but-one", {"Effect": "Allow", "Action": READ, "NotResource": SECRET + "x"}, True),
    ("a-prefix", allow(READ, SECRET[:-6] + "*"), False),
    ("by-tag", allow(READ, Condition={"StringEquals": {"aws:ResourceTag/a": "b"}}), False),
    ("by-secret-id", allow(READ, Condition={"StringLike": {"secretsmanager:SecretId": "*registry*"}}), False),
    ("exact", READS, False),
]


@pytest.mark.parametrize(("statement", "broad"), [row[1:] for row in BROAD], ids=[row[0] for row in BROAD])
def test_access_to_every_secret_is_a_warning(statement: Source, broad: bool) -> None:
    access = pull_access(role(statement), secret(tags={"a": "b"}))
    assert access.state == "pass"
    assert [gate.finding for gate in access.warnings] == (["secret-access-too-broad"] if broad else [])
    if broad:
        cited = access.warnings[0].statements[0].statement
        assert cited is not None
        assert cited.source == statement
        assert 'policy "registry"' in access.warnings[0].reason


def test_a_broad_statement_that_does_not_let_in_is_no_warning() -> None:
    assert pull_access(role(allow(), deny(READ)), ours).gate("access-scope") is None


def test_both_sides_of_two_accounts_are_told_apart() -> None:
    access = pull_access(role(allow(DECRYPT, THEIR_KEY)), replace(theirs, resource_policy=None))
    assert [gate.finding for gate in access.failures] == ["secret-access-missing", "secret-resource-policy-missing"]
    assert [gate.grant_helps for gate in access.failures] == [True, False]


def test_a_grant_is_needed_even_if_the_rest_hangs_on_the_endpoint() -> None:
    access = pull_access(role(), secret(resource_policy=document(to("*", "Deny", Condition=LATER))))
    assert (first_finding(access), grant_would_help(access)) == ("secret-access-missing", True)


def test_the_context_of_other_partitions_and_regions() -> None:
    china = f"arn:aws-cn:secretsmanager:cn-north-1:{OURS}:secret:registry-AbCdEf"
    china_key = f"arn:aws-cn:kms:cn-north-1:{OURS}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    via = {"StringEquals": {"kms:ViaService": "secretsmanager.cn-north-1.amazonaws.com.cn"}}
    who = role(
        allow(READ, china), allow(DECRYPT, china_key, Condition=via), arn=Arn.parse(ROLE.replace("aws:", "aws-cn:", 1))
    )
    delegating = document(to({"AWS": ROOT.replace("aws:", "aws-cn:", 1)}))
    assert pull_access(who, secret(china, key=key(china_key, policy=delegating))).state == "pass"
    assert first_finding(pull_access(who, secret(china, key=key(china_key)))) == "decrypt-access-denied"


def test_a_replica_is_decided_with_its_own_region_and_key() -> None:
    replica = SECRET.replace("us-east-1", "eu-west-1")
    its_key = KEY.replace("us-east-1", "eu-west-1")
    via = {
        "StringEquals": {
            "kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com",
            "kms:EncryptionContext:SecretARN": replica,
        }
    }
    who = role(allow(READ, replica), allow(DECRYPT, its_key, Condition=via))
    assert pull_access(who, secret(replica, key=key(its_key), primary_region="us-east-1")).state == "pass"
    assert first_finding(pull_access(who, secret(replica, key=key(KEY)))) == "decrypt-access-missing"


def test_the_secret_id_is_the_reference_as_it_stands() -> None:
    who = role(allow(READ, SECRET, Condition={"ArnLike": {"secretsmanager:SecretId": SECRET}}))
    assert pull_access(who, ours, around=Circumstances(reference=SECRET)).state == "pass"
    by_name = pull_access(who, ours, around=Circumstances(reference="registry"))
    assert first_finding(by_name) == "secret-access-missing"


def test_now_and_the_organization_can_be_told() -> None:
    until = {"DateLessThan": {"aws:CurrentTime": "2026-06-01T00:00:00Z"}, "StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    who = role(allow(READ, SECRET, Condition=until))
    may = Circumstances(now=datetime(2026, 5, 1, tzinfo=UTC), organization_id="o-1")
    assert pull_access(who, ours, around=may).state == "pass"
    assert pull_access(who, ours, around=replace(may, now=datetime(2026, 7, 1, tzinfo=UTC))).state == "fail"
    assert pull_access(who, ours, around=replace(may, organization_id="o-2")).state == "fail"


def test_resource_control_policies_of_the_secrets_organization() -> None:
    control = (
        (named("rcp", to("*"), to("*", "Deny", Condition={"StringNotEquals": {"aws:PrincipalAccount": THEIRS}})),),
    )
    access = pull_access(role(READS), ours, resource_control=control)
    assert first_finding(access) == "secret-access-blocked-by-organization"


def test_resource_control_policies_do_not_bear_on_the_key_that_aws_manages() -> None:
    no_kms = {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    access = pull_access(role(READS), ours, resource_control=((named("rcp", to("*"), no_kms),),))
    assert access.state == "pass"


ARN_OF = "arn:aws:ecs:us-east-1:{}:*".format
TRUSTS = [
    ("plain", {}, Verdict.ALLOWED),
    ("among-others", {"Principal": {"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}}, Verdict.ALLOWED),
    ("ecs-itself", {"Principal": {"Service": "ecs.amazonaws.com"}}, Verdict.IMPLICITLY_DENIED),
    ("account", {"Principal": {"AWS": ROOT}}, Verdict.IMPLICITLY_DENIED),
    ("everybody", {"Principal": "*"}, Verdict.UNKNOWN),
    ("other-action", {"Action": "sts:TagSession"}, Verdict.IMPLICITLY_DENIED),
    ("all-of-sts", {"Action": "sts:*"}, Verdict.ALLOWED),
    ("source-account", {"Condition": {"StringEquals": {"aws:SourceAccount": OURS}}}, Verdict.ALLOWED),
    ("other-account", {"Condition": {"StringEquals": {"aws:SourceAccount": THEIRS}}}, Verdict.IMPLICITLY_DENIED),
    ("source-arn", {"Condition": {"ArnLike": {"aws:SourceArn": ARN_OF(OURS)}}}, Verdict.ALLOWED),
    ("source-arn-text", {"Condition": {"StringLike": {"aws:SourceArn": ARN_OF(OURS)}}}, Verdict.ALLOWED),
    ("other-source-arn", {"Condition": {"ArnLike": {"aws:SourceArn": ARN_OF(THEIRS)}}}, Verdict.IMPLICITLY_DENIED),
    (
        "other-region",
        {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:ecs:eu-west-1:*:*"}}},
        Verdict.IMPLICITLY_DENIED,
    ),
    (
        "cluster",
        {"Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:ecs:us-east-1:{OURS}:cluster/a"}}},
        Verdict.UNKNOWN,
    ),
    ("external-id", {"Condition": {"StringEquals": {"sts:ExternalId": "x"}}}, Verdict.IMPLICITLY_DENIED),
    ("source-ip", {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, Verdict.UNKNOWN),
]


@pytest.mark.parametrize(("changes", "verdict"), [row[1:] for row in TRUSTS], ids=[row[0] for row in TRUSTS])
def test_whether_ecs_may_assume_the_role(changes: Source, verdict: Verdict) -> None:
    assert trust_allows_ecs_tasks(role(trust=TRUST | changes), region="us-east-1").verdict is verdict


def test_without_a_region_a_condition_on_it_is_unknown() -> None:
    who = role(trust=TRUST | {"Condition": {"ArnLike": {"aws:SourceArn": ARN_OF(OURS)}}})
    assert trust_allows_ecs_tasks(who).verdict is Verdict.UNKNOWN
