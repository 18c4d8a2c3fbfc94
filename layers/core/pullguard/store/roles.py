"""One item for each role: a hold, our grants, and the writes of the last minutes; and the history.

| pk | sk | data |
|---|---|---|
| ROLES | ROLE#arn | nothing: a role whose policy we have written, or that was held |
| ROLE#arn | STATE | a ``RoleItem``; its ``sequence`` is an attribute too, on which every write of it is conditional |
| ROLE#arn | WRITE#time#id | a write of our policy for the history: before, after, and its outcome |

Earlier versions kept each grant in an item of its own (GRANTED), those without consent in another (UNAGREED), and the
hold in a third (HOLD). They are read until the role has its first STATE.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem, NotNow
from pullguard.domain.policy_document import Granted, policy_document, render
from pullguard.domain.records import from_record, to_record
from pullguard.domain.role_item import GrantRecord, PolicyWrite, RoleItem, WriteOutcome
from pullguard.domain.stop import Stop
from pullguard.domain.write_history import Outcome, Write
from pullguard.store.holds import HoldStore, stop_of
from pullguard.store.table import HISTORY_KEPT_S, Client, Item, T, Table, data_of, log_malformed, reading

_ATTEMPTS_MAX: Final = 5
_OUTCOMES: Final[dict[WriteOutcome, Outcome]] = {
    "planned": "unknown",
    "done": "written",
    "refused": "refused",
    "lost": "unknown",
}


class RoleStore(Table):
    """The roles' items, and the history of our policy on each. Errors propagate."""

    PARTITIONS: ClassVar = ("ROLES", "ROLE#")

    def __init__(self, client: Client, table: str) -> None:
        super().__init__(client, table)
        self._holds = HoldStore(client, table)

    @asks("dynamodb:Query")
    def known(self) -> tuple[Arn, ...]:
        """Return the roles whose policies we have written."""
        return tuple(self._each("ROLES", lambda arn, _: Arn.parse(arn), "ROLE#"))

    @asks("dynamodb:Query")
    def item(self, role: Arn) -> RoleItem:
        """Return the role's item, by a consistent read; an empty one if there is none.

        Raises ``MalformedItem`` if it cannot be read: then nothing is written to the role.
        """
        items = {item["sk"]["S"]: item for item in self._items(_of(role), before="WRITE#")}
        if "STATE" in items:
            return reading(items["STATE"], lambda it: _item(data_of(it)))
        return self._of_earlier_versions(role, items)

    @asks("dynamodb:PutItem")
    def replace(self, role: Arn, known: RoleItem, new: RoleItem) -> bool:
        """Store ``new`` in place of ``known``; False if the item has changed since it was read.

        One transaction also writes the history of every write that is new or has another outcome, and lists a hold that
        was set, or takes one that has ended (``end_hold``) from the list.
        """
        sequence, after = known.sequence, replace(new, sequence=known.sequence + 1)
        is_first = sequence == 0
        puts = [
            self._writing(
                _of(role),
                "STATE",
                to_record(after),
                extra={"sequence": {"N": str(after.sequence)}},
                condition="attribute_not_exists(pk)" if is_first else "#sequence = :known",
                values=None if is_first else {":known": {"N": str(sequence)}},
                names=None if is_first else {"#sequence": "sequence"},
            )
        ]
        if is_first:
            puts.append(self._writing("ROLES", _of(role), None))
        puts += [self._history(role, each) for each in new.writes if each not in known.writes]
        deletes = []
        if new.hold is None and known.hold is not None:
            deletes.append(self._holds.unlisting(_of(role)))
        elif new.hold is not None and new.hold != known.hold:
            puts.append(self._holds.listing(_of(role), new.hold))
        return self._together(put=puts, delete=deletes)

    @asks("dynamodb:Query")
    def granted(self, role: Arn) -> tuple[Granted, ...]:
        """Return what this stack has granted to ``role``, by its records; nothing if they cannot be read."""
        try:
            return tuple(record.granted for record in self.item(role).grants)
        except MalformedItem as error:
            log_malformed(error)
            return ()

    @asks("dynamodb:Query")
    def writes(self, role: Arn) -> tuple[Write, ...]:
        """Return the writes of our policy on ``role``, oldest first."""

        def read(sort: str, item: Item) -> Write:
            return Write.from_record(role, sort, data_of(item))

        return tuple(self._each(_of(role), read, "WRITE#"))

    @asks("dynamodb:Query")
    def hold(self, role: Arn) -> Stop | None:
        """Return the hold on ``role``, or None. A role whose item cannot be read is held."""
        try:
            return self.item(role).hold
        except MalformedItem as error:
            return Stop.from_dict({"reason": str(error)})

    @asks("dynamodb:Query", "dynamodb:PutItem")
    def save_hold(self, role: Arn, stop: Stop) -> None:
        """Hold ``role``: nothing is written to it until the hold ends."""
        self._set_hold(role, stop)

    @asks("dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem")
    def end_hold(self, role: Arn) -> None:
        """End the hold on ``role``."""
        self._set_hold(role, None)

    def _set_hold(self, role: Arn, stop: Stop | None) -> None:
        for _ in range(_ATTEMPTS_MAX):
            item = self.item(role)
            if item.hold == stop or self.replace(role, item, replace(item, hold=stop)):
                return
        raise NotNow(f"the hold on {role} could not be stored: other runs keep changing the role's item; try again")

    def _history(self, role: Arn, write: PolicyWrite) -> dict[str, Any]:
        """Return the request that writes one write of the history."""
        sort = f"WRITE#{write.at.isoformat()}#{write.id}"
        return self._writing(_of(role), sort, history_record(write), expires=write.at.timestamp() + HISTORY_KEPT_S)

    def _of_earlier_versions(self, role: Arn, items: Mapping[str, Item]) -> RoleItem:
        """Return the item of a role that only earlier versions of Pullguard have written to, from their ``items``.

        They kept no times of grants: the newest write gives one. If a role of that name was created since, the
        grants are not ours.
        """
        if not items:
            return RoleItem()
        times = tuple(_parsed(self._items(_of(role), "WRITE#"), _time_of))
        if not times and "HOLD" not in items:
            return RoleItem()
        without_consent = {sort.partition("#")[2] for sort in items if sort.startswith("UNAGREED#")}

        def record(item: Item) -> GrantRecord:
            text = item["sk"]["S"].removeprefix("GRANTED#")
            granted, task_definition = _granted(Arn.parse(text), item)
            return GrantRecord(
                granted=granted,
                task_definition=task_definition,
                granted_at=max(times),
                is_confirmed=text not in without_consent,
            )

        granted = (item for sort, item in sorted(items.items()) if sort.startswith("GRANTED#") and times)
        return RoleItem(
            hold=stop_of(items["HOLD"]) if "HOLD" in items else None, grants=tuple(_parsed(granted, record))
        )


