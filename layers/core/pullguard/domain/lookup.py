"""The results of a lookup in AWS: the resource, or why there is none.

A failed lookup is a fact too. A ``Lookup`` is the resource itself, ``Missing`` (AWS says that it does not exist),
``Unreadable`` (AWS did not or could not answer) or ``NotAsked`` (switched off). The four types cannot be confused, and
a check that forgets a case is a type error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, TypeVar

NO_PERMISSION: Final = "(none)"

Tags: TypeAlias = Mapping[str, str]
Document: TypeAlias = str | Mapping[str, Any]
"""A policy as AWS returned it: JSON text, or the parsed object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """AWS answered that the resource does not exist; ``instead`` is the ARN of another one with its name, if any."""

    resource: str
    instead: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """AWS did not answer the question: ``permission`` is the IAM action that was used on ``resource``.

    It is ``NO_PERMISSION`` if the question was not a call to AWS.
    """

    permission: str
    resource: str
    reason: Literal["denied", "throttled", "unreachable", "refused"]
    detail: str = ""

    def __str__(self) -> str:
        why = {
            "denied": "access was denied",
            "throttled": "AWS throttled the call",
            "unreachable": "the service did not answer",
            "refused": "AWS refused the call",
        }[self.reason]
        return f"{self.permission} on {self.resource}: {why}{f' ({self.detail})' if self.detail else ''}"

    @property
    def is_passing(self) -> bool:
        """Whether the same call may be answered seconds later."""
        return self.reason in ("throttled", "unreachable")

    @property
    def brief(self) -> str:
        """The call and its result in two words: ``ecs:DescribeTaskDefinition denied``; empty if it was not a call."""
        if self.permission == NO_PERMISSION:
            return ""
        return f"{self.permission} {'unanswered' if self.reason == 'unreachable' else self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAsked:
    """AWS was not asked: a feature is switched off, or AWS would not answer here.

    ``switch`` says how to change that; ``command`` answers the question when run, if there is such a command.
    """

    why: str
    switch: str
    command: str | None = None


T = TypeVar("T")
Lookup: TypeAlias = T | Missing | Unreadable | NotAsked


def explained(lookup: Missing | Unreadable | NotAsked) -> str:
    """Explain in words why a lookup has no result."""
    match lookup:
        case Missing():
            return f"{lookup.resource} does not exist"
        case Unreadable():
            return str(lookup)
        case NotAsked():
            return f"{lookup.why} ({lookup.switch})"


def vanished(missing: Missing) -> str:
    """State that AWS did not find a resource that another of its answers named; nothing follows from that."""
    return f"{missing.resource} was not found, although AWS had just described it"


# --- Secrets ---------------------------------------------------------------------------------------------------

VERIFICATION_SWITCHED_OFF = NotAsked(
    why="live verification is switched off",
    switch="parameter VerifyCredentials=true in the deployment, or --live-registry in the command line",
)
SIMULATION_SWITCHED_OFF = NotAsked(
    why="AWS's policy simulator was not asked",
    switch="parameter CrossCheck=true in the deployment, or --cross-check in the command line",
)
ROLES_NOT_LISTED = NotAsked(
    why="the account's roles were not listed", switch="pullguard explain, which offers roles of similar names"
)
SECRETS_NOT_LISTED = NotAsked(
    why="secrets that are not opted in were not listed",
    switch="pullguard explain, which also offers those that are not opted in",
)
USAGE_NOT_ASKED = NotAsked(why="where the revision runs was not looked up", switch="pullguard audit, or the sweep")
TASKS_NOT_ASKED = NotAsked(why="the tasks of the revision were not listed", switch="pullguard audit")
