"""Principals in a policy: the account, the role, a session, all principals, or another one."""

import re
from dataclasses import replace
from typing import Any

import pytest

from pullguard.access.decision import Verdict
from pullguard.access.evaluate import decide
from pullguard.access.policy import Layer
from pullguard.access.principals import Naming, Principals, compile_principals
from pullguard.access.request import RoleSession, Service
from pullguard.access.ternary import Unknown
from tests.unit.access.worlds import (
    DECRYPT,
    KEY,
    OURS,
    ROLE,
    ROOT,
    SESSION,
    Source,
    allow,
    policies,
    request,
    to,
)

YES, NO, DENIED, UNKNOWN = Verdict.ALLOWED, Verdict.IMPLICITLY_DENIED, Verdict.EXPLICITLY_DENIED, Verdict.UNKNOWN
OTHER = allow("s3:*")


PRINCIPALS = [
    # how the resource policy names the role, with what boundary, then the answer where no identity policy allows
    ("role", {"AWS": ROLE}, None, YES),
    ("role-in-a-list", {"AWS": ["arn:aws:iam::1:role/x", ROLE]}, None, YES),
    ("session", {"AWS": SESSION}, None, YES),
    ("everybody", "*", None, YES),
    ("everybody-aws", {"AWS": "*"}, None, YES),
    ("everybody-in-a-list", {"AWS": ["*"]}, None, YES),
    ("root", {"AWS": ROOT}, None, NO),
    ("account-id", {"AWS": OURS}, None, NO),
    ("other-session", {"AWS": SESSION + "2"}, None, NO),
    ("role-without-path", {"AWS": f"arn:aws:iam::{OURS}:role/exec"}, None, NO),
    ("role-wildcard", {"AWS": f"arn:aws:iam::{OURS}:role/*"}, None, NO),
    ("other-case", {"AWS": ROLE.upper()}, None, NO),
    ("deleted-role-id", {"AWS": "AROADELETED"}, None, NO),
    ("own-role-id", {"AWS": "AROAEXAMPLE"}, None, YES),
    ("service", {"Service": "ecs-tasks.amazonaws.com"}, None, NO),
    ("federated", {"Federated": "*"}, None, NO),
    ("canonical-user", {"CanonicalUser": "abc"}, None, NO),
    ("other-partition", {"AWS": ROLE.replace("aws:", "aws-cn:")}, None, NO),
    ("role-outside-boundary", {"AWS": ROLE}, OTHER, NO),
    ("session-outside-boundary", {"AWS": SESSION}, OTHER, YES),
    ("everybody-outside-boundary", "*", OTHER, YES),
    ("role-inside-boundary", {"AWS": ROLE}, allow(), YES),
]


@pytest.mark.parametrize(
    ("principal", "boundary", "expected"), [row[1:] for row in PRINCIPALS], ids=[row[0] for row in PRINCIPALS]
)
@pytest.mark.parametrize("kind", ["secret", "key"])
def test_how_a_resource_policy_names_the_role(
    principal: object, boundary: Source | None, expected: Verdict, kind: str
) -> None:
    asked = request() if kind == "secret" else request(DECRYPT, KEY)
    layer = Layer.RESOURCE if kind == "secret" else Layer.KEY
    assert decide(asked, policies(resource=to(principal), boundary=boundary, layer=layer)).verdict is expected


def test_a_session_principal_is_unknown_while_the_session_has_no_name() -> None:
    decision = decide(request(session=None), policies(resource=to({"AWS": SESSION})))
    assert (decision.verdict, decision.missing_keys) == (UNKNOWN, ("aws:userid",))


def test_a_session_principal_of_another_role_is_no_doubt() -> None:
    other = SESSION.replace("/exec/", "/exec2/")
    assert decide(request(session=None), policies(resource=to({"AWS": other}))).verdict is NO


def test_a_deny_to_a_session_leaves_open_whether_it_is_ours() -> None:
    decision = decide(request(session=None), policies(allow(), resource=to({"AWS": SESSION}, "Deny")))
    assert (decision.verdict, decision.missing_keys) == (UNKNOWN, ("aws:userid",))


def test_a_session_that_is_named_besides_the_account_leaves_the_direct_grant_open() -> None:
    decision = decide(request(session=None), policies(resource=to({"AWS": [ROOT, SESSION]})))
    assert decision.verdict is UNKNOWN


NOT_PRINCIPALS = [
    ("role-and-root", [ROLE, ROOT], None, YES),
    ("role-and-account-id", [ROLE, OURS], None, YES),
    ("session-and-root", [SESSION, ROOT], None, UNKNOWN),
    ("session-role-and-root", [SESSION, ROLE, ROOT], None, YES),
    ("somebody-else", ["arn:aws:iam::999988887777:root"], None, DENIED),
    ("role-only", [ROLE], None, UNKNOWN),
    ("session-only", [SESSION], None, UNKNOWN),
    ("root-only", [ROOT], None, UNKNOWN),
    ("role-and-root-with-a-boundary", [ROLE, ROOT], allow(), DENIED),
]


@pytest.mark.parametrize(
    ("listed", "boundary", "expected"), [row[1:] for row in NOT_PRINCIPALS], ids=[row[0] for row in NOT_PRINCIPALS]
)
def test_whom_a_deny_with_not_principal_leaves_alone(
    listed: list[str], boundary: Source | None, expected: Verdict
) -> None:
    statement = {"Effect": "Deny", "NotPrincipal": {"AWS": listed}, "Action": "*", "Resource": "*"}
    assert decide(request(), policies(allow(), boundary=boundary, resource=statement)).verdict is expected


