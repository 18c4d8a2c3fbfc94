"""The ledger: references between resources, findings, remediations, locks and counters.

One DynamoDB table, keyed ``pk`` and ``sk``; each item's data is JSON in ``data``, and ``expires_at_epoch_s`` is the
table's time to live.

| pk | sk | data |
|---|---|---|
| TD#arn | REFERENCES | the resources that the task definition references |
| TD#arn | FINDING#id | a ``FindingRecord`` |
| TD#arn | REMEDIATION#id | a ``Remediation``, and whether it was published |
| TD#arn | VERIFIED | a list of ``Verified``: what the registries accepted after the last rotation |
| TD#arn | ACCEPTED | ``Accepted`` by container: images that registries refuse anonymously and serve to a login |
| TD#arn | PULLED | nothing: a task of the revision had its images, though a registry would refuse one anonymously |
| INTENT#occasion | id | a ``Remediation`` that the message with that id was about to make |
| REF#thing | TD#arn | nothing: the task definition references the thing |
| ONCE#what | ONCE | nothing: a mark that something has happened |
| LEASE#what | LEASE | a lock, with its owner if it is re-entrant |
| CHANGE#sequence | CHANGE | the last change of a sequence that was processed |
| ROTATION#secret | ROTATION | a ``RotationEnd``: how the last rotation ended |
| WRITES#scope | hour | the number of writes to the scope in that hour |
| SWEEP | STATE | when the last sweep had listed everything |
| CAUSE#id | MEMBER#td#finding | an open finding of the incident |
| CAUSE#id | PAST#td#finding | a finding that was resolved, or has moved to another incident |

Other partitions of the same table have a module of their own: ``grants.py`` (grants and IAM writes), ``ecs_writes.py``
(ECS writes), ``families.py`` (actions per family), ``holds.py`` (holds), ``task_definitions.py`` (task definitions and
sweeps), ``incidents.py`` (incidents), ``services.py`` (services), ``starts.py`` (schedules and standalone starts),
``logins.py`` (refused logins).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.records import from_record, to_record
from pullguard.domain.remediation import Remediation
from pullguard.domain.secret import RotationEnd
from pullguard.domain.verification import Accepted
from pullguard.incidents import Member
from pullguard.incidents.finding_lifecycle import FindingRecord
from pullguard.planning.redeployment import Verified
from pullguard.store.ecs_writes import EcsWriteStore
from pullguard.store.families import FamilyStore
from pullguard.store.grants import HISTORY_KEPT_S, GrantStore
from pullguard.store.holds import HoldStore
from pullguard.store.table import DAY_S, RESOLVED_KEPT_S, Item, data_of, expiry_of, key, reading, td

ONCE_KEPT_S = 14 * DAY_S  # as long as a message can stay in a queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Everything stored about one task definition; ``seen`` is whether it was ever validated."""

    seen: bool = False
    references: frozenset[str] = frozenset()
    findings: tuple[FindingRecord, ...] = ()
    remediations: Mapping[str, Remediation] = field(default_factory=dict)
    verified: tuple[Verified, ...] = ()
    accepted: Mapping[str, Accepted] = field(default_factory=dict)
    had_pulled: bool = False


