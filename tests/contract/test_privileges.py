"""Each function's role against what its code asks of AWS, both ways: nothing missing, nothing more.

What code asks is marked at the gateways (``@asks``). The table below says which gateway methods each function uses and
on which resource of the stack; it is held against the code's own calls, and the template is held against it.
"""

import ast
import importlib
import json
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from inspect import getmembers, isclass, isfunction
from typing import Any

import pytest

import pullguard.aws
from pullguard.aws.cloudformation import Stacks
from pullguard.aws.ecs import Ecs
from pullguard.aws.iam import Iam
from pullguard.aws.kms import Kms
from pullguard.aws.messaging import Bus, Queues, Topic
from pullguard.aws.schedules import Rules, Schedules
from pullguard.aws.secrets_manager import SecretsManager
from pullguard.aws.ssm import StopSwitch
from pullguard.cause_ledger import CauseLedger
from pullguard.ledger import Ledger
from pullguard.login_ledger import LoginLedger
from pullguard.roster import Roster
from pullguard.service_ledger import ServiceLedger
from tests.contract.cloudformation import ROOT, TEXT, Template, load, said, several
from tests.contract.roles import Need, Statement, condition_text, given, role_of, statements_of

Method = Callable[..., Any]

TEMPLATE = load()


def on(resource: str, *methods: Method) -> dict[Method, tuple[str, ...]]:
    """These methods, on a resource of the stack."""
    return dict.fromkeys(methods, (resource,))


# --- What each function uses -------------------------------------------------------------------------------------

READS: tuple[Method, ...] = (
    Ecs.describe,
    Ecs.usage,
    Iam.role,
    Kms.key,
    SecretsManager.describe,
    SecretsManager.resource_policy,
    SecretsManager.opted_in,
)


@dataclass(frozen=True)
class Function:
    """What a function uses: gateway methods on anything, and on resources of the stack."""

    queue: str
    flows: tuple[str, ...]
    reads: tuple[Method, ...] = ()
    stack: dict[Method, tuple[str, ...]] = field(default_factory=dict)
    # What a service asks for on the caller's behalf: no call of ours, and the call fails without it.
    behind: tuple[tuple[str, str], ...] = ()


# What is asked before each write.
BRAKES: tuple[Method, ...] = (
    Ledger.hold,
    Ledger.family_hold,
    Ledger.written_in_hour,
    Ledger.count_write,
    Ledger.happened,
    Ledger.once,
)
# How what was done is told even where the run that did it ends at once.
TELLING: tuple[Method, ...] = (Ledger.intend, Ledger.intended, Ledger.save_remediation)

