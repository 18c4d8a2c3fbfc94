"""Named AWS errors become facts; everything else propagates."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pullguard.aws.answers import DENIED, THROTTLED, asks, error_code, is_fault, looked_up, safe_words, writing
from pullguard.domain.errors import Denied, Rejected
from pullguard.domain.lookup import Missing, Unreadable


def error(code: str, operation: str = "DescribeThing") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no such thing: AccessDenied"}}, operation)


def raising(problem: Exception) -> Callable[[], Any]:
    def call() -> Any:
        raise problem

    return call


def test_an_answer_is_itself() -> None:
    assert looked_up("iam:GetRole", "it", lambda: 7) == 7


@pytest.mark.parametrize(
    ("codes", "reason"), [(DENIED, "denied"), (THROTTLED, "throttled")], ids=["denied", "throttled"]
)
def test_a_named_error_is_a_fact(codes: frozenset[str], reason: str) -> None:
    for code in codes:
        found = looked_up("iam:GetRole", "it", raising(error(code)))
        assert isinstance(found, Unreadable)
        assert (found.permission, found.resource, found.reason) == ("iam:DescribeThing", "it", reason)


def test_a_resource_is_missing_only_by_the_calls_own_error_code() -> None:
    missing = frozenset({"NoSuchEntity"})
    assert looked_up("iam:GetRole", "it", raising(error("NoSuchEntity")), missing=missing) == Missing(resource="it")
    with pytest.raises(ClientError):
        looked_up("iam:GetRole", "it", raising(error("NoSuchEntity")))


def test_a_refusal_in_a_state_is_one_only_by_the_calls_own_code() -> None:
    refused = frozenset({"DecryptionFailure"})
    found = looked_up("x:Y", "it", raising(error("DecryptionFailure")), refused=refused)
    assert isinstance(found, Unreadable)
    assert found.reason == "refused"


def test_nothing_is_decided_on_the_words_of_a_message() -> None:
    with pytest.raises(ClientError):
        looked_up("iam:GetRole", "it", raising(error("ValidationError")))


def test_a_service_that_does_not_answer_is_a_fact() -> None:
    found = looked_up("iam:GetRole", "it", raising(EndpointConnectionError(endpoint_url="https://iam")))
    assert isinstance(found, Unreadable)
    assert (found.reason, found.permission) == ("unreachable", "iam:GetRole")


@pytest.mark.parametrize("problem", [KeyError("x"), RuntimeError("x")], ids=["key", "runtime"])
def test_a_fault_of_ours_propagates(problem: Exception) -> None:
    with pytest.raises(type(problem)):
        looked_up("iam:GetRole", "it", raising(problem))


def test_a_refused_write_is_denied_and_any_other_error_is_not() -> None:
    refusal = r"AWS refused iam:PutRolePolicy on the role web \(AccessDenied\)"
    with pytest.raises(Denied, match=refusal), writing("iam", "the role web"):
        raise error("AccessDenied", "PutRolePolicy")
    with pytest.raises(ClientError), writing("iam", "the role web"):
        raise error("Throttling", "PutRolePolicy")


FAULTS: dict[str, tuple[ClientError, bool]] = {
    "by-its-code": (error("ServiceUnavailable"), True),
    "by-its-status": (
        ClientError({"Error": {"Code": "Odd"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "DescribeThing"),  # type: ignore[typeddict-item]
        True,
    ),
    "a-denial": (error("AccessDenied"), False),
    "no-code-at-all": (ClientError({}, "DescribeThing"), False),
}


@pytest.mark.parametrize(("problem", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_aws_is_recognized(problem: ClientError, fault: bool) -> None:
    assert is_fault(problem) is fault


@pytest.mark.parametrize("outlasts_faults", [True, False])
def test_a_fault_of_aws_is_a_fact_only_for_a_call_that_outlasts_faults(outlasts_faults: bool) -> None:
    def call() -> object:
        return looked_up("x:Y", "it", raising(error("InternalFailure")), outlasts_faults=outlasts_faults)

    if not outlasts_faults:
        with pytest.raises(ClientError):
            call()
        return
    assert call() == Unreadable(
        permission="x:DescribeThing", resource="it", reason="unreachable", detail="InternalFailure"
    )


WORDS: dict[str, tuple[Exception, str]] = {
    "our-own-error": (Rejected("the message is empty"), "Rejected: the message is empty"),
    "an-aws-error": (error("AccessDenied"), "AccessDenied from DescribeThing"),
    "any-other-error": (ValueError("hunter2"), "ValueError"),
}


@pytest.mark.parametrize(("problem", "words"), WORDS.values(), ids=WORDS)
def test_safe_words_quote_no_text_of_other_programs(problem: Exception, words: str) -> None:
    assert safe_words(problem) == words


def test_an_error_without_a_code_has_an_empty_one() -> None:
    assert [error_code(each) for each in (error("AccessDenied"), ClientError({}, "X"))] == ["AccessDenied", ""]


def test_a_gateway_method_carries_its_iam_actions() -> None:
    @asks("iam:GetRole", "iam:ListRolePolicies")
    def method() -> int:
        return 7

    assert method() == 7
    assert getattr(method, "iam_actions", None) == {"iam:GetRole", "iam:ListRolePolicies"}
