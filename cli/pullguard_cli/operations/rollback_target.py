"""What a rollback is to bring back, chosen from the history, and whether the owners of what it grants still agree."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pullguard.aws.secrets_manager import SecretsManager
from pullguard.domain.arn import Arn
from pullguard.domain.consent import missing_role_key, why_not
from pullguard.domain.errors import shown
from pullguard.domain.facts import NamedPolicy, NotAsked, Role, Secret, Unreadable
from pullguard.domain.role_policy import Granted, parse_own, policy_document, same
from pullguard.domain.write_history import Write
from pullguard_cli.deployment import Deployment
from pullguard_cli.failures import CannotRun

NO_POLICY: Final = "none"
_NAMED_MAX: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to come back: grants (none: no policy), in whose place, and what of the text was not ours.

    ``role_id`` is the RoleId of the role that the write was made to; "" where that is not known.
    """

    grants: tuple[Granted, ...]
    what: str
    task_definition: str = ""
    aliens: tuple[str, ...] = ()
    role_id: str = ""

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The policy; None where there is to be none."""
        return policy_document(self.grants) if self.grants else None

    def stands(self, now: NamedPolicy | None) -> bool:
        """Whether the policy as it is ``now`` says the same."""
        return _says(now, self.document)


def choose(writes: tuple[Write, ...], now: NamedPolicy | None, to: str | None, role: Arn) -> Target:
    """Return what is to come back, rebuilt grant by grant: the ledger's text is never written as it is.

    Without ``to`` that is what was there before the newest write that made what stands ``now``; a write that AWS
    refused made nothing. Raises ``CannotRun`` where that cannot be told.
    """
    if to == NO_POLICY:
        return Target(grants=(), what="no policy at all")
    made = tuple(each for each in writes if each.outcome != "refused")
    if to is None:
        newest = next((each for each in reversed(made) if _says(now, each.to_dict()["after"])), None)
        if newest is None:
            raise CannotRun(_no_write_made_it(made, role))
        return _restored(newest.before, f"what it was before {newest.version} of {newest.at}", newest)
    chosen = next((each for each in writes if each.version == to), None)
    if chosen is None:
        raise CannotRun(f"The history of {role} has no version {shown(to)}. Look at `pullguard history ROLE`.")
    if chosen.outcome == "refused":
        raise CannotRun(f"AWS refused {to} of {chosen.at}: it made nothing. Look at `pullguard history ROLE`.")
    return _restored(chosen.after, f"what {to} of {chosen.at} made it", chosen)


def disagreements(deployment: Deployment, role: Role, target: Target) -> Iterator[str]:
    """Yield what the owners of the role and of the secrets would say against ``target``, a line each.

    A rollback is a person's decision, so that nothing of this forbids it.
    """
    if target.grants and target.role_id not in ("", role.role_id):
        yield f"it was granted to an earlier role of the name {role.name}, which was deleted and created again"
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
            yield f"it could not be read whether the owner of the secret {name} agrees: {secret}"
        elif not isinstance(secret, Secret) or secret.arn != grant.secret:
            yield f"the secret {name} is gone"
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
        return f"The ledger knows no write to {role}. Look at `pullguard history`."
    known = ", ".join(each.version for each in reversed(made[-_NAMED_MAX:]))
    return (
        f"None of Pullguard's writes made what stands on {role} now, so that it is not known what was there before. "
        f"Name what is to come back: --to {NO_POLICY}, or one of --to {known} (`pullguard history ROLE` shows each)."
    )
