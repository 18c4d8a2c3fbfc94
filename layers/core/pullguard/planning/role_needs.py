"""A role's policies, and what its task definitions need of it: the facts for ``role_policy_change``. Pure.

A need is judged as if no stack's Pullguard policy existed. So a grant that one stack made does not make another stack's
superfluous, and a grant of ours is needed for as long as nothing else gives the access.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from pullguard.checks.credentials_missing import candidates_for
from pullguard.checks.examine import examine
from pullguard.domain.actions import Grant, Mode
from pullguard.domain.arn import Arn
from pullguard.domain.consent import is_observed, missing_opt_in, missing_role_opt_in
from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Lookup, Missing
from pullguard.domain.opt_in import OBSERVE_ONLY, effective_mode
from pullguard.domain.policy_document import (
    POLICY_NAME,
    Granted,
    granted_for,
    is_pullguards,
    read_own,
    total_size_chars,
)
from pullguard.domain.role import Role
from pullguard.domain.role_item import RoleItem
from pullguard.domain.role_policy import Need, Needs
from pullguard.domain.role_state import RoleState, known_of
from pullguard.domain.secret import Key, Secret
from pullguard.domain.task_definition import lacks_credentials
from pullguard.planning.planner import Rules, make_plan
from pullguard.planning.scope import in_scope, tags_of

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


def role_state(role: Role, item: RoleItem, policy: str) -> RoleState:
    """Return the state of a role whose inline policies could be read; ``policy`` is the name of this stack's policy.

    Raises ``NotNow`` if the role is an earlier one than the item's.
    """
    inline = role.inline_policies if isinstance(role.inline_policies, tuple) else ()
    documents = {each.name: each.document for each in inline}
    item = known_of(item, role.role_id, role.created_at)
    return RoleState(
        created_at=role.created_at or _LONG_AGO,
        policy=policy,
        role_id=role.role_id,
        own=read_own(policy, documents.get(policy)),
        former=read_own(POLICY_NAME, documents.get(POLICY_NAME) if policy != POLICY_NAME else None),
        grants=item.grants,
        writes=item.writes,
        versions=item.versions,
        others_chars=total_size_chars({name: each for name, each in documents.items() if name != policy}),
    )


def relevant_secrets(state: RoleState, wanted: Iterable[Arn] = ()) -> tuple[Arn, ...]:
    """Return the secrets whose consent a change depends on: granted, recorded, written of late, or ``wanted``."""
    granted = (*state.own.grants, *state.former.grants, *(each.granted for each in state.grants))
    written = (each for write in state.writes for each in (*write.before, *write.after))
    return tuple(sorted({*(each.secret for each in (*granted, *written)), *wanted}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A grant that a task definition needs and that both owners allow.

    ``is_for_containers``: the task definition uses the role as its task role, too, so that its containers may read the
    secret; the secret's owner has named the role for that.
    """

    granted: Granted
    task_definition: Arn
    is_for_containers: bool = False


def wanted_by(facts: Iterable[Facts], rules: Rules, mode: Mode) -> dict[Arn, Wanted]:
    """Return the grants that task definitions need and that both owners allow, by secret."""
    found: dict[Arn, Wanted] = {}
    for each in facts:
        if not isinstance(each.role, Role) or effective_mode(mode, *tags_of(each)) == "observe" or not in_scope(each):
            continue
        bare = replace(each, role=_without_pullguard(each.role))
        for action in make_plan(bare, examine(bare).findings, rules).actions:
            if isinstance(action, Grant):
                one = Wanted(
                    granted=Granted(secret=action.secret, key=action.key),
                    task_definition=action.task_definition,
                    is_for_containers=each.role.is_task_role,
                )
                known = found.get(action.secret)
                if known is None or known.is_for_containers:
                    found[action.secret] = one
    return found


