"""What was decided on one request, by which statements, and what is not known."""

from dataclasses import dataclass
from enum import StrEnum

from pullguard.access.policy import Layer, Policy, Statement


class Verdict(StrEnum):
    """The answers. AWS knows the first three; the fourth is ours, for what cannot be told before the task starts."""

    ALLOWED = "Allowed"
    IMPLICITLY_DENIED = "ImplicitlyDenied"
    EXPLICITLY_DENIED = "ExplicitlyDenied"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """One statement of one policy; ``statement`` is None where the whole policy (or a grant) is meant."""

    policy: Policy
    statement: Statement | None = None

    @property
    def title(self) -> str:
        """The place in words: ``statement "Read" of the inline policy "registry"``."""
        if self.statement is None:
            return self.policy.title
        label = f'"{self.statement.sid}"' if self.statement.sid else str(self.statement.index)
        return f"statement {label} of {self.policy.title}"

    @property
    def text(self) -> str | None:
        """The statement as JSON, to quote; None where there is none."""
        return None if self.statement is None else self.statement.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to one request.

    ``layer`` (and ``level`` of a control policy, from the root, 0) is what decided: the first that lacks an allow,
    in the order of ``lacking``; or what denies; or what allows. ``statements`` are those that decide: the denying, the
    allowing or the doubtful ones; none decides an implicit deny. ``missing_keys`` are the condition keys, in small
    letters, that an Unknown hangs on, ``problems`` what could not be read. ``granting`` are all statements that
    allow, whatever the answer.
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
        asked = f"{self.action} on {self.resource}"
        match self.verdict:
            case Verdict.ALLOWED:
                return f"{_capital(titles)} allows {asked}."
            case Verdict.EXPLICITLY_DENIED:
                return f"{_capital(titles)} denies {asked} explicitly."
            case Verdict.IMPLICITLY_DENIED:
                level = "" if self.level is None else f" at level {self.level}"
                return f"No {_listed([self.layer + level, *self.lacking[1:]], 'and no')} allows {asked}."
            case Verdict.UNKNOWN:
                return f"Whether {asked} is allowed cannot be told: {self._doubt(titles)}."

    def _doubt(self, titles: str) -> str:
        hanging = f"{titles} hangs on {_listed(list(self.missing_keys))}" if self.missing_keys else ""
        return "; ".join([part for part in (hanging, *self.problems) if part]) or titles


def _listed(texts: list[str], word: str = "and") -> str:
    if len(texts) < 2:  # noqa: PLR2004 (one text needs no "and")
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {word} {texts[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
