import pytest

from pullguard.access.decision import Verdict
from pullguard.access.evaluate import Policies, decide
from pullguard.access.policy import Layer
from pullguard.access.request import Request, Unknowable
from tests.unit.access.worlds import (
    DECRYPT,
    KEY,
    OURS,
    ROLE,
    ROOT,
    SESSION,
    THEIR_KEY,
    THEIR_SECRET,
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
def test_a_key_that_is_not_yet_known_leaves_the_answer_open(given: Policies, verdict: Verdict) -> None:
    decision = decide(request(unknowable=LATER), given)
    assert decision.verdict is verdict
    assert decision.missing_keys == (("aws:SourceVpce",) if verdict is UNKNOWN else ())
    if verdict is UNKNOWN:
        assert decision.statements
        assert "aws:SourceVpce" in decision.reason
