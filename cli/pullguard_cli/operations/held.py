"""Read and print the stop and the holds on roles and families, with the commands that end them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any, assert_never

from rich import box
from rich.console import Console
from rich.table import Table

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Malformed
from pullguard.domain.lookup import Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.stop import Stop
from pullguard_cli.deployment import Deployment
from pullguard_cli.options import DEFAULT_STACK
from pullguard_cli.printing import says, time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The stop of ``stack``, if it could be read, and its holds on roles and families."""

    stack: str
    stop: Lookup[Stop | None]
    roles: Mapping[Arn, Stop]
    families: Mapping[str, Stop]

    @property
    def is_any(self) -> bool:
        """Whether something is held, or it could not be read whether the stack is stopped."""
        return self.stop is not None or bool(self.roles or self.families)

    def resume(self, *what: str) -> str:
        """Return the command that ends the stop, or the hold on ``what``."""
        return resume_command(self.stack, *what)


def resume_command(stack: str, *what: str) -> str:
    """Return the command that ends the stop of ``stack``, or the hold on ``what``: a role, or ``--family`` FAMILY."""
    named = () if stack == DEFAULT_STACK else ("--stack", stack)
    return " ".join(map(quote, ("pullguard", "resume", *what, *named)))


def read_held(deployment: Deployment, *, role: Arn | None = None, family: str | None = None) -> Held:
    """Return the stop with all holds, or with those on ``role`` and ``family`` only.

    Ledger errors propagate. A stop parameter that cannot be read is part of the result.
    """
    ledger = deployment.ledger
    if role is None and family is None:
        roles, families = ledger.holds.roles(), ledger.holds.families()
    else:
        roles = {} if role is None or (hold := ledger.roles.hold(role)) is None else {role: hold}
        families = {} if family is None or (hold := ledger.families.hold(family)) is None else {family: hold}
    return Held(stack=deployment.stack, stop=deployment.stop(), roles=roles, families=families)


def described(held: Held) -> dict[str, Any]:
    """Return the stop and the holds as JSON. ``stopped`` is null if it could not be read."""
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
    """Print the stop and the holds as a table, or the sentence ``nothing``. Warn if the stop could not be read."""
    if not isinstance(held.stop, Stop | None):
        console.print(says(f"Could not read whether the stack is stopped: {_unread(held.stop)}.", "yellow"))
    rows = tuple(_rows(held))
    if not rows:
        if isinstance(held.stop, Stop | None):
            console.print(says(nothing))
        return
    table = Table(box=box.SIMPLE_HEAD, expand=True, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("Held", "Since", "By", "Why"):
        table.add_column(column, overflow="fold")
    longest = max(len(command) for *_, command in rows)
    table.add_column("Resume with", overflow="fold", no_wrap=longest <= console.width // 2)  # for copying
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
            return f"there is no parameter {fact.resource}, so nothing is written; deploy the stack again"
        case Unreadable():
            return str(fact)
        case NotAsked():
            return f"{fact.why} ({fact.switch})"
        case _:
            assert_never(fact)


def _who(by: str) -> str:
    """Shorten the ARN of a caller to ``user/ada``. Returns other text unchanged. The JSON has the full ARN."""
    try:
        return Arn.parse(by).resource
    except Malformed:
        return by
