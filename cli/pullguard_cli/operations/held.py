"""Everything that somebody holds: the stack, roles and families; since when, by whom and why, and how it is let go."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any, assert_never

from rich import box
from rich.console import Console
from rich.table import Table

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Malformed
from pullguard.domain.facts import Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.stop import Stop
from pullguard_cli.deployment import Deployment
from pullguard_cli.options import DEFAULT_STACK
from pullguard_cli.printing import says, time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held of ``stack``: all of it (``stop``, as far as that could be read), and the roles and families."""

    stack: str
    stop: Lookup[Stop | None]
    roles: Mapping[Arn, Stop]
    families: Mapping[str, Stop]

    def resume(self, *what: str) -> str:
        """Return the command that lets go of all, or of ``what``."""
        return resume_command(self.stack, *what)


def resume_command(stack: str, *what: str) -> str:
    """Return the command that lets go of ``stack``, or of ``what`` in it: a role, or ``--family`` and a family."""
    named = () if stack == DEFAULT_STACK else ("--stack", stack)
    return " ".join(map(quote, ("pullguard", "resume", *what, *named)))


def look(deployment: Deployment, *, role: Arn | None = None, family: str | None = None) -> Held:
    """Return what is held: everything, or ``role`` and ``family`` and what holds them with all others.

    Errors of the ledger propagate; a stop parameter that cannot be read is part of the answer.
    """
    ledger = deployment.ledger
    if role is None and family is None:
        roles, families = ledger.held_roles(), ledger.held_families()
    else:
        roles = {} if role is None or (hold := ledger.hold(role)) is None else {role: hold}
        families = {} if family is None or (hold := ledger.family_hold(family)) is None else {family: hold}
    return Held(stack=deployment.stack, stop=deployment.stop(), roles=roles, families=families)


def described(held: Held) -> dict[str, Any]:
    """Return what is held for programs; ``stopped`` is null where nobody could tell."""
    roles, families = held.roles.items(), held.families.items()
    return {
        "stop": _described(held),
        "holds": [
            {"role": str(role), **hold.to_dict(), "resume": held.resume(role.resource_name)} for role, hold in roles
        ],
        "family_holds": [
            {"family": family, **hold.to_dict(), "resume": held.resume("--family", family)} for family, hold in families
        ],
    }


def _described(held: Held) -> dict[str, Any]:
    match held.stop:
        case None:
            return {"stopped": False}
        case Stop() as stop:
            return {"stopped": True, **stop.to_dict(), "resume": held.resume()}
        case unread:
            return {"stopped": None, "why": _unread(unread)}


def print_held(held: Held, console: Console, *, nothing: str = "Nothing is held.") -> None:
    """Print what is held as a table, or ``nothing``; and that the stop could not be read, where it could not."""
    if not isinstance(held.stop, Stop | None):
        console.print(says(f"Whether everything is stopped is not known: {_unread(held.stop)}.", "yellow"))
    rows = tuple(_rows(held))
    if not rows:
        console.print(says(nothing))
        return
    table = Table(box=box.SIMPLE_HEAD, expand=True, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("Held", "Since", "By", "Why"):
        table.add_column(column, overflow="fold")
    longest = max(len(command) for *_, command in rows)
    table.add_column("Let go with", overflow="fold", no_wrap=longest <= console.width // 2)  # for copying
    for what, hold, command in rows:
        table.add_row(
            says(what, "yellow"),
            says(time_of(hold.at)),
            says(_who(hold.by)),
            says(hold.reason, "dim"),
            says(command, "bold"),
        )
    console.print(table)


def _rows(held: Held) -> Iterator[tuple[str, Stop, str]]:
    if isinstance(held.stop, Stop):
        yield f"everything in the stack {held.stack}", held.stop, held.resume()
    for role, hold in held.roles.items():
        yield f"role {role.resource_name}", hold, held.resume(role.resource_name)
    for family, hold in held.families.items():
        yield f"family {family}", hold, held.resume("--family", family)


def _unread(fact: Missing | Unreadable | NotAsked) -> str:
    match fact:
        case Missing():
            return f"there is no parameter {fact.resource}, so that nothing is written; deploy the stack again"
        case Unreadable():
            return str(fact)
        case NotAsked():
            return f"{fact.why} ({fact.switch})"
        case _:
            assert_never(fact)


def _who(by: str) -> str:
    """Return ``user/ada`` for the ARN of a caller, any other text as it is; programs get all of it."""
    try:
        return Arn.parse(by).resource
    except Malformed:
        return by
