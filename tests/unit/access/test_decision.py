"""Decisions in words: titles of statements, reasons, and what is cited."""

from typing import Any

import pytest

from pullguard.access.decision import Citation, Decision, Verdict
from pullguard.access.evaluate import Policies, decide
from pullguard.access.policy import Layer
from pullguard.access.request import Unknowable
from tests.unit.access.worlds import (
    READ,
    SECRET,
    allow,
    deny,
    identity,
    policies,
    policy,
    request,
)

LATER = Unknowable(prefixes=("aws:sourcevpce",))
VPCE = {"StringEquals": {"aws:SourceVpce": "vpce-1"}}
OTHER = allow("s3:*")


def test_the_level_of_the_control_policy_is_named() -> None:
    decision = decide(request(), policies(allow(), service_control=((allow(),), (OTHER,))))
    assert decision.level == 1
    assert decision.reason == f"No service control policy at level 1 allows {READ} on {SECRET}."


def test_every_denying_statement_is_cited() -> None:
    decision = decide(request(), policies(allow(), deny(Sid="First"), deny(), boundary=deny()))
    assert [(c.policy.layer, c.statement and c.statement.label) for c in decision.statements] == [
        (Layer.BOUNDARY, "0"),
        (Layer.IDENTITY, "First"),
        (Layer.IDENTITY, "2"),
    ]
    assert 'statement "First" of the inline policy "the-identity"' in decision.reason
    assert '"Sid": "First"' in (decision.statements[1].text or "")


REASONS = [
    (policies(allow()), f'Statement 0 of the inline policy "the-identity" allows {READ} on {SECRET}.'),
    (policies(allow(), deny(), deny()), "Statement 1 of the inline policy"),
    (policies(), f"No identity policy of the role allows {READ} on {SECRET}."),
    (policies(boundary=OTHER), "The permissions boundary does not allow and no identity policy of the role allows"),
    (policies(allow(Condition=VPCE)), 'statement 0 of the inline policy "the-identity" hangs on aws:SourceVpce.'),
]


@pytest.mark.parametrize(("given", "says"), REASONS, ids=["allowed", "denied", "missing", "lacking-two", "unknown"])
def test_the_reason_is_a_sentence_for_people(given: Policies, says: str) -> None:
    reason = decide(request(unknowable=LATER), given).reason
    assert says in reason
    assert reason.endswith(".")
    assert reason[0].isupper()


def cited(statement: int = 0, **elements: str) -> Citation:
    whole = policy(Layer.IDENTITY, *(allow() for _ in range(statement)), allow(**elements))
    return Citation(policy=whole, statement=whole.allows[statement])


def test_a_statement_is_cited_by_its_sid_or_else_by_its_place() -> None:
    assert cited(Sid="Read").title == 'statement "Read" of the inline policy "the-identity"'
    assert cited(2).title == 'statement 2 of the inline policy "the-identity"'
    assert cited(Sid="Read").text is not None


def test_a_whole_policy_is_cited_without_a_text() -> None:
    whole = Citation(policy=identity(allow())[0])
    assert (whole.title, whole.text) == ('the inline policy "the-identity"', None)


def decided(verdict: Verdict, layer: Layer = Layer.IDENTITY, **members: Any) -> Decision:
    return Decision(verdict=verdict, action="kms:Decrypt", resource="key/1", layer=layer, **members)


ALL_REASONS: dict[str, tuple[Decision, str]] = {
    "one-allows": (
        decided(Verdict.ALLOWED, statements=(cited(Sid="A"),)),
        'Statement "A" of the inline policy "the-identity" allows kms:Decrypt on key/1.',
    ),
    "two-deny": (
        decided(Verdict.EXPLICITLY_DENIED, statements=(cited(Sid="A"), cited(1))),
        'Statement "A" of the inline policy "the-identity" and statement 1 of the inline policy "the-identity" '
        "explicitly deny kms:Decrypt on key/1.",
    ),
    "three-layers-lack-an-allow": (
        decided(
            Verdict.IMPLICITLY_DENIED,
            Layer.SERVICE_CONTROL,
            level=2,
            lacking=(Layer.SERVICE_CONTROL, Layer.BOUNDARY, Layer.KEY),
        ),
        "No service control policy at level 2 allows, the permissions boundary does not allow and the key policy does "
        "not allow kms:Decrypt on key/1.",
    ),
    "a-level-is-only-that-of-the-layer-that-decides": (
        decided(Verdict.IMPLICITLY_DENIED, Layer.BOUNDARY, level=2, lacking=(Layer.BOUNDARY, Layer.RESOURCE_CONTROL)),
        "The permissions boundary does not allow and no resource control policy allows kms:Decrypt on key/1.",
    ),
    "no-grant": (
        decided(Verdict.IMPLICITLY_DENIED, Layer.GRANT, lacking=(Layer.GRANT, Layer.TRUST)),
        "No grant allows and the trust policy does not allow kms:Decrypt on key/1.",
    ),
    "unknown-keys-and-problems": (
        decided(
            Verdict.UNKNOWN, statements=(cited(),), missing_keys=("aws:a", "aws:b"), problems=("x is gone", "y too")
        ),
        'Could not determine whether kms:Decrypt on key/1 is allowed: statement 0 of the inline policy "the-identity" '
        "hangs on aws:a and aws:b; x is gone; y too.",
    ),
    "unknown-problems-alone": (
        decided(Verdict.UNKNOWN, problems=("x is gone",)),
        "Could not determine whether kms:Decrypt on key/1 is allowed: x is gone.",
    ),
}


@pytest.mark.parametrize(("decision", "reason"), ALL_REASONS.values(), ids=ALL_REASONS)
def test_each_verdict_has_its_reason(decision: Decision, reason: str) -> None:
    assert decision.reason == reason
