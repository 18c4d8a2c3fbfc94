"""Preview the steps after a re-registration: services that would be moved, and changes left to owners. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pullguard.domain.actions import MoveService, Plan, Refusal, Reregister
from pullguard.domain.arn import family_of, revision_of
from pullguard.domain.errors import shown
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Finding
from pullguard.domain.usage import Usage
from pullguard.planning.planner import Rules, make_plan

_NAMED: Final = 10


def after_registering(facts: Facts, findings: Iterable[Finding], plan: Plan, rules: Rules) -> Plan:
    """Plan again as if the corrected revision existed; empty if ``plan`` registers none."""
    usage, arn = facts.usage, facts.task_definition.arn
    if not isinstance(usage, Usage) or not any(isinstance(action, Reregister) for action in plan.actions):
        return Plan()
    successor = replace(arn, resource=f"task-definition/{family_of(arn)}:{revision_of(arn) + 1}")
    after = make_plan(facts.with_usage(replace(usage, successor=successor)), findings, rules)
    return Plan(
        actions=tuple(action for action in after.actions if isinstance(action, MoveService)),
        refusals=tuple(refusal for refusal in after.refusals if refusal.kind == "move-service"),
    )


def in_words(after: Plan) -> str:
    """Describe the next steps in sentences for an alert; empty if there are no steps."""
    moved = [_service(each.service) for each in after.actions if isinstance(each, MoveService)]
    left = [_target(each) for each in after.refusals]
    sentences = (
        f"Then it would move {_list(moved)} to the new revision." if moved else "",
        f"It would leave to their owners, with an alert: {_list(left)}." if left else "",
    )
    return " ".join(filter(None, sentences))


def _target(refusal: Refusal) -> str:
    return _service(refusal.target) if refusal.target.startswith("arn:") else shown(refusal.target)


def _service(arn: str) -> str:
    return f"service {shown(arn.rpartition('/')[2])}"


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(sorted(names)[:_NAMED]) + more
