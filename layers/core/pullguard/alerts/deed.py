"""Words for the actions that Pullguard took, would take or must not take."""

from typing import assert_never

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


def describe(deed: Action | Revoke | Refusal, why: str = "") -> Deed:
    """Put an action or a refusal into words; ``why`` is the reason why an action failed."""
    match deed:
        case Grant():
            key = f" and decrypt with key {deed.key.resource_name}" if deed.key else ""
            return Deed(
                kind="grant",
                what=f"let role {deed.role.resource_name} read secret {deed.secret.resource_name}{key}",
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
                what=f"register {deed.task_definition.resource_name} once more with {changes}",
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
            what = f"start the tasks of service {service} anew, with version {deed.version} of the rotated secret"
            return Deed(
                kind="redeploy",
                what=f"{what} {deed.secret.resource_name}",
                task_definition=str(deed.task_definition),
                target=deed.service,
                secret=str(deed.secret),
                why=why,
            )
        case Revoke():
            return Deed(
                kind="withdraw",
                what=(
                    f"take back that role {deed.role.resource_name} may read secret {deed.secret.resource_name}, "
                    f"which nothing has needed since {deed.unused_since}"
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
            return f"grant {target} what {revision} needs"
        case "reregister":
            return f"register {revision} once more"
        case "move-service":
            # The target of a rule or a schedule includes that word; a service's name has no space.
            moved = refusal.target if " " in refusal.target else f"service {target}"
            return f"move {moved} away from {revision}"
        case "redeploy":
            return f"start the tasks of service {target} ({revision}) anew"
        case "withdraw":
            return f"take back what {target} was granted"
        case _:
            assert_never(refusal.kind)
