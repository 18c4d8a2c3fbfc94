"""The AWS actions that each function needs, and their resources; tests compare the template and the code with it.

The gateways' methods declare their actions with ``@asks``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pullguard.aws.cloudformation import Stacks
from pullguard.aws.ecs import Ecs
from pullguard.aws.iam import Iam
from pullguard.aws.kms import Kms
from pullguard.aws.messaging import Bus, Queues, Topic
from pullguard.aws.organizations import Organizations
from pullguard.aws.schedules import Rules, Schedules
from pullguard.aws.secrets_manager import SecretsManager
from pullguard.aws.ssm import StopSwitch
from pullguard.aws.tagging import Tagging
from pullguard.store.claims import ClaimStore
from pullguard.store.entries import EntryStore
from pullguard.store.families import FamilyStore
from pullguard.store.holds import HoldStore
from pullguard.store.incidents import IncidentStore
from pullguard.store.intents import IntentStore
from pullguard.store.logins import LoginStore
from pullguard.store.roles import RoleStore
from pullguard.store.rotations import RotationStore
from pullguard.store.sent_alerts import SentAlertStore
from pullguard.store.services import ServiceStore
from pullguard.store.starts import StartStore
from pullguard.store.task_definitions import TaskDefinitionStore
from pullguard.store.write_counts import WriteCountStore
from tests.contract.cloudformation import load, said
from tests.contract.resources import CONDITIONS, RESOURCES, VIA_SECRETS_MANAGER
from tests.contract.roles import Need, condition_text, statements_of

Method = Callable[..., Any]

TEMPLATE = load()


def on(resource: str, *methods: Method) -> dict[Method, tuple[str, ...]]:
    """These methods, on a resource of the stack."""
    return dict.fromkeys(methods, (resource,))


# --- What each function uses -------------------------------------------------------------------------------------

READS: tuple[Method, ...] = (
    Ecs.describe,
    Ecs.described,
    Ecs.tasks,
    Ecs.failed_starts,
    Iam.role,
    Kms.key,
    Organizations.organization,
    SecretsManager.describe,
    SecretsManager.resource_policy,
    SecretsManager.current_keys,
    SecretsManager.other_policies,
    SecretsManager.opted_in,
)


@dataclass(frozen=True)
class Function:
    """A function's gateway methods: those on any resource, and those on resources of the stack."""

    queue: str
    flows: tuple[str, ...]
    reads: tuple[Method, ...] = ()
    stack: dict[Method, tuple[str, ...]] = field(default_factory=dict)
    # Actions that a service performs on the caller's behalf. Without them the call fails.
    behind: tuple[tuple[str, str], ...] = ()


# What runs and starts revisions: services, rules, schedules and callers.
USES: tuple[Method, ...] = (ServiceStore.not_listed, ServiceStore.places, StartStore.schedules, StartStore.alone)
# Reads that precede each write.
GUARD: tuple[Method, ...] = (
    RoleStore.hold,
    FamilyStore.hold,
    ClaimStore.happened,
    ClaimStore.mark,
    HoldStore.keep_waiting,
)
# Publication of an outcome.
REPORTING: tuple[Method, ...] = (EntryStore.save_remediation,)