def history_record(write: PolicyWrite) -> dict[str, Any]:
    """Return what the history keeps of a write, as ``Write.from_record`` reads it."""
    return {
        "before": _text(write.before),
        "after": _text(write.after),
        "policy": write.policy,
        "task_definition": next(iter(write.users.values()), ""),
        "cause": None if write.provenance is None else write.provenance.to_dict(),
        "by": write.by,
        "outcome": _OUTCOMES[write.outcome],
    }


def _item(data: Any) -> RoleItem:
    found = from_record(RoleItem, data)
    if found.sequence < 1:
        raise ValueError("it has no sequence number")
    return found


def _parsed(items: Iterable[Item], read: Callable[[Item], T]) -> Iterator[T]:
    """Yield the result of ``read`` for each item; a malformed one is logged, and skipped."""
    for item in items:
        try:
            yield reading(item, read)
        except MalformedItem as error:
            log_malformed(error)


def _time_of(item: Item) -> datetime:
    return datetime.fromisoformat(item["sk"]["S"].split("#")[1])


def _granted(secret: Arn, item: Item) -> tuple[Granted, str]:
    """Return the grant of an earlier version's item, and its task definition; a malformed item still vouches for it."""

    def read(item: Item) -> tuple[Granted, str]:
        data = data_of(item)
        key = Arn.parse(data["key"]) if data["key"] else None
        return Granted(secret=secret, key=key), str(data.get("task_definition") or "")

    return next(_parsed((item,), read), (Granted(secret=secret, key=None), ""))


def _text(grants: Iterable[Granted]) -> str | None:
    document = policy_document(grants)
    return render(document) if document["Statement"] else None


def _of(role: Arn) -> str:
    return f"ROLE#{role}"
