"""Resource and NotResource: completed ARNs, variables, wildcards, and texts that AWS refuses."""

import re
from dataclasses import replace

import pytest

from pullguard.access.decision import Verdict
from pullguard.access.evaluate import decide
from pullguard.access.request import Unknowable
from pullguard.access.resources import EVERYTHING, compile_resources
from pullguard.access.ternary import Unknown
from tests.unit.access.worlds import (
    SECRET,
    Source,
    allow,
    deny,
    policies,
    request,
)


def test_an_incomplete_arn_denies_what_it_covers() -> None:
    denying = deny(resource="arn:aws:secretsmanager")
    assert decide(request(), policies(allow(), denying)).verdict is Verdict.EXPLICITLY_DENIED


@pytest.mark.parametrize("broken", [{"Resource": "registry"}, {"NotResource": "registry"}])
def test_a_deny_of_what_is_no_arn_is_unknown(broken: dict[str, str]) -> None:
    statement = {"Effect": "Deny", "Action": "*", **broken}
    assert decide(request(), policies(allow(), statement)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"NotAction": "secretsmanager:Get*", "Resource": "*"}, Verdict.IMPLICITLY_DENIED),
        ({"NotAction": "s3:*", "Resource": "*"}, Verdict.ALLOWED),
        ({"Action": "SECRETSMANAGER:getsecret*", "Resource": "*"}, Verdict.ALLOWED),
        ({"Action": "*", "NotResource": "arn:aws:s3:::*"}, Verdict.ALLOWED),
        ({"Action": "*", "NotResource": "arn:aws:secretsmanager:*"}, Verdict.IMPLICITLY_DENIED),
        ({"Action": "*", "Resource": "ARN:aws:secretsmanager:*"}, Verdict.IMPLICITLY_DENIED),
        ({"Action": "*", "Resource": "arn:aws:*:*:*:secret:${aws:PrincipalTag/t, 'registry'}-??????"}, Verdict.ALLOWED),
        ({"Action": "*", "Resource": "arn:aws:*:*:*:secret:${aws:PrincipalTag/t}-??????"}, Verdict.IMPLICITLY_DENIED),
        ({"Action": "*", "Resource": "arn:aws:secretsmanager:${aws:RequestedRegion}:*:secret:*"}, Verdict.UNKNOWN),
        # IAM completes an ARN of fewer than six parts; a wildcard may cover several parts, so the result is unknown
        ({"Action": "*", "Resource": "arn:aws:secretsmanager"}, Verdict.ALLOWED),
        ({"Action": "*", "Resource": "arn:aws:secretsmanager:us-east-1"}, Verdict.ALLOWED),
        ({"Action": "*", "Resource": "arn:aws:secretsmanager:us-east-1:111122223333"}, Verdict.ALLOWED),
        ({"Action": "*", "Resource": "arn:aws:secretsmanager:eu-west-1"}, Verdict.IMPLICITLY_DENIED),
        ({"Action": "*", "Resource": "arn:aws:secrets*"}, Verdict.ALLOWED),
        ({"Action": "*", "NotResource": "arn:aws:secretsmanager"}, Verdict.IMPLICITLY_DENIED),
        ({"Action": "*", "NotResource": "arn:aws:s3"}, Verdict.ALLOWED),
        ({"Action": "*", "Resource": "arn:*:secretsmanager"}, Verdict.UNKNOWN),
        ({"Action": "*", "Resource": "arn:*:secret:registry-??????"}, Verdict.UNKNOWN),
        ({"Action": "*", "Resource": "arn:*:s3"}, Verdict.IMPLICITLY_DENIED),
    ],
)
def test_a_statement_covers_the_resources_that_it_names(statement: Source, expected: Verdict) -> None:
    assert decide(request(), policies({"Effect": "Allow"} | statement)).verdict is expected