FUNCTIONS = {
    "resolve_change": Function(
        queue="Change",
        flows=("resolve_change",),
        reads=(Ecs.describe,),
        stack={
            **on(
                "Ledger.Arn",
                EntryStore.dependents,
                TaskDefinitionStore.sweep_state,
                ClaimStore.begin,
                ClaimStore.marked,
                ClaimStore.lock,
                ClaimStore.mark,
                ClaimStore.record_change,
                ClaimStore.claim_change,
                ClaimStore.last_change,
                RotationStore.keep,
                RotationStore.end,
                TaskDefinitionStore.siblings,
                ServiceStore.keep,
                ServiceStore.point,
                StartStore.keep_alone,
            ),
            **on("ValidationQueue.Arn", Queues.request),
            **on("SweepQueue.Arn", Queues.send),
        },
    ),
    "validate_task_definition": Function(
        queue="Validation",
        flows=("validate", "report"),
        reads=(*READS, SecretsManager.credentials, Iam.simulate),
        stack={
            **on(
                "Ledger.Arn",
                EntryStore.get,
                EntryStore.forget_references,
                TaskDefinitionStore.answer,
                TaskDefinitionStore.answer_family,
                TaskDefinitionStore.forget,
                EntryStore.keep_references,
                EntryStore.save_finding,
                EntryStore.save_remediation,
                RotationStore.end,
                RoleStore.granted,
                EntryStore.keep_verified,
                EntryStore.keep_accepted,
                EntryStore.keep_pulled,
                ServiceStore.keep,
                *USES,
                LoginStore.known,
                LoginStore.keep,
            ),
            **on("Bus.Arn", Bus.publish),
            Queues.command: ("GrantQueue.Arn", "ReregisterQueue.Arn"),
            **on("ValidationQueue.Arn", Queues.postpone),
        },
        # GetSecretValue of a secret under a customer managed key.
        behind=(("kms:Decrypt", "arn:${AWS::Partition}:kms:*:*:key/*"),),
    ),
    "patch_execution_role": Function(
        queue="Grant",
        flows=(
            "patch_role",
            "reconcile_role",
            "role_reader",
            "role_reports",
            "execute",
            "write_checks",
            "report",
        ),
        reads=(*READS, Iam.put_role_policy, Iam.delete_role_policy, StopSwitch.read),
        stack={
            **on(
                "Ledger.Arn",
                EntryStore.get,
                EntryStore.asked,
                EntryStore.dependents,
                RoleStore.item,
                RoleStore.replace,
                TaskDefinitionStore.complete,
                *USES,
                *GUARD,
                *REPORTING,
            ),
            **on("Bus.Arn", Bus.publish),
            **on("ValidationQueue.Arn", Queues.delayed, Queues.request),
        },
    ),
    "reregister_task_definition": Function(
        queue="Reregister",
        flows=("reregister", "move_services", "redeploy", "ecs_writes", "execute", "write_checks", "report"),
        reads=(
            *READS,
            Ecs.describe_raw,
            Ecs.own_revision,
            Ecs.register,
            Ecs.move_service,
            Ecs.redeploy,
            StopSwitch.read,
        ),
        stack={
            **on("Ledger.Arn", EntryStore.get, ClaimStore.lock, *USES, *GUARD, *REPORTING, FamilyStore.record_write),
            **on(
                "Ledger.Arn",
                FamilyStore.reregistered,
                FamilyStore.keep_reregistered,
                FamilyStore.was_moved,
                FamilyStore.keep_move,
                IntentStore.keep,
                WriteCountStore.add,
                WriteCountStore.in_hour,
                IntentStore.of,  # after the run that caused it has ended
            ),
            **on("Bus.Arn", Bus.publish),
            **on("ValidationQueue.Arn", Queues.request),
        },
    ),
    "publish_alert": Function(
        queue="Alert",
        flows=("notify", "notify_incident", "recheck_open", "publish_once", "remind", "summarize"),
        stack={
            **on(
                "Ledger.Arn",
                EntryStore.finding,
                EntryStore.remediation,
                ClaimStore.begin,
                ClaimStore.happened,
                ClaimStore.lock,
                ClaimStore.mark,
            ),
            **on("Ledger.Arn", EntryStore.dependents, HoldStore.waiting, ServiceStore.of_families),
            **on(
                "Ledger.Arn",
                IncidentStore.any_member,
                IncidentStore.claim,
                IncidentStore.record,
                IncidentStore.records,
                IncidentStore.save,
            ),
            **on("Ledger.Arn", IncidentStore.members, IncidentStore.past),
            **on(
                "Ledger.Arn",
                SentAlertStore.held,
                SentAlertStore.hold,
                SentAlertStore.last_hour,
                SentAlertStore.release,
            ),
            **on("ValidationQueue.Arn", Queues.request),
            **on("AlertTopic", Topic.publish),
        },
        # Publish to an encrypted topic.
        behind=(("kms:Decrypt", "TopicKey.Arn"), ("kms:GenerateDataKey", "TopicKey.Arn")),
    ),
    "sweep_account": Function(
        queue="Sweep",
        flows=("sweep", "settle", "review_roles"),
        reads=(Ecs.families, Ecs.clusters, Ecs.services, Ecs.tasks, Rules.starting, Schedules.starting),
        stack={
            **on(
                "Ledger.Arn",
                ClaimStore.happened,
                ClaimStore.mark,
                TaskDefinitionStore.save_sweep_state,
                RoleStore.known,
                RoleStore.item,
                HoldStore.waiting,
                TaskDefinitionStore.ask,
                TaskDefinitionStore.ask_family,
                TaskDefinitionStore.begin,
                TaskDefinitionStore.complete,
                TaskDefinitionStore.families,
                TaskDefinitionStore.known,
                TaskDefinitionStore.save,
                TaskDefinitionStore.save_complete,
                TaskDefinitionStore.sweep,
                TaskDefinitionStore.use,
            ),
            **on("Ledger.Arn", ServiceStore.rows, ServiceStore.keep_listed),
            **on("Ledger.Arn", StartStore.keep_schedules, StartStore.alone),
            **on("ValidationQueue.Arn", Queues.delayed, Queues.request),
            **on("SweepQueue.Arn", Queues.send),
            **on("GrantQueue.Arn", Queues.command),
        },
    ),
}

