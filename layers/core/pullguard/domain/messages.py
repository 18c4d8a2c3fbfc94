"""The messages that the functions exchange through the queues.

A message is only a pointer: it names the resource to validate and the reason. The receiver reads the current state and
decides again, so that a forged, late or repeated message can at most cause another validation.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pullguard.domain.arn import ARN_MAX_CHARS, Arn, is_family, parse_task_definition, partition_of
from pullguard.domain.errors import Malformed, Rejected, shown
from pullguard.domain.provenance import Provenance

RECEIVES_MAX = 4  # how often each queue of the template delivers a message
ATTEMPTS_MAX = 4  # consecutive validations of a written resource, until the write is visible
# The provenance of a sweep's requests, by kind: for what a page listed, and for what only the ledger knows.
LISTED, UNLISTED = "Sweep", "Sweep of the unlisted"
# The provenance of requests for a family's other revisions in the ledger, after one was registered or put to use.
SIBLING = "Change of the family"
MAYBE_UNUSED = frozenset({UNLISTED, SIBLING})  # kinds of requests about resources that may no longer be in use
BODY_MAX_CHARS = 262_144  # SQS and EventBridge both stop at 256 KB


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The account and Region of the deployment; it validates only resources there."""

    account: str
    region: str

    def admit(self, arn: Arn) -> None:
        """Accept an ARN of this account and Region, or of IAM, which has no Region; raises ``Rejected``."""
        here = (arn.partition, arn.account) == (partition_of(self.region), self.account)
        if not here or arn.region not in ("", self.region):
            raise Rejected(f"{arn} is not of this account and Region ({self.account}, {self.region})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRequest:
    """*Validate this task definition*.

    ``attempt`` counts the attempts that only wait for a write to become visible, from 1 to ``ATTEMPTS_MAX``; 0 for any
    other request.
    """

    task_definition: Arn
    provenance: Provenance
    attempt: int = 0

    @property
    def subject(self) -> Arn:
        """The ARN to validate."""
        return self.task_definition

    def to_json(self) -> str:
        """Return the message's body."""
        attempt = {"attempt": self.attempt} if self.attempt else {}
        return json.dumps({"task_definition": str(self.task_definition), "cause": self.provenance.to_dict(), **attempt})

    @classmethod
    def parse(cls, body: str) -> "ValidationRequest":
        """Validate that ``body`` is such a message; raises ``Rejected`` with the reason if it is not."""
        message = parse_object(body)
        try:
            arn = parse_task_definition(_text(message, "task_definition", ARN_MAX_CHARS))
        except Malformed as error:
            raise Rejected(str(error)) from error
        attempt = message.get("attempt", 0)
        if type(attempt) is not int or not 0 <= attempt <= ATTEMPTS_MAX:
            raise Rejected(f'the message\'s "attempt" is {shown(repr(attempt))}, not a number from 0 to {ATTEMPTS_MAX}')
        return cls(task_definition=arn, provenance=Provenance.from_dict(message.get("cause")), attempt=attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRequest:
    """*Validate the newest ACTIVE revision of this family*: the sweep sends it to the validator only."""

    family: str
    provenance: Provenance

    def to_json(self) -> str:
        """Return the message's body."""
        return json.dumps({"family": self.family, "cause": self.provenance.to_dict()})

    @classmethod
    def parse(cls, body: str) -> "FamilyRequest":
        """Validate that ``body`` is such a message; raises ``Rejected`` with the reason if it is not."""
        message = parse_object(body)
        family = message.get("family")
        if not isinstance(family, str) or not is_family(family):
            raise Rejected(f'the message\'s "family" is {shown(repr(family))}, not the name of a family')
        return cls(family=family, provenance=Provenance.from_dict(message.get("cause")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """*Check whether this role still needs its grants*: the sweep sends it to the function that may write IAM."""

    role: Arn
    provenance: Provenance

    @property
    def subject(self) -> Arn:
        """The ARN to review."""
        return self.role

    def to_json(self) -> str:
        """Return the message's body."""
        return json.dumps({"role": str(self.role), "cause": self.provenance.to_dict()})


Message: TypeAlias = ValidationRequest | FamilyRequest | Review
"""A message of the validation queue."""


def request_about(subject: Arn, provenance: Provenance) -> ValidationRequest | Review:
    """Return the request about ``subject``: validation for a task definition, review for a role."""
    if subject.service == "iam":
        return Review(role=subject, provenance=provenance)
    return ValidationRequest(task_definition=subject, provenance=provenance)


def parse_message(body: str) -> Message:
    """Validate that ``body`` is a message for the validator; raises ``Rejected`` with the reason if it is not."""
    return FamilyRequest.parse(body) if "family" in parse_object(body) else parse_command(body)


def parse_command(body: str) -> ValidationRequest | Review:
    """Validate that ``body`` asks about a task definition or a role; raises ``Rejected`` with the reason if not."""
    message = parse_object(body)
    if "role" not in message or "task_definition" in message:
        return ValidationRequest.parse(body)
    try:
        role = Arn.parse(_text(message, "role", ARN_MAX_CHARS), service="iam", resource_type="role")
    except Malformed as error:
        raise Rejected(str(error)) from error
    return Review(role=role, provenance=Provenance.from_dict(message.get("cause")))


def parse_object(body: str) -> dict[str, Any]:
    """Return the JSON object in ``body``; raises ``Rejected`` with the reason if it is not one."""
    if len(body) > BODY_MAX_CHARS:
        raise Rejected(f"the message has {len(body)} characters, more than the {BODY_MAX_CHARS} that any queue takes")
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"the message is not JSON: {type(error).__name__} in {shown(body)}") from error
    if not isinstance(message, dict):
        raise Rejected(f"the message is JSON but not an object: {shown(body)}")
    return message


def _text(message: Mapping[str, Any], member: str, limit: int) -> str:
    value = message.get(member)
    if not isinstance(value, str) or not value or len(value) > limit:
        raise Rejected(f'the message has no "{member}" (a text of at most {limit} characters): {shown(repr(value))}')
    return value
