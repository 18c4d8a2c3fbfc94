"""A pull gate by gate: its state, its first failure, and whether a grant would help."""

from typing import Any, Literal, get_args

import pytest

from pullguard.access.gates import FINDINGS_BY_GATE, FindingId, Gate, GateName, PullAccess, State, grant_would_help


def gate(name: GateName, state: State, **members: Any) -> Gate:
    return Gate(name=name, state=state, reason="Because.", **members)


def pull(*gates: Gate) -> PullAccess:
    return PullAccess(role="web-execution", secret="registry/ghcr", gates=gates)


TRUST, SECRET, KEY = gate("trust-policy", "pass"), gate("secret-access", "fail"), gate("key-access", "unknown")
WARNING = gate("access-scope", "fail", severity="warning")
NEXT_KEY = gate("key-access", "fail", severity="warning")

STATES: dict[str, tuple[PullAccess, State]] = {
    "no-gate": (pull(), "pass"),
    "all-pass": (pull(TRUST), "pass"),
    "one-unknown": (pull(TRUST, KEY), "unknown"),
    "a-failure-decides-over-an-unknown": (pull(TRUST, KEY, SECRET), "fail"),
    "a-warning-fails-nothing": (pull(TRUST, WARNING), "pass"),
    "an-unknown-warning-leaves-nothing-open": (pull(TRUST, gate("key-access", "unknown", severity="warning")), "pass"),
}


@pytest.mark.parametrize(("access", "state"), STATES.values(), ids=STATES)
def test_the_state_of_a_pull_is_its_worst_gate(access: PullAccess, state: State) -> None:
    assert access.state == state


def test_failures_and_warnings_keep_the_order_of_the_gates() -> None:
    access = pull(SECRET, NEXT_KEY, gate("key-usable", "fail"), WARNING)
    assert [each.name for each in access.failures] == ["secret-access", "key-usable"]
    assert [each.name for each in access.warnings] == ["key-access", "access-scope"]
    assert pull(TRUST, KEY, WARNING).failures == ()


def test_a_gate_that_a_pull_does_not_meet_is_absent() -> None:
    assert pull(TRUST, KEY).gate("key-access") is KEY
    assert pull(TRUST).gate("key-access") is None


@pytest.mark.parametrize(
    ("name", "severity", "expected"),
    [
        ("key-access", "warning", True),
        ("key-usable", "warning", True),
        ("key-access", "error", False),
        ("access-scope", "warning", False),
    ],
)
def test_only_a_warning_about_a_key_is_of_the_next_version(
    name: GateName, severity: Literal["error", "warning"], expected: bool
) -> None:
    assert gate(name, "fail", severity=severity).is_of_next_version is expected


MISSING = gate("secret-access", "fail", grant_helps=True)
HELP: dict[str, tuple[PullAccess, bool]] = {
    "nothing-fails": (pull(TRUST), False),
    "the-grant-is-missing": (pull(TRUST, MISSING), True),
    "both-grants-are-missing": (pull(MISSING, gate("key-access", "fail", grant_helps=True)), True),
    "another-gate-fails-too": (pull(gate("trust-policy", "fail"), MISSING), False),
    "the-key-is-unknown": (pull(MISSING, KEY), False),
    "the-key-passes-under-a-condition": (pull(MISSING, gate("key-access", "pass", conditional=True)), False),
    "another-gate-is-unknown": (pull(gate("trust-policy", "unknown"), MISSING), True),
    "the-next-key-is-unknown": (pull(MISSING, gate("key-access", "unknown", severity="warning")), True),
    "a-warning-fails": (pull(MISSING, WARNING), True),
}


@pytest.mark.parametrize(("access", "helps"), HELP.values(), ids=HELP)
def test_a_grant_helps_where_it_is_all_that_is_missing(access: PullAccess, helps: bool) -> None:
    assert grant_would_help(access) is helps


def test_the_first_gate_that_an_owner_narrowed_is_named() -> None:
    conditional = gate("secret-access", "pass", conditional=True)
    assert pull(conditional, KEY).may_be_narrowed is conditional
    assert pull(gate("trust-policy", "unknown"), KEY).may_be_narrowed is KEY
    assert pull(TRUST, SECRET).may_be_narrowed is None


def test_each_gate_has_findings_and_each_finding_a_gate() -> None:
    assert set(FINDINGS_BY_GATE) == set(get_args(GateName))
    assert {each for findings in FINDINGS_BY_GATE.values() for each in findings} == set(get_args(FindingId))
