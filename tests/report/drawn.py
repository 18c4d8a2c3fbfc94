"""The table as a picture: what the console shows, as an SVG that needs no font from elsewhere."""

import io
import re

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from pullguard_cli.audit_result import Audit
from pullguard_cli.output.table import print_audit

_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_TITLE = "pullguard audit: findings by cause, each with how to fix it"
_COLOURS = [
    (72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65),
    (121, 192, 255), (210, 168, 255), (86, 212, 221), (222, 227, 233),
]  # fmt: skip  # black, red, green, yellow, blue, magenta, cyan, white
_THEME = TerminalTheme((13, 17, 23), (222, 227, 233), _COLOURS, _COLOURS)


def table_as_svg(audit: Audit) -> str:
    """Return the table, 112 characters wide, in the colours of a dark terminal."""
    console = Console(record=True, width=112, file=io.StringIO(), force_terminal=True, highlight=False)
    print_audit(audit, console)
    form = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = re.sub(r"\s*<!-- Generated with Rich.*?-->", "", form)
    form = form.replace("font-family: Fira Code, monospace", f"font-family: {_FONTS}")
    form = form.replace("<style>", f"<title>{_TITLE}</title>\n    <style>", 1)
    svg = console.export_svg(title="pullguard audit", theme=_THEME, code_format=form, unique_id="audit")
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)
