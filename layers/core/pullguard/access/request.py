"""One request to AWS as its policies see it: the caller, the action, and the known circumstances."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeAlias

from pullguard.access.ternary import Unknown
from pullguard.access.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """A text in parts, separated by colons, some of which cannot be known beforehand (None): an ARN, a user id."""

    parts: tuple[str | None, ...]

    @property
    def known_prefix(self) -> str:
        """The text up to the first part that is not known."""
        known: list[str] = []
        for part in self.parts:
            if part is None:
                return ":".join([*known, ""])
            known.append(part)
        return ":".join(known)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBefore:
    """An instant in the future: ``epoch_s`` (seconds since 1970) or any later one."""

    epoch_s: Decimal


ContextValue: TypeAlias = str | Partial | NotBefore
Context: TypeAlias = Mapping[str, tuple[ContextValue, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknowable:
    """The condition keys that cannot be known before the task starts. Names and prefixes are in lower case.

    Without ``prefixes`` nothing is unknowable: a key that the context lacks is absent. Keys under a prefix are
    unknowable, unless ``absent`` (or ``absent_prefixes``) says that AWS does not send them. ``present`` are those that
    AWS certainly sends, with an unknown value. ``problems`` say why a key is unknown, if the reason is not that the
    task has yet to start. ``either`` are keys that are either absent or have these values. ``problem_prefixes`` are
    ``problems`` of all keys with that prefix. ``narrowing`` are keys of ``either`` by which an owner narrows an allow:
    a condition that matches for neither reading is still unknown.
    """

    prefixes: tuple[str, ...] = ()
    absent: frozenset[str] = frozenset()
    absent_prefixes: tuple[str, ...] = ()
    present: frozenset[str] = frozenset()
    problems: Mapping[str, str] = field(default_factory=dict)
    problem_prefixes: Mapping[str, str] = field(default_factory=dict)
    either: Mapping[str, tuple[ContextValue, ...]] = field(default_factory=dict)
    narrowing: frozenset[str] = frozenset()

    def covers(self, key: str) -> bool:
        """Whether the value, or the presence, of ``key`` (in lower case) is unknowable."""
        if key in self.present:
            return True
        if not key.startswith(self.prefixes):
            return False
        return key not in self.absent and not key.startswith(self.absent_prefixes)

    def doubt(self, key: str, spelled: str) -> Unknown:
        """Return the doubt about ``key`` (in lower case), which a policy writes as ``spelled``."""
        of_prefix = (why for prefix, why in self.problem_prefixes.items() if key.startswith(prefix))
        problem = self.problems.get(key) or next(of_prefix, None)
        return Unknown(keys=frozenset((spelled,))) if problem is None else Unknown(problems=(problem,))


NOTHING = Unknowable()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSession:
    """A session of a role. ``session`` is its name: None if it cannot be known yet, "" if there is no session."""

    role_arn: str
    account: str
    partition: str = "aws"
    role_id: str = ""
    session: str | None = ""

    @property
    def root_arn(self) -> str:
        """The ARN by which policies name the whole account."""
        return f"arn:{self.partition}:iam::{self.account}:root"

    @property
    def session_prefix(self) -> str:
        """The beginning of every session ARN of the role; it has the role's name without its path."""
        name = self.role_arn.rsplit("/", 1)[-1]
        return f"arn:{self.partition}:sts::{self.account}:assumed-role/{name}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """An AWS service that calls on its own behalf, such as ``ecs-tasks.amazonaws.com``."""

    name: str


Caller: TypeAlias = RoleSession | Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call. Create it with ``Request.of``: the keys of ``context`` are in lower case, its values tuples.

    ``work`` is the remaining budget for its comparisons; its ``readings`` share it.
    """

    caller: Caller
    action: str
    resource: str
    resource_account: str
    context: Context
    unknowable: Unknowable = NOTHING
    action_folded: str = field(repr=False)
    work: Work = field(default_factory=Work, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        *,
        caller: Caller,
        action: str,
        resource: str,
        resource_account: str,
        context: Mapping[str, ContextValue | list[str] | tuple[ContextValue, ...]],
        unknowable: Unknowable = NOTHING,
    ) -> "Request":
        """Build a request: names of condition keys are compared without regard to case, a lone value is a list of one.

        AWS does not say which of two keys counts that differ by case only (two tags ``Team`` and ``team``): such a key
        is present, and its value unknown.
        Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
        """
        listed = {key: tuple(value) if isinstance(value, (list, tuple)) else (value,) for key, value in context.items()}
        folded = {key.lower(): values for key, values in listed.items()}
        if len(folded) < len(listed) and (ambiguous := _ambiguous(listed)):
            for key in ambiguous:
                del folded[key]
            present = unknowable.present | ambiguous.keys()
            unknowable = replace(unknowable, present=present, problems={**unknowable.problems, **ambiguous})
        return cls(
            caller=caller,
            action=action,
            resource=resource,
            resource_account=resource_account,
            context=folded,
            unknowable=unknowable,
            action_folded=action.lower(),
        )

    @property
    def same_account(self) -> bool:
        """Whether the caller and the resource are in one account; a service has no account."""
        return isinstance(self.caller, RoleSession) and self.caller.account == self.resource_account

    def may_be_narrowed(self, problems: tuple[str, ...]) -> bool:
        """Whether any of ``problems``, of a decision that is unknown, is about a key of ``unknowable.narrowing``."""
        return any(self.unknowable.problems.get(key) in problems for key in self.unknowable.narrowing)

    @property
    def readings(self) -> tuple["Request", ...]:
        """The request with each key of ``unknowable.either`` absent or present; only itself without such keys."""
        either = self.unknowable.either
        if not either:
            return (self,)
        rest = replace(self.unknowable, absent=self.unknowable.absent | either.keys(), either={})
        readings: list[dict[str, tuple[ContextValue, ...]]] = [{}]
        for key, values in either.items():
            readings += [{**reading, key: values} for reading in readings]
        return tuple(replace(self, unknowable=rest, context={**self.context, **present}) for present in readings)


def _ambiguous(context: Context) -> dict[str, str]:
    """Return each key, in lower case, that two spellings give different values, and why its value is unknown."""
    first: dict[str, tuple[ContextValue, ...]] = {}
    ambiguous: dict[str, str] = {}
    for key, values in context.items():
        if first.setdefault(key.lower(), values) != values:
            ambiguous[key.lower()] = f"AWS does not say which counts of two values of {key} that differ in case"
    return ambiguous
