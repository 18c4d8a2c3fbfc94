"""``pullguard findings``: the catalogue of checks."""

import sys
from typing import Annotated

import typer

from pullguard_cli.options import complete_check
from pullguard_cli.output.catalogue import as_markdown, check_of, print_catalogue, print_check
from pullguard_cli.printing import output


def findings(
    check: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="One check.", show_default="all", autocompletion=complete_check),
    ] = None,
    *,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print docs/findings.md, which is made of nothing else.")
    ] = False,
) -> None:
    """List everything that Pullguard looks for: when it fails, how bad it is, who mends it, and the source.

    **Examples**

    - `pullguard findings` — the catalogue
    - `pullguard findings reference-stale` — one check
    """
    if markdown:
        sys.stdout.write(as_markdown())
    elif check is not None:
        print_check(check_of(check), output())
    else:
        print_catalogue(output())
