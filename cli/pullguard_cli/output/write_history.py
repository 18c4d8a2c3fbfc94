"""Print the history of writes to policies and ECS, and the holds: tables, diffs, or JSON."""

import json
import sys
from collections.abc import Iterable
from typing import Final, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pullguard.domain.policy_document import parse_own
from pullguard.domain.write_history import EcsWrite, Outcome, Recorded, Write
from pullguard_cli.contract import SCHEMA_VERSION
from pullguard_cli.deployment import Deployment, aws_errors
from pullguard_cli.difference import difference, print_difference
from pullguard_cli.failures import EXIT_OK
from pullguard_cli.operations.held import Held, described, print_held, read_held
from pullguard_cli.options import TextFormat
from pullguard_cli.printing import output, says, time_of

_BECAME: Final[dict[Outcome, str]] = {
    "written": "",
    "refused": "refused by AWS, nothing was written",
    "unknown": "outcome unknown",
}
W = TypeVar("W", bound=Recorded)


def report(deployment: Deployment, name: str | None, family: str | None, form: TextFormat | None) -> int:
    """Print the writes to the role ``name``, to ``family``, or all of them, newest first. Return the exit code."""
    every = name is None and family is None
    with aws_errors():
        ledger = deployment.ledger
        role = None if name is None else deployment.role_arn(name)
        roles = ledger.roles.known() if every else () if role is None else (role,)
        families = ledger.families.known() if every else () if family is None else (family,)
        writes = _newest_first(write for each in roles for write in ledger.roles.writes(each))
        ecs_writes = _newest_first(write for each in families for write in ledger.families.writes(each))
        held = read_held(deployment, role=role, family=family)
    if form is TextFormat.JSON or (form is None and not sys.stdout.isatty()):
        sys.stdout.write(json.dumps(_described(writes, ecs_writes, held), indent=2) + "\n")
        return EXIT_OK
    console, about = output(), " and ".join(each for each in (name, family) if each is not None)
    if not writes and not ecs_writes:
        console.print(says(f"No writes{f' to {about}' if about else ''} are recorded."))
    elif every or ecs_writes:
        console.print(_table(_newest_first((*writes, *ecs_writes))))
    else:
        for write in writes:
            _print(write, console)
    console.print()
    print_held(held, console, nothing=f"Nothing {f'of {about} ' if about else ''}is held.")
    return EXIT_OK


def _newest_first(writes: Iterable[W]) -> list[W]:
    return sorted(writes, key=lambda write: write.at, reverse=True)


def _described(writes: Iterable[Write], ecs_writes: Iterable[EcsWrite], held: Held) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "writes": [write.to_dict() for write in writes],
        "ecs_writes": [write.to_dict() for write in ecs_writes],
        **described(held),
    }


def _table(writes: Iterable[Write | EcsWrite]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("Version", "When", "Where", "What", "Why"):
        table.add_column(column, no_wrap=column == "Version", overflow="fold")
    for write in writes:
        where = f"family {write.family}" if isinstance(write, EcsWrite) else write.role.partition(":role/")[2]
        what = _deed(write) if isinstance(write, EcsWrite) else _change(write)
        if became := _BECAME[write.outcome]:
            what = Text("\n").join((what, says(f"({became})", "yellow")))
        table.add_row(says(write.version, "bold"), says(time_of(write.at)), says(where), what, says(_why(write), "dim"))
    return table


def _deed(write: EcsWrite) -> Text:
    """Describe a write to ECS: the revision that was registered, or the service that was changed."""
    before, after = (each.rpartition("/")[2] if each else "" for each in (write.before, write.after))
    target = f"service {write.target.rpartition('/')[2]}"
    words = {
        "reregister": ("registered", f"{after or 'a revision'} from {before}"),
        "move-service": ("moved", f"{target} from {before} to {after}"),
        "redeploy": ("redeployed", target),
    }
    return says(" ".join(words.get(write.kind, (write.kind, target))))


def _change(write: Write) -> Text:
    """List the secrets that were granted (+) and revoked (-)."""
    before, after = (
        {str(grant.secret.resource_name) for grant in parse_own(each)[0]} if each else set()
        for each in (write.before, write.after)
    )
    lines = [says(f"+ {name}", "green") for name in sorted(after - before)]
    lines += [says(f"- {name}", "red") for name in sorted(before - after)]
    return Text("\n").join(lines or [says("the same secrets")])


def _print(write: Write, console: Console) -> None:
    console.print()
    became = f"  ({_BECAME[write.outcome]})" if _BECAME[write.outcome] else ""
    head = (says(write.version, "bold"), says(f"  {time_of(write.at)}  {_why(write)}", "dim"), says(became, "yellow"))
    console.print(Text.assemble(*head))
    diff = difference(_object(write, "before"), _object(write, "after"), write.policy)
    print_difference(diff.replace(" (now)", " (before)", 1).replace(" (then)", " (after)", 1), console)


def _object(write: Write, name: str) -> dict[str, object] | None:
    document = write.to_dict()[name]
    return document if isinstance(document, dict) or document is None else {"not JSON": document}


def _why(write: Recorded) -> str:
    family = write.task_definition.rpartition("/")[2]
    by = "" if write.by == "pullguard" else f", by {write.by}"
    return f"{write.cause} {write.event_id}{f' for {family}' if family else ''}{by}"
