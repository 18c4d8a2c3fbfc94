"""Inputs of a decision beside the role and the secret: the Region, the reference, the time, the organization."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pullguard.access.contexts import Circumstances, assume_request, decrypt_request, secret_request, tags_of
from pullguard.access.request import Partial, Service
from pullguard.access.verdict import grant_would_help, pull_access
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Lookup, Missing
from tests.unit.access.worlds import (
    DECRYPT,
    KEY,
    OURS,
    READ,
    READS,
    ROLE,
    ROOT,
    SECRET,
    THEIRS,
    allow,
    denied,
    deny,
    document,
    first_finding,
    key,
    named,
    ours,
    role,
    secret,
    to,
)


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


def test_the_secret_id_is_the_reference_as_written() -> None:
    who = role(allow(READ, SECRET, Condition={"ArnLike": {"secretsmanager:SecretId": SECRET}}))
    assert pull_access(who, ours, around=Circumstances(reference=SECRET)).state == "pass"
    by_name = pull_access(who, ours, around=Circumstances(reference="registry"))
    assert first_finding(by_name) == "secret-access-missing"


def test_the_time_and_the_organization_are_known() -> None:
    until = {"DateLessThan": {"aws:CurrentTime": "2026-06-01T00:00:00Z"}, "StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    who = role(allow(READ, SECRET, Condition=until))
    may = Circumstances(now=datetime(2026, 5, 1, tzinfo=UTC), organization_id="o-1")
    assert pull_access(who, ours, around=may).state == "pass"
    assert pull_access(who, ours, around=replace(may, now=datetime(2026, 7, 1, tzinfo=UTC))).state == "fail"
    assert pull_access(who, ours, around=replace(may, organization_id="o-2")).state == "fail"


REVOKED = "2026-05-01T00:00:00Z"
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def revoking(operator: str = "DateLessThan", at: str = REVOKED) -> dict[str, Any]:
    """The statement that the console's "Revoke active sessions" adds to the role's policy AWSRevokeOlderSessions."""
    return deny(Condition={operator: {"aws:TokenIssueTime": at}})


@pytest.mark.parametrize(
    ("statements", "state"),
    [
        ((READS, revoking()), "pass"),
        ((READS, revoking("DateLessThanIfExists")), "pass"),
        ((READS, revoking(at="2026-05-02T00:00:00Z")), "unknown"),
        ((READS, revoking("DateGreaterThan", "2026-04-30T00:00:00Z")), "fail"),
        ((READS, revoking("DateNotEquals", "2026-04-30T00:00:00Z")), "fail"),
        ((allow(READ, SECRET, Condition={"DateGreaterThan": {"aws:TokenIssueTime": "2026-04-30"}}),), "pass"),
        ((allow(READ, SECRET, Condition={"DateLessThan": {"aws:TokenIssueTime": "2026-04-30"}}),), "fail"),
        ((allow(READ, SECRET, Condition={"DateLessThan": {"aws:TokenIssueTime": "2027-01-01"}}),), "unknown"),
    ],
)
def test_a_session_of_a_task_is_issued_from_now_on(statements: tuple[dict[str, Any], ...], state: str) -> None:
    assert pull_access(role(*statements), ours, around=Circumstances(now=NOW)).state == state


def test_the_key_is_asked_for_with_the_same_session() -> None:
    who = role(READS, allow(DECRYPT, KEY), revoking())
    assert pull_access(who, secret(key=key()), around=Circumstances(now=NOW)).state == "pass"


def test_without_the_time_nothing_is_known_of_a_session() -> None:
    assert pull_access(role(READS, revoking()), ours).state == "unknown"


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}},
        {"ForAnyValue:StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}},
        {"StringNotEquals": {"SecretsManager:versionstage": "AWSCURRENT"}},
        {"StringEqualsIfExists": {"secretsmanager:VersionStage": "AWSPREVIOUS"}},
        {"ForAllValues:StringEquals": {"secretsmanager:VersionStage": "AWSPREVIOUS"}},
        {"Null": {"secretsmanager:VersionStage": "true"}},
        {"Null": {"secretsmanager:VersionStage": "false"}},
    ],
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_whether_a_request_without_a_staging_label_has_the_key_is_unknown(
    condition: dict[str, Any], effect: str
) -> None:
    narrow = {**READS, "Effect": effect, "Condition": condition}
    access = pull_access(role(*((narrow,) if effect == "Allow" else (READS, narrow))), ours)
    gate = access.gate("secret-access")
    assert gate is not None
    assert (gate.state, gate.grant_helps) == ("unknown", False)
    assert "secretsmanager:VersionStage" in gate.reason


STAGE = "secretsmanager:VersionStage"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEqualsIfExists": {STAGE: "AWSCURRENT"}}, True),
        ({"StringLikeIfExists": {STAGE: "AWSC*"}}, True),
        ({"ForAllValues:StringEquals": {STAGE: ["AWSCURRENT", "AWSPREVIOUS"]}}, True),
        ({"StringNotEquals": {"SecretsManager:versionstage": "AWSPENDING"}}, True),
        ({"StringNotLike": {STAGE: "AWSP*"}}, True),
        ({"StringEquals": {STAGE: "AWSPREVIOUS"}}, False),
        ({"StringEquals": {STAGE: ["AWSPREVIOUS", "AWSPENDING"]}}, False),
        ({"ForAnyValue:StringEquals": {STAGE: "AWSPENDING"}}, False),
        ({"StringEquals": {STAGE: "AWSCURRENT"}, "Null": {STAGE: "true"}}, False),
    ],
    ids=str,
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_request_without_a_staging_label_is_decided_if_both_readings_agree(
    condition: dict[str, Any], holds: bool, effect: str
) -> None:
    narrow = {**READS, "Effect": effect, "Condition": condition}
    access = pull_access(role(*((narrow,) if effect == "Allow" else (READS, narrow))), ours)
    if effect == "Allow":
        assert access.state == ("pass" if holds else "unknown")  # an owner narrowed it: no grant may widen it
    else:
        assert access.state == ("fail" if holds else "pass")


@pytest.mark.parametrize("stage", ["blue", "AWSPREVIOUS", ["AWSPENDING", "green"], "AWSC"])
@pytest.mark.parametrize("operator", ["StringEquals", "StringLike", "ForAnyValue:StringEquals"])
def test_an_allow_narrowed_to_another_staging_label_is_not_a_missing_one(stage: str | list[str], operator: str) -> None:
    access = pull_access(role({**READS, "Condition": {operator: {STAGE: stage}}}), ours)
    gate = access.gate("secret-access")
    assert gate is not None
    assert (gate.state, gate.grant_helps, grant_would_help(access)) == ("unknown", False, False)
    assert STAGE in gate.reason


def test_an_allow_that_covers_something_else_is_not_narrowed() -> None:
    other = {**allow(READ, f"{SECRET}-other"), "Condition": {"StringEquals": {STAGE: "blue"}}}
    assert grant_would_help(pull_access(role(other), ours))


MFA = "aws:MultiFactorAuthPresent"
MFA_KNOWN: dict[str, tuple[str, dict[str, Any], str]] = {
    "allow-with-it": ("Allow", {"Bool": {MFA: "true"}}, "fail"),
    "allow-with-it-or-without-the-key": ("Allow", {"BoolIfExists": {MFA: "true"}}, "unknown"),
    "allow-without-it": ("Allow", {"BoolIfExists": {MFA: "false"}}, "pass"),
    "allow-where-it-is-said-to-be-absent": ("Allow", {"Bool": {MFA: "false"}}, "unknown"),
    "deny-without-it": ("Deny", {"BoolIfExists": {MFA: "false"}}, "fail"),
    "deny-where-it-is-said-to-be-absent": ("Deny", {"Bool": {MFA: "false"}}, "unknown"),
    "deny-with-it": ("Deny", {"Bool": {MFA: "true"}}, "pass"),
    "deny-where-the-key-is-absent": ("Deny", {"Null": {MFA: "true"}}, "unknown"),
    "deny-with-a-stage": ("Deny", {"BoolIfExists": {MFA: "false"}, "StringNotEqualsIfExists": {STAGE: "x"}}, "fail"),
    "deny-by-one-of-two-doubts": ("Deny", {"Null": {MFA: "true", STAGE: "false"}}, "unknown"),
}


@pytest.mark.parametrize(("effect", "condition", "state"), MFA_KNOWN.values(), ids=MFA_KNOWN)
def test_no_session_of_a_task_has_a_second_factor(effect: str, condition: dict[str, Any], state: str) -> None:
    narrow = {**READS, "Effect": effect, "Condition": condition}
    gate = pull_access(role(*((narrow,) if effect == "Allow" else (READS, narrow))), ours).gate("secret-access")
    assert gate is not None
    assert (gate.state, gate.missing_keys) == (state, ())
    assert state != "unknown" or MFA in gate.reason


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_decrypt_has_no_second_factor_either(effect: str) -> None:
    condition = {"BoolIfExists": {MFA: "false"}}
    decrypts = allow(DECRYPT, KEY)
    narrow = {**decrypts, "Effect": effect, "Condition": condition}
    access = pull_access(role(READS, *((narrow,) if effect == "Allow" else (decrypts, narrow))), secret(key=key()))
    assert access.state == ("pass" if effect == "Allow" else "fail")


def test_a_tag_of_the_key_is_to_be_compared_with_what_lists_it() -> None:
    who = role(READS, allow(DECRYPT, KEY, Condition={"StringEquals": {"aws:ResourceTag/team": "web"}}))
    access = pull_access(who, secret(key=key()))
    gate = access.gate("key-access")
    assert gate is not None
    assert (gate.state, gate.missing_keys, grant_would_help(access)) == ("unknown", (), False)
    (tags,) = gate.not_asked
    assert tags.command == f"aws kms list-resource-tags --region us-east-1 --key-id {key().arn}"
    assert "the tags of the key" in gate.reason


def test_two_statements_that_cover_both_readings_allow() -> None:
    absent = {**READS, "Condition": {"Null": {STAGE: "true"}}}
    current = {**READS, "Condition": {"StringEquals": {STAGE: "AWSCURRENT"}}}
    assert pull_access(role(absent, current), ours).state == "pass"


def test_a_staging_label_that_is_known_leaves_other_doubts() -> None:
    vpce = {"StringEqualsIfExists": {STAGE: "AWSCURRENT"}, "StringEquals": {"aws:SourceVpce": "vpce-1"}}
    gate = pull_access(role({**READS, "Condition": vpce}), ours).gate("secret-access")
    assert gate is not None
    assert (gate.state, gate.missing_keys) == ("unknown", ("aws:SourceVpce",))


def test_two_tags_of_a_secret_that_differ_in_case_are_ambiguous() -> None:
    two = secret(tags={"Team": "web", "team": "api"})
    who = role(allow(READ, SECRET, Condition={"StringEquals": {"aws:ResourceTag/team": "web"}}))
    gate = pull_access(who, two).gate("secret-access")
    assert gate is not None
    assert (gate.state, gate.missing_keys) == ("unknown", ())
    assert "aws:ResourceTag/team" in gate.reason


def test_a_tag_without_a_value_does_not_decide_the_value_of_a_variable() -> None:
    who = role(allow(READ, SECRET.replace("registry", "${aws:PrincipalTag/team}registry")), tags={"team": ""})
    gate = pull_access(who, ours).gate("secret-access")
    assert gate is not None
    assert gate.state == "unknown"
    assert "aws:PrincipalTag/team" in gate.reason


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


# --- The requests themselves ----------------------------------------------------------------------------------------

AROUND = Circumstances(reference="registry", now=datetime(2026, 6, 1, 12, tzinfo=UTC), organization_id="o-1")


def test_the_secret_is_read_with_the_reference_and_the_time_of_now() -> None:
    asked = secret_request(role(tags={"Team": "web"}), secret(tags={"env": "prod"}), AROUND)
    assert (asked.action, asked.resource, asked.resource_account) == (READ, SECRET, OURS)
    known = {
        "secretsmanager:secretid": ("registry",),
        "secretsmanager:resourcetag/env": ("prod",),
        "aws:resourcetag/env": ("prod",),
        "aws:principaltag/team": ("web",),
        "aws:principalarn": (ROLE,),
        "aws:principalorgid": ("o-1",),
        "aws:resourceorgid": ("o-1",),
        "aws:currenttime": ("2026-06-01T12:00:00+00:00",),
        "aws:epochtime": ("1780315200",),
        "aws:viaawsservice": ("false",),
    }
    assert {key: asked.context.get(key) for key in known} == known


def test_a_replica_names_its_primary_region_and_a_session_its_role() -> None:
    primary = "secretsmanager:secretprimaryregion"
    replica = secret_request(role(), secret(primary_region="eu-west-1"), AROUND)
    assert replica.context[primary] == ("eu-west-1",)
    assert replica.context["aws:userid"] == (Partial(parts=("AROAEXAMPLE", None)),)
    asked = secret_request(role(role_id=""), secret(), AROUND)
    assert {primary, "aws:userid"} & asked.context.keys() == set()
    assert asked.unknowable.covers(primary)
    assert asked.unknowable.covers("aws:userid")


def test_without_circumstances_the_reference_is_the_arn_and_the_time_is_unknown() -> None:
    asked = secret_request(role(), secret(), Circumstances())
    assert asked.context["secretsmanager:secretid"] == (SECRET,)
    for name in ("aws:currenttime", "aws:tokenissuetime", "aws:principalorgid", "aws:sourceip"):
        assert name not in asked.context
        assert asked.unknowable.covers(name)
    for name in ("aws:sourceaccount", "aws:principaltag/team", "aws:resourcetag/team", "aws:calledvia"):
        assert not asked.unknowable.covers(name)
    alone = Circumstances(organization_id=Missing(resource="*"))
    for asked in (
        secret_request(role(), secret(), alone),
        decrypt_request(role(), secret(), Arn.parse(KEY), (), alone),
    ):
        for name in ("aws:sourceaccount", "aws:principalorgid"):
            assert not asked.unknowable.covers(name)


@pytest.mark.parametrize(
    ("organization", "covered", "known"),
    [
        pytest.param("o-1", True, ("o-1",), id="in-one"),
        pytest.param(Missing(resource="*"), False, None, id="in-none"),
        pytest.param(None, True, None, id="not-asked-for"),
        pytest.param(denied("organizations:DescribeOrganization", "*"), True, None, id="denied"),
    ],
)
def test_the_organization_is_known_absent_or_unknown(
    organization: Lookup[str] | None, covered: bool, known: tuple[str, ...] | None
) -> None:
    asked = secret_request(role(), secret(), Circumstances(organization_id=organization))
    assert asked.unknowable.covers("aws:principalorgid") is covered
    assert asked.context.get("aws:principalorgid") == known


def test_the_organization_of_another_accounts_secret_is_unknown() -> None:
    asked = secret_request(role(), secret(SECRET.replace(OURS, THEIRS)), AROUND)
    assert "aws:resourceorgid" not in asked.context
    assert asked.unknowable.covers("aws:resourceorgid")


def test_decrypt_is_called_by_secrets_manager_for_the_role() -> None:
    asked = decrypt_request(role(), secret(), Arn.parse(KEY), ("alias/registry",), Circumstances())
    known = {
        "aws:viaawsservice": ("true",),
        "aws:calledvia": ("secretsmanager.amazonaws.com",),
        "kms:viaservice": ("secretsmanager.us-east-1.amazonaws.com",),
        "kms:encryptioncontext:secretarn": (SECRET,),
        "kms:encryptioncontextkeys": ("SecretARN", "SecretVersionId"),
        "kms:resourcealiases": ("alias/registry",),
        "kms:multiregion": ("false",),
    }
    assert (asked.action, asked.resource) == (DECRYPT, KEY)
    assert {key: asked.context.get(key) for key in known} == known
    assert not asked.unknowable.covers("kms:encryptioncontext:team")
    assert asked.unknowable.covers("kms:encryptioncontext:secretversionid")


def test_aliases_that_were_not_read_are_unknown_for_that_reason() -> None:
    asked = decrypt_request(role(), secret(), Arn.parse(KEY), denied("kms:ListAliases", KEY), Circumstances())
    doubt = asked.unknowable.doubt("kms:resourcealiases", "kms:ResourceAliases")
    assert doubt.problems == (f"kms:ListAliases on {KEY}: access was denied",)


def test_ecs_assumes_the_role_for_a_task_of_its_own_account() -> None:
    asked = assume_request(role(), "us-east-1", Circumstances())
    assert asked.caller == Service(name="ecs-tasks.amazonaws.com")
    (source,) = asked.context["aws:sourcearn"]
    assert source == Partial(parts=("arn", "aws", "ecs", "us-east-1", OURS, None))
    assert asked.context["aws:sourceaccount"] == (OURS,)
    assert not asked.unknowable.covers("sts:externalid")


def test_the_command_that_lists_a_keys_tags_is_quoted_with_its_region() -> None:
    asked = tags_of(Arn.parse(KEY))
    assert asked.command == f"aws kms list-resource-tags --region us-east-1 --key-id {KEY}"
    assert KEY in asked.why
