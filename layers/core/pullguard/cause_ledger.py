"""What is remembered of causes, in the ledger's table.

| pk | sk | data |
|---|---|---|
| CAUSES | id | a ``CauseRecord`` |
| CAUSE#id | MEMBER#td#finding | a ``Member``, while its finding is open; written with the finding (ledger.py) |
| CAUSE#id | PAST#td#finding | a ``Member`` whose finding was resolved, or went over to another cause, ``gone_at`` |
"""

from collections.abc import Iterator
from datetime import datetime

from pullguard.aws.answers import asks
from pullguard.causes import CauseRecord, Member
from pullguard.table import RESOLVED_KEPT_S, Table

_ALL = "CAUSES"


class CauseLedger(Table):
    """The causes and their members. Errors propagate."""

    @asks("dynamodb:GetItem")
    def record(self, cause_id: str) -> CauseRecord | None:
        """Return a cause as it stands; None where people were never to be told of it."""
        data = self._get(_ALL, cause_id)
        return None if data is None else CauseRecord.from_dict(data)

    @asks("dynamodb:Query")
    def records(self) -> Iterator[CauseRecord]:
        """Yield every cause that is open, or that was resolved in the last months."""
        return (CauseRecord.from_dict(data) for _, data in self._query(_ALL))

    @asks("dynamodb:PutItem")
    def save(self, record: CauseRecord, *, over: CauseRecord | None, now: datetime) -> bool:
        """Keep a cause's new state in the place of ``over``; False where that is no longer what is kept."""
        known = {":sequence": {"N": str(over.sequence)}, ":told": {"N": str(over.told)}} if over else None
        return self._put(
            _ALL,
            record.id,
            record.to_dict(),
            extra={"sequence": {"N": str(record.sequence)}, "told": {"N": str(record.told)}},
            expires=None if record.is_open else now.timestamp() + RESOLVED_KEPT_S,
            condition="#sequence = :sequence AND told = :told" if over else "attribute_not_exists(pk)",
            values=known,
            names={"#sequence": "sequence"} if over else None,
        )

    @asks("dynamodb:Query")
    def any_member(self, cause_id: str) -> Member | None:
        """Return one open finding of the cause, None where there is none."""
        found = next(self._query(_of(cause_id), "MEMBER#", limit=1), None)
        return None if found is None else Member.from_dict(found[1])

    @asks("dynamodb:Query")
    def members(self, cause_id: str) -> tuple[Member, ...]:
        """Return the open findings of the cause."""
        return tuple(Member.from_dict(data) for _, data in self._query(_of(cause_id), "MEMBER#"))

    @asks("dynamodb:Query")
    def past(self, cause_id: str, *, since: datetime) -> tuple[Member, ...]:
        """Return the findings that the cause has lost ``since`` a time; some may be open again."""
        return tuple(
            Member.from_dict(data)
            for _, data in self._query(_of(cause_id), "PAST#")
            if datetime.fromisoformat(data["gone_at"]) >= since
        )


def _of(cause_id: str) -> str:
    return f"CAUSE#{cause_id}"
