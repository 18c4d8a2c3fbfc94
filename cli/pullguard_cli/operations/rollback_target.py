"""Choose the policy version that a rollback restores, and say which of its grants are ours and have consent."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pullguard.aws.secrets_manager import SecretsManager
from pullguard.domain.arn import Arn
from pullguard.domain.consent import missing_role_opt_in, why_not
from pullguard.domain.errors import shown
from pullguard.domain.lookup import NotAsked, Unreadable
from pullguard.domain.policy_document import Granted, OwnPolicy, parse_own
from pullguard.domain.role import Role
from pullguard.domain.role_item import RUN_MAX, GrantRecord, PolicyWrite, RoleItem
from pullguard.domain.secret import Secret
from pullguard.domain.write_history import Write, additions
from pullguard_cli.deployment import Deployment
from pullguard_cli.failures import CannotRun

KIND: Final = "Rollback"
NO_POLICY: Final = "none"
_NAMED_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The version to restore.

    - ``grants``: its grants. Without grants, the policy is deleted.
    - ``what``: the version in words.
    - ``aliens``: statements in the recorded text that are not ours, and are not restored.
    - ``at``: when it was written (ISO 8601); empty if that does not matter.
    """

    grants: tuple[Granted, ...]
    what: str
    task_definition: str = ""
    aliens: tuple[str, ...] = ()
    at: str = ""

    def matches(self, own: OwnPolicy) -> bool:
        """Whether the current policy has the same grants."""
        return set(own.grants) == set(self.grants)

    def records(self, item: RoleItem, writes: tuple[Write, ...], at: datetime) -> tuple[GrantRecord, ...]:
        """Return the grant records that belong to ``grants``: kept, or made again ``at`` that time.

        A rollback vouches for nothing: it also puts back what this stack never granted.
        """
        wanted = {grant.secret: grant for grant in self.grants}
        kept = tuple(each for each in item.grants if each.granted.secret in wanted)
        known = {each.granted.secret for each in kept}
        again = (
            GrantRecord(granted=grant, task_definition=task_definition, granted_at=at)
            for grant, task_definition in additions(each for each in writes if each.cause != KIND).items()
            if wanted.get(grant.secret) == grant and grant.secret not in known
        )
        return (*kept, *again)

    def planned(self, write: PolicyWrite, item: RoleItem, writes: tuple[Write, ...]) -> PolicyWrite:
        """Return ``write`` with what it leaves in the policy: grants of this stack, and those without a grant record.

        The latter stay strangers'. Otherwise the next reconciliation would adopt them, and revoke them later.
        """
        ours = {each.granted.secret for each in self.records(item, writes, write.at)}
        after = {each.secret for each in self.grants}
        users = {str(each): self.task_definition for each in sorted(after & ours) if self.task_definition}
        return replace(write, after=self.grants, users=users, strangers=tuple(sorted(after - ours)))


def choose(writes: tuple[Write, ...], own: OwnPolicy, to: str | None, role: Arn) -> Target:
    """Return the version to restore, rebuilt grant by grant. The recorded text itself is never written.

    ``to`` is a version of the history, or ``none`` for no policy. By default, it is the state before the newest write
    that made the grants of our current policy. Writes that AWS refused do not count, nor do those that took from the
    policy of the former name what had moved to ours. Raises ``CannotRun`` if there is no such version.
    """
    if to == NO_POLICY:
        return Target(grants=(), what="no policy")
    made = tuple(each for each in _of_policy(writes, own.name) if each.outcome != "refused")
    if to is None:
        newest = next((each for each in reversed(made) if _says(own, each.after)), None)
        if newest is None:
            raise CannotRun(_no_write_made_it(made, role))
        return _restored(newest.before, f"what it was before {newest.version} of {newest.at}", newest)
    chosen = next((each for each in writes if each.version == to), None)
    if chosen is None:
        raise CannotRun(f"The history of {role} has no version {shown(to)}. See `pullguard history ROLE`.")
    if chosen.outcome == "refused":
        raise CannotRun(f"AWS refused {to} of {chosen.at}, so it changed nothing. See `pullguard history ROLE`.")
    if chosen not in made:
        raise CannotRun(f"{to} of {chosen.at} is a write to {chosen.policy}, not to {own.name}. Choose another.")
    return _restored(chosen.after, f"what {to} of {chosen.at} made it", chosen)


def disagreements(deployment: Deployment, role: Role, target: Target) -> Iterator[str]:
    """Yield one line for each objection to ``target``: missing consent, a missing secret, a recreated role.

    These are warnings. A rollback is a person's decision and is not refused.
    """
    if target.at and role.created_at is not None and datetime.fromisoformat(target.at) < role.created_at - RUN_MAX:
        yield f"it was granted to an earlier role named {role.name}, which has since been deleted and recreated"
    if target.grants and (missing := missing_role_opt_in(role)) is not None:
        yield missing.why
        return
    for grant in target.grants:
        name = grant.secret.resource_name
        found = SecretsManager(deployment.connection.clients.get("secretsmanager", grant.secret.region)).describe(
            str(grant.secret)
        )
        secret = found[0] if isinstance(found, tuple) else found
        if isinstance(secret, Unreadable | NotAsked):
            yield f"could not read whether the secret {name} is opted in: {secret}"
        elif not isinstance(secret, Secret) or secret.arn != grant.secret:
            yield f"the secret {name} no longer exists"
        elif (missing := why_not(secret, role)) is not None:
            yield missing.why


def _of_policy(writes: tuple[Write, ...], policy: str) -> Iterator[Write]:
    """Yield the writes that led to ``policy``: those to it, and before the first of them those to the former one."""
    is_moved = False
    for write in writes:
        is_moved = is_moved or write.policy == policy
        if write.policy == policy or not is_moved:
            yield write


def _says(own: OwnPolicy, text: str | None) -> bool:
    return set(own.grants) == set(parse_own(text)[0] if text else ())


def _restored(text: str | None, what: str, write: Write) -> Target:
    grants, aliens = parse_own(text) if text else ((), ())
    at = write.at if grants else ""
    return Target(grants=grants, what=what, task_definition=write.task_definition, aliens=aliens, at=at)


def _no_write_made_it(made: tuple[Write, ...], role: Arn) -> str:
    if not made:
        return f"The ledger has no write to {role}. See `pullguard history`."
    known = ", ".join(each.version for each in reversed(made[-_NAMED_MAX:]))
    return (
        f"The current policy on {role} was not made by any recorded write, so the previous version is unknown. "
        f"Choose a version: --to {NO_POLICY}, or one of --to {known} (see `pullguard history ROLE`)."
    )
