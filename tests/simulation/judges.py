"""The judges: outcomes that must never happen, judged on what is true and not on what a stack could know.

What no rule can help is not counted: an edit of our policies by hand less than two minutes before our write, a ledger
lost less than five minutes before, a secret that is gone, a tag or task definition that came less than two minutes
before.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import Granted
from pullguard.domain.role_policy import RolePolicyChange
from tests.simulation.truth import FORMER, HOUR_S, MINUTE_S, POLICIES, REGIONS, SOMEBODY, Role, TaskDefinition, short

if TYPE_CHECKING:
    from tests.simulation.world import Stack, World

LATE_S = 120  # IAM shows a change within 60 s, and a run takes 60 s at most
LOST_S = 300  # what the ledger would have known of late answers
TWO_SWEEPS_S = 12 * HOUR_S
SOON_S = 240  # consent that is refused this soon after a write is refused before the grant can be confirmed


@dataclass(frozen=True, slots=True)
class Violation:
    invariant: str
    at: float
    text: str


@dataclass(slots=True)
class Standing:
    """A grant of ours: when it was made, and since when the owners do not consent."""

    at: float
    refused_since: float | None


class Judges:
    def __init__(self, world: "World") -> None:
        self.world = world
        self.violations: list[Violation] = []
        self.is_calm = True  # nothing happened that excuses a grant for standing without consent for an hour
        self.edited_at = -1e9
        self.deleted: list[float] = []  # when the role was deleted
        self._standing: dict[tuple[str, Arn], Standing] = {}
        self._consent_since: dict[Arn, float] = {}
        self._planned: set[tuple[str, Arn]] = set()
        self._writes: list[float] = []
        self._former_writes: list[tuple[str, float]] = []
        self._to_report: list[tuple[float, str, Arn]] = []

    def _violated(self, invariant: str, text: str) -> None:
        self.world.note(f"*** {invariant}: {text}")
        self.violations.append(Violation(invariant, self.world.now, text))

    @property
    def _is_edited(self) -> bool:
        return self.world.now - self.edited_at <= LATE_S

    def _stands(self, region: str, secret: Arn) -> bool:
        return secret in self.world.role.secrets(POLICIES[region], FORMER)

    # --- What happened

    def changed(self) -> None:
        """Note since when the owners consent."""
        world = self.world
        for secret in world.secrets.values():
            if world.has_consent(secret.arn):
                self._consent_since.setdefault(secret.arn, world.now)
            else:
                self._consent_since.pop(secret.arn, None)
        for (region, arn), standing in list(self._standing.items()):
            if not self._stands(region, arn):
                del self._standing[region, arn]
            elif world.has_consent(arn):
                standing.refused_since = None
            elif standing.refused_since is None:
                standing.refused_since = world.now

    def rewritten(self, policy: str, before: tuple[Granted, ...], author: str) -> None:
        """Note who wrote the grants of a policy."""
        after = self.world.role.policy(policy).grants
        for each in set(before) - set(after):
            self.world.authors.pop((policy, each), None)
        for each in after:
            self.world.authors.setdefault((policy, each), author)

    def planned(self, stack: "Stack") -> None:
        """Note what a stack has planned to grant: from then on its grant and somebody's are the same."""
        if (writes := stack.ledger.item.writes) and writes[-1].outcome == "planned":
            new = {each.secret for each in set(writes[-1].after) - set(writes[-1].before)} - set(writes[-1].strangers)
            self._planned |= {(stack.region, each) for each in new}

    def granted_long_ago(self, region: str, secret: Arn, at: float) -> None:
        self._standing[region, secret] = Standing(at, None)
        self._planned.add((region, secret))

    def _granted(self, stack: "Stack", secret: Arn) -> None:
        world = self.world
        refused_since = None if world.has_consent(secret) else world.now
        self._standing[stack.region, secret] = standing = Standing(world.now, refused_since)
        if refused_since is not None:
            world.after(HOUR_S + MINUTE_S, self._after_an_hour, stack, secret, standing)

    # --- A write

    def write(self, stack: "Stack", policy: str, old: Role, change: RolePolicyChange, *, is_rollback: bool) -> None:
        """Judge a write of ``policy`` that ``change`` explains."""
        world, region = self.world, stack.region
        before, after = old.policy(policy), world.role.policy(policy)
        authors = {each: world.authors.get((policy, each)) for each in before.grants}
        self.rewritten(policy, before.grants, region)
        self._writes.append(world.now)
        if is_rollback:
            return
        self._judge_pauses(stack)
        self._judge_foreign(stack, policy, old, authors)
        stood, stands = old.secrets(stack.policy, FORMER), world.role.secrets(stack.policy, FORMER)
        for secret in sorted(stood - stands):
            ours = any(each.secret == secret and author in REGIONS for each, author in authors.items())
            self._judge_removal(stack, secret, change, is_ours=ours)
        for secret in sorted(stands - stood):
            self._judge_addition(stack, secret, change)
        if policy == FORMER:
            self._former_writes.append((region, world.now))
        if policy == FORMER and not self._is_edited:
            for secret in sorted(before_secrets(before.grants) - before_secrets(after.grants) - set(change.revoked)):
                if secret not in world.role.secrets(*POLICIES.values()) and world.secret(secret):
                    self._violated("MOVED", f"{region}: {short(secret)} left the former policy for none")

    def _judge_pauses(self, stack: "Stack") -> None:
        now = self.world.now
        if stack.ledger.item.hold is not None and stack.is_rolled_back and stack.lost_at is None:
            self._violated("HOLD", f"{stack.region} writes although the role is held and rolled back")
        if stack.stopped_at is not None and now - stack.stopped_at > 65:
            self._violated("STOP", f"{stack.region} writes {now - stack.stopped_at:.0f} s after the stop")

    def _judge_foreign(self, stack: "Stack", policy: str, old: Role, authors: dict[Granted, str | None]) -> None:
        if self._is_edited:
            return
        after = self.world.role.policy(policy)
        for each in old.policy(policy).grants:
            is_theirs = authors[each] == SOMEBODY and (stack.region, each.secret) not in self._planned
            if is_theirs and each not in after.grants and self.world.secret(each.secret) is not None:
                self._violated("FOREIGN", f"{stack.region}: {short(each.secret)}, which somebody wrote, is removed")
        if len(after.statements) < len(old.policy(policy).statements):
            self._violated("FOREIGN", f"{stack.region}: a statement that somebody wrote is removed")

    def _judge_removal(self, stack: "Stack", secret: Arn, change: RolePolicyChange, *, is_ours: bool) -> None:
        world, name = self.world, f"{stack.region}: {short(secret)}"
        truth = world.secret(secret)
        if truth is None:
            return
        was_lost = stack.lost_at is not None and world.now - stack.lost_at < LOST_S
        # What leaves the former policy and stands in a stack's own has moved.
        has_moved = secret in world.role.secrets(*POLICIES.values())
        if secret not in change.revoked and is_ours and not (was_lost or has_moved or self._is_edited):
            self._violated("LOST", f"{name} is removed, and nothing says so")
        finding = change.unneeded.get(secret) if secret in change.revoked else None
        users = [each for each in world.definitions.values() if each.is_live and each.secret == truth.name]
        ours = [each for each in users if each.region == stack.region]
        if not self._is_edited:
            unread = [truth.unreadable_since, *(each.unreadable_since for each in ours if finding == "grant-unneeded")]
            if any(map(self._since, unread)):
                self._violated("UNREADABLE", f"{name} is removed although something was unreadable")
        named = [each for each in ours if self._since(each.registered)]
        if finding == "grant-unneeded" and world.has_consent(secret) and named:
            self._violated("NAMED", f"{name} is revoked as unneeded, and {named[0].name} names it")
        if finding and (self._since(truth.observed_since) or self._since(world.role.observed_since)):
            self._violated("HANDS-OFF", f"{name} is revoked although a tag says observe")
        needers = [each for each in users if each.serves and self._could_have_granted(each, stack)]
        others = (*POLICIES.values(), FORMER)
        if (
            needers
            and not self._is_edited
            and self._since(self._consent_since.get(secret))
            and not world.reads(world.role, truth, *others)
        ):
            self._violated("OUTAGE", f"{name} is removed although {needers[0].name} ({needers[0].region}) needs it")

    def _could_have_granted(self, definition: TaskDefinition, writing: "Stack") -> bool:
        """Whether the need is known to the stack that writes, or another stack had two sweeps to grant it."""
        world, stack = self.world, self.world.stacks[definition.region]
        if stack is writing:
            return self._since(definition.registered)
        consent_since = self._consent_since.get(world.secrets[definition.secret].arn, world.now)
        is_held = stack.stopped_at is not None or stack.ledger.item.hold is not None
        return not is_held and world.now - max(consent_since, definition.registered, stack.free_since) > TWO_SWEEPS_S

    def _since(self, when: float | None) -> bool:
        """Whether something has been so for long enough to be seen by the run that writes now."""
        return when is not None and self.world.now - when > LATE_S

    def _judge_addition(self, stack: "Stack", secret: Arn, change: RolePolicyChange) -> None:
        now = self.world.now
        is_said = secret in change.added or secret in change.restored
        if not is_said and any(region != stack.region and now - at < LATE_S for region, at in self._former_writes):
            self._granted(stack, secret)  # another stack has tidied the former policy at the same time
            return
        # Without the ledger's records, what a late answer of IAM shows is kept and reported as a stranger's.
        was_lost = stack.lost_at is not None and now - stack.lost_at < LOST_S
        is_strange = was_lost and secret in change.strangers
        is_excused = self._is_edited or is_strange or any(now - when < LATE_S for when in self.deleted)
        if is_said or not is_excused:
            self._to_report.append((now, stack.region, secret))
        if not is_said and not is_excused:
            self._violated("SILENT", f"{stack.region}: {short(secret)} comes back, and nothing says so")
        if is_said:
            self._granted(stack, secret)

    # --- Later

    def _after_an_hour(self, stack: "Stack", secret: Arn, standing: Standing) -> None:
        is_same = self._standing.get((stack.region, secret)) is standing
        since = standing.refused_since
        if self.is_calm and not stack.dead and is_same and self.world.secret(secret) and since == standing.at:
            self._violated("HOUR", f"{stack.region}: {short(secret)} was written without consent an hour ago")

    def at_end(self) -> None:
        world = self.world
        for (region, secret), standing in self._standing.items():
            since = standing.refused_since
            is_excused = world.stacks[region].lost_at is not None or world.secret(secret) is None
            if not is_excused and world.role.is_managed and since is not None and since <= standing.at + SOON_S:
                self._violated(
                    "CONSENT", f"{region}: {short(secret)} stands; refused {since - standing.at:.0f} s after its write"
                )
        for each in world.definitions.values():
            if self._is_missing(each):
                self._violated("MISSING", f"{each.region}: {each.name} needs {each.secret}, and it is not granted")
        late = [each for each in self._writes if each > world.end - TWO_SWEEPS_S]
        if late:
            self._violated("FLAP", f"{len(late)} writes in the last two of twelve quiet sweeps")
        for at, region, secret in self._to_report:
            stack = world.stacks[region]
            is_excused = stack.lost_at is not None or any(when > at for when in self.deleted)
            is_reported = any(when >= at - LATE_S and what == secret for when, what in stack.reports)
            if not is_excused and not is_reported and world.secret(secret):
                self._violated("UNREPORTED", f"{region}: {short(secret)}, added at {at:.0f}, is never reported")

    def _is_missing(self, definition: TaskDefinition) -> bool:
        world, secret = self.world, self.world.secrets[definition.secret]
        is_needed = definition.is_live and definition.serves and world.has_consent(secret.arn)
        return is_needed and not world.reads(world.role, secret, *POLICIES.values(), FORMER)


def before_secrets(grants: tuple[Granted, ...]) -> set[Arn]:
    return {each.secret for each in grants}
