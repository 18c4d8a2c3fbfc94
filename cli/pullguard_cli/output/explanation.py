"""Print the output of ``pullguard explain``: one task definition, gate by gate."""

import json
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Unreadable
from pullguard_cli.contract import SCHEMA_VERSION
from pullguard_cli.examined import One
from pullguard_cli.failures import EXIT_COULD_NOT_RUN, EXIT_FINDINGS, EXIT_OK
from pullguard_cli.gates import OTHER_GATE, Pull, Remark, Step, pulls_of
from pullguard_cli.options import TextFormat
from pullguard_cli.printing import STYLES, output, says

_MARKS = {"pass": "✓", "fail": "✗", "unknown": "?", "not checked": "–", "not looked at": "–"}  # noqa: RUF001 (a dash)
_GATE_WIDTH = 14
_INDENT = 6


def report(one: One, form: TextFormat | None) -> int:
    """Print the explanation. Return exit code 1 if a pull fails or may fail, 2 if an AWS read failed, else 0."""
    pulls = pulls_of(one.facts)
    if form is TextFormat.JSON or (form is None and not sys.stdout.isatty()):
        sys.stdout.write(json.dumps(_as_json(one, pulls), indent=2) + "\n")
    else:
        _print(one, pulls, output())
    verdicts = {step.verdict for pull in pulls for step in pull.steps}
    if any(pull.unseen for pull in pulls):
        return EXIT_COULD_NOT_RUN
    return EXIT_FINDINGS if verdicts & {"fail", "unknown"} else EXIT_OK


def _as_json(one: One, pulls: tuple[Pull, ...]) -> dict[str, object]:
    return {
        "schema_version": SCHEMA_VERSION,
        "task_definition": str(one.facts.task_definition.arn),
        "in_use": list(one.in_use),
        "containers": [pull.to_dict() for pull in pulls],
        "not_looked_at": list(_blind_spots(one.facts)),
    }


def _print(one: One, pulls: tuple[Pull, ...], console: Console) -> None:
    definition = one.facts.task_definition
    where = ", ".join(one.in_use) or "not in use"
    console.print(Text.assemble(says(definition.arn.resource_name, "bold"), says(f"  {where}", "dim")))
    for pull in pulls:
        console.print()
        console.print(Text.assemble("container ", says(pull.container, "bold"), "  ", says(pull.image, "dim")))
        if pull.reference is None and all(step.gate != "credentials" for step in pull.steps):
            console.print("  no repositoryCredentials, and none are known to be needed")
        for step in pull.steps:
            if step.reason != OTHER_GATE:
                _print_step(step, console)
        _print_unasked([step.gate for step in pull.steps if step.reason == OTHER_GATE], console)
        if pull.steps:
            console.print(Text("  ").append_text(end_of(pull)))
    for blind_spot in _blind_spots(one.facts):
        console.print()
        console.print(says(blind_spot, "dim"))


def _blind_spots(facts: Facts) -> Iterator[str]:
    """Yield what may still deny a pull although every gate passes.

    Source: https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
    """
    asked = facts.simulations.values()
    if not any(isinstance(each, tuple) for each in asked):
        why = next((f" ({each})" for each in asked if isinstance(each, Unreadable)), "")
        yield (
            f"Not checked: service and resource control policies of the organization{why}. "
            "They may deny what the role's own policies allow; --cross-check asks the IAM policy simulator."
        )
    yield (
        "Not checked: the policies of VPC endpoints. If the tasks reach Secrets Manager or AWS KMS through an "
        "endpoint, its policy may deny what the role's own policies allow."
    )


def _print_unasked(gates: list[str], console: Console) -> None:
    if gates:
        head = Text.assemble("  ", (_MARKS["not looked at"], "dim"), says(f" {', '.join(gates)}", "dim"))
        console.print(head)
        console.print(Padding(says("Not checked, because of another gate.", "dim"), (0, 0, 0, _INDENT)))


def _print_step(step: Step, console: Console) -> None:
    style = STYLES[step.verdict]
    head = Text.assemble("  ", (_MARKS[step.verdict], style), f" {step.gate:<{_GATE_WIDTH}}", (step.verdict, style))
    console.print(head)

    def indented(text: Text) -> None:
        console.print(Padding(text, (0, 0, 0, _INDENT), expand=False))

    indented(says(step.reason, "dim" if step.verdict in {"not checked", "not looked at"} else ""))
    for quote in step.quotes:
        if quote.statement:
            indented(Text.assemble(says(f"{quote.title}: ", "dim"), says(_compact(quote.statement), "cyan")))
    for unread in step.unread:
        if unread not in step.reason and all(unread not in remark.evidence for remark in step.remarks):
            indented(says(f"Not read: {unread}", STYLES["unknown"]))
    for remark in step.remarks:
        for line in _remark(step, remark):
            indented(line)
        if remark.remedy.snippet:  # unwrapped, for copying
            for typed in remark.remedy.snippet.rstrip().splitlines():
                console.print(says(" " * _INDENT + typed, "cyan"), soft_wrap=True)


def _compact(statement: str) -> str:
    try:
        return json.dumps(json.loads(statement))
    except ValueError:
        return statement


def _remark(step: Step, remark: Remark) -> list[Text]:
    certainty = remark.severity if remark.status == "fail" else f"{remark.severity}, if confirmed"
    lines = [Text.assemble(says(remark.check, STYLES[remark.severity]), says(f" ({certainty})", "dim"))]
    if remark.cause not in step.reason and remark.status == "fail":
        lines.append(says(remark.cause))
    if not step.quotes and remark.evidence not in step.reason:
        lines.append(says(remark.evidence, "dim"))
    if remark.remedy.text:
        lines.append(Text.assemble(("→ ", "bold cyan"), says(remark.remedy.text)))
    return lines


def end_of(pull: Pull) -> Text:
    """Return the outcome of the pull in one sentence."""
    first = next((step for step in pull.steps if step.verdict == "fail"), None)
    if first is not None:
        return Text.assemble("The pull fails at: ", (first.gate, STYLES["fail"]))
    doubts = [step.gate for step in pull.steps if step.verdict == "unknown"]
    if doubts:
        return Text.assemble("The pull may work; not certain: ", (", ".join(doubts), STYLES["unknown"]))
    unchecked = ", ".join(step.gate for step in pull.steps if step.verdict == "not checked")
    if pull.reference is None:
        known = (
            "Whether the pull needs credentials was not checked."
            if unchecked
            else "No credentials are known to be needed."
        )
        return Text(known)
    end = Text("The pull gets its credentials.", style=STYLES["pass"])
    return end.append(f" Not checked: {unchecked}.", style=STYLES["not checked"]) if unchecked else end
