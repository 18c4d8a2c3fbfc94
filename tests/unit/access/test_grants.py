"""KMS grants: operation, grantee, constraints, and what a grant opens beside policies."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pullguard.access.decision import Verdict
from pullguard.access.evaluate import decide
from pullguard.access.grants import grant_allows
from pullguard.access.policy import Layer
from pullguard.access.request import Request, Service, Unknowable
from pullguard.access.ternary import Match, Unknown
from pullguard.domain.secret import KeyGrant
from tests.unit.access.worlds import (
    DECRYPT,
    KEY,
    OURS,
    READ,
    ROLE,
    ROOT,
    SECRET,
    SESSION,
    THEIR_KEY,
    Source,
    allow,
    deny,
    policies,
    request,
)

YES, NO, DENIED, UNKNOWN = Verdict.ALLOWED, Verdict.IMPLICITLY_DENIED, Verdict.EXPLICITLY_DENIED, Verdict.UNKNOWN
OTHER = allow("s3:*")


SUBSET = {"encryption_context_subset": {"SecretARN": SECRET}}


EQUALS = {"encryption_context_equals": {"SecretARN": SECRET, "SecretVersionId": "v1"}}


GRANTS = [
    ("decrypt", {}, YES),
    ("operation-in-other-case", {"operations": ("decrypt",)}, YES),
    ("another-operation", {"operations": ("Encrypt", "GenerateDataKey")}, NO),
    ("no-operation", {"operations": ()}, NO),
    ("another-grantee", {"grantee": ROLE + "2"}, NO),
    ("root-grantee", {"grantee": ROOT}, UNKNOWN),
    ("session-grantee", {"grantee": SESSION}, YES),
    ("another-session", {"grantee": SESSION + "2"}, NO),
    ("retiring-only", {"grantee": ROLE + "2", "retiring": ROLE}, NO),
    ("subset", SUBSET, YES),
    ("subset-of-another-secret", {"encryption_context_subset": {"SecretARN": SECRET + "x"}}, NO),
    ("subset-name-in-other-case", {"encryption_context_subset": {"secretarn": SECRET}}, NO),
    ("subset-of-a-name-not-sent", {"encryption_context_subset": {"Team": "web"}}, NO),
    ("equals", EQUALS, YES),
    ("equals-lacks-a-pair", {"encryption_context_equals": {"SecretARN": SECRET}}, NO),
    ("equals-has-one-more", {"encryption_context_equals": {**EQUALS["encryption_context_equals"], "a": "b"}}, NO),
    ("equals-another-version", {"encryption_context_equals": {"SecretARN": SECRET, "SecretVersionId": "v2"}}, NO),
]


SENT: dict[str, Any] = {
    "kms:EncryptionContext:SecretARN": SECRET,
    "kms:EncryptionContext:SecretVersionId": "v1",
    "kms:EncryptionContextKeys": ["SecretARN", "SecretVersionId"],
}


def grant(**changes: Any) -> KeyGrant:
    return replace(KeyGrant(grant_id="g-1", grantee=ROLE, operations=("Decrypt",)), **changes)


@pytest.mark.parametrize(("changes", "verdict"), [row[1:] for row in GRANTS], ids=[row[0] for row in GRANTS])
def test_a_grant_allows_its_operations_under_its_constraints(changes: Mapping[str, Any], verdict: Verdict) -> None:
    decision = decide(request(DECRYPT, KEY, **SENT), policies(grants=(grant(**changes),)))
    assert decision.verdict is verdict
    assert verdict is NO or decision.layer is Layer.GRANT


def test_an_explicit_deny_beats_a_grant() -> None:
    assert decide(request(DECRYPT, KEY), policies(deny(), grants=(grant(),))).verdict is DENIED


def test_a_grant_does_nothing_for_a_secret() -> None:
    assert decide(request(), policies(grants=(grant(operations=("GetSecretValue",)),))).verdict is NO


@pytest.mark.parametrize(
    ("issuer", "identity", "verdict"),
    [
        ("theirs", (allow(),), YES),
        ("theirs", (), UNKNOWN),
        ("not-known", (), UNKNOWN),
        ("ours", (), YES),
    ],
)
def test_a_grant_on_another_accounts_key(issuer: str, identity: tuple[Source, ...], verdict: Verdict) -> None:
    accounts = {"ours": OURS, "theirs": "444455556666", "not-known": None}
    given = policies(*identity, grants=(grant(issuer=accounts[issuer]),))
    assert decide(request(DECRYPT, THEIR_KEY), given).verdict is verdict


def test_a_grant_under_a_boundary_that_does_not_allow_is_unknown() -> None:
    decision = decide(request(DECRYPT, KEY), policies(boundary=OTHER, grants=(grant(),)))
    assert decision.verdict is UNKNOWN
    assert "boundary" in decision.problems[0]


def test_a_grant_to_a_session_is_unknown_while_the_session_has_no_name() -> None:
    decision = decide(request(DECRYPT, KEY, session=None), policies(grants=(grant(grantee=SESSION),)))
    assert (decision.verdict, decision.missing_keys) == (UNKNOWN, ("aws:userid",))


def test_a_grant_on_an_unknown_version_is_unknown() -> None:
    context = {key: value for key, value in SENT.items() if not key.endswith("VersionId")}
    later = Unknowable(present=frozenset(("kms:encryptioncontext:secretversionid",)))
    decision = decide(request(DECRYPT, KEY, unknowable=later, **context), policies(grants=(grant(**EQUALS),)))
    assert decision.verdict is UNKNOWN


LACKS_NAMES = {key: value for key, value in SENT.items() if not key.endswith("ContextKeys")}
DIRECT: dict[str, tuple[KeyGrant, Request, Match]] = {
    "the-role": (grant(), request(DECRYPT, KEY), True),
    "a-service-of-another-name": (grant(operations=("GetSecretValue",)), request(READ, SECRET), False),
    "the-session": (grant(grantee=SESSION), request(DECRYPT, KEY), True),
    "a-session-without-a-name-yet": (
        grant(grantee=SESSION),
        request(DECRYPT, KEY, session=None),
        Unknown(keys=frozenset(("aws:userid",))),
    ),
    "the-account": (
        grant(grantee=ROOT),
        request(DECRYPT, KEY),
        Unknown(problems=("AWS does not say whether a grant to an account is one to its roles",)),
    ),
    "no-context-is-sent": (grant(**SUBSET), request(DECRYPT, KEY), False),
    "a-pair-that-is-not-known-yet": (
        grant(**SUBSET),
        request(DECRYPT, KEY, unknowable=Unknowable(prefixes=("kms:",))),
        Unknown(keys=frozenset(("kms:EncryptionContext:SecretARN",))),
    ),
    "all-pairs-and-their-names-unknown": (
        grant(**EQUALS),
        request(DECRYPT, KEY, unknowable=Unknowable(prefixes=("kms:encryptioncontextkeys",)), **LACKS_NAMES),
        Unknown(keys=frozenset(("kms:EncryptionContextKeys",))),
    ),
    "the-wrong-grantee-decides-over-an-unknown-pair": (
        grant(grantee=ROLE + "2", **SUBSET),
        request(DECRYPT, KEY, unknowable=Unknowable(prefixes=("kms:",))),
        False,
    ),
}


@pytest.mark.parametrize(("given", "asked", "expected"), DIRECT.values(), ids=DIRECT)
def test_a_grant_allows_denies_or_is_unknown(given: KeyGrant, asked: Request, expected: Match) -> None:
    assert grant_allows(given, asked) == expected


def test_a_grant_to_a_service_is_for_that_service() -> None:
    asked = replace(request(DECRYPT, KEY), caller=Service(name="rds.amazonaws.com"))
    assert grant_allows(grant(grantee="rds.amazonaws.com"), asked) is True
    assert grant_allows(grant(), asked) is False
