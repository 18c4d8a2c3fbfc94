"""Properties of every change of our policy on a role, whatever its state."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import INLINE_POLICIES_MAX_CHARS, POLICY_NAME, Granted, OwnPolicy, read_own
from pullguard.domain.role_item import SHOWS_AFTER, GrantRecord, PolicyWrite, WriteOutcome
from pullguard.domain.role_policy import Need, Needs, RevocationRules, RolePolicyChange, role_policy_change
from pullguard.domain.role_state import RoleState, closed, own_grants
from tests.fakes import NOW, key, secret_arn
from tests.unit.domain.role_states import done

OURS, FORMER = f"{POLICY_NAME}-us-east-1", POLICY_NAME
SECRETS = tuple(secret_arn(f"registry/{name}") for name in "abcde")
KEYS = (None, None, key(1).arn, key(2).arn)
DENY = {"Sid": "PullguardSecrets", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}

AGES = tuple(timedelta(seconds=each) for each in (10, 400, 4000, 40 * 86_400))
WRITE_AGES = tuple(timedelta(seconds=each) for each in (5, 100, 400, 5000))
ROLE_AGES = tuple(timedelta(seconds=each) for each in (50, 7200, 100 * 86_400))
OTHERS = (0, 0, INLINE_POLICIES_MAX_CHARS - 450, INLINE_POLICIES_MAX_CHARS - 900, INLINE_POLICIES_MAX_CHARS)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question, its answer, and the grants that were ours."""

    seed: int
    state: RoleState
    needs: Needs
    rules: RevocationRules
    change: RolePolicyChange
    ours: dict[Arn, GrantRecord]

    def need(self, secret: Arn) -> Need:
        return self.needs.secrets[secret]

    @property
    def shown(self) -> frozenset[Arn]:
        """The part that IAM shows of the policy that is written."""
        return secrets_of(policy_of(self.state, self.change.policy).grants)

    @property
    def before(self) -> frozenset[Arn]:
        return secrets_of(self.change.before)

    @property
    def after(self) -> frozenset[Arn]:
        return secrets_of(self.change.after)


def secrets_of(grants: Iterable[Granted]) -> frozenset[Arn]:
    return frozenset(each.secret for each in grants)


def policy_of(state: RoleState, name: str) -> OwnPolicy:
    return state.own if name == state.policy else state.former


def with_grants(state: RoleState, name: str, grants: tuple[Granted, ...]) -> RoleState:
    """The role once IAM shows ``grants`` in the policy ``name``, as they are read back from it."""
    own = policy_of(state, name)
    shown = replace(own, grants=read_own(name, own.document(grants)).grants)
    return replace(state, own=shown) if name == state.policy else replace(state, former=shown)


def some_grants(random: Random) -> tuple[Granted, ...]:
    return tuple(Granted(secret=each, key=random.choice(KEYS)) for each in SECRETS if random.random() < 0.5)


def some_records(random: Random) -> tuple[GrantRecord, ...]:
    return tuple(
        GrantRecord(
            granted=Granted(secret=each, key=random.choice(KEYS)),
            task_definition="web:7",
            granted_at=NOW - random.choice(AGES),
            is_confirmed=random.random() < 0.6,
            unneeded_since=random.choice((None, NOW - timedelta(minutes=1), NOW - timedelta(days=20))),
        )
        for each in SECRETS
        if random.random() < 0.7
    )


def some_need(random: Random, secret: Arn) -> Need:
    return Need(
        exists=random.choice((True, True, True, True, False, None)),
        has_consent=random.choice((True, True, True, False, None)),
        is_observed=random.random() < 0.15,
        is_named=random.choice((True, True, True, False, None)),
        is_wanted=random.random() < 0.6,
        grant=random.choice((None, *(Granted(secret=secret, key=each) for each in KEYS))),
        why_not="no consent",
    )


def some_write(random: Random, name: str, records: tuple[GrantRecord, ...]) -> PolicyWrite:
    """A write of the policy ``name``; one that is done has left records of all that it granted."""
    before, after = some_grants(random), some_grants(random)
    outcome: WriteOutcome = random.choice(("planned", "done", "done", "done", "refused", "lost"))
    unrecorded = secrets_of(after) - {each.granted.secret for each in records}
    return PolicyWrite(
        id=name,
        policy=name,
        at=NOW - random.choice(WRITE_AGES),
        before=before,
        # Only our own policy ever gets grants.
        after=after if name == OURS else tuple(each for each in before if random.random() < 0.5),
        strangers=tuple(sorted(unrecorded)) if outcome == "done" else (),
        outcome=outcome,
    )