class Ledger(GrantStore, EcsWriteStore, FamilyStore, HoldStore):
    """The table, with one method per kind of item. Errors propagate: a failed read never counts as an absent item."""

    # --- one task definition ---

    @asks("dynamodb:Query")
    def entry(self, task_definition: Arn) -> Entry:
        """Return everything stored about a task definition, by one query."""
        items = dict(self._each(td(task_definition), _part_of_entry))
        return Entry(
            seen="REFERENCES" in items,
            references=items.get("REFERENCES", frozenset()),
            findings=tuple(each for each in items.values() if isinstance(each, FindingRecord)),
            remediations={
                sort.removeprefix("REMEDIATION#"): each for sort, each in items.items() if isinstance(each, Remediation)
            },
            verified=items.get("VERIFIED", ()),
            accepted=items.get("ACCEPTED", {}),
            had_pulled="PULLED" in items,
        )

    @asks("dynamodb:PutItem", "dynamodb:DeleteItem")
    def keep_references(self, task_definition: Arn, known: Entry, after: frozenset[str]) -> None:
        """Set the references of a task definition to ``after``; an unchanged set costs no write.

        The list is written last: a run that crashes before leaves it unchanged, and the next validation repeats all of
        it.
        """
        before = known.references
        if known.seen and before == after:
            return
        for thing in sorted(after - before):
            self._put(_ref(thing), td(task_definition), None)
        for thing in sorted(before - after):
            self._delete(_ref(thing), td(task_definition))
        self._put(td(task_definition), "REFERENCES", sorted(after))

    @asks("dynamodb:DeleteItem")
    def forget_references(self, task_definition: Arn, known: Entry) -> None:
        """Delete the references of a task definition, and last its list, so that it counts as never validated."""
        for thing in sorted(known.references):
            self._delete(_ref(thing), td(task_definition))
        self._delete(td(task_definition), "REFERENCES")

    @asks("dynamodb:Query")
    def dependents(self, thing: str) -> tuple[Arn, ...]:
        """Return the task definitions that reference ``thing`` (the ARN of a role, a key or a secret, or a name)."""
        return tuple(self._each(_ref(thing), lambda arn, _: Arn.parse(arn), "TD#"))

    @asks("dynamodb:PutItem", "dynamodb:DeleteItem")
    def save_finding(self, task_definition: Arn, record: FindingRecord, *, cause: str, now: datetime) -> bool:
        """Store a finding's new state as a member of the incident ``cause`` (an id, or empty).

        Return False if another run has stored a newer state. One transaction writes the finding and its membership, so
        that every member of an incident is an open finding.
        """
        sequence = {"N": str(record.sequence)}
        finding = record.finding
        member, expires = to_record(Member.of(finding)), now.timestamp() + RESOLVED_KEPT_S
        writing = self._writing(
            td(task_definition),
            f"FINDING#{finding.id}",
            to_record(record),
            extra={"sequence": sequence, "announced": {"N": str(record.announced)}},
            expires=None if record.is_open else expires,
            condition="attribute_not_exists(pk) OR #sequence < :sequence OR "
            "(#sequence = :sequence AND announced < :announced)",
            values={":sequence": sequence, ":announced": {"N": str(record.announced)}},
            names={"#sequence": "sequence"},
        )
        if record.announced == record.sequence:  # only published since: its membership is unchanged
            return self._write(writing)
        about = f"{task_definition}#{finding.id}"
        belongs, left = ([f"CAUSE#{each}"] if each else [] for each in (cause, record.left))
        stays, leaves = (belongs, left) if record.is_open else ([], [*belongs, *left])
        gone = {**member, "gone_at": now.isoformat()}
        member_of = [self._writing(each, f"MEMBER#{about}", member) for each in stays]
        past = [self._writing(each, f"PAST#{about}", gone, expires=expires) for each in leaves]
        return self._together(
            put=(writing, *member_of, *past), delete=[self._deleting(each, f"MEMBER#{about}") for each in leaves]
        )

    @asks("dynamodb:PutItem")
    def keep_verified(self, task_definition: Arn, proofs: Iterable[Verified], *, now: datetime) -> None:
        """Store which versions of its secrets the registries accepted."""
        data = to_record(tuple(proofs))
        self._put(td(task_definition), "VERIFIED", data, expires=now.timestamp() + RESOLVED_KEPT_S)

    @asks("dynamodb:PutItem")
    def keep_accepted(self, task_definition: Arn, accepted: Mapping[str, Accepted], *, now: datetime) -> None:
        """Store which images registries refuse anonymously but serve to which credentials; replaces the last set."""
        self._put(td(task_definition), "ACCEPTED", to_record(accepted), expires=now.timestamp() + DAY_S)

    @asks("dynamodb:PutItem")
    def keep_pulled(self, task_definition: Arn, *, now: datetime) -> None:
        """Record that a task of a revision has its images; ECS forgets a task after it has stopped."""
        self._put(td(task_definition), "PULLED", None, expires=now.timestamp() + RESOLVED_KEPT_S)

    @asks("dynamodb:GetItem")
    def finding(self, task_definition: Arn, finding_id: str) -> FindingRecord | None:
        """Return the current record of a finding, or None."""
        return self._get(td(task_definition), f"FINDING#{finding_id}", _finding)

    @asks("dynamodb:PutItem")
    def save_remediation(self, remediation: Remediation, *, announced: bool, now: datetime) -> bool:
        """Store what was or would be done; False if the same remediation was published before."""
        return self._put(
            td(remediation.task_definition),
            f"REMEDIATION#{remediation.id}",
            remediation.to_dict(),
            extra={"announced": {"N": str(int(announced))}},
            expires=now.timestamp() + RESOLVED_KEPT_S,
            condition="attribute_not_exists(pk) OR announced = :untold",
            values={":untold": {"N": "0"}},
        )

    @asks("dynamodb:GetItem")
    def remediation(self, task_definition: Arn, remediation_id: str) -> Remediation | None:
        """Return the remediation with an id, or None."""
        return self._get(td(task_definition), f"REMEDIATION#{remediation_id}", Remediation.from_dict)

    @asks("dynamodb:PutItem")
    def intend(self, remediation: Remediation, *, now: datetime) -> None:
        """Record what the message ``remediation.occasion`` is about to do. Call it before doing that."""
        self._put(
            f"INTENT#{remediation.occasion}",
            remediation.id,
            remediation.to_dict(),
            expires=now.timestamp() + ONCE_KEPT_S,
        )

    @asks("dynamodb:Query")
    def intended(self, occasion: str) -> tuple[Remediation, ...]:
        """Return what runs of the message ``occasion`` (its id) were about to do."""
        return tuple(self._each(f"INTENT#{occasion}", lambda _, item: Remediation.from_dict(data_of(item))))

    # --- once, counts, sweep ---

    @asks("dynamodb:PutItem")
    def once(self, what: str, *, now: datetime, seconds: int = ONCE_KEPT_S) -> bool:
        """Mark ``what`` for ``seconds`` (default: two weeks); False if it is already marked."""
        return self._put(
            f"ONCE#{what}",
            "ONCE",
            None,
            expires=now.timestamp() + seconds,
            condition="attribute_not_exists(pk) OR expires_at_epoch_s <= :now",
            values={":now": {"N": str(int(now.timestamp()))}},
        )

    @asks("dynamodb:GetItem")
    def happened(self, what: str, *, now: datetime) -> bool:
        """Whether ``once`` has marked ``what``, and the mark has not expired."""
        item = self._item(f"ONCE#{what}", "ONCE")
        return item is not None and reading(item, expiry_of) > now.timestamp()

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

    @asks("dynamodb:DeleteItem")
    def release(self, what: str) -> None:
        """Release the lock on ``what``. The caller must hold it."""
        self._delete(f"LEASE#{what}", "LEASE")

    @asks("dynamodb:PutItem")
    def take_up(self, sequence: str, change: str, *, seconds: int, now: datetime) -> bool:
        """Claim a change for ``seconds``; False if it is already the last claimed change of its ``sequence``.

        Claim it for at most the time that a run lasts; ``keep_taken_up`` extends the claim after the work is done.
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
    def keep_taken_up(self, sequence: str, change: str, *, seconds: int, now: datetime) -> None:
        """Record for ``seconds`` that a claimed change is done; 0 ends the claim, so that any run may claim it."""
        expires = int(now.timestamp()) + seconds
        self._put(f"CHANGE#{sequence}", "CHANGE", None, extra={"change": {"S": change}}, expires=expires)

    @asks("dynamodb:GetItem")
    def taken_up(self, sequence: str, *, now: datetime) -> str | None:
        """Return the last claimed change of a ``sequence``; None without a claim, or after it has expired."""
        item = self._item(f"CHANGE#{sequence}", "CHANGE")
        if item is None or reading(item, expiry_of) <= now.timestamp():
            return None
        return reading(item, lambda it: str(it["change"]["S"]))

    @asks("dynamodb:PutItem")
    def keep_rotation_end(self, secret: Arn, end: RotationEnd) -> None:
        """Store how a rotation ended, unless a later end is stored."""
        epoch_s = int(end.at.timestamp())
        self._put(
            f"ROTATION#{secret}",
            "ROTATION",
            to_record(end),
            extra={"at_epoch_s": {"N": str(epoch_s)}},
            expires=epoch_s + HISTORY_KEPT_S,
            condition="attribute_not_exists(pk) OR at_epoch_s <= :at",
            values={":at": {"N": str(epoch_s)}},
        )

    @asks("dynamodb:GetItem")
    def rotation_end(self, secret: Arn) -> RotationEnd | None:
        """Return how the last rotation of ``secret`` ended; None if no event reported one, or it cannot be read."""
        return self._or_none(f"ROTATION#{secret}", "ROTATION", _rotation_end)

    @asks("dynamodb:UpdateItem")
    def count_write(self, scope: str, *, now: datetime) -> None:
        """Count a write for ``scope`` in this hour. Call it after the write."""
        self._client.update_item(
            TableName=self._table,
            Key=key(f"WRITES#{scope}", f"{now:%Y-%m-%dT%H}"),
            UpdateExpression="ADD writes :one SET expires_at_epoch_s = :expires",
            ExpressionAttributeValues={":one": {"N": "1"}, ":expires": {"N": str(int(now.timestamp()) + DAY_S)}},
        )

    @asks("dynamodb:GetItem")
    def written_in_hour(self, scope: str, *, now: datetime) -> int:
        """Return how many writes were counted for ``scope`` in this hour."""
        item = self._item(f"WRITES#{scope}", f"{now:%Y-%m-%dT%H}")
        return 0 if item is None else reading(item, lambda it: int(it["writes"]["N"]))

    @asks("dynamodb:GetItem")
    def sweep_state(self) -> Mapping[str, Any] | None:
        """Return the id and end time of the last listing; None if there never was one, or it cannot be read."""
        return self._or_none("SWEEP", "STATE", lambda data: dict(data.items()))

    @asks("dynamodb:PutItem")
    def save_sweep_state(self, state: Mapping[str, Any]) -> None:
        """Store the id and end time of the last listing."""
        self._put("SWEEP", "STATE", dict(state))


def _part_of_entry(sort: str, item: Item) -> tuple[str, Any]:
    kind, data = sort.partition("#")[0], data_of(item)
    match kind:
        case "FINDING":
            return sort, _finding(data)
        case "REMEDIATION":
            return sort, Remediation.from_dict(data)
        case "REFERENCES":
            return sort, frozenset(map(_text, data))
        case "VERIFIED":
            return sort, tuple(from_record(Verified, each) for each in data)
        case "ACCEPTED":
            return sort, {name: from_record(Accepted, each) for name, each in data.items()}
        case _:
            return sort, None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _rotation_end(data: Any) -> RotationEnd:
    return from_record(RotationEnd, data)


def _finding(data: Any) -> FindingRecord:
    return from_record(FindingRecord, data)


def _ref(thing: str) -> str:
    return f"REF#{thing}"
