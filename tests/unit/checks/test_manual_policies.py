"""Policies that are extended when a command is pasted: run by jq, as a shell runs it."""

import json
from typing import Any

import pytest

from pullguard.checks.manual_policies import adding, deleted_principals, extended
from pullguard.domain.findings import Remedy
from tests.worlds.commands import piped

DELETED = "AROAQ3EGSOMEDELETEDID"
USER = "arn:aws:iam::111122223333:user/admin"
ADMIN = {"Sid": "Admin", "Effect": "Allow", "Principal": {"AWS": USER}, "Action": "kms:*", "Resource": "*"}


def policy(*statements: Any, **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", **more, "Statement": list(statements)}


def reads(name: str) -> dict[str, Any]:
    role = f"arn:aws:iam::111122223333:role/{name}"
    return {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "kms:Decrypt", "Resource": "*"}


def to(principal: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": "kms:Encrypt", "Resource": "*", **more}


def pasted(present: Any, *statements: Any, known: Any = None) -> Any:
    """Return what a policy is after the commands that add ``statements``; ``known`` is what the audit saw of it."""
    return piped(Remedy(snippet=adding("aws a", "aws b", *statements, present=known)), present)


@pytest.mark.parametrize(
    "present",
    [
        policy(ADMIN, Id="key"),
        json.dumps(policy(ADMIN, Id="key"), indent=2),
        {**policy(Id="key"), "Statement": ADMIN},
    ],
    ids=["an object", "a text", "one statement"],
)
def test_everything_that_a_policy_says_is_kept(present: Any) -> None:
    assert pasted(present, reads("web")) == policy(ADMIN, reads("web"), Id="key")


def test_a_missing_policy_is_created() -> None:
    assert pasted(None, reads("web")) == policy(reads("web"))


def test_two_pastes_hold_and_a_third_adds_nothing() -> None:
    once = pasted(policy(ADMIN), reads("web"))
    twice = pasted(once, reads("api"))
    assert twice == policy(ADMIN, reads("web"), reads("api"))
    again = pasted(twice, reads("web"))
    assert again == policy(ADMIN, reads("api"), reads("web"))


def test_an_added_statement_has_no_sid_that_another_one_may_have() -> None:
    assert pasted(policy(ADMIN), {**reads("web"), "Sid": "Admin"}) == policy(ADMIN, reads("web"))


@pytest.mark.parametrize(
    ("statement", "kept"),
    [
        (to({"AWS": DELETED}), ()),
        (to({"AWS": [DELETED, USER]}), (to({"AWS": [USER]}),)),
        (to({"AWS": [DELETED], "Service": "a.amazonaws.com"}), (to({"Service": "a.amazonaws.com"}),)),
        (to({"AWS": DELETED}, Effect="Deny"), ()),
        (to("*"), (to("*"),)),
        (to({"Service": "a.amazonaws.com"}), (to({"Service": "a.amazonaws.com"}),)),
        (
            to({"AWS": USER}, Condition={"StringEquals": {"aws:userid": DELETED}}),
            (to({"AWS": [USER]}, Condition={"StringEquals": {"aws:userid": DELETED}}),),
        ),
    ],
    ids=["alone", "one of two", "beside a service", "denied", "everyone", "a service", "in a condition"],
)
def test_deleted_principals_are_left_out(statement: Any, kept: tuple[Any, ...]) -> None:
    present = policy(to({"AWS": DELETED}), statement)
    assert pasted(present, reads("web"), known=present) == policy(*kept, reads("web"))


def test_a_second_paste_adds_nothing_where_principals_are_left_out() -> None:
    present = policy(to({"AWS": DELETED}), reads("web"))
    assert pasted(present, reads("web"), known=present) == policy(reads("web"))


@pytest.mark.parametrize("text", [USER, "111122223333", "*", "AROA", "AKIAIOSFODNN7EXAMPLE", None, 7])
def test_no_other_principal_counts_as_deleted(text: Any) -> None:
    assert deleted_principals(policy(to({"AWS": text}))) == ()


@pytest.mark.parametrize("document", [None, "no JSON", {}, policy("no statement"), policy(to(None))])
def test_a_value_that_is_no_policy_names_no_principal(document: Any) -> None:
    assert deleted_principals(document) == ()


def test_a_policy_that_cannot_be_read_is_not_extended() -> None:
    assert extended("no JSON", reads("web")) is None
