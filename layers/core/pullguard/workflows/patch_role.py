"""Reconcile our policy on roles, as messages ask: each names a task definition or a role, and proves nothing."""

from dataclasses import dataclass
from typing import assert_never

from pullguard.aws.iam import Iam
from pullguard.checks.gather import Readers
from pullguard.domain.arn import Arn
from pullguard.domain.messages import Review, ValidationRequest, parse_command
from pullguard.domain.provenance import check_time
from pullguard.domain.role_policy import RevocationRules
from pullguard.domain.task_definition import TaskDefinition, proved_role_arn
from pullguard.store.starts import StartStore
from pullguard.store.task_definitions import TaskDefinitionStore
from pullguard.workflows.execute import Executor
from pullguard.workflows.reconcile_role import Reconciled, RoleReconciler
from pullguard.workflows.role_reader import DependentsReader, described
from pullguard.workflows.role_reports import RoleFollowUps, RoleGate, RolePolicies, RoleReports


@dataclass(frozen=True, slots=True, kw_only=True)
class Patched:
    """The outcome of a message about a task definition, logged: whether the policy was written, and what it lost.

    The names of outcomes are those of metrics, and their fields those of log lines (docs/operations.md): they stay.
    """

    task_definition: str
    role: str | None = None
    written: bool = False
    why: str = ""
    taken_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """The outcome of a message about a role, logged: how many grants were revoked."""

    role: str
    withdrawn: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolePatcher:
    """Reconciles Pullguard's policy on execution roles; ``policy`` is its name, ``rules`` say what may be revoked."""

    executor: Executor
    iam: Iam
    definition_store: TaskDefinitionStore
    starts: StartStore
    policy: str
    rules: RevocationRules

    def run(self, body: str, *, message_id: str) -> Patched | Withdrawn:
        """Process the message ``body``; raises ``Rejected`` if it is neither a validation request nor a review."""
        command = parse_command(body)
        check_time(command.provenance, now=self.executor.now())
        self.executor.home.admit(command.subject)
        match command:
            case ValidationRequest():
                return self._patch(command, message_id)
            case Review():
                done = self._reconcile(command.role, command, message_id)
                return Withdrawn(role=str(command.role), withdrawn=done.revoked, why=done.why)
        assert_never(command)

    def _patch(self, request: ValidationRequest, message_id: str) -> Patched:
        readers = self.executor.readers()
        found = described(request.task_definition, readers)
        role = proved_role_arn(found) if isinstance(found, TaskDefinition) else None
        if role is None or not isinstance(found, TaskDefinition):
            self.executor.retry_until_visible(request)
            return Patched(task_definition=str(request.task_definition), why="it is gone, or names no role")
        done = self._reconcile(role, request, message_id, readers, found)
        if done.is_settled:
            self.executor.retry_until_visible(request)
        return Patched(
            task_definition=str(request.task_definition),
            role=str(role),
            written=done.written,
            why=done.why,
            taken_back=done.revoked,
        )

    def _reconcile(
        self,
        role: Arn,
        request: ValidationRequest | Review,
        message_id: str,
        readers: Readers | None = None,
        *witnesses: TaskDefinition,
    ) -> Reconciled:
        executor = self.executor
        if executor.mode == "observe":
            return Reconciled(role=str(role), is_settled=True, why="Pullguard only observes (parameter Mode)")
        reconciler = RoleReconciler(
            roles=executor.ledger.roles,
            reader=DependentsReader(
                readers=readers or executor.readers(),
                ledger=executor.ledger,
                definition_store=self.definition_store,
                starts=self.starts,
                policy=self.policy,
                mode=executor.mode,
                rules=executor.rules,
                now=executor.now,
                witnesses=witnesses,
                sweep="" if witnesses else request.provenance.event_id,
            ),
            iam=RolePolicies(iam=self.iam),
            gate=RoleGate(guard=executor.guard),
            reports=RoleReports(executor=executor, request=request),
            follow_ups=RoleFollowUps(executor=executor, request=request),
            rules=self.rules,
            writes_per_hour=executor.guard.writes_per_hour,
            now=executor.now,
        )
        return reconciler.reconcile(role, write_id=message_id, provenance=request.provenance)