def any_case(seed: int, *, former: bool) -> Case:
    """Return any role, needs and rules; ``former``: with grants in the policy of the former name."""
    random = Random(seed)
    records = some_records(random)
    writes, policies = [], {}
    for name in (OURS, FORMER) if former else (OURS,):
        grants = some_grants(random)
        if random.random() < 0.6:
            writes.append(made := some_write(random, name, records))
            grants = random.choice((grants, made.before, made.before, made.after))
        statements = random.choice(((), (), (DENY,)))
        policies[name] = OwnPolicy(name=name, grants=grants, statements=statements, foreign=tuple(map(str, statements)))
    state = RoleState(
        created_at=NOW - random.choice(ROLE_AGES),
        policy=OURS,
        own=policies[OURS],
        former=policies.get(FORMER, OwnPolicy(name=FORMER)),
        grants=records,
        writes=tuple(sorted(writes, key=lambda each: each.at)),
        others_chars=random.choice(OTHERS),
    )
    needs = Needs(
        secrets={each: some_need(random, each) for each in SECRETS},
        is_complete=random.random() < 0.7,
        is_swept=random.random() < 0.5,
    )
    rules = RevocationRules(unneeded=random.random() < 0.5, without_consent=random.random() < 0.5)
    change = role_policy_change(state, needs, rules, NOW)
    return Case(seed=seed, state=state, needs=needs, rules=rules, change=change, ours=own_grants(state, NOW))


