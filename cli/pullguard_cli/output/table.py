"""Print an audit as a table: one row per incident, in use first. Snippets and a summary follow."""

from collections.abc import Iterator
from itertools import count
from typing import Final

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from pullguard_cli.audit_result import Audit
from pullguard_cli.incidents import Incident, incidents_of
from pullguard_cli.output.unasked import sentences
from pullguard_cli.printing import STYLES, counted, says

_NAMES_SHOWN = 3
OWN_FIX: Final = "With Mode=remediate Pullguard does this itself, where the secret and the role are opted in."


def print_audit(audit: Audit, console: Console) -> None:
    """Print the audit as a table of incidents, with snippets and a summary below it."""
    incidents = incidents_of(audit)
    console.print()
    if incidents:
        console.print(_table(audit, incidents))
        console.print()
        _print_snippets(incidents, console)
    for line in _footer(audit, incidents):
        console.print(line)


def _table(audit: Audit, incidents: tuple[Incident, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), leading=1)
    table.add_column("Severity", no_wrap=True)
    table.add_column("Findings, and how to fix them", ratio=1, overflow="fold")
    table.add_column("Task definitions, in use?", overflow="fold", max_width=28)
    for incident, number in _numbered(incidents):
        what = _what(incident, number)
        table.add_row(_severity(incident), what, Group(_task_definitions(incident), _in_use(audit, incident)))
    return table


def _numbered(incidents: tuple[Incident, ...]) -> Iterator[tuple[Incident, int | None]]:
    """Yield the incidents. Those with a snippet have a number."""
    numbers = count(1)
    for incident in incidents:
        yield incident, next(numbers) if incident.remedy.snippet else None


def _print_snippets(incidents: tuple[Incident, ...], console: Console) -> None:
    """Print the snippets below the table, where no column wraps their lines."""
    for incident, number in _numbered(incidents):
        if incident.remedy.snippet:
            console.print(says(f"[{number}] {incident.name}  {incident.what}", "dim"), soft_wrap=True)
            console.print(says(incident.remedy.snippet.rstrip(), "cyan"), soft_wrap=True)
            console.print()


def _severity(incident: Incident) -> Text:
    text = says(incident.severity, STYLES[incident.severity])
    return text if incident.status == "fail" else Text("\n").join((text, says("unknown", STYLES["unknown"])))


def _what(incident: Incident, number: int | None) -> Group:
    head = Text.assemble(says(incident.name, "bold"), "  ", says(incident.what, "dim"))
    return Group(head, says(incident.sentence), *_remedy(incident, number))


def _remedy(incident: Incident, number: int | None) -> Iterator[Table]:
    remedy = incident.remedy
    if incident.status == "unknown":
        yield _indented("", says(" ".join(incident.evidence.split()), "dim"))
    if remedy.text:
        yield _indented("  → ", Text.assemble(says(remedy.text), says(f" [{number}]" if number else "", "cyan")))
    if remedy.action != "none" and incident.severity == "error":
        yield _indented("", Text(OWN_FIX, style="dim"))


def _indented(mark: str, text: Text) -> Table:
    grid = Table.grid()
    grid.add_column(width=4)
    grid.add_column(ratio=1, overflow="fold")
    grid.add_row(Text(mark, style="bold cyan"), text)
    return grid


def _task_definitions(incident: Incident) -> Text:
    names = [_name(arn) for arn in incident.task_definitions]
    shown, more = names[:_NAMES_SHOWN], len(names) - _NAMES_SHOWN
    if len(names) == 1:
        return says(names[0])
    tail = f"\nand {more} more" if more > 0 else ""
    return Text.assemble((str(len(names)), "bold"), says("\n" + "\n".join(shown) + tail))


def _in_use(audit: Audit, incident: Incident) -> Text:
    if not incident.in_use:
        return Text("not in use", style="dim")
    places = [place for arn in incident.in_use for place in audit.in_use[arn]]
    if len(places) == 1:
        return Text.assemble(("in use", "bold"), says(f": {places[0]}"))
    return Text.assemble(("in use", "bold"), says(f": {places[0]} and {len(places) - 1} more"))


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


# --- Footer


def _footer(audit: Audit, incidents: tuple[Incident, ...]) -> Iterator[Text]:
    summary = audit.summary
    if audit.scope.words:
        yield says(f"Only {audit.scope.words}", "bold")
    checked = (
        f"{counted(summary.task_definitions, 'task definition')} ({len(audit.in_use):,} in use), "
        f"{counted(summary.references, 'reference')} to registry secrets, "
        f"account {audit.account}, {audit.region}, {(audit.ended_at - audit.started_at).total_seconds():.1f} s"
    )
    yield says(checked, "dim")
    yield _verdict(audit, incidents)
    for sentence in audit.gaps:
        yield says(f"Incomplete: {sentence}.", STYLES["unknown"])
    if audit.unlisted:
        yield says(f"{counted(len(audit.unlisted), 'warning')} not listed (--severity error).", STYLES["warning"])
    if audit.not_checked:
        yield says(f"{counted(len(audit.not_checked), 'question was', 'questions were')} not checked:")
        for sentence in sentences(audit.not_checked):
            yield says(f"  – {sentence}")  # noqa: RUF001 (a dash)
    if audit.findings:
        family = _name(audit.findings[0].task_definition)
        yield says(
            f"More: pullguard explain {family} (gate by gate, with what to type), pullguard plan {family} (what would "
            "be written), --format json, --format html"
        )


def _verdict(audit: Audit, incidents: tuple[Incident, ...]) -> Text:
    findings = audit.findings
    if not findings:
        return _nothing_found(audit)
    errors = sum(each.severity == "error" and each.status == "fail" for each in findings)
    warnings = sum(each.severity == "warning" and each.status == "fail" for each in findings)
    unknown = sum(each.status == "unknown" for each in findings)
    parts = (
        (counted(errors, "error"), STYLES["error"] if errors else ""),
        (", ", ""),
        (counted(warnings, "warning"), STYLES["warning"] if warnings else ""),
        (", ", ""),
        (f"{unknown:,} unknown", STYLES["unknown"] if unknown else ""),
        (f", from {counted(len(incidents), 'cause')}", ""),
    )
    return Text.assemble(*parts)


def _nothing_found(audit: Audit) -> Text:
    if audit.gaps:
        return Text("No findings, but the audit is incomplete.", style=STYLES["unknown"])
    if not audit.summary.task_definitions:
        return Text("There are no task definitions here. Check the account and Region.", style=STYLES["warning"])
    if audit.unlisted:
        return Text("No errors.", style="bold green")
    partly = audit.scope.words or audit.not_checked
    return Text("Nothing is wrong in what was checked." if partly else "Nothing is wrong.", "bold green")
