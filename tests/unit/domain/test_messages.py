import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Rejected
from pullguard.domain.messages import (
    ATTEMPTS_MAX,
    BODY_MAX_CHARS,
    FamilyRequest,
    Home,
    Review,
    ValidationRequest,
    parse_command,
    parse_message,
    parse_object,
)
from pullguard.domain.provenance import Provenance
from tests.fakes import revision_arn

ASKED_FOR = ValidationRequest(
    task_definition=revision_arn(),
    provenance=Provenance(kind="PutSecretValue", event_id="e-1", at=datetime(2026, 11, 23, tzinfo=UTC)),
)
GOOD: dict[str, Any] = json.loads(ASKED_FOR.to_json())


def test_a_message_is_in_the_shape_of_the_contract() -> None:
    assert GOOD == {
        "task_definition": "arn:aws:ecs:us-east-1:111122223333:task-definition/web:7",
        "cause": {"kind": "PutSecretValue", "event_id": "e-1", "at": "2026-11-23T00:00:00Z"},
    }


def test_a_message_comes_back_as_it_was_sent() -> None:
    assert ValidationRequest.parse(ASKED_FOR.to_json()) == ASKED_FOR
    waiting = replace(ASKED_FOR, attempt=ATTEMPTS_MAX)
    assert ValidationRequest.parse(waiting.to_json()) == waiting


def without(member: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != member}


ARN = "arn:aws:ecs:us-east-1:111122223333:task-definition/{}"
BAD: dict[str, tuple[str, str]] = {
    "empty": ("", "is not JSON"),
    "no-json": ("{", "is not JSON"),
    "nested-too-deep": ("[" * 100_000, "is not JSON"),
    "an-array": ("[]", "is JSON but not an object"),
    "too-large": (" " * (BODY_MAX_CHARS + 1), "more than the 262144"),
    "no-task-definition": (json.dumps(without("task_definition")), 'has no "task_definition"'),
    "a-number-for-it": (json.dumps({**GOOD, "task_definition": 7}), 'has no "task_definition"'),
    "a-text-for-it": (json.dumps({**GOOD, "task_definition": "web:7"}), "is not an ARN"),
    "too-long-for-it": (json.dumps({**GOOD, "task_definition": "arn:" + "a" * 5000}), 'has no "task_definition"'),
    "another-service": (json.dumps({**GOOD, "task_definition": "arn:aws:iam::111122223333:role/x"}), "not to ecs"),
    "a-cluster": (
        json.dumps({**GOOD, "task_definition": "arn:aws:ecs:us-east-1:111122223333:cluster/x"}),
        "is not a task-definition",
    ),
    "a-wildcard": (
        json.dumps({**GOOD, "task_definition": "arn:aws:ecs:us-east-1:111122223333:task-definition/*"}),
        "has a character in its resource",
    ),
    "no-revision": (json.dumps({**GOOD, "task_definition": ARN.format("cron")}), "names no revision"),
    "a-word-for-a-revision": (json.dumps({**GOOD, "task_definition": ARN.format("batch:latest")}), "names no revision"),
    "two-revisions": (json.dumps({**GOOD, "task_definition": ARN.format("web:1:2")}), "names no revision"),
    "an-attempt-too-many": (json.dumps({**GOOD, "attempt": ATTEMPTS_MAX + 1}), '"attempt"'),
    "a-negative-attempt": (json.dumps({**GOOD, "attempt": -1}), '"attempt"'),
    "a-text-for-an-attempt": (json.dumps({**GOOD, "attempt": "1"}), '"attempt"'),
    "a-boolean-for-an-attempt": (json.dumps({**GOOD, "attempt": True}), '"attempt"'),
    "no-cause": (json.dumps(without("cause")), "cause"),
    "a-text-for-a-cause": (json.dumps({**GOOD, "cause": "because"}), "cause"),
    "a-cause-without-its-time": (json.dumps({**GOOD, "cause": {"kind": "x", "event_id": "e"}}), "time"),
}


@pytest.mark.parametrize(("body", "words"), BAD.values(), ids=BAD)
def test_a_bad_message_is_rejected_with_its_reason(body: str, words: str) -> None:
    with pytest.raises(Rejected) as rejected:
        ValidationRequest.parse(body)
    assert words in str(rejected.value)
    assert "\n" not in str(rejected.value)
    assert len(str(rejected.value)) < 1000


NEWEST = FamilyRequest(family="web", provenance=ASKED_FOR.provenance)
REVIEW = Review(role=Arn.parse("arn:aws:iam::111122223333:role/x"), provenance=ASKED_FOR.provenance)


def test_the_validator_takes_three_kinds_of_messages() -> None:
    assert json.loads(NEWEST.to_json()) == {"family": "web", "cause": GOOD["cause"]}
    for message in (ASKED_FOR, NEWEST, REVIEW):
        assert parse_message(message.to_json()) == message


def test_a_family_is_nothing_that_an_executor_acts_on() -> None:
    for parse in (parse_command, ValidationRequest.parse):
        with pytest.raises(Rejected, match='has no "task_definition"'):
            parse(NEWEST.to_json())


@pytest.mark.parametrize("family", [None, 7, "", "a b", "web:7", str(revision_arn()), "f" * 256])
def test_a_message_about_no_family_is_rejected(family: object) -> None:
    with pytest.raises(Rejected, match=r'"family" is .*, not the name of a family'):
        parse_message(json.dumps({"family": family, "cause": GOOD["cause"]}))


@pytest.mark.parametrize("cause", [None, "because", {"kind": "x", "event_id": "e"}])
def test_a_message_about_a_family_needs_its_cause(cause: object) -> None:
    with pytest.raises(Rejected, match="cause"):
        parse_message(json.dumps({"family": "web", "cause": cause}))


HOME = Home(account="111122223333", region="us-east-1")
ADMITTED = {
    "a task definition": (str(revision_arn()), True),
    "a role": ("arn:aws:iam::111122223333:role/x", True),
    "another account's": ("arn:aws:ecs:us-east-1:444455556666:task-definition/web:7", False),
    "another Region's": ("arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7", False),
    "another partition's": ("arn:aws-cn:ecs:us-east-1:111122223333:task-definition/web:7", False),
    "another account's role": ("arn:aws:iam::444455556666:role/x", False),
}


@pytest.mark.parametrize(("text", "admitted"), ADMITTED.values(), ids=ADMITTED)
def test_only_what_lies_at_home_is_admitted(text: str, admitted: bool) -> None:
    if admitted:
        HOME.admit(Arn.parse(text))
        return
    with pytest.raises(Rejected, match=r"is not of this account and Region \(111122223333, us-east-1\)"):
        HOME.admit(Arn.parse(text))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({"task_definition": values | st.just(GOOD["task_definition"]), "cause": values}))
def test_no_message_does_anything_but_parse_or_be_rejected(message: dict[str, Any]) -> None:
    try:
        parsed = ValidationRequest.parse(json.dumps(message))
    except Rejected:
        return
    assert parsed.task_definition == revision_arn()


@given(st.text())
def test_no_text_does_anything_but_parse_or_be_rejected(body: str) -> None:
    try:
        found = parse_object(body)
    except Rejected as rejected:
        reason = str(rejected)
    else:
        reason = ""
        assert isinstance(found, dict)
    assert "\n" not in reason
