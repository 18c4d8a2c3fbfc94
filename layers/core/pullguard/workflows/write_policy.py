"""The only writer of our policy on a role: checked, recorded before and after, and counted.

The caller has passed the write checks. After recording the write, this module checks the stop and the hold again.
Either this run sees a new hold, or the person who set it sees the record of a write that may still happen, as
`pullguard rollback` does.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pullguard.aws.iam import Iam
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Denied
from pullguard.domain.policy_document import POLICY_NAME
from pullguard.domain.provenance import Provenance
from pullguard.domain.role import Role
from pullguard.domain.write_history import Outcome
from pullguard.workflows.execute import Executor
from pullguard.workflows.write_checks import NotWritten


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A write to our policy on a role: its text before and after (None if there is no policy), for what, and why."""

    before: str | None
    after: str | None
    task_definition: str
    cause: Provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyWriter:
    """Writes our policy."""

    executor: Executor
    iam: Iam

    def write(self, role: Role, change: Change, secrets: Iterable[Arn], *, write_id: str) -> None:
        """Write the policy, or delete it if it is empty; ``secrets`` are those that it is written for.

        Raises ``NotWritten`` if a write check refuses, ``Denied`` if AWS does.
        """
        guard, now = self.executor.guard, self.executor.now()

        def keep(outcome: Outcome) -> None:
            record = {
                "before": change.before,
                "after": change.after,
                "task_definition": change.task_definition,
                "role_id": role.role_id,
                "cause": change.cause.to_dict(),
                "outcome": outcome,
            }
            self.executor.ledger.roles.record_write(role.arn, write_id=write_id, record=record, now=now)

        keep("unknown")
        try:
            guard.admit(role=role.arn)
            self._put(role, change)
        except (Denied, NotWritten):
            keep("refused")
            raise
        keep("written")
        guard.count(*scopes(role, secrets))

    def _put(self, role: Role, change: Change) -> None:
        if change.after is None:
            self.iam.delete_role_policy(role.name, POLICY_NAME)
        else:
            self.iam.put_role_policy(role.name, POLICY_NAME, change.after)


def scopes(role: Role, secrets: Iterable[Arn]) -> tuple[str, ...]:
    """Return the scopes under which a write to ``role`` is counted: one per secret that it is written for."""
    return tuple(f"the grant of {secret} on the role {role.arn}" for secret in secrets)
