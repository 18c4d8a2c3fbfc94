"""The decision on one request, the deciding statements, and the unknown values."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from pullguard.access.policy import Layer, Policy, Statement


class Verdict(StrEnum):
    """The verdicts. AWS knows the first three; the fourth is ours, for what is unknown until the task starts."""

    ALLOWED = "Allowed"
    IMPLICITLY_DENIED = "ImplicitlyDenied"
    EXPLICITLY_DENIED = "ExplicitlyDenied"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """One statement of one policy; ``statement`` has the value None if the whole policy (or a grant) is meant."""

    policy: Policy
    statement: Statement | None = None

    @property
    def title(self) -> str:
        """The position in words: ``statement "Read" of the inline policy "registry"``."""
        if self.statement is None:
            return self.policy.title
        label = f'"{self.statement.sid}"' if self.statement.sid else str(self.statement.index)
        return f"statement {label} of {self.policy.title}"

    @property
    def text(self) -> str | None:
        """The statement as JSON, to quote; None if there is no single statement."""
        return None if self.statement is None else self.statement.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to one request.

    ``layer`` (and ``level`` of a control policy, from the root, 0) is the deciding one: the first that lacks an allow,
    in the order of ``lacking``; or the one that denies; or the one that allows. ``statements`` are those that decide:
    the denying, the allowing or the doubtful ones; an implicit deny has no such statement. ``missing_keys`` are the
    condition keys, as the policy writes them, on which an Unknown depends; ``problems`` are the unreadable parts.
    ``granting`` are all statements that allow, whatever the answer.
    """

    verdict: Verdict
    action: str
    resource: str
    layer: Layer
    level: int | None = None
    lacking: tuple[Layer, ...] = ()
    statements: tuple[Citation, ...] = ()
    granting: tuple[Citation, ...] = ()
    missing_keys: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """One sentence for people."""
        titles = _listed([citation.title for citation in self.statements])
        one = len(self.statements) == 1
        asked = f"{self.action} on {self.resource}"
        match self.verdict:
            case Verdict.ALLOWED:
                return _sentence(f"{titles} {'allows' if one else 'allow'} {asked}")
            case Verdict.EXPLICITLY_DENIED:
                return _sentence(f"{titles} explicitly {'denies' if one else 'deny'} {asked}")
            case Verdict.IMPLICITLY_DENIED:
                lacks = [_lack(layer, self.level if layer is self.layer else None) for layer in self.lacking]
                return _sentence(f"{_listed(lacks)} {asked}")
            case Verdict.UNKNOWN:
                hangs = f"{titles} {'hangs' if one else 'hang'} on {_listed(self.missing_keys)}"
                doubts = [*([hangs] if self.missing_keys else []), *self.problems]
                return _sentence(f"could not determine whether {asked} is allowed: {'; '.join(doubts)}")


def _lack(layer: Layer, level: int | None) -> str:
    match layer:
        case Layer.SERVICE_CONTROL | Layer.RESOURCE_CONTROL:
            return f"no {layer}{'' if level is None else f' at level {level}'} allows"
        case Layer.IDENTITY:
            return "no identity policy of the role allows"
        case Layer.RESOURCE | Layer.GRANT:
            return f"no {layer} allows"
        case Layer.BOUNDARY | Layer.KEY | Layer.TRUST:
            return f"the {layer} does not allow"
        case _:
            assert_never(layer)


def _listed(texts: Sequence[str]) -> str:
    return " and ".join([text for text in (", ".join(texts[:-1]), *texts[-1:]) if text])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
