from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pullguard.access.decision import Verdict
from pullguard.access.evaluate import Policies, decide
from pullguard.access.policy import Layer
from pullguard.access.request import Request, Unknowable
from pullguard.domain.facts import KeyGrant
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
    THEIR_SECRET,
    Source,
    allow,
    deny,
    policies,
    request,
    to,
)

YES, NO, DENIED, UNKNOWN = Verdict.ALLOWED, Verdict.IMPLICITLY_DENIED, Verdict.EXPLICITLY_DENIED, Verdict.UNKNOWN
LATER = Unknowable(prefixes=("aws:sourcevpce",))
VPCE = {"StringEquals": {"aws:SourceVpce": "vpce-1"}}
NOT_VPCE = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}
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


LAYERS = [
    ("nothing", request(), policies(), NO, (Layer.IDENTITY,)),
    ("identity", request(), policies(allow()), YES, ()),
    ("boundary", request(), policies(allow(), boundary=OTHER), NO, (Layer.BOUNDARY,)),
    ("boundary-and-identity", request(), policies(boundary=OTHER), NO, (Layer.BOUNDARY, Layer.IDENTITY)),
    ("boundary-denies", request(), policies(allow(), boundary=deny()), DENIED, ()),
    ("boundary-alone-grants-nothing", request(), policies(boundary=allow()), NO, (Layer.IDENTITY,)),
    ("scp-allows", request(), policies(allow(), service_control=((allow(),), (allow(),))), YES, ()),
    (
        "scp-level-lacks",
        request(),
        policies(allow(), service_control=((allow(),), (OTHER,))),
        NO,
        (Layer.SERVICE_CONTROL,),
    ),
    ("scp-second-policy-of-a-level", request(), policies(allow(), service_control=((OTHER, allow()),)), YES, ()),
    ("scp-empty-level", request(), policies(allow(), service_control=((),)), NO, (Layer.SERVICE_CONTROL,)),
    ("scp-denies", request(), policies(allow(), service_control=((allow(), deny()),)), DENIED, ()),
    ("scp-alone-grants-nothing", request(), policies(service_control=((allow(),),)), NO, (Layer.IDENTITY,)),
    (
        "scp-limits-a-resource-policy",
        request(),
        policies(resource=to("*"), service_control=((OTHER,),)),
        NO,
        (Layer.SERVICE_CONTROL,),
    ),
    ("rcp-allows", request(), policies(allow(), resource_control=((to("*"),),)), YES, ()),
    (
        "rcp-lacks",
        request(),
        policies(allow(), resource_control=((to("*", action="s3:*"),),)),
        NO,
        (Layer.RESOURCE_CONTROL,),
    ),
    ("rcp-denies", request(), policies(allow(), resource_control=((to("*"), to("*", "Deny")),)), DENIED, ()),
    ("cross-both", request(resource=THEIR_SECRET), policies(allow(), resource=to({"AWS": ROLE})), YES, ()),
    ("cross-account-named", request(resource=THEIR_SECRET), policies(allow(), resource=to({"AWS": OURS})), YES, ()),
    ("cross-everybody", request(resource=THEIR_SECRET), policies(allow(), resource=to("*")), YES, ()),
    ("cross-no-identity", request(resource=THEIR_SECRET), policies(resource=to("*")), NO, (Layer.IDENTITY,)),
    ("cross-no-resource-policy", request(resource=THEIR_SECRET), policies(allow()), NO, (Layer.RESOURCE,)),
    (
        "cross-neither",
        request(resource=THEIR_SECRET),
        policies(resource=to({"AWS": "1" * 12})),
        NO,
        (Layer.IDENTITY, Layer.RESOURCE),
    ),
    (
        "cross-boundary",
        request(resource=THEIR_SECRET),
        policies(allow(), boundary=OTHER, resource=to({"AWS": SESSION})),
        NO,
        (Layer.BOUNDARY,),
    ),
    ("key-identity-only", request(DECRYPT, KEY), policies(allow()), NO, (Layer.KEY,)),
    (
        "key-policy-of-others",
        request(DECRYPT, KEY),
        policies(allow(), resource=to({"AWS": "1" * 12}), layer=Layer.KEY),
        NO,
        (Layer.KEY,),
    ),
    ("key-delegates", request(DECRYPT, KEY), policies(allow(), resource=to({"AWS": ROOT}), layer=Layer.KEY), YES, ()),
    (
        "key-delegates-no-identity",
        request(DECRYPT, KEY),
        policies(resource=to({"AWS": ROOT}), layer=Layer.KEY),
        NO,
        (Layer.IDENTITY,),
    ),
    ("key-names-role", request(DECRYPT, KEY), policies(resource=to({"AWS": ROLE}), layer=Layer.KEY), YES, ()),
    (
        "key-boundary",
        request(DECRYPT, KEY),
        policies(resource=to({"AWS": ROLE}), boundary=OTHER, layer=Layer.KEY),
        NO,
        (Layer.BOUNDARY,),
    ),
    (
        "key-cross-both",
        request(DECRYPT, THEIR_KEY),
        policies(allow(), resource=to({"AWS": ROOT}), layer=Layer.KEY),
        YES,
        (),
    ),
    (
        "key-cross-named-only",
        request(DECRYPT, THEIR_KEY),
        policies(resource=to({"AWS": ROLE}), layer=Layer.KEY),
        NO,
        (Layer.IDENTITY,),
    ),
]


