"""Write to ECS: checked before, intended and recorded, then made, and counted for the circuit breaker."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pullguard.domain.arn import Arn, family_of
from pullguard.domain.errors import NotNow, PullguardError
from pullguard.domain.messages import ValidationRequest
from pullguard.domain.remediation import Remediation
from pullguard.domain.write_history import Outcome
from pullguard.workflows.execute import Executor
from pullguard.workflows.write_checks import NotWritten, TooManyWrites

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsWriter:
    """Makes the writes of one executor to ECS; a ``scope`` is a family or a service."""

    executor: Executor

    def check(self, scope: str, *, role: Arn | None, family: str) -> None:
        """Admit the next write to ``scope``, which concerns ``role`` and ``family``.

        Raises ``Held``, ``CannotReport`` or ``TooManyWrites`` if nothing may be written.
        """
        guard = self.executor.guard
        guard.admit(role=role, family=family)
        written = self.executor.ledger.write_counts.in_hour(scope, now=self.executor.now())
        if written >= guard.writes_per_hour:
            raise TooManyWrites(scope, guard.writes_per_hour)

    def intend(self, *remediations: Remediation, message_id: str) -> None:
        """Record what is about to be done, so that the next run reports it if this one crashes first."""
        for remediation in remediations:
            self.executor.ledger.intents.keep(replace(remediation, message_id=message_id), now=self.executor.now())

    def write(
        self,
        deed: Remediation,
        request: ValidationRequest,
        call: Callable[[], T],
        *,
        scope: str,
        role: Arn | None,
        message_id: str,
    ) -> T:
        """Write to ECS and return the result of ``call``: intended and recorded before the write, counted after it.

        The write has passed ``check``. After recording, this checks the stop and the holds on ``role`` and the family
        again. A result of ``call`` other than None is the revision that it created.
        Raises ``NotWritten`` if a check refuses the write, and whatever ``call`` raises.
        """
        self.intend(deed, message_id=message_id)
        family, now = family_of(deed.task_definition), self.executor.now()

        def keep(outcome: Outcome, after: str | None) -> None:
            record: dict[str, Any] = {
                "kind": deed.deed.kind,
                "target": deed.deed.target,
                "before": deed.before,
                "after": after,
                "task_definition": str(request.task_definition),
                "cause": request.provenance.to_dict(),
                "outcome": outcome,
            }
            write_id = f"{message_id}#{deed.deed.target}"
            self.executor.ledger.families.record_write(family, write_id=write_id, record=record, now=now)

        keep("unknown", deed.after)
        try:
            self.executor.guard.admit(role=role, family=family)
            made = call()
        except NotWritten:
            keep("refused", deed.after)
            raise
        except NotNow:
            raise
        except PullguardError:
            keep("refused", deed.after)
            raise
        keep("written", deed.after if made is None else str(made))
        self.executor.ledger.write_counts.add(scope, now=self.executor.now())
        return made