FUNCTIONS = {
    "resolve_change": Function(
        queue="Change",
        flows=("resolve_change",),
        reads=(Ecs.describe,),
        stack={
            **on(
                "Ledger.Arn",
                Ledger.dependents,
                Ledger.sweep_state,
                Ledger.lease,
                Ledger.take_up,
                Ledger.taken_up,
                Ledger.keep_rotation_end,
                Ledger.rotation_end,
                Roster.siblings,
                ServiceLedger.keep,
            ),
            **on("ValidationQueue.Arn", Queues.look),
            **on("SweepQueue.Arn", Queues.send),
        },
    ),
    "validate_task_definition": Function(
        queue="Validation",
        flows=("validate", "telling"),
        reads=(*READS, SecretsManager.credentials, Rules.pinning, Schedules.pinning, Iam.simulate),
        stack={
            **on(
                "Ledger.Arn",
                Ledger.entry,
                Ledger.forget_references,
                Roster.answer,
                Roster.forget,
                Roster.remember,
                Ledger.keep_references,
                Ledger.save_finding,
                Ledger.save_remediation,
                Ledger.rotation_end,
                Ledger.keep_verified,
                ServiceLedger.keep,
                LoginLedger.known,
                LoginLedger.keep,
            ),
            **on("Bus.Arn", Bus.publish),
            Queues.command: ("GrantQueue.Arn", "ReregisterQueue.Arn"),
        },
        # GetSecretValue of a secret under a customer managed key.
        behind=(("kms:Decrypt", "arn:${AWS::Partition}:kms:*:*:key/*"),),
    ),
    "patch_execution_role": Function(
        queue="Grant",
        flows=("patch_role", "confirming", "unagreed", "policy_writing", "withdraw", "writing", "brakes", "telling"),
        reads=(*READS, Iam.put_role_policy, Iam.delete_role_policy, StopSwitch.read),
        stack={
            **on(
                "Ledger.Arn",
                Ledger.granted,
                Ledger.record_write,
                Ledger.keep_grants,
                Ledger.dependents,
                Ledger.forget_grant,
                Ledger.unagreed,
                Ledger.keep_unagreed,
                Ledger.forget_unagreed,
                Ledger.holdings,
                Ledger.mark_needed,
                Ledger.writes,
                Roster.complete,
                *BRAKES,
                *TELLING,
                Ledger.record_ecs_write,  # by what both executors share
            ),
            **on("Bus.Arn", Bus.publish),
            **on("ValidationQueue.Arn", Queues.look),
        },
    ),
    "reregister_task_definition": Function(
        queue="Reregister",
        flows=("reregister", "moving", "redeploy", "writing", "brakes", "telling"),
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
            **on("Ledger.Arn", Ledger.entry, Ledger.lease, *BRAKES, *TELLING, Ledger.record_ecs_write),
            **on("Ledger.Arn", Ledger.reregistered, Ledger.keep_reregistered, Ledger.was_moved, Ledger.keep_move),
            **on("Bus.Arn", Bus.publish),
            **on("ValidationQueue.Arn", Queues.look),
        },
    ),
    "publish_alert": Function(
        queue="Alert",
        flows=("alert", "causes", "looking_again", "publishing", "reminding"),
        stack={
            **on("Ledger.Arn", Ledger.finding, Ledger.remediation, Ledger.happened, Ledger.lease, Ledger.once),
            **on("Ledger.Arn", Ledger.dependents, ServiceLedger.known),
            **on("Ledger.Arn", CauseLedger.record, CauseLedger.records, CauseLedger.save, CauseLedger.any_member),
            **on("Ledger.Arn", CauseLedger.members, CauseLedger.past),
            **on("ValidationQueue.Arn", Queues.look),
            **on("AlertTopic", Topic.publish),
        },
        # Publish to an encrypted topic.
        behind=(("kms:Decrypt", "TopicKey.Arn"), ("kms:GenerateDataKey", "TopicKey.Arn")),
    ),
    "sweep_account": Function(
        queue="Sweep",
        flows=("sweep", "settle", "unused"),
        reads=(Ecs.families, Ecs.describe, Ecs.clusters, Ecs.services, Ecs.tasks),
        stack={
            **on(
                "Ledger.Arn",
                Ledger.happened,
                Ledger.once,
                Ledger.save_sweep_state,
                Ledger.roles,
                Ledger.holdings,
                Ledger.dependents,
                Ledger.mark_unused,
                Ledger.unagreed,
                Ledger.mark_needed,
                Roster.ask,
                Roster.begin,
                Roster.complete,
                Roster.known,
                Roster.save,
                Roster.save_complete,
                Roster.sweep,
            ),
            **on("Ledger.Arn", ServiceLedger.known, ServiceLedger.keep, ServiceLedger.forget),
            **on("ValidationQueue.Arn", Queues.look),
            **on("SweepQueue.Arn", Queues.send),
            **on("GrantQueue.Arn", Queues.command),
        },
    ),
}

# What only the command line asks for, with its own caller's rights.
COMMAND_LINE_ONLY: frozenset[Method] = frozenset(
    {
        Ecs.all_failed_starts,
        Ecs.instances,
        Iam.every_role,
        Ledger.save_hold,
        Ledger.end_hold,
        Ledger.families,
        Ledger.ecs_writes,
        Ledger.save_family_hold,
        Ledger.end_family_hold,
        Ledger.held_roles,
        Ledger.held_families,
        Ledger.done_in,
        Ledger.let_again,
        Stacks.outputs,
        StopSwitch.write,
    }
)

