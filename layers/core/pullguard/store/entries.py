"""Everything about one task definition: what it references, its findings, what was done for it, what was proved.

| pk | sk | data |
|---|---|---|
| TD#arn | REFERENCES | the resources that the task definition references |
| TD#arn | FINDING#id | a ``FindingRecord`` |
| TD#arn | REMEDIATION#id | a ``Remediation``, and whether it was published |
| TD#arn | VERIFIED | a list of ``Verified``: what the registries accepted after the last rotation |
| TD#arn | ACCEPTED | ``Accepted`` by container: images that registries refuse anonymously and serve to a login |
| TD#arn | PULLED | nothing: a task of the revision had its images, though a registry would refuse one anonymously |
| REF#thing | TD#arn | nothing: the task definition references the thing |
| REF#role | GRANT#secret | the ``Grant`` that was last asked for, for an hour |
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from pullguard.aws.answers import asks
from pullguard.domain.actions import Grant
from pullguard.domain.arn import Arn
from pullguard.domain.records import from_record, to_record
from pullguard.domain.remediation import Remediation
from pullguard.domain.verification import Accepted, Verified
from pullguard.incidents.finding_lifecycle import FindingRecord
from pullguard.store.incidents import IncidentStore
from pullguard.store.table import (
    DAY_S,
    RESOLVED_KEPT_S,
    TRANSACTION_MAX,
    Client,
    Item,
    Table,
    data_of,
    expiry_of,
    td,
)
from pullguard.store.task_definitions import TaskDefinitionStore

# Validations that run at the same time ask for their grants within minutes. A grant that waits longer has a message of
# its own, and the next validation asks again.
_ASKED_S: Final = 3_600
# Each role's inline policies have room for fewer grants.
_ASKED_MAX: Final = 200


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


class EntryStore(Table):
    """The entries of task definitions. Errors propagate: a failed read never counts as an absent item."""

    PARTITIONS: ClassVar = ("TD#", "REF#")

    def __init__(self, client: Client, table: str) -> None:
        super().__init__(client, table)
        self._incidents = IncidentStore(client, table)
        self._definitions = TaskDefinitionStore(client, table)

    @asks("dynamodb:Query")
    def get(self, task_definition: Arn) -> Entry:
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

    @asks("dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem")
    def keep_references(
        self, task_definition: Arn, known: Entry, after: frozenset[str], grants: Mapping[Grant, datetime] | None = None
    ) -> None:
        """Set the references of a task definition to ``after``; an unchanged set costs no write.

        ``grants`` are about to be asked for, at that time: the role's next write may include them (``asked``).

        The first time, the task definition is added to those that each sweep asks for. The list is written last: a run
        that crashes before leaves it unchanged, and the next validation repeats all of it.
        """
        steps = [{"Put": self._asking(each, at)} for each, at in (grants or {}).items()]
        if not known.seen or known.references != after:
            steps += self._referencing(task_definition, known, after)
        for start in range(0, len(steps), TRANSACTION_MAX):
            self._transact(steps[start : start + TRANSACTION_MAX])

    def _referencing(self, task_definition: Arn, known: Entry, after: frozenset[str]) -> Iterator[dict[str, Any]]:
        before, mine = known.references, td(task_definition)
        if not known.seen:
            yield {"Update": self._definitions.remembering(task_definition)}
        yield from ({"Put": self._writing(_ref(thing), mine, None)} for thing in sorted(after - before))
        yield from ({"Delete": self._deleting(_ref(thing), mine)} for thing in sorted(before - after))
        yield {"Put": self._writing(mine, "REFERENCES", sorted(after))}

    def _asking(self, grant: Grant, at: datetime) -> dict[str, Any]:
        sort = f"GRANT#{grant.secret}"
        return self._writing(_ref(str(grant.role)), sort, to_record(grant), expires=at.timestamp() + _ASKED_S)

    @asks("dynamodb:Query")
    def asked(self, role: Arn, *, now: datetime) -> tuple[Grant, ...]:
        """Return the grants on ``role`` that validations asked for in the last hour, one for each secret: hints only.

        They may have been written since. At most 200 are returned.
        """

        def read(_: str, item: Item) -> tuple[Grant, int]:
            return from_record(Grant, data_of(item)), expiry_of(item)

        found = self._each(_ref(str(role)), read, "GRANT#", limit=_ASKED_MAX)
        return tuple(grant for grant, expires in found if expires > now.timestamp())

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
    def save_finding(self, task_definition: Arn, record: FindingRecord, *, incident_id: str, now: datetime) -> bool:
        """Store a finding's new state as a member of the incident ``incident_id`` (empty: of none).

        Return False if another run has stored a newer state. One transaction writes the finding and its membership, so
        that every member of an incident is an open finding.
        """
        sequence = {"N": str(record.sequence)}
        finding = record.finding
        writing = self._writing(
            td(task_definition),
            f"FINDING#{finding.id}",
            to_record(record),
            extra={"sequence": sequence, "announced": {"N": str(record.announced)}},
            expires=None if record.is_open else now.timestamp() + RESOLVED_KEPT_S,
            condition="attribute_not_exists(pk) OR #sequence < :sequence OR "
            "(#sequence = :sequence AND announced < :announced)",
            values={":sequence": sequence, ":announced": {"N": str(record.announced)}},
            names={"#sequence": "sequence"},
        )
        if record.announced == record.sequence:  # only published since: its membership is unchanged
            return self._write(writing)
        belongs, left = ([each] if each else [] for each in (incident_id, record.left))
        stays, leaves = (belongs, left) if record.is_open else ([], [*belongs, *left])
        puts, deletes = self._incidents.membership(
            f"{task_definition}#{finding.id}", finding, stays=stays, leaves=leaves, now=now
        )
        return self._together(put=(writing, *puts), delete=deletes)

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
            condition="attribute_not_exists(pk) OR announced = :unreported",
            values={":unreported": {"N": "0"}},
        )

    @asks("dynamodb:GetItem")
    def remediation(self, task_definition: Arn, remediation_id: str) -> Remediation | None:
        """Return the remediation with an id, or None."""
        return self._get(td(task_definition), f"REMEDIATION#{remediation_id}", Remediation.from_dict)


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


def _finding(data: Any) -> FindingRecord:
    return from_record(FindingRecord, data)


def _ref(thing: str) -> str:
    return f"REF#{thing}"
