"""Facts of a role, a secret and a key become policies; what could not be read becomes a policy that is unknown."""

from dataclasses import replace

import pytest

from pullguard.access.gathered import (
    concerns_organization,
    key_grants,
    key_policy,
    other_secret_policies,
    role_policies,
    secret_policy,
)
from pullguard.access.policy import Layer, Policy
from pullguard.domain.lookup import Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import KeyGrant, Secret
from tests.unit.access.worlds import ROLE, SECRET, allow, denied, document, key, named, role, secret, to

MANAGED = NamedPolicy(name="read", document=document(allow()), arn="arn:aws:iam::aws:policy/Read")
ORGANIZATION = allow(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
GRANT = KeyGrant(grant_id="g-1", grantee=ROLE, operations=("Decrypt",))


def problems(policy: Policy | None) -> tuple[str, ...]:
    assert policy is not None
    return () if policy.problem is None else policy.problem.problems


def test_every_policy_of_a_role_is_read_in_its_layer() -> None:
    control = ((named("root", allow()),), (named("unit", allow()), named("unit-2", allow())))
    who = role(allow(), attached_policies=(MANAGED,), boundary=named("limit", allow()), control_policies=control)
    read = role_policies(who, resource_control=((named("rcp", to("*")),),))
    assert [(each.name, each.kind, each.layer) for each in read.identity] == [
        ("registry", "inline", Layer.IDENTITY),
        ("read", "managed", Layer.IDENTITY),
    ]
    assert [each.name for each in read.boundary or ()] == ["limit"]
    assert [[(each.name, each.level) for each in level] for level in read.service_control] == [
        [("root", 0)],
        [("unit", 1), ("unit-2", 1)],
    ]
    assert [[(each.name, each.layer) for each in level] for level in read.resource_control] == [
        [("rcp", Layer.RESOURCE_CONTROL)]
    ]
    assert read.resource is None


def test_a_role_without_policies_has_none_and_no_boundary() -> None:
    read = role_policies(role())
    assert (read.identity, read.boundary, read.service_control) == ((), None, ())


NOT_READ: dict[str, tuple[Missing | Unreadable | NotAsked, str]] = {
    "denied": (denied("iam:X", ROLE), f"iam:X on {ROLE}: access was denied"),
    "not-asked": (NotAsked(why="it was not read", switch="--all"), "it was not read (--all)"),
    "vanished": (Missing(resource=ROLE), f"{ROLE} was not found, although AWS had just described it"),
}


@pytest.mark.parametrize(("lookup", "problem"), NOT_READ.values(), ids=NOT_READ)
@pytest.mark.parametrize("member", ["inline_policies", "attached_policies", "boundary"])
def test_an_unread_part_of_a_role_is_unknown(
    lookup: Missing | Unreadable | NotAsked, problem: str, member: str
) -> None:
    who: Role = replace(role(), **{member: lookup})  # type: ignore[arg-type]
    read = role_policies(who)
    (policy,) = read.boundary or () if member == "boundary" else read.identity
    assert problem in problems(policy)[0]


RESOURCES: dict[str, tuple[Lookup[dict[str, object] | None], tuple[str, ...] | None]] = {
    "no-policy": (None, None),
    "a-policy": (document(to("*")), ()),
    "denied": (
        denied("secretsmanager:GetResourcePolicy"),
        (f"secretsmanager:GetResourcePolicy on {SECRET}: access was denied",),
    ),
    "vanished": (
        Missing(resource=SECRET),
        (f"the resource policy of {SECRET} was not found, although AWS had just described it",),
    ),
}


@pytest.mark.parametrize(("lookup", "expected"), RESOURCES.values(), ids=RESOURCES)
def test_the_policy_of_a_secret_is_absent_read_or_unknown(
    lookup: Lookup[dict[str, object] | None], expected: tuple[str, ...] | None
) -> None:
    policy = secret_policy(secret(resource_policy=lookup))
    if expected is None:
        assert policy is None
    else:
        assert [problem.rpartition("cannot be read: ")[2] for problem in problems(policy)] == list(expected)


def test_a_key_policy_is_read_as_one() -> None:
    policy = key_policy(key())
    assert policy is not None
    assert (policy.layer, policy.problem) == (Layer.KEY, None)
    assert "kms:GetKeyPolicy" in problems(key_policy(key(policy=denied("kms:GetKeyPolicy"))))[0]


def test_the_grants_of_a_key_are_themselves_or_an_unknown_policy() -> None:
    assert key_grants(key(grants=(GRANT,))) == (GRANT,)
    assert key_grants(key(grants=())) == ()
    for lookup, words in (
        (denied("kms:ListGrants"), "kms:ListGrants"),
        (Missing(resource=SECRET), f"the grants of {SECRET} was not found"),
    ):
        stand_in = key_grants(key(grants=lookup))
        assert isinstance(stand_in, Policy)
        assert stand_in.layer is Layer.GRANT
        assert words in problems(stand_in)[0]


def test_policies_beside_the_default_one_are_read_too() -> None:
    named_one = replace(named("ram", to("*")), arn=None)
    assert [each.name for each in other_secret_policies(secret(other_policies=(named_one,)))] == ["ram"]
    assert other_secret_policies(secret()) == ()
    (unknown,) = other_secret_policies(secret(other_policies=Missing(resource=SECRET)))
    assert "the resource policies of" in problems(unknown)[0]


CONCERNED: dict[str, tuple[Role, Lookup[Secret], bool]] = {
    "no-policy": (role(), secret(), False),
    "other-conditions": (role(allow(Condition={"Bool": {"aws:SecureTransport": "true"}})), secret(), False),
    "inline": (role(ORGANIZATION), secret(), True),
    "boundary": (role(boundary=named("limit", ORGANIZATION)), secret(), True),
    "attached": (role(attached_policies=(named("read", ORGANIZATION),)), secret(), True),
    "resource-policy": (
        role(),
        secret(resource_policy=document(to("*", Condition={"Null": {"AWS:RESOURCEORGID": "true"}}))),
        True,
    ),
    "resource-policy-as-text": (role(), secret(resource_policy='{"aws:PrincipalOrgID": "o-1"}'), True),
    "key-policy": (role(), secret(key=key(policy=document(ORGANIZATION))), True),
    "unreadable-policies": (
        role(inline_policies=denied("iam:ListRolePolicies")),
        secret(resource_policy=denied("x")),
        False,
    ),
    "secret-that-is-gone": (role(), Missing(resource=SECRET), False),
}


@pytest.mark.parametrize(("who", "found", "expected"), CONCERNED.values(), ids=CONCERNED)
def test_a_policy_that_mentions_an_organization_is_noticed(who: Role, found: Lookup[Secret], expected: bool) -> None:
    assert concerns_organization(who, (found,)) is expected