@pytest.mark.parametrize(
    ("asked", "given", "verdict", "lacking"), [row[1:] for row in LAYERS], ids=[row[0] for row in LAYERS]
)
def test_which_layers_must_allow(asked: Request, given: Policies, verdict: Verdict, lacking: tuple[Layer, ...]) -> None:
    decision = decide(asked, given)
    assert decision.verdict is verdict
    assert decision.lacking == lacking
    assert not lacking or decision.layer is lacking[0]


def test_the_level_of_the_control_policy_is_told() -> None:
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


def test_an_allow_is_cited_with_what_lets_it_count() -> None:
    decision = decide(request(DECRYPT, KEY), policies(allow(), resource=to({"AWS": ROOT}), layer=Layer.KEY))
    assert [c.policy.layer for c in decision.statements] == [Layer.IDENTITY, Layer.KEY]


UNKNOWNS = [
    ("allow-hangs", policies(allow(Condition=VPCE)), UNKNOWN),
    ("another-allow-is-certain", policies(allow(Condition=VPCE), allow()), YES),
    ("deny-hangs", policies(allow(), deny(Condition=NOT_VPCE)), UNKNOWN),
    ("deny-hangs-but-nothing-allows", policies(deny(Condition=NOT_VPCE)), NO),
    ("deny-hangs-and-another-denies", policies(allow(), deny(Condition=NOT_VPCE), deny()), DENIED),
    ("deny-hangs-but-speaks-of-others", policies(allow(), deny("s3:*", Condition=NOT_VPCE)), YES),
    (
        "deny-hangs-but-another-condition-fails",
        policies(allow(), deny(Condition=NOT_VPCE | {"StringEquals": {"aws:PrincipalTag/a": "b"}})),
        YES,
    ),
    ("boundary-hangs", policies(allow(), boundary=allow(Condition=VPCE)), UNKNOWN),
    ("boundary-hangs-and-identity-lacks", policies(boundary=allow(Condition=VPCE)), NO),
    ("scp-hangs", policies(allow(), service_control=((allow(Condition=VPCE),),)), UNKNOWN),
    ("resource-policy-denies-outside", policies(allow(), resource=to("*", "Deny", Condition=NOT_VPCE)), UNKNOWN),
    ("resource-policy-allows-inside", policies(resource=to({"AWS": ROLE}, Condition=VPCE)), UNKNOWN),
    ("variable-in-a-resource", policies(allow(resource="arn:aws:*:*:*:${aws:SourceVpce}")), UNKNOWN),
    ("variable-in-another-resource", policies(allow(resource="arn:aws:s3:::${aws:SourceVpce}")), NO),
    (
        "variable-in-not-resource",
        policies(allow(), {"Effect": "Deny", "Action": "*", "NotResource": "*${aws:SourceVpce}"}),
        UNKNOWN,
    ),
]


@pytest.mark.parametrize(("given", "verdict"), [row[1:] for row in UNKNOWNS], ids=[row[0] for row in UNKNOWNS])
def test_a_key_that_nobody_can_know_yet_leaves_the_answer_open(given: Policies, verdict: Verdict) -> None:
    decision = decide(request(unknowable=LATER), given)
    assert decision.verdict is verdict
    assert decision.missing_keys == (("aws:SourceVpce",) if verdict is UNKNOWN else ())
    if verdict is UNKNOWN:
        assert decision.statements
        assert "aws:SourceVpce" in decision.reason


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
def test_what_a_grant_allows(changes: Mapping[str, Any], verdict: Verdict) -> None:
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


def test_a_grant_on_a_version_that_nobody_knows_is_unknown() -> None:
    context = {key: value for key, value in SENT.items() if not key.endswith("VersionId")}
    later = Unknowable(present=frozenset(("kms:encryptioncontext:secretversionid",)))
    decision = decide(request(DECRYPT, KEY, unknowable=later, **context), policies(grants=(grant(**EQUALS),)))
    assert decision.verdict is UNKNOWN


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
