"""One request as policies see it: what is known of each condition key, and what is not."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from pullguard.access.conditions import compile_conditions
from pullguard.access.request import (
    NOTHING,
    ContextValue,
    NotBefore,
    Partial,
    Request,
    RoleSession,
    Service,
    Unknowable,
)
from pullguard.access.ternary import Unknown
from tests.unit.access.worlds import OURS, ROLE, ROOT, SECRET, SESSION, THEIR_SECRET, request

TRUE, FALSE, UNKNOWN = True, False, None


TWO_TAGS: dict[str, Any] = {"tag/Team": "a", "tag/team": "b", "tag/App": "x", "tag/app": "x"}


@pytest.mark.parametrize(
    ("operator", "key", "values", "expected"),
    [
        ("StringEquals", "tag/team", "a", UNKNOWN),
        ("StringEquals", "tag/TEAM", "c", UNKNOWN),
        ("StringNotEquals", "tag/team", "a", UNKNOWN),
        ("StringEqualsIfExists", "tag/team", "a", UNKNOWN),
        ("ForAnyValue:StringEquals", "tag/team", "a", UNKNOWN),
        ("StringLike", "tag/app", "${tag/team}", UNKNOWN),
        ("Null", "tag/team", "true", FALSE),
        ("Null", "tag/team", "false", TRUE),
        ("StringEquals", "tag/app", "x", TRUE),
    ],
)
def test_only_the_presence_is_known_of_two_keys_that_differ_in_case(
    operator: str, key: str, values: str, expected: bool | None
) -> None:
    (condition,) = compile_conditions({operator: {key: values}}, variables=True)
    answer = condition.holds(request(**TWO_TAGS))
    assert (UNKNOWN if isinstance(answer, Unknown) else answer) is expected


def test_two_keys_that_differ_in_case_are_named() -> None:
    (condition,) = compile_conditions({"StringEquals": {"tag/team": "a"}}, variables=True)
    answer = condition.holds(request(**TWO_TAGS))
    assert isinstance(answer, Unknown)
    assert (answer.keys, "tag/team" in answer.problems[0]) == (frozenset(), True)


PREFIXES: dict[str, tuple[tuple[str | None, ...], str]] = {
    "last-unknown": (("AROAEXAMPLE", None), "AROAEXAMPLE:"),
    "middle-unknown": (("arn", "aws", "ecs", None, OURS, None), "arn:aws:ecs:"),
    "first-unknown": ((None, "x"), ""),
    "all-known": (("a", "b"), "a:b"),
    "nothing": ((), ""),
}


@pytest.mark.parametrize(("parts", "prefix"), PREFIXES.values(), ids=PREFIXES)
def test_a_partial_text_is_known_up_to_its_first_unknown_part(parts: tuple[str | None, ...], prefix: str) -> None:
    assert Partial(parts=parts).known_prefix == prefix


SOME = Unknowable(
    prefixes=("aws:", "kms:"),
    absent=frozenset(("aws:username",)),
    absent_prefixes=("aws:principaltag/",),
    present=frozenset(("sts:rolesessionname",)),
    problems={"aws:principalorgid": "the organization was not read"},
    problem_prefixes={"aws:resourcetag/": "the tags were not read"},
)


@pytest.mark.parametrize(
    ("key", "covered"),
    [
        ("aws:sourceip", True),
        ("kms:viaservice", True),
        ("aws:username", False),
        ("aws:principaltag/team", False),
        ("sts:rolesessionname", True),
        ("sts:externalid", False),
        ("secretsmanager:secretid", False),
        ("", False),
    ],
)
def test_keys_under_a_prefix_are_unknowable_unless_aws_never_sends_them(key: str, covered: bool) -> None:
    assert SOME.covers(key) is covered


def test_without_prefixes_a_missing_key_is_absent() -> None:
    assert not NOTHING.covers("aws:sourceip")


@pytest.mark.parametrize(
    ("key", "spelled", "doubt"),
    [
        ("aws:sourceip", "aws:SourceIp", Unknown(keys=frozenset(("aws:SourceIp",)))),
        ("aws:principalorgid", "aws:PrincipalOrgID", Unknown(problems=("the organization was not read",))),
        ("aws:resourcetag/team", "aws:ResourceTag/Team", Unknown(problems=("the tags were not read",))),
    ],
)
def test_a_doubt_names_the_key_or_why_it_is_unknown(key: str, spelled: str, doubt: Unknown) -> None:
    assert SOME.doubt(key, spelled) == doubt


def test_names_of_keys_are_folded_and_a_lone_value_is_a_list_of_one() -> None:
    asked = Request.of(
        caller=Service(name="ecs-tasks.amazonaws.com"),
        action="STS:AssumeRole",
        resource=ROLE,
        resource_account=OURS,
        context={"aws:SourceAccount": OURS, "aws:CalledVia": ["a", "b"], "aws:TagKeys": []},
    )
    assert asked.context == {"aws:sourceaccount": (OURS,), "aws:calledvia": ("a", "b"), "aws:tagkeys": ()}
    assert asked.action_folded == "sts:assumerole"


def test_a_role_of_the_resources_account_is_of_the_same_account_and_a_service_of_none() -> None:
    assert request(resource=SECRET).same_account
    assert not request(resource=THEIR_SECRET).same_account
    assert not replace(request(), caller=Service(name="ecs-tasks.amazonaws.com")).same_account


def test_a_session_has_the_roles_name_without_its_path() -> None:
    caller = RoleSession(role_arn=ROLE, account=OURS, session="task-1")
    assert (caller.root_arn, caller.session_prefix + "task-1") == (ROOT, SESSION)


STAGE = "secretsmanager:versionstage"
MFA = "aws:multifactorauthpresent"
EITHER: dict[str, tuple[ContextValue, ...]] = {STAGE: ("AWSCURRENT",), MFA: ("false",)}


def test_each_key_that_may_be_absent_doubles_the_readings() -> None:
    asked = request(unknowable=Unknowable(prefixes=("aws:", STAGE), either=EITHER), k="web")
    contexts = [dict(reading.context) for reading in asked.readings]
    assert contexts == [
        {"k": ("web",)},
        {"k": ("web",), STAGE: ("AWSCURRENT",)},
        {"k": ("web",), MFA: ("false",)},
        {"k": ("web",), STAGE: ("AWSCURRENT",), MFA: ("false",)},
    ]
    assert not any(reading.unknowable.covers(key) for reading in asked.readings for key in EITHER)


def test_the_readings_of_a_request_share_its_work() -> None:
    asked = request(unknowable=Unknowable(either=EITHER))
    assert {id(reading.work) for reading in asked.readings} == {id(asked.work)}
    plain = request()
    assert plain.readings == (plain,)


def test_a_decision_may_be_narrowed_by_a_key_that_narrows() -> None:
    unknowable = Unknowable(problems={STAGE: "no stage", MFA: "no second factor"}, narrowing=frozenset((STAGE,)))
    asked = request(unknowable=unknowable)
    assert asked.may_be_narrowed(("x", "no stage"))
    assert not asked.may_be_narrowed(("no second factor",))
    assert not asked.may_be_narrowed(())


def test_an_instant_to_come_is_kept_as_it_is() -> None:
    issued = NotBefore(epoch_s=Decimal(1780315200))
    context: dict[str, Any] = {"aws:TokenIssueTime": issued}
    assert request(**context).context == {"aws:tokenissuetime": (issued,)}
