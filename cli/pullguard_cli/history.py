"""The history of our policies: a table or diffs for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pullguard.arn import Arn
from pullguard.findings import SCHEMA_VERSION
from pullguard.history import Write
from pullguard.remedies.grant import POLICY_NAME, parse_own
from pullguard.stop import Stop
from pullguard_cli.deployment import Deployment, aws_errors
from pullguard_cli.difference import difference, print_difference
from pullguard_cli.failures import EXIT_OK
from pullguard_cli.options import TextFormat
from pullguard_cli.printing import output, says


def report(deployment: Deployment, name: str | None, form: TextFormat | None) -> int:
    """Print the writes, the newest first; return the exit code."""
    with aws_errors():
        ledger = deployment.ledger
        roles = ledger.roles() if name is None else (deployment.role_arn(name),)
        found = [write for role in roles for write in ledger.writes(role)]
        holds = {role: hold for role in roles if (hold := ledger.hold(role)) is not None}
    writes = sorted(found, key=lambda write: write.at, reverse=True)
    if form is TextFormat.JSON or (form is None and not sys.stdout.isatty()):
        sys.stdout.write(json.dumps(_described(writes, holds), indent=2) + "\n")
        return EXIT_OK
    console = output()
    if not writes:
        console.print("Nothing was ever written." if name is None else says(f"Nothing was ever written to {name}."))
    elif name is None:
        console.print(_table(writes))
    else:
        for write in writes:
            _print(write, console)
    for role, hold in holds.items():
        console.print(says(f"{role.resource_name} is held {hold}.", "yellow"))
    return EXIT_OK


def _described(writes: Iterable[Write], holds: dict[Arn, Stop]) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "writes": [write.to_dict() for write in writes],
        "holds": [{"role": str(role), **hold.to_dict()} for role, hold in holds.items()],
    }


def _table(writes: Iterable[Write]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("Version", "When", "Role", "What", "Why"):
        table.add_column(column, no_wrap=column == "Version", overflow="fold")
    for write in writes:
        role = write.role.partition(":role/")[2]
        table.add_row(
            says(write.version, "bold"), says(_time(write)), says(role), _change(write), says(_why(write), "dim")
        )
    return table


def _change(write: Write) -> Text:
    """Return the secrets that were granted and taken back."""
    before, after = (
        {str(grant.secret.resource_name) for grant in parse_own(each)[0]} if each else set()
        for each in (write.before, write.after)
    )
    lines = [says(f"+ {name}", "green") for name in sorted(after - before)]
    lines += [says(f"- {name}", "red") for name in sorted(before - after)]
    return Text("\n").join(lines or [says("the same secrets")])


def _print(write: Write, console: Console) -> None:
    console.print()
    console.print(Text.assemble(says(write.version, "bold"), says(f"  {_time(write)}  {_why(write)}", "dim")))
    diff = difference(_object(write, "before"), _object(write, "after"), POLICY_NAME)
    print_difference(diff.replace(" (now)", " (before)", 1).replace(" (then)", " (after)", 1), console)


def _object(write: Write, name: str) -> dict[str, object] | None:
    document = write.to_dict()[name]
    return document if isinstance(document, dict) or document is None else {"not JSON": document}


def _why(write: Write) -> str:
    family = write.task_definition.rpartition("/")[2]
    by = "" if write.by == "pullguard" else f", by {write.by}"
    return f"{write.cause} {write.event_id}{f' for {family}' if family else ''}{by}"


def _time(write: Write) -> str:
    return write.at.partition(".")[0].removesuffix("+00:00").replace("T", " ")
