"""The intents of messages, recorded before the deeds, so that a later run can report them.

| pk | sk | data |
|---|---|---|
| INTENT#message id | id | a ``Remediation`` that the message with that id was about to make |
"""

from datetime import datetime
from typing import ClassVar

from pullguard.aws.answers import asks
from pullguard.domain.remediation import Remediation
from pullguard.store.table import QUEUED_MAX_S, Table, data_of


class IntentStore(Table):
    """The intended remediations. Errors propagate."""

    PARTITIONS: ClassVar = ("INTENT#",)

    @asks("dynamodb:PutItem")
    def keep(self, remediation: Remediation, *, now: datetime) -> None:
        """Record what the message ``remediation.message_id`` is about to do. Call it before doing that."""
        self._put(
            f"INTENT#{remediation.message_id}",
            remediation.id,
            remediation.to_dict(),
            expires=now.timestamp() + QUEUED_MAX_S,
        )

    @asks("dynamodb:Query")
    def of(self, message_id: str) -> tuple[Remediation, ...]:
        """Return what runs of the message with this id were about to do."""
        return tuple(self._each(f"INTENT#{message_id}", lambda _, item: Remediation.from_dict(data_of(item))))
