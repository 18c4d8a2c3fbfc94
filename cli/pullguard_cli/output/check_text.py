"""Print the result of `pullguard check` as text: one block per finding, then the counts."""

from collections.abc import Iterator

from rich.text import Text

from pullguard.domain.lookup import USAGE_NOT_ASKED
from pullguard_cli.check_result import Checked, Placed, printable
from pullguard_cli.output.unasked import sentences
from pullguard_cli.printing import STYLES, counted
from pullguard_cli.unregistered import NOT_ASKED

# These questions are open for every file. The counts mention them, and the JSON lists them.
_OF_EVERY_FILE = frozenset({NOT_ASKED.switch, USAGE_NOT_ASKED.switch})


def as_text(checked: Checked) -> Iterator[Text]:
    """Yield one block per finding, then the counts, then the questions that were not checked."""
    for file in checked.empty:
        yield Text(f"{printable(file)}: the template contains no task definition")
    for placed in checked.placed:
        yield _block(placed)
    if checked.summary.task_definitions or not checked.unusable:
        yield _counts(checked)
    for sentence in sentences(each for each in checked.not_checked if each.how_to not in _OF_EVERY_FILE):
        yield Text(printable(sentence))


def _block(placed: Placed) -> Text:
    finding = placed.finding
    block = Text()
    block.append(f"{printable(placed.file)}:{placed.line}: ", style="bold")
    block.append(placed.level, style=STYLES[placed.level])
    block.append(f" {finding.check}\n", style="bold")
    block.append(f"  {printable(finding.cause)}\n")
    block.append(f"  {printable(finding.evidence)}\n", style="dim")
    block.append(f"  {printable(finding.remedy.text)}\n")
    for line in (finding.remedy.snippet or "").splitlines():
        block.append(f"    {printable(line)}\n", style="cyan")
    block.append(f"  {finding.source}\n", style="dim")
    return block


def _counts(checked: Checked) -> Text:
    summary = checked.summary
    levels = [placed.level for placed in checked.placed]
    parts = [
        counted(levels.count(level), noun)
        for level, noun in (("error", "error"), ("warning", "warning"))
        if level in levels
    ]
    if unknown := levels.count("unknown"):
        parts.append(f"{unknown} unknown")
    if summary.not_checked:
        parts.append(f"{summary.not_checked} not checked{'' if checked.live else ' (--live asks AWS)'}")
    scope = f"{counted(summary.task_definitions, 'task definition')}, {counted(summary.references, 'reference')}"
    counts = Text(f"{scope}: ")
    counts.append(", ".join([*parts, f"{summary.passed} passed"] if levels else ["no findings", *parts]))
    return counts