# A seed instead of a strategy for each choice: more cases in less time, and each is found again by its seed.
seeds = st.integers(min_value=0, max_value=2**32 - 1)
alone = seeds.map(partial(any_case, former=False))
beside_the_former = seeds.map(partial(any_case, former=True))
either = alone | beside_the_former
anywhere = settings(max_examples=400, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@anywhere
@given(either)
def test_every_new_grant_has_consent_and_every_addition_is_wanted_and_fits(case: Case) -> None:
    for secret, grant in case.change.added.items():
        need = case.need(secret)
        assert need.exists
        assert need.has_consent
        assert need.is_named
        assert need.is_wanted
        assert not need.is_observed
        assert grant == need.grant
        assert grant in case.change.after
    for secret in case.change.rekeyed:
        need = case.need(secret)
        assert need.exists
        assert need.has_consent
        assert need.is_wanted
        assert not need.is_observed
        assert secret in case.ours
        assert need.grant in case.change.after
    if case.change.added or case.change.rekeyed:
        assert case.state.own.fits(case.change.after, others_chars=case.state.others_chars)
    assert not case.change.added.keys() & case.change.refused.keys()
    for secret in case.change.restored if case.change.is_write else ():
        need = case.need(secret)
        assert need.exists is not False
        assert need.has_consent is not False
        assert not (need.has_consent and need.is_observed)


@anywhere
@given(either)
def test_only_removable_grants_of_ours_are_removed(case: Case) -> None:
    change = case.change
    for secret in change.revoked:
        need, record = case.need(secret), case.ours.get(secret)
        is_shown = secret in secrets_of((*case.state.own.grants, *case.state.former.grants))
        # What is not ours by a record goes only if IAM does not show it.
        assert record is not None or not is_shown
        if is_shown:
            assert need.exists is not None
            assert need.has_consent is not None
        if record is not None and record.is_confirmed and is_shown:
            assert not (need.is_named and need.has_consent and need.exists)
            assert not (need.is_observed and need.exists)
            assert need.exists is False or secret in change.due
        if not case.needs.is_complete:
            assert need.has_consent is False or need.is_observed or need.exists is False
        assert change.revoked[secret]


@anywhere
@given(either)
def test_nothing_comes_or_goes_unsaid(case: Case) -> None:
    change = case.change
    if change.kind == "wait":
        assert (change.before, change.after) == ((), ())
        return
    is_own = change.policy == OURS
    moved = secrets_of(case.state.former.grants) if is_own else frozenset()
    # What leaves the former policy and stays in ours has moved; if it is revoked there as well, the next write says so.
    ours = (*case.state.own.grants, *(each for one in case.state.writes if one.policy == OURS for each in one.after))
    left = frozenset() if is_own else secrets_of(ours)
    assert case.shown - case.after <= change.revoked.keys() | (case.shown - case.before) | left
    assert case.before - case.after <= change.revoked.keys() | left
    if is_own:
        assert case.after - case.shown <= change.added.keys() | change.restored | moved
        assert case.after - case.before <= change.added.keys() | (moved & case.ours.keys())
    else:
        assert case.after <= case.before
    assert change.after == tuple(sorted(change.after, key=lambda each: (str(each.secret), str(each.key or ""))))
    other = [each for each in change.after if each not in change.before and each.secret not in change.added]
    assert secrets_of(other) <= change.rekeyed | moved
    assert (change.kind == "nothing") == (set(change.before) == set(change.after))


@anywhere
@given(either)
def test_a_confirmed_grant_under_observe_is_left_as_it_is(case: Case) -> None:
    for secret, record in case.ours.items():
        need = case.need(secret)
        if not (record.is_confirmed and need.is_observed and need.exists and secret in case.shown & case.before):
            continue
        assert secret not in case.change.unneeded
        assert secret not in case.change.rekeyed
        if case.change.policy == OURS:
            assert [each for each in case.change.after if each.secret == secret] == [
                each for each in case.change.before if each.secret == secret
            ]


@anywhere
@given(either)
def test_the_statements_of_others_are_in_every_version(case: Case) -> None:
    written = policy_of(case.state, case.change.policy)
    document = written.document(case.change.after)
    assert tuple(document["Statement"])[len(document["Statement"]) - len(written.statements) :] == written.statements
    sids = [each["Sid"] for each in document["Statement"] if "Sid" in each]
    assert len(sids) == len(set(sids))
    assert case.change.kind != "delete" or not document["Statement"]
    assert case.change.kind != "put" or document["Statement"]


@anywhere
@given(either)
def test_the_order_of_the_facts_does_not_matter(case: Case) -> None:
    reverse = {secret: case.needs.secrets[secret] for secret in reversed(SECRETS)}
    state = replace(case.state, grants=case.state.grants[::-1])
    again = role_policy_change(state, replace(case.needs, secrets=reverse), case.rules, NOW)
    assert again == case.change
    assert list(again.after) == list(case.change.after)


def recorded(case: Case) -> RoleState:
    """The role with what the run records of its write; IAM has not shown it yet."""
    change, over = case.change, {each.id: each for each in closed(case.state, NOW)}
    grants = {secret: each for secret, each in case.ours.items() if secret not in change.revoked}
    for secret, each in change.added.items():
        grants[secret] = GrantRecord(granted=each, task_definition="web:7", granted_at=NOW)
    writes = (*(over.get(each.id, each) for each in case.state.writes), done(change, NOW))
    return replace(case.state, grants=tuple(grants.values()), writes=writes)


@anywhere
@given(alone)
def test_a_written_policy_is_left_alone_once_iam_shows_it(case: Case) -> None:
    change = case.change
    # Near the quota, a grant that gets a smaller key makes room for another key or an addition, by the next write.
    if change.kind == "wait" or (change.rekeyed and case.state.others_chars):
        return
    written = recorded(case)
    for later in (timedelta(seconds=1), timedelta(seconds=200), timedelta(seconds=400)):
        then = with_grants(written, change.policy, change.after)
        if own_grants(then, NOW + later).keys() != own_grants(then, NOW).keys():
            continue  # what an older write left is ours by then, and judged anew
        assert role_policy_change(then, case.needs, case.rules, NOW + later).kind in ("nothing", "wait")
    if change.is_write:
        late = with_grants(written, change.policy, change.before)
        again = role_policy_change(late, case.needs, case.rules, NOW + timedelta(seconds=30))
        assert again.kind == "wait" or set(again.after) == set(change.after)


@anywhere
@given(beside_the_former)
def test_after_a_few_writes_nothing_is_left_to_write(case: Case) -> None:
    """Once both policies are tidied, what is left in the former one is not ours, or there is no room for it."""
    now: datetime = NOW
    for _ in range(8):
        if case.change.is_write:
            state = with_grants(recorded(case), case.change.policy, case.change.after)
            case = replace(case, state=replace(state, writes=()))
        now += 2 * SHOWS_AFTER
        case = replace(
            case,
            change=role_policy_change(case.state, case.needs, case.rules, now),
            ours=own_grants(case.state, now),
        )
    assert not case.change.is_write
    for secret in secrets_of(case.state.former.grants) & case.ours.keys() - secrets_of(case.state.own.grants):
        need = case.need(secret)
        may_move = need.exists and need.has_consent and not need.is_observed
        assert case.state.others_chars or not may_move
