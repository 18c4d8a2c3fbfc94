"""Print findings as GitHub Actions annotations, shown at their line in the pull request.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterator, Mapping
from typing import Final

from pullguard_cli.check_result import Checked, Placed, path_in_repository, printable
from pullguard_cli.input.located import Unusable

_COMMANDS: Final = {"error": "error", "warning": "warning", "unknown": "notice"}


def annotations(checked: Checked, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield one workflow command, in one line, per finding and per unusable file."""
    for unusable in checked.unusable:
        place = _place(unusable.file, unusable.line, environment)
        yield _command("error", place | {"title": "pullguard: the file cannot be checked"}, _why(unusable))
    for placed in checked.placed:
        place = _place(placed.file, placed.line, environment)
        yield _command(_COMMANDS[placed.level], place | {"title": f"pullguard: {placed.finding.check}"}, _said(placed))


def _said(placed: Placed) -> str:
    finding = placed.finding
    return "\n".join(
        printable(text, keep_lines=True) for text in (finding.cause, finding.remedy.text, finding.source) if text
    )


def _why(unusable: Unusable) -> str:
    return printable(f"{unusable.why[:1].upper()}{unusable.why[1:]}.")


def _place(file: str, line: int | None, environment: Mapping[str, str]) -> dict[str, str]:
    path = path_in_repository(file, environment)
    if path is None:
        return {}
    return {"file": printable(path)} | ({"line": str(line)} if line is not None else {})


def _command(name: str, properties: Mapping[str, str], message: str) -> str:
    """Format a workflow command, with the same escapes as actions/toolkit."""
    spelt = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {spelt}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
