"""Marks, locks and claims: what has happened, who is at work, which change was processed.

| pk | sk | data |
|---|---|---|
| ONCE#what | ONCE | nothing, or the members: a mark that something has happened; ``"begun"``: a run is doing it |
| LEASE#what | LEASE | a lock, with its owner if it is re-entrant |
| CHANGE#sequence | CHANGE | the last change of a sequence that was processed |
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from pullguard.aws.answers import asks
from pullguard.store.table import QUEUED_MAX_S, Puts, Table, data_of, expiry_of, reading

_BEGUN: Final = "begun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A mark that has not expired: until when it holds, in seconds since 1970, and its members, if it names any."""

    until_s: int
    of: frozenset[str]


class ClaimStore(Table):
    """The marks, locks and claims. Errors propagate."""

    PARTITIONS: ClassVar = ("ONCE#", "LEASE#", "CHANGE#")

    @asks("dynamodb:PutItem")
    def begin(self, what: str, seconds: int, *, now: datetime, also: Puts = ()) -> bool:
        """Claim ``what`` for ``seconds``, until it is marked; False if another run has claimed it, or it is marked.

        The same transaction writes ``also``; False if that fails, too.
        """
        return self._put(
            f"ONCE#{what}",
            "ONCE",
            _BEGUN,
            expires=now.timestamp() + seconds,
            condition="attribute_not_exists(pk) OR expires_at_epoch_s <= :now",
            values={":now": {"N": str(int(now.timestamp()))}},
            also=also,
        )

    @asks("dynamodb:PutItem")
    def mark(self, what: str, *, now: datetime, seconds: int = QUEUED_MAX_S, of: Collection[str] | None = None) -> None:
        """Mark ``what`` as having happened, for ``seconds`` (default: two weeks); 0 ends a claim without a mark.

        ``of`` are the members that the mark holds for, if it does not hold for all.
        """
        self._put(f"ONCE#{what}", "ONCE", None if of is None else list(of), expires=now.timestamp() + seconds)

    @asks("dynamodb:GetItem")
    def happened(self, what: str, *, now: datetime) -> bool:
        """Whether ``what`` is marked, and the mark has not expired."""
        return self.marked(what, now=now) is not None

    @asks("dynamodb:GetItem")
    def marked(self, what: str, *, now: datetime) -> Mark | None:
        """Return the mark of ``what``; None if there is none, or it has expired."""
        item = self._item(f"ONCE#{what}", "ONCE")
        if item is None or reading(item, expiry_of) <= now.timestamp() or reading(item, data_of) == _BEGUN:
            return None
        return Mark(until_s=reading(item, expiry_of), of=reading(item, lambda it: frozenset(data_of(it) or ())))

    @asks("dynamodb:PutItem")
    def lock(self, what: str, seconds: int, *, now: datetime, by: str = "") -> bool:
        """Lock ``what`` for ``seconds``; False if another owner has locked it.

        ``by`` is the owner, if any. The lock is re-entrant per owner, so SDK retries are idempotent.
        """
        epoch_s, whose = int(now.timestamp()), "attribute_not_exists(pk) OR expires_at_epoch_s <= :now"
        return self._put(
            f"LEASE#{what}",
            "LEASE",
            by or None,
            expires=epoch_s + seconds,
            condition=f"{whose} OR #data = :by" if by else whose,
            values={":now": {"N": str(epoch_s)}, **({":by": {"S": json.dumps(by)}} if by else {})},
            names={"#data": "data"} if by else None,
        )

    @asks("dynamodb:PutItem")
    def claim_change(self, sequence: str, change: str, *, seconds: int, now: datetime) -> bool:
        """Claim a change for ``seconds``; False if it is already the last claimed change of its ``sequence``.

        Claim it for at most the time that a run lasts; ``record_change`` extends the claim after the work is done.
        """
        epoch_s = int(now.timestamp())
        return self._put(
            f"CHANGE#{sequence}",
            "CHANGE",
            None,
            extra={"change": {"S": change}},
            expires=epoch_s + seconds,
            condition="attribute_not_exists(pk) OR change <> :change OR expires_at_epoch_s <= :now",
            values={":change": {"S": change}, ":now": {"N": str(epoch_s)}},
        )

    @asks("dynamodb:PutItem")
    def record_change(self, sequence: str, change: str, *, seconds: int, now: datetime) -> None:
        """Record for ``seconds`` that a claimed change is done; 0 ends the claim, so that any run may claim it."""
        expires = int(now.timestamp()) + seconds
        self._put(f"CHANGE#{sequence}", "CHANGE", None, extra={"change": {"S": change}}, expires=expires)

    @asks("dynamodb:GetItem")
    def last_change(self, sequence: str, *, now: datetime) -> str | None:
        """Return the last claimed change of a ``sequence``; None without a claim, or after it has expired."""
        item = self._item(f"CHANGE#{sequence}", "CHANGE")
        if item is None or reading(item, expiry_of) <= now.timestamp():
            return None
        return reading(item, lambda it: str(it["change"]["S"]))
