"""The product and its surroundings with one rule switched off, to show that the simulation notices it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from pullguard.domain import role_policy, role_state
from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import Granted
from pullguard.domain.role_item import GrantRecord, PolicyWrite, RoleItem
from pullguard.domain.role_policy import Needs, RevocationRules, RolePolicyChange, role_policy_change
from pullguard.domain.role_state import RoleState, known_of, own_grants
from pullguard.workflows import reconcile_role
from pullguard_cli.operations.rollback_target import Target

# What World(without=…) knows: the condition on the sequence number, the complete reading before a revocation, other
# stacks' policies not being access, the reconciliation after 15 minutes, and a rollback that waits for open writes.
SURROUNDINGS = frozenset({"sequence", "every dependent", "siblings", "last check", "wait", "named"})


@contextmanager
def without(rule: str) -> Iterator[frozenset[str]]:
    """Switch a rule off; yields what the models are to leave out."""
    if rule in SURROUNDINGS or not rule:
        yield frozenset({rule})
        return
    with ExitStack() as stack:
        for module, name, value in _PATCHES[rule]:
            stack.enter_context(patch.object(module, name, value))
        yield frozenset()


def _change_of(
    adapt: Callable[[RoleState, Needs], tuple[RoleState, Needs]],
) -> Callable[[RoleState, Needs, RevocationRules, datetime], RolePolicyChange]:
    def changed(state: RoleState, needs: Needs, rules: RevocationRules, now: datetime) -> RolePolicyChange:
        return role_policy_change(*adapt(state, needs), rules, now)

    return changed


def _without_hands_off(state: RoleState, needs: Needs) -> tuple[RoleState, Needs]:
    secrets = {
        arn: replace(each, is_observed=False, has_consent=False) if each.is_observed and each.has_consent else each
        for arn, each in needs.secrets.items()
    }
    return state, replace(needs, secrets=secrets)


def _confirmed_after_an_hour(state: RoleState, now: datetime) -> dict[Arn, GrantRecord]:
    return {
        arn: replace(each, is_confirmed=now - each.granted_at >= timedelta(hours=1))
        for arn, each in own_grants(state, now).items()
    }


def _everything_is_ours(state: RoleState, now: datetime) -> dict[Arn, GrantRecord]:
    shown = {
        each.secret: GrantRecord(granted=each, task_definition="", granted_at=state.created_at, is_confirmed=True)
        for each in state.own.grants
    }
    return {**shown, **own_grants(state, now)}


def _all_are_ours(target: Target, write: PolicyWrite, *_: object) -> PolicyWrite:
    return replace(write, after=target.grants)


def _nothing(*_: object) -> tuple[()]:
    return ()


def _tidied_at_once(draft: Any, ours: Iterable[Granted], own: Mapping[Arn, object]) -> RolePolicyChange | None:
    former, drop = draft.state.former, set(ours)
    change: RolePolicyChange = draft._decided(former.name, draft.former, tuple(set(draft.former) - drop))
    return change if drop else None


def _nothing_of_a_later_role(item: RoleItem, role_id: str, created_at: datetime) -> RoleItem:
    is_late = item.created_at is not None and created_at < item.created_at
    return RoleItem() if is_late else known_of(item, role_id, created_at)


def _nothing_of_an_earlier_role(item: RoleItem, role_id: str, created_at: datetime) -> RoleItem:
    known = known_of(item, role_id, created_at)
    return known if item.role_id in ("", role_id) else RoleItem()


_recent = role_state.recent_writes
_PATCHES: dict[str, tuple[tuple[object, str, object], ...]] = {
    "base": ((role_policy, "present", lambda shown, *_: shown.grants),),
    "wait for the outcome": (
        (
            role_policy,
            "recent_writes",
            lambda state, now: tuple(each for each in _recent(state, now) if each.outcome == "done"),
        ),
    ),
    "hands off": ((reconcile_role, "role_policy_change", _change_of(_without_hands_off)),),
    "confirmed": ((role_policy, "own_grants", _confirmed_after_an_hour),),
    "strangers": (
        (role_policy, "own_grants", _everything_is_ours),
        (reconcile_role, "own_grants", _everything_is_ours),
    ),
    "strangers in a rollback": ((Target, "planned", _all_are_ours),),
    "move first": (
        (role_policy._Draft, "_tidied", _tidied_at_once),
        (role_policy._Draft, "_moved", lambda draft, kept, ours: False),
    ),
    "later role": ((role_state, "known_of", _nothing_of_a_later_role),),
    "earlier role": ((role_state, "known_of", _nothing_of_an_earlier_role),),
    "closed": ((reconcile_role, "closed", _nothing), (reconcile_role, "_adopted", _nothing)),
}
RULES = (*sorted(SURROUNDINGS), *_PATCHES)
