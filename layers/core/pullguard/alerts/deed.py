"""Words for the actions that Pullguard took, would take or must not take."""

from collections.abc import Mapping
from typing import Final, assert_never

from pullguard.domain.actions import (
    Action,
    Grant,
    MoveService,
    Redeploy,
    ReferenceChange,
    Refusal,
    Reregister,
    Revoke,
)
from pullguard.domain.remediation import Deed

_PAST: Final[Mapping[str, str]] = {
    "grant": "granted",
    "move": "moved",
    "redeploy": "redeployed",
    "register": "registered",
    "revoke": "revoked",
}


def completed(what: str) -> str:
    """Return ``what`` of a completed deed in the past tense; the words of an earlier version follow ``done:``."""
    verb, space, rest = what.partition(" ")
    return f"{_PAST[verb]}{space}{rest}" if verb in _PAST else f"done: {what}"


def describe(deed: Action | Revoke | Refusal, why: str = "") -> Deed:
    """Put an action or a refusal into words; ``why`` is the reason why an action failed."""
    match deed:
        case Grant():
            key = f" and key {deed.key.resource_name}" if deed.key else ""
            return Deed(
                kind="grant",
                what=f"grant role {deed.role.resource_name} access to secret {deed.secret.resource_name}{key}",
                task_definition=str(deed.task_definition),
                target=str(deed.role),
                role=str(deed.role),
                secret=str(deed.secret),
                key=str(deed.key) if deed.key else None,
                why=why,
                findings=deed.findings,
            )
        case Reregister():
            changes = ", ".join(_change(change) for change in deed.changes)
            return Deed(
                kind="reregister",
                what=f"register a new revision of {deed.task_definition.resource_name} with {changes}",
                task_definition=str(deed.task_definition),
                target=str(deed.task_definition),
                secret=next((str(change.after) for change in deed.changes if change.after), None),
                why=why,
                findings=deed.findings,
            )
        case MoveService():
            service = deed.service.rsplit("/", 1)[-1]
            return Deed(
                kind="move-service",
                what=f"move service {service} from {deed.before.resource_name} to {deed.after.resource_name}",
                task_definition=str(deed.before),
                target=deed.service,
                why=why,
            )
        case Redeploy():
            service = deed.service.rsplit("/", 1)[-1]
            return Deed(
                kind="redeploy",
                what=(
                    f"redeploy service {service} with version {deed.version} "
                    f"of the rotated secret {deed.secret.resource_name}"
                ),
                task_definition=str(deed.task_definition),
                target=deed.service,
                secret=str(deed.secret),
                why=why,
            )
        case Revoke():
            return Deed(
                kind="withdraw",
                what=(
                    f"revoke the access of role {deed.role.resource_name} to secret {deed.secret.resource_name}"
                    f"{f', unused since {deed.unused_since}' if deed.unused_since else ''}"
                ),
                task_definition=str(deed.task_definition),
                target=str(deed.role),
                role=str(deed.role),
                secret=str(deed.secret),
                key=str(deed.key) if deed.key else None,
                why=why,
            )
        case Refusal():
            return Deed(
                kind=deed.kind,
                what=_refused(deed),
                task_definition=str(deed.task_definition),
                target=deed.target,
                why=deed.why,
                remedy=deed.remedy,
                snippet=deed.snippet,
                findings=deed.findings,
            )
        case _:
            assert_never(deed)


def _change(change: ReferenceChange) -> str:
    if change.after is None:
        return f"no credentials for container {change.container}"
    return f"secret {change.after.resource_name} for container {change.container}"


def _refused(refusal: Refusal) -> str:
    revision, target = refusal.task_definition.resource_name, refusal.target.rsplit("/", 1)[-1]
    match refusal.kind:
        case "grant":
            return f"grant role {target} the access that {revision} needs"
        case "reregister":
            return f"register a new revision of {revision}"
        case "move-service":
            # The target of a rule or a schedule includes that word; a service's name has no space.
            moved = refusal.target if " " in refusal.target else f"service {target}"
            return f"move {moved} away from {revision}"
        case "redeploy":
            return f"redeploy service {target} ({revision})"
        case "withdraw":
            return f"revoke the access granted to role {target}"
        case _:
            assert_never(refusal.kind)
