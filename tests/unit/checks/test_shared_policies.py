"""The permissions boundary and the key policy, widened for one secret."""

import json
from dataclasses import replace

import pytest

from pullguard.access.decision import Decision, Verdict
from pullguard.access.gates import Gate
from pullguard.access.policy import Layer
from pullguard.checks.shared_policies import (
    default_version,
    in_words,
    is_elsewhere,
    is_statement,
    lacks_own,
    left_out,
    needs_own,
    widened,
    wider_boundary,
    wider_key_policy,
)
from pullguard.domain.arn import Arn
from pullguard.domain.findings import Remedy
from pullguard.domain.role import NamedPolicy, Role
from tests.fakes import ACCOUNT, denied, key, role, secret

OWN = secret(key=key())
LIMIT = f"arn:aws:iam::{ACCOUNT}:policy/limit"
THEIR_KEY = key(arn=Arn.parse(str(key().arn).replace(ACCOUNT, "444455556666")))


def gate(*lacking: Layer, verdict: Verdict = Verdict.IMPLICITLY_DENIED, of: object = None) -> Gate:
    decision = Decision(verdict=verdict, action="kms:Decrypt", resource="key", layer=Layer.IDENTITY, lacking=lacking)
    found = Gate(name="key-access", state="fail", reason="", decision=decision)
    return replace(found, key=of)  # type: ignore[arg-type]


def bounded(document: object = None, arn: str | None = LIMIT) -> Role:
    whole = {"Version": "2012-10-17", "Statement": []} if document is None else document
    return role(boundary=NamedPolicy(name="limit", document=whole, arn=arn))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "count"),
    [
        pytest.param(gate(), 0, id="nothing"),
        pytest.param(gate(Layer.IDENTITY), 0, id="the-roles-own-policy"),
        pytest.param(gate(Layer.BOUNDARY), 1, id="boundary"),
        pytest.param(gate(Layer.KEY), 1, id="key"),
        pytest.param(gate(Layer.BOUNDARY, Layer.KEY), 2, id="both"),
        pytest.param(gate(Layer.KEY, verdict=Verdict.EXPLICITLY_DENIED), 0, id="a-deny"),
        pytest.param(replace(gate(Layer.KEY), decision=None), 0, id="undecided"),
    ],
)
def test_each_shared_policy_that_lacks_an_allow_is_widened(given: Gate, count: int) -> None:
    assert len(list(widened(bounded(), OWN, given))) == count


@pytest.mark.parametrize(
    ("given", "lacks", "needs"),
    [
        pytest.param(gate(Layer.KEY, of=key()), False, False, id="the-key-alone"),
        pytest.param(gate(Layer.IDENTITY, of=key()), True, True, id="the-role-alone"),
        pytest.param(gate(Layer.IDENTITY, Layer.KEY, of=key()), True, False, id="one-key-policy-is-enough"),
        pytest.param(gate(Layer.IDENTITY, Layer.KEY, of=THEIR_KEY), True, True, id="another-accounts-key-needs-both"),
    ],
)
def test_whether_the_role_needs_a_policy_of_its_own(given: Gate, lacks: bool, needs: bool) -> None:
    assert (lacks_own(given), needs_own(role(), given)) == (lacks, needs)


@pytest.mark.parametrize(("of", "elsewhere"), [(key(), False), (THEIR_KEY, True), (None, False), (denied(), False)])
def test_a_key_of_another_account_is_elsewhere(of: object, elsewhere: bool) -> None:
    assert is_elsewhere(role(), gate(of=of)) is elsewhere


def test_a_boundary_is_widened_by_a_new_version() -> None:
    remedy = wider_boundary(bounded(), OWN)
    assert LIMIT in remedy.text
    assert "aws iam create-policy-version" in (remedy.snippet or "")
    assert "--set-as-default" in (remedy.snippet or "")
    assert not is_statement(remedy)


@pytest.mark.parametrize(
    "who",
    [
        pytest.param(role(boundary=denied("iam:GetPolicyVersion")), id="not-read"),
        pytest.param(bounded(arn=None), id="without-an-arn"),
        pytest.param(bounded(arn="arn:aws:iam::aws:policy/PowerUserAccess"), id="an-aws-policy"),
        pytest.param(bounded("{"), id="malformed"),
        pytest.param(
            bounded({"Version": "2012-10-17", "Statement": [{"Sid": "x" * 6_100, "Effect": "Allow"}]}), id="full"
        ),
    ],
)
def test_a_boundary_that_no_command_widens_is_given_the_statements(who: Role) -> None:
    remedy = wider_boundary(who, OWN)
    assert is_statement(remedy)
    statements = json.loads(remedy.snippet or "")["Statement"]
    assert [each["Action"] for each in statements] == ["secretsmanager:GetSecretValue", "kms:Decrypt"]


def test_a_key_policy_lets_the_role_in_through_secrets_manager_only() -> None:
    remedy = wider_key_policy(role(), OWN)
    snippet = remedy.snippet or ""
    assert remedy.text.startswith("Let the role decrypt")
    assert "aws kms put-key-policy" in snippet
    assert str(OWN.arn) in snippet
    assert "secretsmanager.us-east-1.amazonaws.com" in snippet
    assert wider_key_policy(role(), secret(key=THEIR_KEY)).text.startswith("In account 444455556666, let")


def test_a_key_that_is_not_known_gets_the_statement_alone() -> None:
    remedy = wider_key_policy(role(), secret(key=denied("kms:DescribeKey")))
    statement = json.loads(remedy.snippet or "")
    assert (statement["Action"], statement["Principal"]) == ("kms:Decrypt", {"AWS": str(role().arn)})


def test_principals_that_were_deleted_are_named() -> None:
    deleted = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "AROAEXAMPLEEXAMPLE01"}, "Action": "*"}]}
    assert "It leaves out AROAEXAMPLEEXAMPLE01: a user or role that was deleted" in left_out(deleted)
    assert left_out({"Statement": []}) == ""


def test_a_snippet_is_quoted_after_the_text() -> None:
    assert in_words(Remedy(text="Do it.", snippet="{\n}")) == "Do it. `{ }`"
    assert in_words(Remedy(text="Do it.")) == "Do it."


def test_the_default_version_is_read_by_its_arn() -> None:
    assert default_version(LIMIT).startswith(f"aws iam get-policy-version --policy-arn {LIMIT} --version-id ")
