"""The messages that the functions send each other, as they lie in the queues.

A message is only a pointer: it says what to look at and why. Whoever receives it reads the present state and decides
again, so that a forged, late or repeated message can do no more than make somebody look.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pullguard.domain.arn import ARN_MAX_CHARS, Arn, parse_task_definition, partition_of
from pullguard.domain.errors import Malformed, Rejected, shown
from pullguard.domain.provenance import Provenance

RECEIVES_MAX = 4  # how often each queue of the template delivers a message
ATTEMPTS_MAX = 4  # looks in a row at what was written, until it shows
# The causes of a sweep's looks: at what a page listed, and at what the ledger knows and no page listed.
LISTED, UNLISTED = "Sweep", "Sweep of the unlisted"
# The cause of looks at the other revisions of a family that the ledger knows, once one was registered or put to use.
SIBLING = "Change of the family"
MAYBE_UNUSED = frozenset({UNLISTED, SIBLING})  # the causes of looks at what may matter no more
BODY_MAX_CHARS = 262_144  # SQS and EventBridge both stop at 256 KB


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The account and Region that the application is deployed in: all that it looks at lies there."""

    account: str
    region: str

    def admit(self, arn: Arn) -> None:
        """Let an ARN of this account and Region pass, or one of IAM, which has none; raises ``Rejected``."""
        here = (arn.partition, arn.account) == (partition_of(self.region), self.account)
        if not here or arn.region not in ("", self.region):
            raise Rejected(f"{arn} is not of this account and Region ({self.account}, {self.region})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRequest:
    """*Look at this task definition*: the only thing that a message can say.

    ``attempt`` counts the looks that only wait for a write to show, from 1 to ``ATTEMPTS_MAX``; 0 is any other look.
    """

    task_definition: Arn
    provenance: Provenance
    attempt: int = 0

    @property
    def subject(self) -> Arn:
        """What is to be validated."""
        return self.task_definition

    def to_json(self) -> str:
        """Return the message's body."""
        attempt = {"attempt": self.attempt} if self.attempt else {}
        return json.dumps({"task_definition": str(self.task_definition), "cause": self.provenance.to_dict(), **attempt})

    @classmethod
    def parse(cls, body: str) -> "ValidationRequest":
        """Prove that ``body`` is such a message; raises ``Rejected`` with the reason where it is not."""
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
class Review:
    """*Look whether this role still needs its grants*: what the sweep asks of whoever may write IAM."""

    role: Arn
    provenance: Provenance

    @property
    def subject(self) -> Arn:
        """What is to be reviewed."""
        return self.role

    def to_json(self) -> str:
        """Return the message's body."""
        return json.dumps({"role": str(self.role), "cause": self.provenance.to_dict()})


def request_about(subject: Arn, cause: Provenance) -> ValidationRequest | Review:
    """Return the message that asks about ``subject``: the validation of a task definition, or the review of a role."""
    if subject.service == "iam":
        return Review(role=subject, provenance=cause)
    return ValidationRequest(task_definition=subject, provenance=cause)


def parse_command(body: str) -> ValidationRequest | Review:
    """Prove that ``body`` asks about a task definition or a role; raises ``Rejected`` with the reason if not."""
    message = parse_object(body)
    if "role" not in message or "task_definition" in message:
        return ValidationRequest.parse(body)
    try:
        role = Arn.parse(_text(message, "role", ARN_MAX_CHARS), service="iam", resource_type="role")
    except Malformed as error:
        raise Rejected(str(error)) from error
    return Review(role=role, provenance=Provenance.from_dict(message.get("cause")))


def parse_object(body: str) -> dict[str, Any]:
    """Return the JSON object in ``body``; raises ``Rejected`` with the reason where there is none."""
    if len(body) > BODY_MAX_CHARS:
        raise Rejected(f"the message has {len(body)} characters, more than the {BODY_MAX_CHARS} that any queue takes")
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"the message is not JSON: {type(error).__name__} in {shown(body)}") from error
    if not isinstance(message, dict):
        raise Rejected(f"the message is JSON but no object: {shown(body)}")
    return message


def _text(message: Mapping[str, Any], member: str, limit: int) -> str:
    value = message.get(member)
    if not isinstance(value, str) or not value or len(value) > limit:
        raise Rejected(f'the message has no "{member}" (a text of at most {limit} characters): {shown(repr(value))}')
    return value
