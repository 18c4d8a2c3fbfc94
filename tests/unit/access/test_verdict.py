"""The verdict on a whole pull: a table for each gate in by_gate/, and what concerns several gates."""

from dataclasses import replace

import pytest

from pullguard.access.gates import FINDINGS_BY_GATE, FindingId, GateName
from pullguard.access.verdict import grant_would_help, pull_access
from pullguard.domain.role import Role
from pullguard.domain.secret import Secret
from tests.unit.access.by_gate import key_access, key_usable, secret_access, secret_resource_policy, trust_policy
from tests.unit.access.by_gate.rows import Failures, Passes, Unknowns
from tests.unit.access.worlds import (
    DECRYPT,
    DECRYPTS,
    KEY,
    LATER,
    READ,
    READS,
    THEIR_KEY,
    UNREAD,
    allow,
    deny,
    document,
    first_finding,
    key,
    ours,
    role,
    secret,
    theirs,
    to,
)

FAILURES: dict[GateName, Failures] = {
    "trust-policy": trust_policy.FAILURES,
    "secret-access": secret_access.FAILURES,
    "secret-resource-policy": secret_resource_policy.FAILURES,
    "key-usable": key_usable.FAILURES,
    "key-access": key_access.FAILURES,
}
PASSES: Passes = secret_access.PASSES | secret_resource_policy.PASSES | key_usable.PASSES | key_access.PASSES
UNKNOWNS: dict[GateName, Unknowns] = {
    "trust-policy": trust_policy.UNKNOWNS,
    "secret-access": secret_access.UNKNOWNS,
    "secret-resource-policy": secret_resource_policy.UNKNOWNS,
    "key-usable": key_usable.UNKNOWNS,
    "key-access": key_access.UNKNOWNS,
}


@pytest.mark.parametrize(
    ("gate", "who", "what", "finding", "helps"),
    [pytest.param(gate, *row, id=name) for gate, rows in FAILURES.items() for name, row in rows.items()],
)
def test_each_denial_has_its_own_finding(
    gate: GateName, who: Role, what: Secret, finding: FindingId, helps: bool
) -> None:
    access = pull_access(who, what)
    assert access.state == "fail"
    first = access.failures[0]
    assert (first.name, first.finding) == (gate, finding)
    assert finding in FINDINGS_BY_GATE[gate]
    assert first.reason
    assert grant_would_help(access) is helps


@pytest.mark.parametrize(("who", "what"), PASSES.values(), ids=PASSES)
def test_a_working_pull_passes_every_gate(who: Role, what: Secret) -> None:
    access = pull_access(who, what)
    assert [(gate.name, gate.reason) for gate in access.gates if gate.state != "pass"] == []
    assert access.state == "pass"
    assert not grant_would_help(access)


@pytest.mark.parametrize(
    ("gate", "who", "what", "finding", "names"),
    [pytest.param(gate, *row, id=name) for gate, rows in UNKNOWNS.items() for name, row in rows.items()],
)
def test_an_undetermined_gate_is_unknown_and_named(
    gate: GateName, who: Role, what: Secret, finding: FindingId, names: str
) -> None:
    access = pull_access(who, what)
    assert access.state == "unknown"
    unknown = access.gate(gate)
    assert unknown is not None
    assert (unknown.state, unknown.finding) == ("unknown", finding)
    named_things = [*unknown.missing_keys, *unknown.problems, *(each.permission for each in unknown.unreadable)]
    assert any(names in each for each in named_things), named_things
    assert names in unknown.reason
    assert not grant_would_help(access)


def test_every_finding_has_a_row() -> None:
    found = {finding for rows in FAILURES.values() for _, _, finding, _ in rows.values()} | {"secret-access-too-broad"}
    assert found == {finding for findings in FINDINGS_BY_GATE.values() for finding in findings}


def test_a_certain_deny_decides_though_other_policies_cannot_be_read() -> None:
    access = pull_access(role(deny(READ), attached_policies=UNREAD), ours)
    assert first_finding(access) == "secret-access-denied"


def test_an_unreadable_policy_is_given_with_the_permission_that_lacks() -> None:
    gate = pull_access(role(inline_policies=UNREAD), ours).gate("secret-access")
    assert gate is not None
    assert gate.unreadable == (UNREAD,)


def test_the_two_sides_of_two_accounts_are_distinct() -> None:
    access = pull_access(role(allow(DECRYPT, THEIR_KEY)), replace(theirs, resource_policy=None))
    assert [gate.finding for gate in access.failures] == ["secret-access-missing", "secret-resource-policy-missing"]
    assert [gate.grant_helps for gate in access.failures] == [True, False]


def test_a_grant_is_needed_even_if_the_rest_hangs_on_the_endpoint() -> None:
    access = pull_access(role(), secret(resource_policy=document(to("*", "Deny", Condition=LATER))))
    assert (first_finding(access), grant_would_help(access)) == ("secret-access-missing", True)


@pytest.mark.parametrize("old", [KEY.replace("1234abcd", each) for each in ("00000000", "ffffffff")])
def test_a_key_of_the_next_version_does_not_open_the_current_one(old: str) -> None:
    kept = secret(key=key(), current_keys=(key(old),))
    shut = pull_access(role(READS, DECRYPTS), kept)
    assert shut.state == "fail"
    assert [(each.finding, each.new_version_helps) for each in shut.failures] == [("decrypt-access-missing", True)]
    opened = pull_access(role(READS, allow(DECRYPT, old)), kept)
    assert opened.state == "pass"
    assert [each.finding for each in opened.warnings] == ["decrypt-access-missing"]
