"""The alerts that count for the limits, and the remediations whose alerts are held back.

| pk | sk | data |
|---|---|---|
| ALERTS | SENT | the alerts of the last hour (``SentAlert``); ``version`` changes with each write |
| ALERTS | HELD#what | the task definition and the id of a remediation whose alert waits for the summary |
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from pullguard.aws.answers import asks
from pullguard.domain.arn import Arn
from pullguard.domain.errors import MalformedItem
from pullguard.incidents.alert_limits import SentAlert, together_with
from pullguard.store.table import DAY_S, RESOLVED_KEPT_S, Item, Table, data_of, expiry_of, log_malformed, reading

_ALERTS: Final = "ALERTS"
_HELD: Final = "HELD#"
# A version that is not a text gives way.
_SAME: Final = "NOT attribute_type(#version, :text) OR #version = :version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The alerts of the last hour, and the version of the item that holds them; empty if there is no item."""

    alerts: tuple[SentAlert, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRemediation:
    """A remediation whose alert ``what`` is held back: the task definition and the id under which it is stored."""

    what: str
    task_definition: Arn
    remediation_id: str


class SentAlertStore(Table):
    """The alerts that count for the limits. Errors propagate."""

    PARTITIONS: ClassVar = (_ALERTS,)

    @asks("dynamodb:GetItem")
    def last_hour(self) -> Sent:
        """Return the alerts of the last hour. A malformed item counts as none, so that alerts are sent."""
        item = self._item(_ALERTS, "SENT")
        if item is None:
            return Sent()
        version = str(item.get("version", {}).get("S", ""))
        try:
            return Sent(alerts=reading(item, _alerts), version=version)
        except MalformedItem as error:
            log_malformed(error)
            return Sent(version=version)

    def counting(self, alert: SentAlert, sent: Sent) -> dict[str, Any]:
        """Return the request that adds ``alert`` to those ``sent``, for the transaction that claims it.

        It fails if another run has counted one meanwhile.
        """
        number = int(sent.version) if sent.version.isdecimal() else 0
        return self._writing(
            _ALERTS,
            "SENT",
            [each.to_list() for each in together_with(alert, sent.alerts)],
            extra={"version": {"S": str(number + 1)}},
            expires=alert.at.timestamp() + DAY_S,
            condition=_SAME,
            values={":text": {"S": "S"}, ":version": {"S": sent.version}},
            names={"#version": "version"},
        )

    @asks("dynamodb:PutItem")
    def hold(self, held: HeldRemediation, *, now: datetime) -> None:
        """Record that the alert about a remediation waits for the summary."""
        pointer = [str(held.task_definition), held.remediation_id]
        self._put(_ALERTS, f"{_HELD}{held.what}", pointer, expires=now.timestamp() + RESOLVED_KEPT_S)

    @asks("dynamodb:PutItem")
    def release(self, held: HeldRemediation, *, now: datetime) -> None:
        """Record that the summary has named it: the item expires."""
        pointer = [str(held.task_definition), held.remediation_id]
        self._put(_ALERTS, f"{_HELD}{held.what}", pointer, expires=now.timestamp())

    @asks("dynamodb:Query")
    def held(self, *, now: datetime) -> tuple[HeldRemediation, ...]:
        """Return the remediations whose alerts wait for the summary."""

        def read(what: str, item: Item) -> tuple[HeldRemediation, int]:
            task_definition, remediation_id = data_of(item)
            arn = Arn.parse(task_definition)
            return HeldRemediation(what=what, task_definition=arn, remediation_id=remediation_id), expiry_of(item)

        return tuple(each for each, until_s in self._each(_ALERTS, read, _HELD) if until_s > now.timestamp())


def _alerts(item: Item) -> tuple[SentAlert, ...]:
    return tuple(SentAlert.from_list(each) for each in data_of(item))