def without_other_stacks(facts: Facts, policy: str) -> Facts | None:
    """Return the facts as if no other stack had granted anything; None if none has.

    ``policy`` is the name of this stack's policy; that of the former name may be its own.
    """
    if not isinstance(facts.role, Role):
        return None
    alone = _without_pullguard(facts.role, but=(policy, POLICY_NAME))
    return None if alone == facts.role else replace(facts, role=alone)


def role_needs(
    role: Role,
    facts: Iterable[Facts],
    secrets: Mapping[Arn, Lookup[Secret]],
    wanted: Mapping[Arn, Wanted],
    *,
    for_containers: Collection[Arn] = (),
    named_elsewhere: Mapping[Arn, bool] | None = None,
    is_complete: bool = False,
    observes: bool = False,
) -> Needs:
    """Return what is known of each of ``secrets`` for ``role``.

    ``facts`` are task definitions that use the role, all of those in use if ``is_complete``. ``named_elsewhere`` is
    what the ledger's references say after a complete sweep; None without one. ``observes``: the deployment only does.

    Consent is that of the secret's and the role's owners. The grants ``for_containers`` (secrets) were made for task
    definitions that also use the role as their task role, and take more consent for as long as they last. Such a task
    definition does not change what others were granted.
    """
    users = tuple(facts)

    def need(secret: Arn, found: Lookup[Secret]) -> Need:
        user = next((each for each in users if names(each, secret)), None)
        is_named = secret in wanted or user is not None
        elsewhere = None if named_elsewhere is None else named_elsewhere.get(secret)
        holder = replace(role, is_task_role=secret in for_containers)
        known, want = _judged(found, secret, holder, observes=observes), wanted.get(secret)
        definition = want.task_definition if want else None if user is None else user.task_definition.arn
        return replace(
            known,
            is_named=True if is_named else False if is_complete else elsewhere,
            is_wanted=want is not None,
            is_for_containers=want is not None and want.is_for_containers,
            grant=want.granted if want else known.grant,
            task_definition=str(definition or ""),
        )

    return Needs(
        secrets={secret: need(secret, found) for secret, found in secrets.items()},
        is_complete=is_complete,
        is_swept=named_elsewhere is not None,
        is_writable=missing_role_opt_in(role) is None,
    )


def names(facts: Facts, secret: Arn) -> bool:
    """Whether a task definition names the secret in any place and form, or would once its reference is corrected."""
    bare = filter(lacks_credentials, facts.task_definition.containers)
    missing = (each for container in bare for each in candidates_for(facts, container))
    if any(isinstance(each, Secret) and each.arn == secret for each in (*facts.described, *missing)):
        return True
    # With or without the suffix or a wildcard for it, and not as the beginning of another name.
    named = re.escape(str(secret)[:-7]) + r"(-([A-Za-z0-9]{6}|[?*]+))?(?![A-Za-z0-9/_+=.@!-])"
    return re.search(named, str(facts.task_definition.raw)) is not None


def _judged(found: Lookup[Secret], secret: Arn, role: Role, *, observes: bool) -> Need:
    if isinstance(found, Missing) or (isinstance(found, Secret) and found.arn != secret):
        return Need(exists=False, has_consent=False, why_not=f"the secret {secret.resource_name} is gone")
    if not isinstance(found, Secret):
        return Need(exists=None, has_consent=None)
    missing = missing_opt_in(None, found, role)
    observed = observes or is_observed(found, role)
    return Need(
        has_consent=missing is None,
        is_observed=observed,
        grant=granted_for(found) if isinstance(found.key, Key | None) else None,
        why_not=missing.why if missing else OBSERVE_ONLY,
    )


def _without_pullguard(role: Role, *, but: Collection[str] = ()) -> Role:
    """Return the role without the policies of any stack of Pullguard, except those that are called ``but``."""
    if not isinstance(role.inline_policies, tuple):
        return role
    left = tuple(each for each in role.inline_policies if each.name in but or not is_pullguards(each.name))
    return replace(role, inline_policies=left)
