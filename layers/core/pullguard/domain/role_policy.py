"""Decide what to write to our policy on one role: a pure function of the role, the ledger and the needs.

The executor and ``pullguard plan`` ask ``role_policy_change``, and alerts report its answer. It is level-triggered: the
same state gives the same answer, whichever message asks. docs/adr/0027 says why each rule is there; tests/simulation
shows what goes wrong without it.

- **Add** what is wanted, exists, has consent and is not observed.
- **Keep** what is named, what is unknown, what this stack has not granted, and a confirmed grant under ``observe``.
- **Revoke** only what a grant record vouches for: at once if it was never confirmed and consent is missing; after the
  grace period, and only if the deployment says so, if it is confirmed and no longer named or without consent. A grant
  of a secret that no longer exists goes with the next write.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import INLINE_POLICIES_MAX_CHARS, Granted
from pullguard.domain.role_item import SHOWS_AFTER, GrantRecord, RoleItem, Unneeded
from pullguard.domain.role_state import RoleState, own_grants, present, recent_writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The facts about one secret that the role needs or may read. None: it could not be read.

    ``is_named``: a task definition in use names it in any place or form, or will once its reference is corrected.
    ``is_wanted``: it is named as repository credentials, host and mode allow it, the role certainly lacks access
    without any stack's policy, and a grant certainly helps. ``has_consent``: both owners agree, for this role;
    ``why_not`` says what is missing. ``is_observed``: a tag of the secret or the role says hands off. ``grant`` is the
    minimal grant as of now; None if its key could not be read. ``is_for_containers``: the task definition that wants it
    uses the role as its task role, too.
    """

    exists: bool | None = True
    has_consent: bool | None = True
    is_observed: bool = False
    is_named: bool | None = None
    is_wanted: bool = False
    grant: Granted | None = None
    is_for_containers: bool = False
    task_definition: str = ""
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The needs of a role's dependents, by secret.

    ``is_complete``: all dependents were described by this run, so that a revocation may follow. ``is_swept``: the last
    complete sweep says the same, which is enough to start the grace period. ``is_writable``: the role's owner consents,
    without which IAM refuses every write.
    """

    secrets: Mapping[Arn, Need]
    is_complete: bool = False
    is_swept: bool = False
    is_writable: bool = True

    def without_wanting(self, secrets: Collection[Arn]) -> "Needs":
        """Return the needs as if no task definition wanted ``secrets``; what is granted stays needed."""
        return replace(
            self,
            secrets={
                secret: replace(need, is_wanted=need.is_wanted and secret not in secrets)
                for secret, need in self.secrets.items()
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationRules:
    """Which confirmed grants may be revoked, and for how long they must have been unneeded."""

    unneeded: bool = False
    without_consent: bool = False
    grace: timedelta = timedelta(days=14)

    def allow(self, finding: Unneeded) -> bool:
        """Whether a confirmed grant with this finding is revoked after the grace period."""
        return self.unneeded if finding == "grant-unneeded" else self.without_consent


GONE: Final = "the secret no longer exists"
NO_ROOM: Final = f"the role's inline policies would exceed the {INLINE_POLICIES_MAX_CHARS} characters that IAM allows"
MAKE_ROOM: Final = "Move another inline policy of the role into a managed policy, or split the role."
STRANGER: Final = "this stack has not granted it"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePolicyChange:
    """The decision, and its reasons.

    ``wait``: what became of the last write is not known yet. ``before`` and ``after`` are the grants of the policy
    named ``policy``, which is the former one when only that is left to tidy. ``added``, ``revoked``, ``refused`` and
    ``reported`` are keyed by secret, the last three with the reason. ``restored`` are grants of the last minutes that
    IAM does not show and that this write puts (back) there: reported as added. ``rekeyed`` get another key. ``users``
    are the dependent task definitions, by secret. ``foreign`` describes statements in the policy that are not
    Pullguard's and stay. ``unneeded``: the findings on confirmed grants. ``due``: unneeded for the whole grace period,
    and revoked as soon as all dependents are read.
    """

    kind: Literal["nothing", "put", "delete", "wait"]
    policy: str
    before: tuple[Granted, ...] = ()
    after: tuple[Granted, ...] = ()
    added: Mapping[Arn, Granted] = field(default_factory=dict)
    restored: frozenset[Arn] = frozenset()
    rekeyed: frozenset[Arn] = frozenset()
    revoked: Mapping[Arn, str] = field(default_factory=dict)
    refused: Mapping[Arn, str] = field(default_factory=dict)
    reported: Mapping[Arn, str] = field(default_factory=dict)
    confirmed: frozenset[Arn] = frozenset()
    unneeded: Mapping[Arn, Unneeded] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()
    due: frozenset[Arn] = frozenset()
    why: str = ""

    @property
    def is_write(self) -> bool:
        """Whether IAM is to be written to."""
        return self.kind in ("put", "delete")

    @property
    def strangers(self) -> tuple[Arn, ...]:
        """The secrets whose grants stay although this stack has not made them."""
        return tuple(sorted(self.reported.keys() - self.added.keys()))

    def held_by_breaker(self, item: RoleItem, writes_per_hour: int, now: datetime) -> tuple[Arn, ...]:
        """Return the additions and new keys that were written as often as is allowed; never a revocation."""
        additions = (*self.added, *sorted(self.rekeyed))
        return tuple(each for each in additions if item.writes_this_hour(each, now) >= writes_per_hour)


def role_policy_change(state: RoleState, needs: Needs, rules: RevocationRules, now: datetime) -> RolePolicyChange:
    """Return the change that brings our policy on a role from ``state`` to what ``needs`` and ``rules`` ask for."""
    if not state.own.is_readable:
        return RolePolicyChange(kind="nothing", policy=state.policy, why="the policy of our name is not ours to read")
    recent = recent_writes(state, now)
    if any(each.outcome == "planned" for each in recent):
        return RolePolicyChange(
            kind="wait", policy=state.policy, why="it is not known yet whether the last write reached IAM"
        )
    return _Draft(
        state=state,
        needs=needs,
        rules=rules,
        now=now,
        present=present(state.own, state, recent, now),
        former=present(state.former, state, recent, now) if state.former.is_readable else (),
        records=own_grants(state, now),
        tidied=frozenset(
            each.secret
            for write in recent
            if write.policy != state.policy
            for each in set(write.before) - set(write.after)
        ),
    ).change()


@dataclass(slots=True, kw_only=True)
class _Draft:
    """One run of the function. ``present`` and ``former`` are the grants of our two policies.

    ``tidied`` were taken from the former policy of late. Another stack that tidies it at the same time may put them
    back; so they are not revoked from our own, and keep their records, until IAM has shown the former policy.
    """

    state: RoleState
    needs: Needs
    rules: RevocationRules
    now: datetime
    present: tuple[Granted, ...]
    former: tuple[Granted, ...]
    records: dict[Arn, GrantRecord]
    tidied: frozenset[Arn]
    keep: set[Arn] = field(default_factory=set)
    gone: set[Arn] = field(default_factory=set)
    revoked: dict[Arn, str] = field(default_factory=dict)
    reported: dict[Arn, str] = field(default_factory=dict)
    confirmed: set[Arn] = field(default_factory=set)
    unneeded: dict[Arn, Unneeded] = field(default_factory=dict)
    due: set[Arn] = field(default_factory=set)

    def change(self) -> RolePolicyChange:
        own, theirs = self._divided()
        ours = [each for each in self.former if each.secret in self.records]
        granted = {**_grouped(ours), **own}
        shown = {each.secret for each in (*self.state.own.grants, *self.state.former.grants)}
        for secret in sorted(granted):
            self._judge(secret, is_shown=secret in shown)
        later = self.tidied & self.revoked.keys() & shown
        self.keep |= later
        self.revoked = {secret: why for secret, why in self.revoked.items() if secret not in later}
        tidied = self._tidied(ours, own)
        if tidied is not None and any(each.secret in self.revoked for each in ours):
            return tidied
        kept = {secret: own[secret] for secret in sorted(own) if secret in self.keep}
        moved = self._moved(kept, [each for each in ours if each.secret in self.keep and each.secret not in own])
        rekeyed = self._rekeyed(kept)
        added, refused = self._added(kept, granted)
        revoked = {secret: why for secret, why in self.revoked.items() if secret in own}
        left = self.gone & own.keys()
        if added or revoked or moved or rekeyed:
            revoked |= dict.fromkeys(sorted(left), GONE)
        else:
            kept |= {secret: own[secret] for secret in left}
        self.reported |= dict.fromkeys((each.secret for each in theirs), STRANGER)
        after = _sorted((*(each for grants in kept.values() for each in grants), *added.values(), *theirs))
        change = replace(
            self._decided(self.state.policy, self.present, after),
            added=added,
            restored=frozenset(kept.keys() - shown),
            rekeyed=rekeyed,
            revoked=revoked,
            refused=refused,
        )
        return change if change.is_write or tidied is None else replace(tidied, refused=refused)

    def _divided(self) -> tuple[dict[Arn, tuple[Granted, ...]], list[Granted]]:
        """Return the grants of our own policy by secret, without foreign grants of a secret that we granted, too."""
        own, theirs = _grouped(self.present), list[Granted]()
        for secret, grants in own.items():
            record = self.records.get(secret)
            if record is not None and record.granted in grants:
                own[secret] = (record.granted,)
                theirs += (each for each in grants if each != record.granted)
        return own, theirs

    def _decided(self, policy: str, before: tuple[Granted, ...], after: tuple[Granted, ...]) -> RolePolicyChange:
        """Return the change of one policy, with what was decided about every grant."""
        theirs = self.state.own if policy == self.state.policy else self.state.former
        kind: Literal["nothing", "put", "delete"] = "put" if after or theirs.statements else "delete"
        return RolePolicyChange(
            kind="nothing" if set(before) == set(after) else kind,
            policy=policy,
            before=before,
            after=after,
            reported=self.reported,
            confirmed=frozenset(self.confirmed),
            unneeded=self.unneeded,
            users=self._users(),
            foreign=theirs.foreign,
            due=frozenset(self.due),
        )

    def _users(self) -> dict[str, str]:
        """Return the task definition that each grant is for now, or was last made for."""
        found = {str(secret): each.task_definition for secret, each in self.records.items() if each.task_definition}
        needed = self.needs.secrets.items()
        return {**found, **{str(secret): each.task_definition for secret, each in needed if each.task_definition}}

    def _judge(self, secret: Arn, *, is_shown: bool) -> None:
        """Decide whether a present grant stays."""
        record, need = self.records.get(secret), self.needs.secrets.get(secret, Need(exists=None, has_consent=None))
        consents = None if need.has_consent is None else need.has_consent and not need.is_observed
        if not is_shown and (need.exists is False or consents is False):
            self.revoked[secret] = need.why_not or GONE
        elif record is None:
            self.keep.add(secret)
            self.reported[secret] = STRANGER
        elif need.exists is None or need.has_consent is None:
            self.keep.add(secret)
        elif need.exists is False:
            self.gone.add(secret)
        elif consents is False and not record.is_confirmed:
            self.revoked[secret] = need.why_not
        elif need.is_observed:
            self.keep.add(secret)
        elif (finding := self._finding(need)) is not None:
            self._past_grace(secret, record, finding)
        else:
            self.keep.add(secret)
            if need.has_consent and is_shown and self.now - record.granted_at >= SHOWS_AFTER:
                self.confirmed.add(secret)

    def _finding(self, need: Need) -> Unneeded | None:
        """Return what is wrong with a confirmed grant; of two findings, one that the deployment revokes for."""
        found: list[Unneeded] = []
        if need.is_named is False and (self.needs.is_complete or self.needs.is_swept):
            found.append("grant-unneeded")
        if need.has_consent is False:
            found.append("grant-without-consent")
        return next(filter(self._revokes, found), found[-1] if found else None)

    def _revokes(self, finding: Unneeded) -> bool:
        return self.needs.is_writable and self.rules.allow(finding)

    def _past_grace(self, secret: Arn, record: GrantRecord, finding: Unneeded) -> None:
        self.unneeded[secret] = finding
        is_known = self.needs.is_complete or self.needs.is_swept
        since = record.unneeded_since if record.unneeded in (None, finding) else None
        since = since or (self.now if is_known else None)  # a grace period of 0 is over at once
        if self._revokes(finding) and since is not None and self.now - since >= self.rules.grace:
            self.due.add(secret)
            if self.needs.is_complete:
                self.revoked[secret] = _REASONS[finding]
                return
        self.keep.add(secret)

    def _tidied(self, ours: Iterable[Granted], own: Mapping[Arn, object]) -> RolePolicyChange | None:
        """Return the write that takes from the former policy what is revoked, and what IAM shows in our own.

        A revocation begins there: a grant that is in both goes from our own policy, with its record, in the next run.
        Otherwise our own policy comes first.
        """
        shown = {each.secret for each in self.state.own.grants}
        if not any(each.secret in shown or each.secret in self.revoked for each in ours):
            return None
        drop = {each for each in ours if each.secret in shown | self.revoked.keys() | self.gone}
        after = tuple(each for each in self.former if each not in drop)
        reasons = {**dict.fromkeys(self.gone, GONE), **self.revoked}
        only = sorted(each.secret for each in drop if each.secret not in own)
        return replace(
            self._decided(self.state.former.name, self.former, after),
            revoked={secret: reasons[secret] for secret in only if secret in reasons},
            why="the grants moved to the policy of this stack",
        )

    def _moved(self, kept: dict[Arn, tuple[Granted, ...]], ours: Iterable[Granted]) -> bool:
        """Copy grants of the former policy into our own; return whether any moved.

        Only what both owners consent to moves, as far as there is room. The rest stays where it is.
        """
        before = len(kept)
        for secret, grants in sorted(_grouped(ours).items()):
            need = self.needs.secrets.get(secret)
            if need and need.exists and need.has_consent and not need.is_observed and self._fits(kept, *grants):
                kept[secret] = grants
        return len(kept) > before

    def _rekeyed(self, kept: dict[Arn, tuple[Granted, ...]]) -> frozenset[Arn]:
        """Give kept grants their secrets' current keys, each of which takes what an addition takes."""
        rekeyed = set()
        for secret, grants in kept.items():
            need = self.needs.secrets.get(secret)
            if need is None or need.grant is None or need.grant in grants or secret in self.reported:
                continue
            others = {other: each for other, each in kept.items() if other != secret}
            if _may_add(need) and self._fits(others, need.grant):
                rekeyed.add(secret)
                kept[secret] = (need.grant,)
        return frozenset(rekeyed)

    def _added(
        self, kept: Mapping[Arn, tuple[Granted, ...]], granted: Mapping[Arn, tuple[Granted, ...]]
    ) -> tuple[dict[Arn, Granted], dict[Arn, str]]:
        """Return what is added, as far as there is room in the order of the ARNs, and what is refused."""
        added: dict[Arn, Granted] = {}
        refused: dict[Arn, str] = {}
        for secret in sorted(self.needs.secrets):
            need = self.needs.secrets[secret]
            if need.grant is None or not _may_add(need):
                continue
            # A grant that is not ours stays as it is, beside ours with the secret's current key.
            if secret in granted and (secret not in self.reported or need.grant.key is None):
                continue
            if need.grant in granted.get(secret, ()):
                continue
            if self._fits(kept, *added.values(), need.grant):
                added[secret] = need.grant
            else:
                refused[secret] = NO_ROOM
        return added, refused

    def _fits(self, kept: Mapping[Arn, tuple[Granted, ...]], *more: Granted) -> bool:
        grants = (*(each for grants in kept.values() for each in grants), *more)
        return self.state.own.fits(grants, others_chars=self.state.others_chars)


def _may_add(need: Need) -> bool:
    return bool(need.exists and need.has_consent and not need.is_observed and need.is_named and need.is_wanted)


_REASONS: Final[Mapping[Unneeded, str]] = {
    "grant-unneeded": "no task definition in use names it",
    "grant-without-consent": "an owner does not consent",
}


def _grouped(grants: Iterable[Granted]) -> dict[Arn, tuple[Granted, ...]]:
    found: dict[Arn, tuple[Granted, ...]] = {}
    for each in grants:
        found[each.secret] = (*found.get(each.secret, ()), each)
    return found


def _sorted(grants: Iterable[Granted]) -> tuple[Granted, ...]:
    """Return ``grants`` as IAM will show them: a secret that is granted with a key is not granted without one, too."""
    found = set(grants)
    keyed = {each.secret for each in found if each.key is not None}
    kept = (each for each in found if each.key is not None or each.secret not in keyed)
    return tuple(sorted(kept, key=lambda each: (str(each.secret), str(each.key or ""))))
