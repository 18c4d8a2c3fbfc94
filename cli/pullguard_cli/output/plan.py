"""Print the output of ``pullguard plan``: calls as diffs, and refusals with their reason."""

import json
import sys
from dataclasses import replace
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from pullguard.checks.examine import Examination, examine
from pullguard.domain.arn import Arn
from pullguard.domain.findings import Finding
from pullguard.domain.opt_in import effective_mode
from pullguard.domain.policy_document import own_policy_name
from pullguard.domain.role import Role
from pullguard.domain.stop import Stop
from pullguard.planning.planner import Rules
from pullguard.planning.scope import in_scope, tags_of
from pullguard_cli.aws_failures import asking_aws
from pullguard_cli.calls import Call, Calls, calls_for
from pullguard_cli.contract import SCHEMA_VERSION, finding_json
from pullguard_cli.deployment import Deployment, aws_errors
from pullguard_cli.difference import print_difference
from pullguard_cli.examined import One
from pullguard_cli.failed_reads import lacks_in
from pullguard_cli.failures import EXIT_COULD_NOT_RUN, EXIT_FINDINGS, EXIT_OK
from pullguard_cli.operations.held import Held, described, print_held, read_held
from pullguard_cli.options import DEFAULT_STACK, TextFormat
from pullguard_cli.output.unasked import sentences
from pullguard_cli.printing import STYLES, output, says
from pullguard_cli.role_plan import OfStack, PlanRole, UnneededGrant, WithoutRecords

HELD_BACK: Final = "A tag sets pullguard:mode=observe: Pullguard only reports this and makes no calls."
HELD_BACK_BUT: Final = "A tag sets pullguard:mode=observe: Pullguard makes the call on the role, and reports the rest."
BY_MODE: Final = "With Mode=remediate, a deployed Pullguard makes these calls; with Mode=observe it only reports them."
REVOCATIONS_NOT_CHECKED: Final = "Revocations were not checked: --stack names the stack that has the grant records."
UNNEEDED_NOT_CHECKED: Final = "Which grants are unneeded is not known: no complete sweep, or something is unread."


def report(one: One, rules: Rules, form: TextFormat | None, deployment: Deployment | None) -> int:
    """Print the plan. Return exit code 1 if there is something to fix, 2 if an AWS read failed, else 0.

    With ``deployment``, it is a plan of that stack; otherwise, of any stack, and without revocations.
    """
    with asking_aws():
        calls = calls_for(one.facts, rules, one.readers.ecs, _role_planner(one, deployment))
        held = None if deployment is None else _held(one, deployment)
    left = _left_to_people(one, calls)
    held_back = effective_mode("remediate", *tags_of(one.facts)) == "observe"
    if form is TextFormat.JSON or (form is None and not sys.stdout.isatty()):
        home = one.facts.task_definition.arn
        described = {
            "schema_version": SCHEMA_VERSION,
            "task_definition": str(one.facts.task_definition.arn),
            "held_back_by_tag": held_back,
            **calls.to_dict(),
            **(_of_stack(deployment, held) if deployment and held else {}),
            "left_to_people": [
                finding_json(finding, account=home.account, region=home.region) for finding in left.findings
            ],
            "not_checked": [question.to_dict() for question in left.not_checked],
        }
        sys.stdout.write(json.dumps(described, indent=2, default=str) + "\n")
    else:
        console = output()
        is_held = held is not None and held.is_any
        _print(one, calls, left, _says_who_writes(calls, held_back, deployment, is_held=is_held), console)
        if held is not None and is_held:
            print_held(held, console)
        for why in calls.unknown:
            console.print(says(f"The stack may write something else: {why}.", "magenta"))
        if deployment is None:
            console.print(REVOCATIONS_NOT_CHECKED, style="dim")
        elif in_scope(one.facts) and isinstance(one.facts.role, Role) and not calls.revocations_checked:
            console.print(UNNEEDED_NOT_CHECKED, style="dim")
        console.print("Nothing was written.", style="dim")
    is_incomplete = calls.unknown or (held is not None and not isinstance(held.stop, Stop | None))
    if is_incomplete or lacks_in(each for unread in left.unread.values() for each in unread):
        return EXIT_COULD_NOT_RUN
    errors = any(finding.severity == "error" for finding in left.findings)
    return EXIT_FINDINGS if calls.calls or calls.refusals or errors else EXIT_OK


def _role_planner(one: One, deployment: Deployment | None) -> PlanRole:
    if deployment is not None:
        return OfStack(readers=one.readers, deployment=deployment)
    policy = own_policy_name(one.facts.task_definition.arn.region, DEFAULT_STACK)
    return WithoutRecords(readers=one.readers, policy=policy)


def _held(one: One, deployment: Deployment) -> Held:
    role = one.facts.role.arn if isinstance(one.facts.role, Role) else None
    with aws_errors():
        return read_held(deployment, role=role, family=one.facts.task_definition.family)


def _of_stack(deployment: Deployment, held: Held) -> dict[str, Any]:
    return {"stack": deployment.stack, "mode": deployment.mode, **described(held)}


def _says_who_writes(calls: Calls, held_back: bool, deployment: Deployment | None, *, is_held: bool) -> Text | None:
    """Return whether the calls would be made: as the tags say, or else the parameter Mode, a stop or a hold."""
    if held_back:
        on_role = any(call.service == "iam" for call in calls.calls)
        return says(HELD_BACK_BUT if on_role else HELD_BACK, "yellow")
    if not calls.calls and not calls.unneeded:
        return None
    if deployment is None:
        return says(BY_MODE, "dim")
    if deployment.mode != "remediate":
        return says(f"The stack {deployment.stack} only reports (Mode={deployment.mode}).", "yellow")
    if is_held:
        return says(f"The stack {deployment.stack} makes no calls as long as it is held back (below).", "yellow")
    return says(f"The stack {deployment.stack} makes these calls (Mode=remediate).", "dim") if calls.calls else None


def _left_to_people(one: One, calls: Calls) -> Examination:
    """Return the findings that no call would fix, including those whose fix was refused."""
    if not in_scope(one.facts):
        return Examination.of()
    fixed = {finding for call in calls.calls for finding in call.findings}
    examination = examine(one.facts)
    left = tuple(finding for finding in examination.findings if finding.id not in fixed)
    return replace(examination, findings=left)


def _print(one: One, calls: Calls, left: Examination, who_writes: Text | None, console: Console) -> None:
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
    if who_writes is not None:
        console.print(who_writes)
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
    for grant in calls.unneeded:
        _print_unneeded(grant, console)
    for finding in left.findings:
        _print_left(finding, console)
    console.print()
    for sentence in sentences(left.not_checked):
        console.print(says(sentence))


def _print_unneeded(grant: UnneededGrant, console: Console) -> None:
    since = f", unneeded since {grant.since:%Y-%m-%d}" if grant.since else ""
    then = f"a sweep revokes it after {grant.revoked_after:%Y-%m-%d %H:%M} UTC" if grant.revoked_after else "it stays"
    why = f": {grant.stays}" if grant.stays else ""
    console.print()
    console.print(Text.assemble(("warning", STYLES["warning"]), says(f"  {grant.finding}", "bold")))
    console.print(says(f"Pullguard granted {grant.secret.resource_name}{since}; {then}{why}."))


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
    for secret, why in call.revoked.items():
        console.print(says(f"   revokes {Arn.parse(secret).resource_name}: {why}", "yellow"))
    print_difference(call.diff, console)
