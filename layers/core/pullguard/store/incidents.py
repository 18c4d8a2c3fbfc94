"""Incidents and their members, in the ledger's table.

| pk | sk | data |
|---|---|---|
| CAUSES | id | an ``Incident`` |
| CAUSE#id | MEMBER#td#finding | a ``Member``, while its finding is open; written with the finding (entries.py) |
| CAUSE#id | PAST#td#finding | a ``Member`` whose finding was resolved or moved to another incident, ``gone_at`` |
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from pullguard.aws.answers import asks
from pullguard.domain.findings import Finding
from pullguard.domain.records import from_record, to_record
from pullguard.incidents import Dependent, Incident, Member
from pullguard.store.table import RESOLVED_KEPT_S, Item, Puts, Table, data_of

_ALL = "CAUSES"
_SAME: Final = "#sequence = :sequence AND told = :told"
_UNCLAIMED: Final = (
    "(attribute_not_exists(reminded) OR reminded = :reminded) AND "
    "(attribute_not_exists(claimed_until) OR claimed_until <= :now)"
)


class IncidentStore(Table):
    """The incidents and their members. Errors propagate."""

    PARTITIONS: ClassVar = (_ALL, "CAUSE#")

    @asks("dynamodb:GetItem")
    def record(self, incident_id: str) -> Incident | None:
        """Return the stored incident; None if it never had a state to report."""
        return self._get(_ALL, incident_id, _incident)

    @asks("dynamodb:Query")
    def records(self) -> Iterator[Incident]:
        """Yield every incident that is open, or was resolved in the last 90 days."""
        return self._each(_ALL, lambda _, item: _incident(data_of(item)))

    @asks("dynamodb:PutItem")
    def save(
        self, record: Incident, *, over: Incident | None, now: datetime, claim_s: int = 0, also: Puts = ()
    ) -> bool:
        """Store an incident's new state in place of ``over``; False if ``over`` is no longer the stored state.

        ``claim_s`` claims the alert about it for that many seconds, as ``claim`` does. The same transaction writes
        ``also``; False if that fails, too.
        """
        condition = _SAME if over else "attribute_not_exists(pk)"
        return self._store(record, condition, _version(over) if over else {}, now=now, claim_s=claim_s, also=also)

    @asks("dynamodb:PutItem")
    def claim(self, record: Incident, seconds: int, *, now: datetime, also: Puts = ()) -> bool:
        """Claim the alert about a stored state; False if another run has claimed it, or the state has changed.

        The claim ends after ``seconds``, or when the incident is saved. The same transaction writes ``also``; False if
        that fails, too.
        """
        reminded = record.reminded_at.isoformat() if record.reminded_at else ""
        values = {**_version(record), ":reminded": {"S": reminded}, ":now": {"N": str(int(now.timestamp()))}}
        return self._store(record, f"{_SAME} AND {_UNCLAIMED}", values, now=now, claim_s=seconds, also=also)

    def _store(
        self, record: Incident, condition: str, values: Mapping[str, Any], *, now: datetime, claim_s: int, also: Puts
    ) -> bool:
        return self._put(
            _ALL,
            record.id,
            {**to_record(record), "affected": [each.to_list() for each in record.affected]},
            extra={
                "sequence": {"N": str(record.sequence)},
                "told": {"N": str(record.reported)},
                "reminded": {"S": record.reminded_at.isoformat() if record.reminded_at else ""},
                "claimed_until": {"N": str(int(now.timestamp()) + claim_s)},
            },
            expires=None if record.is_open else now.timestamp() + RESOLVED_KEPT_S,
            condition=condition,
            values=values,
            names={"#sequence": "sequence"} if values else None,
            also=also,
        )

    @asks("dynamodb:Query")
    def any_member(self, incident_id: str) -> Member | None:
        """Return one open finding of the incident, or None."""
        return next(self._each(_of(incident_id), _member, "MEMBER#", limit=10), None)

    @asks("dynamodb:Query")
    def members(self, incident_id: str) -> tuple[Member, ...]:
        """Return the open findings of the incident."""
        return tuple(self._each(_of(incident_id), _member, "MEMBER#"))

    @asks("dynamodb:Query")
    def past(self, incident_id: str, *, since: datetime) -> tuple[Member, ...]:
        """Return the findings that left the incident ``since`` a time; some may be open again."""

        def read(sort: str, item: Item) -> tuple[Member, datetime]:
            return _member(sort, item), datetime.fromisoformat(data_of(item)["gone_at"])

        return tuple(member for member, gone_at in self._each(_of(incident_id), read, "PAST#") if gone_at >= since)

    def membership(
        self, about: str, finding: Finding, *, stays: Iterable[str], leaves: Iterable[str], now: datetime
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the requests that write and delete memberships, for the transaction that stores the finding.

        ``about`` names the finding, ``stays`` the incidents (ids) of which it is a member, ``leaves`` its former ones.
        """
        member = to_record(Member.of(finding))
        gone, expires = {**member, "gone_at": now.isoformat()}, now.timestamp() + RESOLVED_KEPT_S
        puts = [self._writing(_of(each), f"MEMBER#{about}", member) for each in stays]
        puts += [self._writing(_of(each), f"PAST#{about}", gone, expires=expires) for each in leaves]
        return puts, [self._deleting(_of(each), f"MEMBER#{about}") for each in leaves]


def _version(record: Incident) -> dict[str, Any]:
    """Return the values of ``_SAME``."""
    return {":sequence": {"N": str(record.sequence)}, ":told": {"N": str(record.reported)}}


def _incident(data: Any) -> Incident:
    return from_record(Incident, data, {Dependent: Dependent.from_list})


def _member(_: str, item: Item) -> Member:
    return from_record(Member, data_of(item))


def _of(incident_id: str) -> str:
    return f"CAUSE#{incident_id}"
