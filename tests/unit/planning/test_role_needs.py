"""The needs of a role's task definitions and its policies: named, wanted, with consent, observed, unknown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pullguard.domain.actions import Mode
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow
from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Lookup, Missing
from pullguard.domain.policy_document import POLICY_NAME, Granted, own_policy_name, policy_document, total_size_chars
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.role_item import GrantRecord, PolicyWrite, RoleItem
from pullguard.domain.role_policy import Need
from pullguard.domain.role_state import own_grants
from pullguard.domain.secret import Secret
from pullguard.domain.usage import Usage
from pullguard.planning.planner import Rules
from pullguard.planning.role_needs import Wanted, names, relevant_secrets, role_needs, role_state, wanted_by
from tests.fakes import NOW, REGION, World, container, denied, granted, key, revision_arn, role, secret, task_definition

GHCR, KEYED = secret(), secret("keyed", "KeyKey", key=key())
HUB = secret("registry/hub", "HubHub", registry="docker.io")
OURS = own_policy_name(REGION, "pullguard")
ROLE = role()
BROKEN = World((task_definition(container(GHCR)),), (ROLE,), (GHCR,))
OBSERVE = {"pullguard:mode": "observe"}


def policy(*secrets: Secret, name: str = OURS) -> NamedPolicy:
    return NamedPolicy(name=name, document=policy_document(granted(*secrets)))


# --- What the policies say ---


def test_the_state_of_a_role_is_read_from_its_policies_and_its_item() -> None:
    record = GrantRecord(granted=granted(GHCR)[0], task_definition="web:7", granted_at=NOW)
    write = PolicyWrite(id="m-1.0", policy=OURS, at=NOW, before=(), after=granted(GHCR))
    other = NamedPolicy(name="other", document={"Version": "2012-10-17", "Statement": []})
    inline = (policy(GHCR), policy(HUB, name=POLICY_NAME), other)
    state = role_state(
        role(inline_policies=inline, created_at=NOW), RoleItem(sequence=3, grants=(record,), writes=(write,)), OURS
    )
    assert (state.created_at, state.policy) == (NOW, OURS)
    assert (state.own.name, state.own.grants) == (OURS, granted(GHCR))
    assert (state.former.name, state.former.grants) == (POLICY_NAME, granted(HUB))
    assert (state.grants, state.writes) == ((record,), (write,))
    assert state.others_chars == total_size_chars({each.name: each.document for each in inline[1:]})


@pytest.mark.parametrize(("role_id", "ours"), [("", True), (ROLE.role_id, True), ("AROAANOTHER", False)])
def test_nothing_of_an_earlier_role_of_that_name_is_the_roles_own(role_id: str, *, ours: bool) -> None:
    record = GrantRecord(granted=granted(GHCR)[0], task_definition="web:7", granted_at=NOW)
    write = PolicyWrite(id="m-1.0", policy=OURS, at=NOW, before=(), after=granted(GHCR))
    state = role_state(ROLE, RoleItem(role_id=role_id, grants=(record,), writes=(write,)), OURS)
    assert (state.grants, state.writes) == (((record,), (write,)) if ours else ((), ()))


def test_writes_since_a_later_role_was_created_are_its_own() -> None:
    """The run that wrote it was shown the earlier role, late."""
    record = GrantRecord(granted=granted(GHCR)[0], task_definition="web:7", granted_at=NOW)
    item = RoleItem(role_id="AROAEARLIER", created_at=NOW - timedelta(days=9), grants=(record,))
    state = role_state(role(created_at=NOW - timedelta(seconds=9)), item, OURS)
    assert own_grants(state, NOW) == {GHCR.arn: record}
    assert own_grants(role_state(role(created_at=NOW + timedelta(minutes=2)), item, OURS), NOW) == {}


def test_an_earlier_role_than_the_items_is_a_late_answer() -> None:
    item = RoleItem(role_id="AROALATER", created_at=NOW)
    with pytest.raises(NotNow, match="which was deleted"):
        role_state(role(created_at=NOW - timedelta(days=9)), item, OURS)


STATES: dict[str, tuple[Any, tuple[Granted, ...]]] = {
    "no-policy": ((), ()),
    "another-stacks-policy": ((policy(GHCR, name=own_policy_name("eu-west-1", "pullguard")),), ()),
    "ours": ((policy(GHCR),), granted(GHCR)),
    "unreadable": (denied("iam:ListRolePolicies"), ()),
}


@pytest.mark.parametrize(("inline", "own"), STATES.values(), ids=STATES)
def test_only_the_policy_of_our_name_is_ours(inline: Any, own: tuple[Granted, ...]) -> None:
    state = role_state(role(inline_policies=inline), RoleItem(), OURS)
    assert (state.own.grants, state.former.grants) == (own, ())
    assert state.created_at == datetime(1970, 1, 1, tzinfo=UTC)  # its CreateDate is unknown


def test_a_stack_of_the_former_name_has_no_former_policy() -> None:
    state = role_state(role(inline_policies=(policy(GHCR, name=POLICY_NAME),)), RoleItem(), POLICY_NAME)
    assert (state.own.grants, state.former.grants, state.others_chars) == (granted(GHCR), (), 0)


OTHER = secret("registry/quay", "QuayQu", registry="quay.io")
CONCERNED: dict[str, tuple[Role, RoleItem, tuple[Arn, ...]]] = {
    "what-our-policy-grants": (role(inline_policies=(policy(HUB),)), RoleItem(), (HUB.arn,)),
    "what-the-former-policy-grants": (role(inline_policies=(policy(HUB, name=POLICY_NAME),)), RoleItem(), (HUB.arn,)),
    "what-is-recorded": (
        ROLE,
        RoleItem(grants=(GrantRecord(granted=granted(HUB)[0], task_definition="", granted_at=NOW),)),
        (HUB.arn,),
    ),
    "what-was-written-of-late": (
        ROLE,
        RoleItem(writes=(PolicyWrite(id="1", policy=OURS, at=NOW, before=granted(OTHER), after=granted(HUB)),)),
        (HUB.arn, OTHER.arn),
    ),
    "what-another-policy-grants": (role(reads=[HUB]), RoleItem(), ()),
}


@pytest.mark.parametrize(("its_role", "item", "expected"), CONCERNED.values(), ids=CONCERNED)
def test_the_secrets_whose_consent_matters(its_role: Role, item: RoleItem, expected: tuple[Arn, ...]) -> None:
    state = role_state(its_role, item, OURS)
    assert relevant_secrets(state) == expected
    assert relevant_secrets(state, [GHCR.arn]) == tuple(sorted({GHCR.arn, *expected}))


# --- Wanted ---

ROLES = {"roles": (role(inline_policies=(policy(GHCR),)),)}
STALE = Usage(newest=False)
WANTED: dict[str, tuple[dict[str, Any], bool]] = {
    "the-role-lacks-it": ({}, True),
    "only-our-policy-gives-it": (ROLES, True),
    "only-the-policy-of-the-former-name-gives-it": (
        {"roles": (role(inline_policies=(policy(GHCR, name=POLICY_NAME),)),)},
        True,
    ),
    "only-another-stacks-policy-gives-it": (
        {"roles": (role(inline_policies=(policy(GHCR, name=own_policy_name("eu-west-1", "pullguard")),)),)},
        True,
    ),
    "only-the-policy-of-a-stack-of-another-name-gives-it": (
        {"roles": (role(inline_policies=(policy(GHCR, name=own_policy_name(REGION, "blue")),)),)},
        True,
    ),
    "a-policy-of-the-roles-owner-gives-it": ({"roles": (role(reads=[GHCR]),)}, False),
    "a-policy-whose-name-begins-alike-gives-it": (
        {"roles": (role(inline_policies=(policy(GHCR, name=f"{POLICY_NAME}2"),)),)},
        False,
    ),
    "ours-gives-it-and-the-owners-too": (
        {"roles": (replace(role(reads=[GHCR]), inline_policies=(policy(GHCR), policy(GHCR, name="own"))),)},
        False,
    ),
    "the-secrets-owner-has-not-consented": ({"secrets": (secret(registry=None),)}, False),
    "the-secret-is-for-another-registry": ({"secrets": (secret(registry="docker.io"),)}, False),
    "the-roles-owner-has-not-consented": ({"roles": (role(managed=False),)}, False),
    "a-tag-of-the-secret-says-observe": ({"secrets": (secret(tags=OBSERVE),)}, False),
    "a-tag-of-the-role-says-observe": ({"roles": (role(tags=OBSERVE),)}, False),
    "a-tag-of-the-task-definition-says-observe": (
        {"task_definitions": (task_definition(container(GHCR), tags=OBSERVE),)},
        False,
    ),
    "the-revision-is-not-in-use": ({"running": STALE}, False),
    "the-role-is-gone": ({"roles": ()}, False),
    "the-role-cannot-be-read": ({"unreadable": {"role": denied()}}, False),
    "the-roles-policies-cannot-be-read": (
        {"roles": (role(inline_policies=denied("iam:ListRolePolicies")),)},
        False,
    ),
    "the-secret-is-gone": ({"secrets": ()}, False),
    "the-secret-cannot-be-read": ({"unreadable": {str(GHCR.arn): denied()}}, False),
    "it-is-named-as-a-variable-only": (
        {"task_definitions": (task_definition(container(secrets=[{"name": "X", "valueFrom": str(GHCR.arn)}])),)},
        False,
    ),
}


@pytest.mark.parametrize(("changes", "wanted"), WANTED.values(), ids=WANTED)
def test_a_grant_is_wanted_where_nothing_but_pullguards_policies_gives_the_access(
    changes: dict[str, Any], *, wanted: bool
) -> None:
    facts = replace(BROKEN, **changes).facts()
    expected = {GHCR.arn: Wanted(granted=granted(GHCR)[0], task_definition=revision_arn())} if wanted else {}
    assert wanted_by([facts], Rules(), "remediate") == expected


@pytest.mark.parametrize(("mode", "wanted"), [("remediate", True), ("observe", False)])
def test_a_deployment_that_observes_wants_nothing(mode: Mode, *, wanted: bool) -> None:
    assert bool(wanted_by([BROKEN.facts()], Rules(), mode)) is wanted


def test_a_grant_is_wanted_with_the_key_that_the_secret_has_now() -> None:
    facts = World((task_definition(container(KEYED)),), (ROLE,), (KEYED,)).facts()
    assert wanted_by([facts], Rules(), "remediate") == {
        KEYED.arn: Wanted(granted=granted(KEYED)[0], task_definition=revision_arn())
    }


def test_a_grant_names_the_first_of_several_task_definitions_and_each_has_its_own() -> None:
    both = task_definition(container(GHCR), container(HUB, image="docker.io/acme/side:1", name="side"), family="api")
    world = World((task_definition(container(GHCR)), both), (ROLE,), (GHCR, HUB))
    found = wanted_by([world.facts(each.arn) for each in world.task_definitions], Rules(), "remediate")
    assert {secret: each.task_definition for secret, each in found.items()} == {
        GHCR.arn: revision_arn(),
        HUB.arn: revision_arn("api"),
    }


def test_a_tag_of_one_task_definition_affects_its_own_need_only() -> None:
    lowered = task_definition(container(GHCR), family="api", tags=OBSERVE)
    world = replace(BROKEN, task_definitions=(lowered, *BROKEN.task_definitions))
    found = wanted_by([world.facts(each.arn) for each in world.task_definitions], Rules(), "remediate")
    assert {each.task_definition for each in found.values()} == {revision_arn()}


# --- Consent, one secret by itself ---


def need(
    found: Lookup[Secret], to: Role = ROLE, *facts: Facts, observes: bool = False, secret_arn: Arn = GHCR.arn
) -> Need:
    """The need of one secret that the role was granted."""
    return role_needs(to, facts, {secret_arn: found}, {}, observes=observes).secrets[secret_arn]


# Deleted and created again: another secret, though it has the name, and both owners would consent to it.
RECREATED = secret(suffix="NewNew")
LIMITS = "arn:aws:iam::111122223333:policy/limits"
CONSENTS: dict[str, tuple[Lookup[Secret], Role, bool, bool]] = {
    "both-consent": (GHCR, ROLE, True, True),
    "with-another-key": (replace(GHCR, key=key(2)), ROLE, True, True),
    "another-secret-is-found-by-its-name": (RECREATED, ROLE, False, False),
    "it-is-gone": (Missing(resource=str(GHCR.arn)), ROLE, False, False),
    "its-tag-is-gone": (replace(GHCR, tags={}), ROLE, True, False),
    "its-tag-half-parses": (secret(registry="ghcr.io evil_host!"), ROLE, True, False),
    "its-tag-is-a-wildcard": (secret(registry="*"), ROLE, True, False),
    "its-tag-is-empty": (secret(registry=""), ROLE, True, False),
    "it-is-for-another-registry": (secret(registry="docker.io"), ROLE, True, True),
    "it-is-for-other-roles": (replace(GHCR, tags={**GHCR.tags, "pullguard:roles": "x-*"}), ROLE, True, False),
    "it-is-for-this-role": (replace(GHCR, tags={**GHCR.tags, "pullguard:roles": "web-*"}), ROLE, True, True),
    "outside-of-the-deployments-pattern": (replace(GHCR, outside="prod/*"), ROLE, True, False),
    "the-roles-tag-is-gone": (GHCR, role(managed=False), True, False),
    "the-role-lacks-the-boundary": (GHCR, role(required_boundary=LIMITS), True, False),
    "the-role-has-the-boundary": (
        GHCR,
        role(required_boundary=LIMITS, boundary=NamedPolicy(name="limits", document={}, arn=LIMITS)),
        True,
        True,
    ),
}


@pytest.mark.parametrize(("found", "to", "exists", "has_consent"), CONSENTS.values(), ids=CONSENTS)
def test_a_need_has_consent_only_from_both_owners(
    found: Lookup[Secret], to: Role, *, exists: bool, has_consent: bool
) -> None:
    known = need(found, to)
    assert (known.exists, known.has_consent, known.is_observed) == (exists, has_consent, False)
    assert known.why_not or has_consent


WHY: dict[str, tuple[Lookup[Secret], Role, str]] = {
    "gone": (Missing(resource=str(GHCR.arn)), ROLE, "is gone"),
    "another-one": (RECREATED, ROLE, "is gone"),
    "the-secret": (secret(registry=None), ROLE, "the secret registry/ghcr is not opted in"),
    "the-role": (GHCR, role(managed=False), "the role web-execution is not opted in"),
    "the-boundary": (GHCR, role(required_boundary=LIMITS), "lacks the permissions boundary"),
    "a-mode-tag": (secret(tags=OBSERVE), ROLE, "observe only"),
}


@pytest.mark.parametrize(("found", "to", "why"), WHY.values(), ids=WHY)
def test_why_a_grant_has_no_consent(found: Lookup[Secret], to: Role, why: str) -> None:
    assert why in need(found, to).why_not


def test_an_unreadable_secret_is_unknown() -> None:
    known = need(denied("secretsmanager:DescribeSecret"))
    assert (known.exists, known.has_consent, known.grant) == (None, None, None)


WATCHED: dict[str, tuple[Secret, Role, bool, bool]] = {
    "a-tag-of-the-secret": (secret(tags=OBSERVE), ROLE, False, True),
    "a-tag-of-the-role": (GHCR, role(tags=OBSERVE), False, True),
    "a-tag-with-another-word": (secret(tags={"pullguard:mode": "off"}), ROLE, False, True),
    "an-empty-tag": (GHCR, role(tags={"pullguard:mode": ""}), False, True),
    "the-deployment": (GHCR, ROLE, True, True),
    "a-tag-that-says-remediate": (secret(tags={"pullguard:mode": "remediate"}), ROLE, False, False),
    "nothing": (GHCR, ROLE, False, False),
}


@pytest.mark.parametrize(("found", "to", "observes", "observed"), WATCHED.values(), ids=WATCHED)
def test_an_observed_secret_has_its_consent_and_stays_as_it_is(
    found: Secret, to: Role, *, observes: bool, observed: bool
) -> None:
    known = need(found, to, observes=observes)
    assert (known.exists, known.has_consent, known.is_observed) == (True, True, observed)


NAMED = secret(tags={"pullguard:roles": "web-execution"})
SHARED = task_definition(container(GHCR), task_role=str(ROLE.arn))
APART = task_definition(container(GHCR), task_role=str(role("web-task").arn))
SHARING: dict[str, tuple[Secret, Any, bool]] = {
    "not-shared": (GHCR, APART, True),
    "shared-and-not-named": (GHCR, SHARED, False),
    "shared-and-named": (NAMED, SHARED, True),
    "shared-and-named-by-a-wildcard-alone": (secret(tags={"pullguard:roles": "*"}), SHARED, False),
}


@pytest.mark.parametrize(("found", "user", "added"), SHARING.values(), ids=SHARING)
def test_a_secret_that_containers_could_read_needs_the_roles_name(found: Secret, user: Any, *, added: bool) -> None:
    facts = World((user,), (ROLE,), (found,)).facts()
    assert (found.arn in wanted_by((facts,), Rules(), "remediate")) is added
    assert need(found, ROLE, facts).has_consent, "one task definition changes nothing for what others were granted"


def test_a_grant_for_containers_takes_the_roles_name_for_as_long_as_it_lasts() -> None:
    for found, has_consent in ((NAMED, True), (GHCR, False)):
        known = role_needs(ROLE, (), {GHCR.arn: found}, {}, for_containers={GHCR.arn}).secrets[GHCR.arn]
        assert known.has_consent is has_consent


def test_a_grant_that_one_task_definition_wants_for_itself_is_not_for_containers() -> None:
    both = (task_definition(container(NAMED), task_role=str(ROLE.arn)), task_definition(container(NAMED), family="api"))
    facts = [World(both, (ROLE,), (NAMED,)).facts(each.arn) for each in both]
    kinds = {
        len(some): wanted_by(some, Rules(), "remediate")[NAMED.arn].is_for_containers for some in (facts[:1], facts)
    }
    assert kinds == {1: True, 2: False}


GRANTS: dict[str, tuple[Secret, Granted | None]] = {
    "without-a-key": (GHCR, Granted(secret=GHCR.arn, key=None)),
    "with-a-key-of-ones-own": (replace(GHCR, key=key()), Granted(secret=GHCR.arn, key=key().arn)),
    "with-awss-key": (replace(GHCR, key=key(manager="AWS")), Granted(secret=GHCR.arn, key=None)),
    "with-a-key-that-cannot-be-read": (replace(GHCR, key=denied("kms:DescribeKey")), None),
}


@pytest.mark.parametrize(("found", "grant"), GRANTS.values(), ids=GRANTS)
def test_the_minimal_grant_as_of_now(found: Secret, grant: Granted | None) -> None:
    assert need(found).grant == grant


def test_a_wanted_secret_brings_its_grant_and_its_task_definition() -> None:
    grant = Granted(secret=GHCR.arn, key=key(3).arn)
    wanted = {GHCR.arn: Wanted(granted=grant, task_definition=revision_arn("api"), is_for_containers=True)}
    known = role_needs(ROLE, (), {GHCR.arn: GHCR, HUB.arn: HUB}, wanted).secrets
    assert (known[GHCR.arn].is_wanted, known[GHCR.arn].is_named) == (True, True)
    assert (known[GHCR.arn].grant, known[GHCR.arn].task_definition) == (grant, str(revision_arn("api")))
    assert (known[GHCR.arn].is_for_containers, known[HUB.arn].is_for_containers) == (True, False)
    assert (known[HUB.arn].is_wanted, known[HUB.arn].is_named, known[HUB.arn].task_definition) == (False, None, "")


# --- Named ---

PLACES: dict[str, tuple[Any, bool]] = {
    "as-credentials": (container(GHCR), True),
    "by-its-name": (container("registry/ghcr"), True),
    "by-an-arn-without-its-suffix": (container(str(GHCR.arn)[:-7]), True),
    "in-a-place-that-we-do-not-judge": (
        container(HUB, secrets=[{"name": "X", "valueFrom": f"{GHCR.arn}:password::"}]),
        True,
    ),
    "once-its-reference-is-corrected": (container(str(GHCR.arn)[:-6] + "OldOld"), True),
    "where-credentials-are-missing": (container(None), True),
    "another-secret-whose-name-begins-with-its-name": (
        container(
            HUB, image="docker.io/acme/web:1", secrets=[{"name": "X", "valueFrom": f"{str(GHCR.arn)[:-7]}-2-AbCdEf"}]
        ),
        False,
    ),
    "in-a-policy-by-its-name-and-any-suffix": (
        container(
            HUB, image="docker.io/acme/web:1", environment=[{"name": "X", "value": f"{str(GHCR.arn)[:-7]}-??????"}]
        ),
        True,
    ),
    "another-secret": (container(HUB, image="docker.io/acme/web:1"), False),
}


@pytest.mark.parametrize(("named", "expected"), PLACES.values(), ids=PLACES)
def test_a_secret_is_named_in_any_place_and_form(named: Any, *, expected: bool) -> None:
    facts = World((task_definition(named),), (ROLE,), (GHCR, HUB)).facts()
    assert names(facts, GHCR.arn) is expected


USER = World((task_definition(container(GHCR)),), (ROLE,), (GHCR, HUB)).facts()
KNOWN: dict[str, tuple[tuple[Facts, ...], dict[Arn, bool] | None, bool, bool | None]] = {
    "one-of-those-described-names-it": ((USER,), None, False, True),
    "and-the-references-say-otherwise": ((USER,), {GHCR.arn: False}, True, True),
    "none-of-all-names-it": ((), None, True, False),
    "none-of-all-names-it-but-the-references-did": ((), {GHCR.arn: True}, True, False),
    "none-of-some-names-it": ((), None, False, None),
    "the-references-name-it": ((), {GHCR.arn: True}, False, True),
    "the-references-do-not": ((), {GHCR.arn: False}, False, False),
    "the-references-do-not-say": ((), {HUB.arn: False}, False, None),
}


@pytest.mark.parametrize(("facts", "elsewhere", "complete", "expected"), KNOWN.values(), ids=KNOWN)
def test_whether_a_secret_is_named(
    facts: tuple[Facts, ...], elsewhere: dict[Arn, bool] | None, *, complete: bool, expected: bool | None
) -> None:
    found = role_needs(ROLE, facts, {GHCR.arn: GHCR}, {}, named_elsewhere=elsewhere, is_complete=complete)
    assert found.secrets[GHCR.arn].is_named is expected
    assert (found.is_complete, found.is_swept) == (complete, elsewhere is not None)
    assert found.secrets[GHCR.arn].task_definition == (str(revision_arn()) if facts else "")