_ACCOUNT = "${AWS::Region}:${AWS::AccountId}"
# Where an action that is not on a resource of the stack applies. Security lives here: change it with care.
RESOURCES = {
    "ecs:DescribeTaskDefinition": ["*"],
    "ecs:ListClusters": ["*"],
    "ecs:ListServices": ["*"],
    "ecs:ListTasks": ["*"],
    "ecs:ListTaskDefinitionFamilies": ["*"],
    # One statement for both, since each has its own form of ARN and IAM matches an action with no other.
    "ecs:DescribeServices": [f"arn:${{AWS::Partition}}:ecs:{_ACCOUNT}:{each}/*" for each in ("service", "task")],
    "ecs:DescribeTasks": [f"arn:${{AWS::Partition}}:ecs:{_ACCOUNT}:{each}/*" for each in ("service", "task")],
    "ecs:RegisterTaskDefinition": [f"arn:${{AWS::Partition}}:ecs:{_ACCOUNT}:task-definition/*"],
    "ecs:TagResource": [f"arn:${{AWS::Partition}}:ecs:{_ACCOUNT}:task-definition/*"],
    "ecs:UpdateService": [f"arn:${{AWS::Partition}}:ecs:{_ACCOUNT}:service/${{ServicePattern}}"],
    "secretsmanager:DescribeSecret": ["arn:${AWS::Partition}:secretsmanager:*:*:secret:*"],
    "secretsmanager:GetResourcePolicy": ["arn:${AWS::Partition}:secretsmanager:*:*:secret:*"],
    "secretsmanager:GetSecretValue": ["arn:${AWS::Partition}:secretsmanager:*:*:secret:*"],
    "secretsmanager:ListSecrets": ["*"],
    "kms:DescribeKey": ["arn:${AWS::Partition}:kms:*:*:key/*"],
    "kms:GetKeyPolicy": ["arn:${AWS::Partition}:kms:*:*:key/*"],
    "kms:ListGrants": ["arn:${AWS::Partition}:kms:*:*:key/*"],
    "events:ListRuleNamesByTarget": ["*"],
    "events:ListTargetsByRule": [f"arn:${{AWS::Partition}}:events:{_ACCOUNT}:rule/*"],
    "scheduler:ListSchedules": ["*"],
    "scheduler:GetSchedule": [f"arn:${{AWS::Partition}}:scheduler:{_ACCOUNT}:schedule/*"],
    "iam:GetRole": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"],
    "iam:GetRolePolicy": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"],
    "iam:ListAttachedRolePolicies": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"],
    "iam:ListRolePolicies": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"],
    "iam:GetPolicy": ["arn:${AWS::Partition}:iam::*:policy/*"],
    "iam:GetPolicyVersion": ["arn:${AWS::Partition}:iam::*:policy/*"],
    "iam:PassRole": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${PassedRolePattern}"],
    "iam:DeleteRolePolicy": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${ManagedRolePattern}"],
    "iam:PutRolePolicy": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${ManagedRolePattern}"],
    "ssm:GetParameter": [f"arn:${{AWS::Partition}}:ssm:{_ACCOUNT}:parameter${{StopSwitch}}"],
    "iam:SimulatePrincipalPolicy": ["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"],
}
# The conditions without which an action would be a confused deputy's (docs/adr/0002).
CONDITIONS: dict[str, dict[str, Any]] = {
    "iam:DeleteRolePolicy": {"StringEquals": {"aws:ResourceTag/pullguard:managed": "true"}},
    "iam:PutRolePolicy": {"StringEquals": {"aws:ResourceTag/pullguard:managed": "true"}},
    "iam:PassRole": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    # Whoever can tag what stands can raise what a tag lowers, or claim that Pullguard registered it.
    "ecs:TagResource": {"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}},
    "secretsmanager:GetSecretValue": {"StringLike": {"aws:ResourceTag/pullguard:registry": "?*"}},
}
VIA_SECRETS_MANAGER = {"StringLike": {"kms:ViaService": {"Fn::Sub": "secretsmanager.*.${AWS::URLSuffix}"}}}


def expected(name: str) -> set[Need]:
    """All that a function needs."""
    function = FUNCTIONS[name]
    needs = {
        (action, resource, condition_text(CONDITIONS.get(action)))
        for method in function.reads
        for action in actions_of(method)
        for resource in RESOURCES[action]
    }
    needs |= {
        (action, resource, condition_text(None))
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


# --- The comparison ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_allows_what_its_function_needs_and_nothing_more(name: str) -> None:
    missing, more = expected(name) - given(TEMPLATE, name), given(TEMPLATE, name) - expected(name)
    assert (missing, more) == (set(), set())


@pytest.mark.parametrize(("name", "statement"), ALL, ids=IDS)
def test_no_statement_can_be_taken_away_unnoticed(name: str, statement: Statement) -> None:
    template = template_without(statement)
    assert expected(name) - given(template, name) == statement.needs()


def template_without(statement: Statement) -> Template:
    template = TEMPLATE.copy()
    resource, *path, _, index = statement.path
    document = template.resources[resource]["Properties"]
    for step in path:
        document = document[step]
    del document["Statement"][index]
    return template


def test_every_function_is_in_the_table() -> None:
    assert set(FUNCTIONS) == set(TEMPLATE.functions())


# --- The table against the code ----------------------------------------------------------------------------------


LEDGERS = ("pullguard.ledger", "pullguard.roster", "pullguard.cause_ledger", "pullguard.service_ledger")


def gateway_methods() -> dict[str, Method]:
    """Every method that is marked with the actions it needs, by ``Class.method``."""
    modules = [
        importlib.import_module(f"pullguard.aws.{each.name}") for each in pkgutil.iter_modules(pullguard.aws.__path__)
    ]
    found: dict[str, Method] = {}
    ledgers = map(importlib.import_module, LEDGERS)
    for module in (*modules, *ledgers):
        for _, cls in getmembers(module, isclass):
            for name, method in getmembers(cls, isfunction):
                if hasattr(method, "iam_actions"):
                    found[f"{cls.__name__}.{name}"] = method
    return found


METHODS = gateway_methods()
# Asked by Ecs.usage, which is marked with its actions too.
BY_WAY_OF_OTHERS: frozenset[Method] = frozenset({Ecs.failed_starts})


def _used(function: Function) -> set[Method]:
    return {*function.reads, *function.stack, Queues.reject}


def test_every_gateway_method_is_used_by_a_function_or_only_by_the_command_line() -> None:
    used = set().union(*(_used(function) for function in FUNCTIONS.values())) | BY_WAY_OF_OTHERS
    assert {name for name, method in METHODS.items() if method not in used | COMMAND_LINE_ONLY} == set()
    assert used & COMMAND_LINE_ONLY == set()


GATEWAYS = {
    "switch": StopSwitch,
    "ledger": Ledger,
    "roster": Roster,
    "causes": CauseLedger,
    "services": ServiceLedger,
    "queues": Queues,
    "bus": Bus,
    "topic": Topic,
    "ecs": Ecs,
    "iam": Iam,
}


def called(flow: str) -> set[Method]:
    """The gateway methods that a flow's text calls, such as ``self.executor.ledger.lease(...)``."""
    tree = ast.parse((ROOT / "layers/core/pullguard/flows" / f"{flow}.py").read_text(encoding="utf-8"))
    found: set[Method] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value).rpartition(".")[2]
            if owner in GATEWAYS:
                found.add(getattr(GATEWAYS[owner], node.func.attr))
    return {method for method in found if hasattr(method, "iam_actions")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_table_names_the_gateway_methods_that_the_flows_call(name: str) -> None:
    function = FUNCTIONS[name]
    calls = set().union(*(called(flow) for flow in function.flows))
    if "telling" in function.flows and "validate" not in function.flows:
        calls -= {Ledger.save_finding}  # executors tell remediations, never findings
    direct = _used(function) - {Queues.reject} - set(READS) - BY_READERS
    assert calls - set(READS) == direct - set(READS)


# Called by aws/readers.py, which is asked through the Readers protocol.
BY_READERS: frozenset[Method] = frozenset(
    {
        SecretsManager.credentials,
        Rules.pinning,
        Schedules.pinning,
        Iam.simulate,
        LoginLedger.known,
        LoginLedger.keep,
    }
)


WIRED_BY_DEPLOYMENT = {
    "patch_execution_role",
    "publish_alert",
    "resolve_change",
    "sweep_account",
    "validate_task_definition",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_app_wires_its_flow_and_not_anothers(name: str) -> None:
    text = (ROOT / "functions" / name / "app.py").read_text(encoding="utf-8")
    flow = FUNCTIONS[name].flows[0]
    wired = {
        each for function in FUNCTIONS.values() for each in (function.flows[0],) if f"pullguard.flows.{each}" in text
    }
    assert wired == (set() if name in WIRED_BY_DEPLOYMENT else {flow})


# --- What no statement may do ------------------------------------------------------------------------------------

SPECIFICATION: dict[str, dict[str, Any]] = json.loads(
    (files("cfnlint") / "data/AdditionalSpecs/Policies.json").read_text(encoding="utf-8")
)
# ListTasks supports a container instance, by which nobody here asks; without one there is no resource to name.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
ON_EVERYTHING_ALTHOUGH_IT_HAS_RESOURCES = {"ecs:ListTasks"}


def has_resources(action: str) -> bool:
    service, _, name = action.partition(":")
    return bool(SPECIFICATION[service]["Actions"][name.lower()].get("Resources"))


@pytest.mark.parametrize(("name", "statement"), ALL, ids=IDS)
def test_a_statement_is_on_everything_only_where_its_actions_know_no_resource(name: str, statement: Statement) -> None:
    actions = set(several(statement.body["Action"])) - ON_EVERYTHING_ALTHOUGH_IT_HAS_RESOURCES
    everything = [said(each) for each in several(statement.body["Resource"])] == ["*"]
    # The other way round as well: a resource on an action that knows none would allow nothing.
    assert {has_resources(action) for action in actions} == {not everything}
    assert "*" not in "".join(actions)


@pytest.mark.parametrize(("name", "statement"), ALL, ids=IDS)
def test_a_statement_has_a_name_a_comment_and_one_purpose(name: str, statement: Statement) -> None:
    body = statement.body
    assert body["Effect"] == "Allow"
    assert len({action.partition(":")[0] for action in several(body["Action"])}) == 1
    assert (
        {"Sid", "Effect", "Action", "Resource"} <= body.keys() <= {"Sid", "Effect", "Action", "Resource", "Condition"}
    )
    sids = [each.body["Sid"] for each in statements_of(TEMPLATE, name)]
    assert sids.count(body["Sid"]) == 1


def test_the_line_above_each_statement_says_why_it_is_there() -> None:
    lines = TEXT.splitlines()
    sids = [number for number, line in enumerate(lines) if line.lstrip().startswith("- Sid:")]
    bare = [lines[number].strip() for number in sids if not _comment_above(lines, number)]
    assert len(sids) >= len({statement.path for _, statement in ALL})
    assert bare == []


def _comment_above(lines: list[str], number: int) -> bool:
    above = [line.strip() for line in reversed(lines[:number])]
    # A statement that a condition switches on stands below that condition.
    first = next(line for line in above if line != "- !If" and not line.removeprefix("- ").isalnum())
    return first.startswith("#")


WITHHELD_WHERE_IT_OBSERVES = {
    "iam:PutRolePolicy": "Remediates",
    "iam:DeleteRolePolicy": "Remediates",
    "iam:PassRole": "Remediates",
    "ecs:RegisterTaskDefinition": "Remediates",
    "ecs:TagResource": "Remediates",
    "ecs:UpdateService": "ChangesServices",
}


@pytest.mark.parametrize(("action", "condition"), WITHHELD_WHERE_IT_OBSERVES.items())
def test_where_pullguard_only_observes_iam_lets_no_function_write(action: str, condition: str) -> None:
    bodies = [
        (body["Fn::If"][0] if "Fn::If" in body else None, body["Fn::If"][1] if "Fn::If" in body else body)
        for role in TEMPLATE.resources.values()
        for policy in role["Properties"].get("Policies", ())
        for body in policy["PolicyDocument"]["Statement"]
    ]
    assert {where for where, body in bodies if action in several(body["Action"])} == {condition}
    conditions = TEMPLATE.data["Conditions"]
    assert conditions["Remediates"] == {"Fn::Equals": [{"Ref": "Mode"}, "remediate"]}
    assert conditions["ChangesServices"]["Fn::And"][0] == {"Condition": "Remediates"}


@pytest.mark.parametrize(
    ("action", "function"),
    [
        ("iam:Put", "patch_execution_role"),
        ("iam:Delete", "patch_execution_role"),
        ("ecs:Register", "reregister_task_definition"),
        ("ecs:Update", "reregister_task_definition"),
        ("ecs:Tag", "reregister_task_definition"),
        ("iam:Pass", "reregister_task_definition"),
        ("sns:Publish", "publish_alert"),
        ("secretsmanager:GetSecretValue", "validate_task_definition"),
    ],
)
def test_only_one_function_may(action: str, function: str) -> None:
    able = {name for name in FUNCTIONS if any(need[0].startswith(action) for need in given(TEMPLATE, name))}
    assert able == {function}


# What changes something outside the stack itself; everything else that is allowed reads, or feeds the stack.
WRITES = {
    "iam:DeleteRolePolicy",
    "iam:PutRolePolicy",
    "ecs:RegisterTaskDefinition",
    "ecs:TagResource",
    "ecs:UpdateService",
    "iam:PassRole",
}
READING = ("Get", "List", "Describe", "Simulate", "Query", "Decrypt")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_beyond_the_stack_a_function_only_reads_or_makes_the_known_writes(name: str) -> None:
    outside = {
        action for action, resource, _ in given(TEMPLATE, name) if resource == "*" or resource.startswith("arn:")
    }
    unknown = {
        action
        for action in outside - WRITES
        if not action.partition(":")[2].startswith(READING) and not action.startswith("xray:")
    }
    assert unknown == set()


def test_no_other_resource_of_the_stack_carries_a_policy_for_functions() -> None:
    roles = set(TEMPLATE.of_type("AWS::IAM::Role"))
    assert roles == {role_of(TEMPLATE, name) for name in FUNCTIONS}
    attached = {
        said(each) for role in TEMPLATE.of_type("AWS::IAM::Role").values() for each in role.get("ManagedPolicyArns", ())
    }
    assert attached == set(TEMPLATE.of_type("AWS::IAM::ManagedPolicy"))
