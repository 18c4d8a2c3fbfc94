"""The ledger's knowledge of one role: our grants on it, the writes of the last minutes, and a hold."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import Granted
from pullguard.domain.provenance import Provenance
from pullguard.domain.stop import Stop

# IAM is eventually consistent: what it does not show after this time does not exist.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
SHOWS_AFTER: Final = timedelta(minutes=5)
# The time limit of the function that writes (template.yaml): no run writes later than this after its plan.
RUN_MAX: Final = timedelta(seconds=60)

# ``planned`` until it is known what became of the write. A run that dies leaves it so, and a later one finds out:
# ``done`` if IAM shows it, otherwise ``lost``.
WriteOutcome: TypeAlias = Literal["planned", "done", "refused", "lost"]
Unneeded: TypeAlias = Literal["grant-unneeded", "grant-without-consent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRecord:
    """A grant that this stack made: when, for which task definition, and whether it is confirmed.

    The first run that finds it in IAM with both owners' consent, at least ``SHOWS_AFTER`` later, confirms it.
    ``unneeded_since`` is when a complete sweep first found what ``unneeded`` says: that nothing names it, or that an
    owner does not consent. Another finding begins another grace period. ``is_for_containers``: it was made for a task
    definition whose task role is this role, too, which takes more consent for as long as the grant lasts.
    """

    granted: Granted
    task_definition: str
    granted_at: datetime
    is_confirmed: bool = False
    unneeded: Unneeded | None = None
    unneeded_since: datetime | None = None
    is_for_containers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyWrite:
    """One write of our policy: the grants before and after it; the latter are those that IAM will show.

    It left the grants of ``strangers`` (secrets) in the policy although this stack has not made them, and statements
    that are not Pullguard's, which ``foreign`` describes. ``restored`` are secrets whose grants IAM did not show any
    more: late, or because they were removed by hand. ``users`` are the task definitions that it was made for, and
    ``reasons`` why it revoked, by secret.
    """

    id: str
    policy: str
    at: datetime
    before: tuple[Granted, ...]
    after: tuple[Granted, ...]
    users: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    for_containers: tuple[Arn, ...] = ()
    provenance: Provenance | None = None
    by: str = "pullguard"
    restored: tuple[Arn, ...] = ()
    strangers: tuple[Arn, ...] = ()
    foreign: tuple[str, ...] = ()
    outcome: WriteOutcome = "planned"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """A version of our policy that a write left or replaced, by the ``digest`` of its grants."""

    policy: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleItem:
    """The ledger's knowledge of a role; every change, a hold included, increments ``sequence``.

    ``writes`` are the open writes and the newest ones; of others of the last minutes only the ``versions`` are kept.
    ``counts`` are the writes of each grant (a secret's ARN) in ``hour``, for the circuit breaker.
    ``role_id`` is the RoleId of the role that all this is about: a role that is created again has another one.
    ``created_at`` is its CreateDate: None in an item of an earlier version.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    """

    sequence: int = 0
    role_id: str = ""
    created_at: datetime | None = None
    hold: Stop | None = None
    grants: tuple[GrantRecord, ...] = ()
    writes: tuple[PolicyWrite, ...] = ()
    versions: tuple[PolicyVersion, ...] = ()
    hour: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    def writes_this_hour(self, secret: Arn, now: datetime) -> int:
        """Return how often the grant of ``secret`` was written in this hour."""
        return self.counts.get(str(secret), 0) if self.hour == _hour(now) else 0

    def with_writes(self, secrets: Iterable[Arn], now: datetime) -> "RoleItem":
        """Return the item with a write counted for the grant of each of ``secrets``."""
        counts = {str(each): self.writes_this_hour(each, now) + 1 for each in secrets}
        before = self.counts if self.hour == _hour(now) else {}
        return replace(self, hour=_hour(now), counts={**before, **counts})


def _hour(now: datetime) -> str:
    return f"{now:%Y-%m-%dT%H}"


def is_recent(at: datetime, now: datetime) -> bool:
    """Whether IAM may not show yet what was written ``at`` that time; a time that is far ahead is no such time."""
    return abs(now - at) < SHOWS_AFTER


def has_failed_lately(write: PolicyWrite, now: datetime) -> bool:
    """Whether a write was refused in the last five minutes, or found lost; that is known five minutes after it."""
    if write.outcome == "lost":
        return abs(now - write.at) < 2 * SHOWS_AFTER
    return write.outcome == "refused" and is_recent(write.at, now)


def digest(grants: Iterable[Granted]) -> str:
    """Return a short name of a version of our policy."""
    text = "\n".join(sorted(f"{each.secret} {each.key}" for each in grants))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
