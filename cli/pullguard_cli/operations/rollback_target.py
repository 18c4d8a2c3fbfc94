"""Choose the policy version that a rollback restores, and check whether the owners still consent to its grants."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pullguard.aws.secrets_manager import SecretsManager
from pullguard.domain.arn import Arn
from pullguard.domain.consent import missing_role_key, why_not
from pullguard.domain.errors import shown
from pullguard.domain.lookup import NotAsked, Unreadable
from pullguard.domain.policy_document import Granted, parse_own, policy_document, same
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Secret
from pullguard.domain.write_history import Write
from pullguard_cli.deployment import Deployment
from pullguard_cli.failures import CannotRun

NO_POLICY: Final = "none"
_NAMED_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The version to restore.

    - ``grants``: its grants. Without grants, the policy is deleted.
    - ``what``: the version in words.
    - ``aliens``: statements in the recorded text that are not ours, and are not restored.
    - ``role_id``: the RoleId of the role at the time of the write; empty if unknown.
    """

    grants: tuple[Granted, ...]
    what: str
    task_definition: str = ""
    aliens: tuple[str, ...] = ()
    role_id: str = ""

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The policy document; None to delete the policy."""
        return policy_document(self.grants) if self.grants else None

    def matches(self, now: NamedPolicy | None) -> bool:
        """Whether the current policy ``now`` is equivalent."""
        return _says(now, self.document)


def choose(writes: tuple[Write, ...], now: NamedPolicy | None, to: str | None, role: Arn) -> Target:
    """Return the version to restore, rebuilt grant by grant. The recorded text itself is never written.

    ``to`` is a version of the history, or ``none`` for no policy. By default, it is the state before the newest write
    that made the current policy ``now``. Writes that AWS refused do not count. Raises ``CannotRun`` if there is no
    such version.
    """
    if to == NO_POLICY:
        return Target(grants=(), what="no policy")
    made = tuple(each for each in writes if each.outcome != "refused")
    if to is None:
        newest = next((each for each in reversed(made) if _says(now, each.to_dict()["after"])), None)
        if newest is None:
            raise CannotRun(_no_write_made_it(made, role))
        return _restored(newest.before, f"what it was before {newest.version} of {newest.at}", newest)
    chosen = next((each for each in writes if each.version == to), None)
    if chosen is None:
        raise CannotRun(f"The history of {role} has no version {shown(to)}. See `pullguard history ROLE`.")
    if chosen.outcome == "refused":
        raise CannotRun(f"AWS refused {to} of {chosen.at}, so it changed nothing. See `pullguard history ROLE`.")
    return _restored(chosen.after, f"what {to} of {chosen.at} made it", chosen)


def disagreements(deployment: Deployment, role: Role, target: Target) -> Iterator[str]:
    """Yield one line for each objection to ``target``: missing consent, a missing secret, a recreated role.

    These are warnings. A rollback is a person's decision and is not refused.
    """
    if target.grants and target.role_id not in ("", role.role_id):
        yield f"it was granted to an earlier role named {role.name}, which has since been deleted and recreated"
    if target.grants and (missing := missing_role_key(role)) is not None:
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


def _says(now: NamedPolicy | None, document: Any) -> bool:
    if now is None or document is None:
        return now is None and document is None
    return same(now.document, document)


def _restored(text: str | None, what: str, write: Write) -> Target:
    grants, aliens = parse_own(text) if text else ((), ())
    return Target(grants=grants, what=what, task_definition=write.task_definition, aliens=aliens, role_id=write.role_id)


def _no_write_made_it(made: tuple[Write, ...], role: Arn) -> str:
    if not made:
        return f"The ledger has no write to {role}. See `pullguard history`."
    known = ", ".join(each.version for each in reversed(made[-_NAMED_MAX:]))
    return (
        f"The current policy on {role} was not made by any recorded write, so the previous version is unknown. "
        f"Choose a version: --to {NO_POLICY}, or one of --to {known} (see `pullguard history ROLE`)."
    )
