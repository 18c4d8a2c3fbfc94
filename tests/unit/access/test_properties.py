"""Properties of every decision, for any policies."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from pullguard.access.decision import Verdict
from pullguard.access.evaluate import Policies, decide
from pullguard.access.policy import Layer
from pullguard.access.request import Request, RoleSession, Unknowable
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
    policies,
    policy,
)  # fmt: skip

World: TypeAlias = Mapping[str, Any]  # the statements of each layer

RANK = {Verdict.EXPLICITLY_DENIED: 0, Verdict.IMPLICITLY_DENIED: 0, Verdict.UNKNOWN: 1, Verdict.ALLOWED: 2}
KEYS = ("aws:sourcevpce", "aws:principaltag/team", "aws:tagkeys")
VALUES = ("a", "b")
PLAIN = (
    "StringEquals", "StringNotEquals", "StringEqualsIfExists", "StringLike", "StringNotLike", "Null",
    "ForAllValues:StringEquals", "ForAnyValue:StringEquals", "ForAnyValue:StringNotEquals", "StringIs",
)  # fmt: skip


@st.composite
def conditions(draw: st.DrawFn) -> Source:
    lines: dict[str, dict[str, list[str]]] = {}
    for _ in range(draw(st.integers(0, 2))):
        operator = draw(st.sampled_from(PLAIN))
        pool = (
            ("true", "false") if operator == "Null" else (*VALUES, "${aws:SourceVpce}", "${aws:PrincipalTag/team, 'a'}")
        )
        values = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=2))
        lines.setdefault(operator, {})[draw(st.sampled_from(KEYS))] = values
    return {"Condition": lines} if lines else {}


@st.composite
def statements(draw: st.DrawFn, effect: str | None = None, *, named: bool = False) -> Source:
    effect = effect or draw(st.sampled_from(("Allow", "Deny")))
    action = draw(st.sampled_from(("*", READ, DECRYPT, "s3:*", "kms:*")))
    resource = draw(st.sampled_from(("*", SECRET, "arn:aws:*:${aws:SourceVpce}*", "arn:aws:kms:*")))
    source: Source = {
        "Effect": effect,
        draw(st.sampled_from(("Action", "Action", "NotAction"))): action,
        draw(st.sampled_from(("Resource", "Resource", "NotResource"))): resource,
        **draw(conditions()),
    }
    if named:
        element = "NotPrincipal" if effect == "Deny" and draw(st.booleans()) else "Principal"
        source[element] = draw(
            st.sampled_from(("*", {"AWS": [ROLE, ROOT]}, {"AWS": ROOT}, {"AWS": SESSION}, {"AWS": "1" * 12}))
        )
    return source


@st.composite
def requests(draw: st.DrawFn) -> Request:
    action, resource = draw(
        st.sampled_from(((READ, SECRET), (READ, THEIR_SECRET), (DECRYPT, KEY), (DECRYPT, THEIR_KEY)))
    )
    context = {key: draw(st.lists(st.sampled_from(VALUES), max_size=2)) for key in KEYS if draw(st.booleans())}
    return Request.of(
        caller=RoleSession(role_arn=ROLE, account=OURS, session="task-1"),
        action=action,
        resource=resource,
        resource_account=resource.split(":")[4],
        context=context,
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """The statements of each layer; None for a boundary or a resource policy that is not there."""
    plain = st.lists(statements(), max_size=3).map(tuple)
    return {
        "identity": draw(plain),
        "boundary": draw(st.none() | plain),
        "resource": draw(st.none() | st.lists(statements(named=True), max_size=3).map(tuple)),
        "service_control": draw(st.lists(plain, max_size=2).map(tuple)),
    }


def ready(world: World, asked: Request) -> Policies:
    layer = Layer.KEY if asked.action == DECRYPT else Layer.RESOURCE
    return replace(
        policies(service_control=world["service_control"]),
        identity=(policy(Layer.IDENTITY, *world["identity"]),),
        boundary=None if world["boundary"] is None else (policy(Layer.BOUNDARY, *world["boundary"]),),
        resource=None if world["resource"] is None else policy(layer, *world["resource"]),
    )


def verdict(world: World, asked: Request) -> Verdict:
    return decide(asked, ready(world, asked)).verdict


def with_one_more(world: World, layer: str, statement: Source) -> World:
    return {**world, layer: (*(world[layer] or ()), statement)}


@given(worlds(), requests(), st.data())
def test_adding_a_deny_never_allows_more(world: World, asked: Request, data: st.DataObject) -> None:
    layer = data.draw(
        st.sampled_from([name for name in ("identity", "boundary", "resource") if world[name] is not None])
    )
    statement = data.draw(statements("Deny", named=layer == "resource"))
    assert RANK[verdict(with_one_more(world, layer, statement), asked)] <= RANK[verdict(world, asked)]


@given(worlds(), requests(), st.data())
def test_adding_an_allow_never_denies_more(world: World, asked: Request, data: st.DataObject) -> None:
    layer = data.draw(
        st.sampled_from([name for name in ("identity", "boundary", "resource") if world[name] is not None])
    )
    statement = data.draw(statements("Allow", named=layer == "resource"))
    before, after = verdict(world, asked), verdict(with_one_more(world, layer, statement), asked)
    assert RANK[after] >= RANK[before]
    assert (after is Verdict.EXPLICITLY_DENIED) == (before is Verdict.EXPLICITLY_DENIED)


@given(worlds(), requests(), st.randoms(use_true_random=False))
def test_the_order_of_statements_never_matters(world: World, asked: Request, random: Random) -> None:
    shuffled = {
        name: tuple(random.sample(part, len(part))) if part and isinstance(part[0], dict) else part
        for name, part in world.items()
    }
    assert verdict(shuffled, asked) is verdict(world, asked)


@given(worlds(), requests(), st.sets(st.sampled_from(KEYS), min_size=1))
def test_an_unknown_input_never_changes_a_certain_answer(world: World, asked: Request, hidden: set[str]) -> None:
    """Whatever the keys turn out to be, or whether they are sent at all, a certain answer stays."""
    known = {key: values for key, values in asked.context.items() if key not in hidden}
    veiled = replace(asked, context=known, unknowable=Unknowable(prefixes=tuple(hidden)))
    before, after = verdict(world, veiled), verdict(world, asked)
    assert before in (Verdict.UNKNOWN, after) or (RANK[before] == RANK[after] == 0)


@given(worlds(), requests())
def test_a_session_without_a_name_yet_never_changes_a_certain_answer(world: World, asked: Request) -> None:
    assert isinstance(asked.caller, RoleSession)
    nameless = replace(asked, caller=replace(asked.caller, session=None))
    before, after = verdict(world, nameless), verdict(world, asked)
    assert before in (Verdict.UNKNOWN, after) or (RANK[before] == RANK[after] == 0)


@given(worlds(), requests())
def test_every_answer_says_what_it_rests_on(world: World, asked: Request) -> None:
    decision = decide(asked, ready(world, asked))
    assert decision.reason.endswith(".")
    match decision.verdict:
        case Verdict.IMPLICITLY_DENIED:
            assert decision.lacking
        case Verdict.UNKNOWN:
            assert decision.statements
            assert decision.missing_keys or decision.problems
        case _:
            assert decision.statements
