"""Print the output of ``pullguard plan``: calls as diffs, and refusals with their reason."""

import json
import sys
from dataclasses import replace
from functools import partial
from typing import Final

from rich.console import Console
from rich.text import Text

from pullguard.checks.examine import Examination, examine
from pullguard.domain.arn import Arn
from pullguard.domain.findings import Finding
from pullguard.domain.lookup import Lookup
from pullguard.domain.opt_in import effective_mode
from pullguard.domain.role import Role
from pullguard.domain.role_item import RoleItem
from pullguard.domain.secret import Secret
from pullguard.planning.planner import Rules
from pullguard.planning.scope import in_scope, tags_of
from pullguard_cli.aws_failures import asking_aws
from pullguard_cli.calls import Call, Calls, RoleLedger, calls_for
from pullguard_cli.contract import SCHEMA_VERSION, finding_json
from pullguard_cli.deployment import Deployment, aws_errors
from pullguard_cli.difference import print_difference
from pullguard_cli.examined import One
from pullguard_cli.failed_reads import lacks_in
from pullguard_cli.failures import EXIT_COULD_NOT_RUN, EXIT_FINDINGS, EXIT_OK
from pullguard_cli.options import TextFormat
from pullguard_cli.output.unasked import sentences
from pullguard_cli.printing import STYLES, output, says

HELD_BACK: Final = "A tag sets pullguard:mode=observe: Pullguard only reports this and makes no calls."
BY_MODE: Final = "With Mode=remediate, a deployed Pullguard makes these calls; with Mode=observe it only reports them."
REVOCATIONS_NOT_CHECKED: Final = "Revocations were not checked: --stack names the stack that has the grant records."


def report(one: One, rules: Rules, form: TextFormat | None, deployment: Deployment | None, policy: str) -> int:
    """Print the plan. Return exit code 1 if there is something to fix, 2 if an AWS read failed, else 0.

    ``deployment`` has the grant records, if it is given; ``policy`` is the name of its policy.
    """
    with asking_aws():
        ledger = RoleLedger(policy=policy, item=_item(one, deployment), secret=partial(_secret, one))
        calls = calls_for(one.facts, rules, one.readers.ecs, ledger)
    left = _left_to_people(one, calls)
    held_back = effective_mode("remediate", *tags_of(one.facts)) == "observe"
    if form is TextFormat.JSON or (form is None and not sys.stdout.isatty()):
        home = one.facts.task_definition.arn
        described = {
            "schema_version": SCHEMA_VERSION,
            "task_definition": str(one.facts.task_definition.arn),
            "held_back_by_tag": held_back,
            "revocations_checked": deployment is not None,
            **calls.to_dict(),
            "left_to_people": [
                finding_json(finding, account=home.account, region=home.region) for finding in left.findings
            ],
            "not_checked": [question.to_dict() for question in left.not_checked],
        }
        sys.stdout.write(json.dumps(described, indent=2, default=str) + "\n")
    else:
        _print(one, calls, left, held_back, output())
        if deployment is None:
            output().print(REVOCATIONS_NOT_CHECKED, style="dim")
    if lacks_in(each for unread in left.unread.values() for each in unread):
        return EXIT_COULD_NOT_RUN
    errors = any(finding.severity == "error" for finding in left.findings)
    return EXIT_FINDINGS if calls.calls or calls.refusals or errors else EXIT_OK


def _item(one: One, deployment: Deployment | None) -> RoleItem:
    """Return the role's item in the ledger; an empty one without a deployment."""
    if deployment is None or not isinstance(one.facts.role, Role):
        return RoleItem()
    with aws_errors():
        return deployment.ledger.roles.item(one.facts.role.arn)


def _secret(one: One, secret: Arn) -> Lookup[Secret]:
    return one.readers.secret(str(secret), secret.region)


def _left_to_people(one: One, calls: Calls) -> Examination:
    """Return the findings that no call would fix, including those whose fix was refused."""
    if not in_scope(one.facts):
        return Examination.of()
    fixed = {finding for call in calls.calls for finding in call.findings}
    examination = examine(one.facts)
    left = tuple(finding for finding in examination.findings if finding.id not in fixed)
    return replace(examination, findings=left)


def _print(one: One, calls: Calls, left: Examination, held_back: bool, console: Console) -> None:
    where = ", ".join(one.in_use) or "not in use"
    console.print(Text.assemble(says(one.facts.task_definition.arn.resource_name, "bold"), says(f"  {where}", "dim")))
    if not in_scope(one.facts):
        console.print("A newer revision exists and this one is not in use, so Pullguard does not change it.")
    elif not calls.calls and not calls.refusals:
        console.print(
            "Pullguard has nothing to do: the findings must be fixed by hand."
            if left.findings
            else "There is nothing to fix."
        )
    if held_back:
        console.print(HELD_BACK, style="yellow")
    elif calls.calls:
        console.print(BY_MODE, style="dim")
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
    for finding in left.findings:
        _print_left(finding, console)
    console.print()
    for sentence in sentences(left.not_checked):
        console.print(says(sentence))
    console.print("Nothing was written.", style="dim")


def _print_left(finding: Finding, console: Console) -> None:
    console.print()
    certainty = finding.severity if finding.status == "fail" else "unknown"
    head = Text.assemble((certainty, STYLES[certainty]), says(f"  {finding.check}", "bold"))
    console.print(head)
    console.print(says(finding.cause))
    if finding.status == "unknown":
        console.print(says(finding.evidence, "dim"))
    console.print(Text.assemble(("→ ", "bold cyan"), says(finding.remedy.text)))
    if finding.remedy.snippet:
        console.print(says(finding.remedy.snippet.rstrip(), "cyan"), soft_wrap=True)


def _print_call(number: int, call: Call, console: Console) -> None:
    console.print()
    head = f"{number}. {call.service}:{call.operation}"
    console.print(Text.assemble((head, "bold"), says(f"  {call.target}", "dim")))
    if call.when:
        console.print(says(f"   {call.when}", "dim"))
    print_difference(call.diff, console)
