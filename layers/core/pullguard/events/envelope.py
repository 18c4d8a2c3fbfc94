"""The validated envelope of an EventBridge event, and access to the event's detail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from re import Pattern
from typing import Any, TypedDict

from pullguard.domain.arn import Arn, is_account, is_region, partition_of
from pullguard.domain.errors import Malformed, Rejected, shown
from pullguard.domain.provenance import Provenance, is_event_id, quoted, time_of

EVENT_MAX_BYTES = 256 * 1024  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
TEXT_MAX_CHARS = 2048


class Origin(TypedDict):
    """The members that every trigger has."""

    provenance: Provenance
    account: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event with a validated envelope; ``resources`` and ``detail`` are not validated."""

    name: str
    provenance: Provenance
    account: str
    region: str
    resources: tuple[object, ...]
    detail: Mapping[str, Any]

    @property
    def origin(self) -> Origin:
        """The members of a trigger that come from the envelope."""
        return {"provenance": self.provenance, "account": self.account, "region": self.region}

    def refuse(self, why: str) -> Rejected:
        """Return the rejection of this event."""
        return Rejected(f"{self.name} event {self.provenance.event_id}: {why}")

    def at(self, *path: str) -> Any:
        """Return the value at ``path`` in the detail, with keys in any case; None if there is no such value."""
        here: Any = self.detail
        for step in path:
            if not isinstance(here, Mapping):
                return None
            same = (value for key, value in here.items() if isinstance(key, str) and key.lower() == step.lower())
            here = next((value for value in same if value is not None), None)
        return here

    def text(self, *path: str) -> str:
        """Return the text at ``path``, for display only; empty if there is no such text."""
        return readable(self.at(*path))

    def proved(self, pattern: Pattern[str], what: str, *path: str) -> str:
        """Return the text at ``path`` if it matches ``pattern``; raises ``Rejected``, which names ``what``."""
        found = self.at(*path)
        if found is None:
            raise self.refuse(f"{'.'.join(path)} is missing")
        if not (isinstance(found, str) and pattern.fullmatch(found)):
            raise self.refuse(f"{'.'.join(path)} {quoted(found)} is not {what}")
        return found

    def arn(
        self,
        text: object,
        what: str,
        parse: Callable[[str], Arn],
        *,
        own_account: bool = True,
        regional: bool = True,
    ) -> Arn:
        """Validate an ARN of this event's Region and account; raises ``Rejected``.

        A call on another account's secret or key is also reported to the caller's account: ``own_account=False``. IAM's
        resources have no Region: ``regional=False``.
        Source: CloudTrail record contents, recipientAccountId.
        """
        if not isinstance(text, str):
            raise self.refuse(f"{what} {quoted(text)} is not an ARN")
        try:
            arn = parse(text)
        except Malformed as error:
            raise self.refuse(f"{what}: {error}") from error
        if arn.region != (self.region if regional else "") or arn.partition != partition_of(self.region):
            raise self.refuse(f"{what} {shown(text)} is not of the event's Region, {self.region}")
        if not is_account(arn.account) or (own_account and arn.account != self.account):
            raise self.refuse(f"{what} {shown(text)} is not of the event's account, {self.account}")
        return arn


def open_event(event: Mapping[str, Any], name: str, detail: Mapping[str, Any]) -> Event:
    """Validate the envelope of the event called ``name`` and its agreement with the detail; raises ``Rejected``."""
    for member, is_proved, what in (
        ("id", is_event_id, "an event id"),
        ("account", is_account, "an account id"),
        ("region", is_region, "a Region"),
    ):
        if not (isinstance(event.get(member), str) and is_proved(event[member])):
            raise Rejected(f"{name} event: {member} {quoted(event.get(member))} is not {what}")
    resources = event.get("resources")
    opened = Event(
        name=name,
        provenance=Provenance(kind=name, event_id=event["id"], at=time_of(event.get("time"), f"{name} event: time")),
        account=event["account"],
        region=event["region"],
        resources=tuple(resources) if isinstance(resources, list) else (),
        detail=detail,
    )
    for member, envelope in (("awsRegion", opened.region), ("recipientAccountId", opened.account)):
        if opened.at(member) not in (None, envelope):
            raise opened.refuse(f"detail.{member} {quoted(opened.at(member))} is not the event's, {envelope}")
    return opened


def readable(found: object) -> str:
    """Return a text cut and with its control characters escaped; empty for any other value."""
    if not isinstance(found, str):
        return ""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in found[:TEXT_MAX_CHARS])