BROKEN_PRINCIPALS = {
    "none": allow(),
    "both": allow(Principal="*", NotPrincipal="*"),
    "text": allow(Principal=ROLE),
    "null": allow(Principal=None),
    "list": allow(Principal=["*"]),
    "empty": allow(Principal={}),
    "kind": allow(Principal={"AWSS": "*"}),
    "number": allow(Principal={"AWS": 111122223333}),
    "not-principal-with-allow": {"Effect": "Allow", "NotPrincipal": {"AWS": ROLE}, "Action": "*", "Resource": "*"},
}


@pytest.mark.parametrize("broken", BROKEN_PRINCIPALS.values(), ids=BROKEN_PRINCIPALS)
def test_a_principal_that_cannot_be_read_is_unknown(broken: Any) -> None:
    assert decide(request(), policies(resource=broken)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("name", ["exec", "arn:aws:iam::111122223333:role/*", "arn:aws:iam::1111:root", "aws"])
@pytest.mark.parametrize("element", ["Principal", "NotPrincipal"])
def test_whom_a_deny_of_an_impossible_principal_hits_is_unknown(element: str, name: str) -> None:
    broken = {"Effect": "Deny", element: {"AWS": name}, "Action": "*", "Resource": "*"}
    assert decide(request(), policies(allow(), resource=broken)).verdict is Verdict.UNKNOWN


CALLER = RoleSession(role_arn=ROLE, account=OURS, role_id="AROAEXAMPLE", session="task-1")
NAMINGS: dict[str, tuple[object, Naming]] = {
    "everybody": ("*", Naming.SESSION),
    "everybody-in-a-list": ({"AWS": ["*", ROOT]}, Naming.SESSION),
    "session": ({"AWS": SESSION}, Naming.SESSION),
    "session-and-role": ({"AWS": [ROLE, SESSION]}, Naming.SESSION),
    "role-arn": ({"AWS": ROLE}, Naming.ROLE),
    "role-id": ({"AWS": "AROAEXAMPLE"}, Naming.ROLE),
    "role-and-account": ({"AWS": [ROOT, ROLE]}, Naming.ROLE),
    "account-root": ({"AWS": ROOT}, Naming.ACCOUNT),
    "account-id": ({"AWS": OURS}, Naming.ACCOUNT),
    "another-account": ({"AWS": "444455556666"}, Naming.NOT),
    "a-service": ({"Service": "ecs-tasks.amazonaws.com"}, Naming.NOT),
    "federated": ({"Federated": "cognito-identity.amazonaws.com"}, Naming.NOT),
}


@pytest.mark.parametrize(("element", "naming"), NAMINGS.values(), ids=NAMINGS)
def test_a_role_is_named_in_the_most_direct_way(element: object, naming: Naming) -> None:
    assert compile_principals(element).naming(CALLER) is naming


def test_a_role_id_that_is_unknown_is_not_an_empty_name() -> None:
    assert Principals(aws=frozenset(("",))).naming(replace(CALLER, role_id="")) is Naming.NOT


def test_a_service_is_named_only_under_service() -> None:
    ecs = Service(name="ecs-tasks.amazonaws.com")
    assert compile_principals({"Service": ["ec2.amazonaws.com", ecs.name]}).naming(ecs) is Naming.SESSION
    assert compile_principals({"AWS": "*"}).naming(ecs) is Naming.NOT
    assert compile_principals("*").perhaps(ecs) == Unknown(
        problems=("AWS does not say whether the principal * includes services",)
    )


def test_a_wildcard_under_service_names_no_service_for_certain() -> None:
    principals = compile_principals({"Service": ["ecs-tasks.*", "ec2.amazonaws.com", "*"]})
    assert principals.wildcard_services == ("*", "ecs-tasks.*")
    assert principals.naming(Service(name="ecs-tasks.amazonaws.com")) is Naming.NOT
    assert principals.perhaps_denied(Service(name="ecs-tasks.amazonaws.com")) is not None
    assert principals.perhaps_denied(CALLER) is None


MALFORMED: dict[str, tuple[object, str]] = {
    "text": (ROLE, "Principal is neither * nor an object"),
    "empty": ({}, "Principal is neither * nor an object"),
    "null": (None, "Principal is neither * nor an object"),
    "unknown-kinds": ({"AWSS": "*", "Aws": "*"}, "Principal has an unknown type: AWSS, Aws"),
    "number": ({"AWS": 111122223333}, "Principal has a name that is not a string"),
    "null-in-a-list": ({"AWS": [ROLE, None]}, "Principal has a name that is not a string"),
}


@pytest.mark.parametrize(("element", "problem"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_principal_names_the_rule_that_it_breaks(element: object, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        compile_principals(element)


@pytest.mark.parametrize(
    "name",
    [ROLE, ROOT, SESSION, OURS, "AROAEXAMPLEEXAMPLE01", "arn:aws-cn:iam::111122223333:user/a/b", "*"],
)
def test_a_principal_that_aws_takes_is_possible(name: str) -> None:
    compile_principals({"AWS": [name]}).require_possible()


@pytest.mark.parametrize("name", ["", "exec", "arn:aws:iam::1:root", f"arn:aws:iam::{OURS}:role/*", "AROA"])
def test_a_principal_that_aws_refuses_is_impossible(name: str) -> None:
    with pytest.raises(ValueError, match="is not a principal"):
        compile_principals({"AWS": name}).require_possible()
