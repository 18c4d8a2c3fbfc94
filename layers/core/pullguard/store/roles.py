"""What is known of each role: what our policy on it grants, each write of the policy, and a hold.

| pk | sk | data |
|---|---|---|
| ROLES | ROLE#arn | nothing: a role whose policy we have written |
| ROLE#arn | GRANTED#secret | a ``GrantRecord``: what our policy on the role grants for this stack's own need |
| ROLE#arn | WRITE#time#id | the policy before and after a write, and the outcome of the write |
| ROLE#arn | UNAGREED#secret | a ``GrantWithoutConsent``, until it is revoked |
| ROLE#arn | HOLD | who holds the role, when and why: nothing is written to it (listed by ``holds.py``) |
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem
from pullguard.domain.grant_record import GrantRecord, GrantWithoutConsent
from pullguard.domain.policy_document import Granted
from pullguard.domain.records import from_record, to_record
from pullguard.domain.stop import Stop
from pullguard.domain.write_history import Write
from pullguard.store.holds import Holdable
from pullguard.store.table import HISTORY_KEPT_S, Item, data_of, log_malformed, reading

UNREAD: Final = "its record in the ledger cannot be read"


class RoleStore(Holdable):
    """The grants, policy writes and holds of execution roles. Errors propagate."""

    PARTITIONS: ClassVar = ("ROLES", "ROLE#")

    @asks("dynamodb:Query")
    def known(self) -> tuple[Arn, ...]:
        """Return the roles whose policies we have written."""
        return tuple(self._each("ROLES", lambda arn, _: Arn.parse(arn), "ROLE#"))

    @asks("dynamodb:Query")
    def grant_records(self, role: Arn) -> tuple[GrantRecord, ...]:
        """Return what our policy on ``role`` should grant for this stack's own need, and which grants are unused."""
        return tuple(self._each(f"ROLE#{role}", _grant_record, "GRANTED#"))

    @asks("dynamodb:Query")
    def granted(self, role: Arn) -> tuple[Granted, ...]:
        """Return what our policy on ``role`` should grant for this stack's own need."""
        return tuple(record.granted for record in self.grant_records(role))

    @asks("dynamodb:PutItem")
    def record_write(self, role: Arn, *, write_id: str, record: Mapping[str, Any], now: datetime) -> None:
        """Record our policy on ``role`` before and after a write.

        Call it before the policy is written, and again with the same ``write_id`` and ``now`` when the ``outcome`` in
        ``record`` is known.
        """
        self._put("ROLES", f"ROLE#{role}", None)
        self._put(
            f"ROLE#{role}",
            f"WRITE#{now.isoformat()}#{write_id}",
            dict(record),
            expires=now.timestamp() + HISTORY_KEPT_S,
        )

    @asks("dynamodb:Query")
    def writes(self, role: Arn) -> tuple[Write, ...]:
        """Return the writes of our policy on ``role``, oldest first."""

        def read(sort: str, item: Item) -> Write:
            return Write.from_record(role, sort, data_of(item))

        return tuple(self._each(f"ROLE#{role}", read, "WRITE#"))

    @asks("dynamodb:PutItem")
    def keep_grants(
        self, role: Arn, grants: Iterable[Granted], *, role_id: str = "", task_definition: str = ""
    ) -> None:
        """Record ``grants`` to ``role`` for ``task_definition``. Call it after IAM has accepted the policy."""
        about = {"role_id": role_id, "task_definition": task_definition}
        for grant in grants:
            data = {"secret": str(grant.secret), "key": str(grant.key) if grant.key else None}
            self._put(f"ROLE#{role}", f"GRANTED#{grant.secret}", {**data, **about})

    @asks("dynamodb:UpdateItem")
    def mark_unused(self, role: Arn, secret: Arn, *, sweep: str, now: datetime) -> None:
        """Mark a grant as unused by a complete sweep; the time of the first such mark stays."""
        self._change(
            f"ROLE#{role}",
            f"GRANTED#{secret}",
            "SET unused_sweep = :sweep, unused_since = if_not_exists(unused_since, :now)",
            condition="attribute_exists(pk)",
            values={":sweep": {"S": sweep}, ":now": {"S": now.isoformat()}},
        )

    @asks("dynamodb:UpdateItem")
    def mark_needed(self, role: Arn, secret: Arn) -> None:
        """Mark a grant as needed."""
        self._change(
            f"ROLE#{role}",
            f"GRANTED#{secret}",
            "REMOVE unused_sweep, unused_since",
            condition="attribute_exists(pk)",
        )

    @asks("dynamodb:DeleteItem")
    def forget_grant(self, role: Arn, secret: Arn) -> None:
        """Delete the record of a grant of ``secret`` to ``role``. Call it after IAM has accepted the policy."""
        self._delete(f"ROLE#{role}", f"GRANTED#{secret}")

    @asks("dynamodb:Query")
    def without_consent(self, role: Arn) -> tuple[GrantWithoutConsent, ...]:
        """Return the recorded grants of our policy on ``role`` that lack an owner's consent."""
        return tuple(self._each(f"ROLE#{role}", _without_consent, "UNAGREED#"))

    @asks("dynamodb:PutItem")
    def keep_without_consent(self, role: Arn, without_consent: Iterable[GrantWithoutConsent]) -> None:
        """Record the grants to revoke from ``role``. Call it before attempting that."""
        for each in without_consent:
            self._put(f"ROLE#{role}", f"UNAGREED#{each.granted.secret}", to_record(each))

    @asks("dynamodb:DeleteItem")
    def forget_without_consent(self, role: Arn, without_consent: Iterable[GrantWithoutConsent]) -> None:
        """Delete records of grants to revoke from ``role``: they are gone, or both owners consent again."""
        for each in without_consent:
            self._delete(f"ROLE#{role}", f"UNAGREED#{each.granted.secret}")

    @asks("dynamodb:GetItem")
    def hold(self, role: Arn) -> Stop | None:
        """Return the hold on ``role``, or None. A held role is not written to."""
        return self._held(f"ROLE#{role}")

    @asks("dynamodb:PutItem")
    def save_hold(self, role: Arn, stop: Stop) -> None:
        """Hold ``role``: nothing is written to it until the hold ends."""
        self._hold(f"ROLE#{role}", stop)

    @asks("dynamodb:DeleteItem")
    def end_hold(self, role: Arn) -> None:
        """End the hold on ``role``."""
        self._release_hold(f"ROLE#{role}")


def _grant_record(secret: str, item: Item) -> GrantRecord:
    """Return the grant record of an item; a malformed item yields a record that is neither lost nor unused."""
    arn = Arn.parse(secret)
    try:
        return reading(item, lambda it: GrantRecord.from_item(data_of(it), it))
    except MalformedItem as error:
        log_malformed(error)
        return GrantRecord(granted=Granted(secret=arn, key=None), task_definition="")


def _without_consent(secret: str, item: Item) -> GrantWithoutConsent:
    """Return the record of an item; a malformed item yields a record that its secret's grant is to be revoked."""
    arn = Arn.parse(secret)
    try:
        return reading(item, lambda it: from_record(GrantWithoutConsent, data_of(it)))
    except MalformedItem as error:
        log_malformed(error)
        return GrantWithoutConsent(granted=Granted(secret=arn, key=None), before=None, task_definition="", why=UNREAD)