# Actions that only the command line uses, with its caller's permissions.
COMMAND_LINE_ONLY: frozenset[Method] = frozenset(
    {
        Ecs.active_revisions,
        Ecs.instances,
        Iam.every_role,
        SecretsManager.every_secret,
        RoleStore.writes,
        RoleStore.save_hold,
        RoleStore.end_hold,
        FamilyStore.known,
        FamilyStore.writes,
        FamilyStore.save_hold,
        FamilyStore.end_hold,
        HoldStore.roles,
        HoldStore.families,
        FamilyStore.done_in,
        FamilyStore.let_again,
        Stacks.describe,
        StopSwitch.write,
        Tagging.tags,
    }
)


# Methods whose transactions also write a partition of another store.
WRITES_BESIDE: dict[Method, tuple[str, ...]] = {EntryStore.save_finding: ("CAUSE#",)}
STORES = (
    ClaimStore,
    EntryStore,
    FamilyStore,
    HoldStore,
    IncidentStore,
    IntentStore,
    LoginStore,
    RoleStore,
    RotationStore,
    SentAlertStore,
    ServiceStore,
    StartStore,
    TaskDefinitionStore,
    WriteCountStore,
)


def leading_keys(function: Function) -> list[str]:
    """Return the patterns of the ledger's partition keys that a function uses, sorted."""
    partitions = {store.__name__: store.PARTITIONS for store in STORES}
    used = (method for method, resources in function.stack.items() if resources == ("Ledger.Arn",))
    names = {
        name
        for method in used
        for name in (*partitions[method.__qualname__.partition(".")[0]], *WRITES_BESIDE.get(method, ()))
    }
    return sorted(f"{name}*" if name.endswith("#") else name for name in names)


def expected(name: str) -> set[Need]:
    """All that a function needs."""
    function = FUNCTIONS[name]
    partitions = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": leading_keys(function)}}
    needs = {
        (action, resource, condition_text(CONDITIONS.get(action)))
        for method in function.reads
        for action in actions_of(method)
        for resource in RESOURCES[action]
    }
    needs |= {
        (action, resource, condition_text(partitions if resource == "Ledger.Arn" else None))
        for method, resources in function.stack.items()
        for action in actions_of(method)
        for resource in resources
    }
    needs |= {
        (action, resource, condition_text(VIA_SECRETS_MANAGER if resource.endswith(":key/*") else None))
        for action, resource in function.behind
    }
    own = {
        "logs:CreateLogStream": f"${{{_logs_of(name)}.Arn}}:*",
        "logs:PutLogEvents": f"${{{_logs_of(name)}.Arn}}:*",
        "xray:PutTelemetryRecords": "*",
        "xray:PutTraceSegments": "*",
        "sqs:DeleteMessage": f"{function.queue}Queue.Arn",
        "sqs:GetQueueAttributes": f"{function.queue}Queue.Arn",
        "sqs:ReceiveMessage": f"{function.queue}Queue.Arn",
        "sqs:SendMessage": f"{function.queue}DeadLetters.Arn",
    }
    return needs | {(action, resource, condition_text(None)) for action, resource in own.items()}


def actions_of(method: Method) -> frozenset[str]:
    actions: frozenset[str] = method.iam_actions  # type: ignore[attr-defined]
    return actions


def _logs_of(name: str) -> str:
    return said(TEMPLATE.functions()[name]["LoggingConfig"]["LogGroup"])


# --- The template's statements ------------------------------------------------------------------------------------

ALL = [(name, statement) for name in FUNCTIONS for statement in statements_of(TEMPLATE, name)]
IDS = [f"{name}-{statement.sid}" for name, statement in ALL]
