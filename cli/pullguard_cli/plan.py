"""``pullguard plan``: what remediation would call, as diffs, and what it would refuse and why."""

import json
import sys

from rich.console import Console
from rich.text import Text

from pullguard.eligibility import effective_mode
from pullguard.findings import SCHEMA_VERSION
from pullguard.flows.validate import in_scope, tags_of
from pullguard.planner import Rules
from pullguard_cli.calls import Call, Calls, calls_for
from pullguard_cli.difference import print_difference
from pullguard_cli.failures import EXIT_FINDINGS, EXIT_OK, asking_aws
from pullguard_cli.one import One
from pullguard_cli.options import TextFormat
from pullguard_cli.printing import STYLES, output, says


def report(one: One, rules: Rules, form: TextFormat | None) -> int:
    """Print the plan; return the exit code: 1 where there is something to mend."""
    with asking_aws():
        calls = calls_for(one.facts, rules, one.readers.ecs)
    held_back = effective_mode("remediate", *tags_of(one.facts)) == "observe"
    if form is TextFormat.JSON or (form is None and not sys.stdout.isatty()):
        described = {
            "schema_version": SCHEMA_VERSION,
            "task_definition": str(one.facts.task_definition.arn),
            "held_back_by_tag": held_back,
            **calls.to_dict(),
        }
        sys.stdout.write(json.dumps(described, indent=2, default=str) + "\n")
    else:
        _print(one, calls, held_back, output())
    return EXIT_FINDINGS if calls.calls or calls.refusals else EXIT_OK


def _print(one: One, calls: Calls, held_back: bool, console: Console) -> None:
    where = ", ".join(one.in_use) or "not in use"
    console.print(Text.assemble(says(one.facts.task_definition.arn.resource_name, "bold"), says(f"  {where}", "dim")))
    if not in_scope(one.facts):
        console.print("A newer revision exists, and nothing runs this one: it is left alone.")
    elif not calls.calls and not calls.refusals:
        console.print("There is nothing that Pullguard would do.")
    if held_back:
        console.print("A tag pullguard:mode holds Pullguard back: it would only tell of this.", style="yellow")
    for number, call in enumerate(calls.calls, start=1):
        _print_call(number, call, console)
    for refusal in calls.refusals:
        console.print()
        console.print(
            Text.assemble(("refused  ", STYLES["fail"]), says(refusal.kind, "bold"), says(f"  {refusal.target}", "dim"))
        )
        console.print(says(f"Because {refusal.why}."))
        console.print(Text.assemble(("→ ", "bold cyan"), says(refusal.remedy)))
        if refusal.snippet:
            console.print(says(refusal.snippet.rstrip(), "cyan"), soft_wrap=True)
    console.print()
    console.print("Nothing was written.", style="dim")


def _print_call(number: int, call: Call, console: Console) -> None:
    console.print()
    head = f"{number}. {call.service}:{call.operation}"
    console.print(Text.assemble((head, "bold"), says(f"  {call.target}", "dim")))
    if call.when:
        console.print(says(f"   {call.when}", "dim"))
    print_difference(call.diff, console)