HERE = "arn:aws:secretsmanager:us-east-1:111122223333:secret:registry-AbCdEf"
COVERS: dict[str, tuple[list[str], bool, bool, object]] = {
    # texts, negated, completes, what is answered
    "exact": ([HERE], False, False, True),
    "one-of-two": (["arn:aws:s3:::a", HERE], False, False, True),
    "none-of-two": (["arn:aws:s3:::a", "arn:aws:s3:::b"], False, False, False),
    "no-text": ([], False, False, False),
    "not-resource": ([HERE], True, False, False),
    "not-another-resource": (["arn:aws:s3:::a"], True, False, True),
    "incomplete-and-completed": (["arn:aws:secretsmanager"], False, True, True),
    "incomplete-and-not-completed": (["arn:aws:secretsmanager"], False, False, False),
    "a-plain-text": (["registry"], False, True, False),
    "known-variable": (["arn:aws:secretsmanager:us-east-1:111122223333:secret:${k}-AbCdEf"], False, False, True),
    "absent-variable": (["arn:aws:secretsmanager:us-east-1:111122223333:secret:${gone}*"], False, False, False),
    "absent-variable-in-not-resource": (["arn:aws:s3:::${gone}"], True, False, True),
    "unknown-variable": (["arn:aws:secretsmanager:us-east-1:111122223333:secret:${later}*"], False, False, Unknown),
    "unknown-variable-elsewhere": (["arn:aws:s3:::${later}"], False, False, False),
    "unknown-variable-beside-an-exact-text": (["arn:aws:*:*:*:${later}", HERE], False, False, True),
    "wildcard-for-several-parts": (["arn:*:secretsmanager"], False, True, Unknown),
}


@pytest.mark.parametrize(("texts", "negated", "completes", "expected"), COVERS.values(), ids=COVERS)
def test_texts_cover_a_resource(texts: list[str], negated: bool, completes: bool, expected: object) -> None:
    compiled = compile_resources(texts, negated=negated, variables=True, completes=completes, denies=False)
    answer = compiled.cover(request(k="registry", unknowable=Unknowable(prefixes=("later",))))
    assert isinstance(answer, Unknown) if expected is Unknown else answer is expected


def test_an_unknown_variable_is_named_as_the_policy_writes_it() -> None:
    compiled = compile_resources(
        ["arn:aws:*:*:*:${Later}"], negated=False, variables=True, completes=False, denies=False
    )
    answer = compiled.cover(request(unknowable=Unknowable(prefixes=("later",))))
    assert answer == Unknown(keys=frozenset(("Later",)))


@pytest.mark.parametrize("resource", [SECRET, "arn:aws:s3:::a", "", "*"])
def test_a_statement_without_a_resource_covers_everything(resource: str) -> None:
    assert EVERYTHING.cover(replace(request(), resource=resource)) is True


REFUSED: dict[str, tuple[str, dict[str, bool], str]] = {
    "deny-of-no-arn": ("registry", {"denies": True}, '"registry" is neither an ARN nor *'),
    "not-resource-of-no-arn": ("registry", {"negated": True}, '"registry" is neither an ARN nor *'),
    "variable-before-the-fifth-colon": ("arn:aws:s3:${k}:*:a", {}, "has a policy variable before the fifth colon"),
    "variable-without-an-end": ("arn:aws:s3:::${k", {}, "begins a policy variable that does not end"),
}


@pytest.mark.parametrize(("text", "how", "problem"), REFUSED.values(), ids=REFUSED)
def test_each_resource_that_aws_refuses_is_refused_with_the_rule(text: str, how: dict[str, bool], problem: str) -> None:
    options = {"negated": False, "variables": True, "completes": False, "denies": False, **how}
    with pytest.raises(ValueError, match=re.escape(problem)):
        compile_resources([text], **options)


def test_an_allow_of_no_arn_matches_nothing_and_before_2012_a_variable_is_text() -> None:
    plain = compile_resources(["${k"], negated=False, variables=False, completes=False, denies=False)
    assert plain.cover(request()) is False
    assert plain.cover(replace(request(), resource="${k")) is True
