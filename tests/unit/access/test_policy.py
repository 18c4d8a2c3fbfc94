import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pullguard.access.decision import Verdict
from pullguard.access.evaluate import Policies, decide
from pullguard.access.policy import Layer, parse_policy
from pullguard.domain.documents import object_of
from pullguard.domain.lookup import Document
from tests.unit.access.worlds import (
    DECRYPT,
    KEY,
    READ,
    ROLE,
    ROOT,
    Source,
    allow,
    document,
    identity,
    policies,
    request,
    to,
)

BROKEN_DOCUMENTS: dict[str, Any] = {
    "empty-text": "",
    "no-json": "{",
    "deep": "[" * 100_000,
    "null": "null",
    "list": [],
    "number": 7,
    "none": None,
    "no-statement": {"Version": "2012-10-17"},
    "unknown-element": {"Version": "2012-10-17", "Statement": [allow()], "Conditions": {}},
    "unknown-version": {"Version": "2030-01-01", "Statement": [allow()]},
    "version-is-a-list": {"Version": ["2012-10-17"], "Statement": [allow()]},
}
BROKEN_STATEMENTS: dict[str, Any] = {
    "text": "Allow",
    "null": None,
    "list": [[]],
    "empty": {},
    "no-effect": {"Action": "*", "Resource": "*"},
    "effect-in-small-letters": {"Effect": "allow", "Action": "*", "Resource": "*"},
    "effect-is-a-list": {"Effect": ["Allow"], "Action": "*", "Resource": "*"},
    "no-action": {"Effect": "Allow", "Resource": "*"},
    "both-actions": {"Effect": "Allow", "Action": "*", "NotAction": "s3:*", "Resource": "*"},
    "action-is-an-object": {"Effect": "Allow", "Action": {}, "Resource": "*"},
    "action-is-empty": {"Effect": "Allow", "Action": [], "Resource": "*"},
    "action-is-a-number": {"Effect": "Allow", "Action": [1], "Resource": "*"},
    "action-without-service": {"Effect": "Allow", "Action": "GetSecretValue", "Resource": "*"},
    "no-resource": {"Effect": "Allow", "Action": "*"},
    "both-resources": {"Effect": "Allow", "Action": "*", "Resource": "*", "NotResource": "*"},
    "resource-is-null": {"Effect": "Allow", "Action": "*", "Resource": None},
    "sid-is-a-number": allow(Sid=1),
    "sid-is-null": allow(Sid=None),
    "not-resource-is-no-arn": {"Effect": "Allow", "Action": "*", "NotResource": "registry"},
    "variable-without-end": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:secretsmanager:*:*:secret:${aws:x"},
    "principal-in-an-identity-policy": allow(Principal="*"),
    "condition-is-a-list": allow(Condition=[]),
    "condition-is-a-text": allow(Condition={"StringEquals": "x"}),
    "condition-operator": allow(Condition={"StringIs": {"aws:PrincipalArn": "x"}}),
    "condition-value": allow(Condition={"NumericEquals": {"n": [{}]}}),
    "condition-names-are-no-texts": allow(Condition={1: {2: "x"}}),
}


@pytest.mark.parametrize("broken", BROKEN_DOCUMENTS.values(), ids=BROKEN_DOCUMENTS)
@pytest.mark.parametrize("layer", Layer)
def test_a_document_that_cannot_be_read_is_unknown_and_says_why(broken: Any, layer: Layer) -> None:
    policy = parse_policy(broken, layer=layer, name="broken")
    assert policy.problem is not None
    assert "broken" in policy.problem.problems[0]


@pytest.mark.parametrize("layer", Layer)
def test_a_duplicate_sid_removes_nothing(layer: Layer) -> None:
    """AWS takes no such identity policy, so none is met; what the statements say is certain all the same."""
    twice = {"Version": "2012-10-17", "Statement": [allow(Sid="A"), allow(Sid="A")]}
    assert parse_policy(twice, layer=layer).problem is None


@pytest.mark.parametrize("lacking", ["Resource", "Action"])
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_statement_of_a_key_policy_that_lacks_an_element_has_no_effect(lacking: str, effect: str) -> None:
    whole = {"Effect": effect, "Principal": {"AWS": ROLE}, "Action": "kms:*", "Resource": "*"}
    part = {name: value for name, value in whole.items() if name != lacking}
    asked = request(DECRYPT, KEY)
    beside = [to({"AWS": ROOT}), part]
    decision = decide(asked, policies(allow(), resource=part, layer=Layer.KEY))
    assert decision.verdict is Verdict.IMPLICITLY_DENIED
    key_policy = parse_policy({"Version": "2012-10-17", "Statement": beside}, layer=Layer.KEY)
    assert decide(asked, replace(policies(allow()), resource=key_policy)).verdict is Verdict.ALLOWED


@pytest.mark.parametrize("broken", BROKEN_DOCUMENTS.values(), ids=BROKEN_DOCUMENTS)
def test_beside_a_document_that_cannot_be_read_nothing_passes(broken: Any) -> None:
    unreadable = parse_policy(broken, layer=Layer.IDENTITY, name="broken")
    decision = decide(request(), Policies(identity=(*identity(allow()), unreadable)))
    assert decision.verdict is Verdict.UNKNOWN
    assert decision.problems


@pytest.mark.parametrize("broken", BROKEN_STATEMENTS.values(), ids=BROKEN_STATEMENTS)
def test_a_statement_that_cannot_be_read_allows_nothing_for_certain(broken: Any) -> None:
    decision = decide(request(), policies(broken))
    assert decision.verdict is Verdict.UNKNOWN
    assert decision.problems


@pytest.mark.parametrize("broken", BROKEN_STATEMENTS.values(), ids=BROKEN_STATEMENTS)
def test_a_deny_that_cannot_be_read_leaves_nothing_allowed(broken: Any) -> None:
    if isinstance(broken, dict) and broken.get("Effect") == "Allow":
        broken = broken | {"Effect": "Deny"}
    assert decide(request(), policies(allow(), broken)).verdict is Verdict.UNKNOWN


def test_an_allow_that_cannot_be_read_does_not_spoil_a_good_one() -> None:
    assert decide(request(), policies({"Effect": "Allow"}, allow())).verdict is Verdict.ALLOWED


def test_a_problem_names_the_statement() -> None:
    decision = decide(request(), policies(allow(), {"Sid": "Odd", "Effect": "Deny"}))
    assert decision.problems == ("statement Odd cannot be read: it has neither Action nor NotAction",)


@pytest.mark.parametrize("form", [dict, json.dumps], ids=["object", "text"])
@pytest.mark.parametrize("statements", [allow(), [allow()], []], ids=["one", "list", "none"])
def test_a_document_may_be_text_or_object_with_one_statement_or_a_list(
    form: Callable[[dict[str, Any]], Document], statements: Source | list[Source]
) -> None:
    policy = parse_policy(form({"Version": "2012-10-17", "Statement": statements}), layer=Layer.IDENTITY)
    assert policy.problem is None
    assert len(policy.allows) == (1 if statements else 0)


def test_a_policy_without_version_is_of_2008_and_has_no_variables() -> None:
    statement = allow(READ, "${*}")
    assert decide(request(), policies(statement)).verdict is Verdict.IMPLICITLY_DENIED
    old = parse_policy(
        {"Statement": allow(Condition={"StringLike": {"k": "${aws:PrincipalArn}"}})}, layer=Layer.IDENTITY
    )
    assert decide(request(k="${aws:PrincipalArn}"), Policies(identity=(old,))).verdict is Verdict.ALLOWED
    assert document(version="2008-10-17")["Version"] == "2008-10-17"


def test_a_trust_policy_needs_no_resource() -> None:
    trust = parse_policy(document({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}), layer=Layer.TRUST)
    assert trust.allows[0].problem is None


def test_titles_are_for_people() -> None:
    assert identity(allow())[0].title == 'the inline policy "the-identity"'
    assert parse_policy(document(to("*")), layer=Layer.RESOURCE).title == "the resource policy"
    level = parse_policy(document(allow()), layer=Layer.SERVICE_CONTROL, name="FullAWSAccess", level=2)
    assert level.title == 'the service control policy "FullAWSAccess" at level 2'


@pytest.mark.parametrize("misspelt", ["Conditions", "condition", "Resources", "Comment"])
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_an_unknown_element_makes_a_statement_unreadable(misspelt: str, effect: str) -> None:
    statement = {"Effect": effect, "Action": "*", "Resource": "*", misspelt: {"StringEquals": {"aws:x": "y"}}}
    policy = parse_policy({"Version": "2012-10-17", "Statement": [statement]}, layer=Layer.IDENTITY)

    (read,) = (*policy.allows, *policy.denies)
    assert read.problem is not None
    assert misspelt in str(read.problem)


def test_a_condition_of_null_makes_a_statement_unreadable() -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": None}
    policy = parse_policy({"Version": "2012-10-17", "Statement": [statement]}, layer=Layer.IDENTITY)

    assert policy.allows[0].problem is not None


ALLOWS = '{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}'
TWICE = {
    "top": f'{{"Version":"2012-10-17","Statement":[{ALLOWS}],"Statement":[{ALLOWS}]}}',
    "statement": '{"Effect":"Allow","Action":"s3:*","Action":"secretsmanager:*","Resource":"*"}',
    "condition": ALLOWS[:-1] + ',"Condition":{"Bool":{"aws:SecureTransport":"true","aws:SecureTransport":"false"}}}',
    "operator": ALLOWS[:-1] + ',"Condition":{"Bool":{"a":"true"},"Bool":{"a":"false"}}}',
}


@pytest.mark.parametrize("text", TWICE.values(), ids=TWICE)
def test_a_member_that_is_given_twice_leaves_it_open_what_is_allowed(text: str) -> None:
    whole = text if text.startswith('{"Version"') else f'{{"Version":"2012-10-17","Statement":[{text}]}}'
    decision = decide(request(), Policies(identity=(parse_policy(whole, layer=Layer.IDENTITY),)))
    assert decision.verdict is Verdict.UNKNOWN
    assert "twice" in decision.problems[0]


def test_an_object_with_a_duplicate_member_is_invalid() -> None:
    assert object_of('{"a": {"b": 1}}') == {"a": {"b": 1}}
    assert [object_of(text) for text in ('{"a": 1, "a": 1}', '[{"b": 1, "b": 2}]', "[]", "{", "null")] == [None] * 5


@pytest.mark.parametrize(("resource", "compiled"), [(KEY, False), ("*", True)])
def test_conditions_are_compiled_only_if_action_and_resource_cover_the_request(resource: str, compiled: bool) -> None:
    source = allow(READ, resource, Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}})
    (statement,) = identity(source)[0].allows
    assert statement.covers(request()) is False
    assert (statement.compiled is not None) is compiled
    assert len(statement.conditions) == 1
