"""template.yaml against what the design promises of queues, functions, rules and what they share."""

import ast
from typing import Any

import pytest

from pullguard.domain.messages import RECEIVES_MAX
from pullguard.domain.provenance import KEPT
from pullguard.domain.role_item import RUN_MAX, SHOWS_AFTER
from pullguard.events import BRANCHES
from pullguard.runtime.bootstrap import Deployment
from pullguard.runtime.settings import PREFIX, SANDBOX_ONLY
from pullguard.workflows.settle import Progress
from tests.contract.cloudformation import ROOT, TEXT, load, said, several
from tests.contract.roles import given, role_of

TEMPLATE = load()
QUEUES = TEMPLATE.of_type("AWS::SQS::Queue")
WORK_QUEUES = {name: each for name, each in QUEUES.items() if "RedrivePolicy" in each}
DEAD_LETTERS = {name: each for name, each in QUEUES.items() if "RedrivePolicy" not in each}
FUNCTIONS = TEMPLATE.functions()
RULES = TEMPLATE.of_type("AWS::Events::Rule")
PARAMETERS: dict[str, dict[str, Any]] = TEMPLATE.data["Parameters"]


def event_source(function: dict[str, Any]) -> dict[str, Any]:
    (source,) = function["Events"].values()
    assert source["Type"] == "SQS"
    properties: dict[str, Any] = source["Properties"]
    return properties


def queue_of(function: dict[str, Any]) -> str:
    return said(event_source(function)["Queue"]).removesuffix(".Arn")


def dead_letters_of(queue: str) -> str:
    return said(QUEUES[queue]["RedrivePolicy"]["deadLetterTargetArn"]).removesuffix(".Arn")


# --- Queues ------------------------------------------------------------------------------------------------------


def test_each_function_has_a_queue_of_its_own_and_each_queue_a_function() -> None:
    assert sorted(queue_of(each) for each in FUNCTIONS.values()) == sorted(WORK_QUEUES)


def test_each_queue_has_dead_letters_of_its_own() -> None:
    assert sorted(dead_letters_of(each) for each in WORK_QUEUES) == sorted(DEAD_LETTERS)


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_encrypted(name: str) -> None:
    assert QUEUES[name]["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("name", WORK_QUEUES)
def test_a_message_is_tried_a_few_times_and_kept_for_days(name: str) -> None:
    assert WORK_QUEUES[name]["RedrivePolicy"]["maxReceiveCount"] == RECEIVES_MAX
    assert WORK_QUEUES[name]["MessageRetentionPeriod"] >= 4 * 86_400
    assert (
        QUEUES[dead_letters_of(name)]["MessageRetentionPeriod"] == KEPT.total_seconds()
    )  # what comes back is believed


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_message_stays_hidden_for_six_times_the_functions_time(function: str) -> None:
    hidden_s = QUEUES[queue_of(FUNCTIONS[function])]["VisibilityTimeout"]
    assert hidden_s == 6 * FUNCTIONS[function]["Timeout"]


def test_no_run_writes_a_role_later_than_the_others_wait_for_it() -> None:
    assert FUNCTIONS["patch_execution_role"]["Timeout"] <= RUN_MAX.total_seconds()
    assert RUN_MAX < SHOWS_AFTER


@pytest.mark.parametrize("name", WORK_QUEUES)
def test_a_queue_is_fifo_where_writes_must_follow_each_other(name: str) -> None:
    ordered = name in {"GrantQueue", "ReregisterQueue"}
    assert WORK_QUEUES[name].get("FifoQueue", False) is ordered
    assert QUEUES[dead_letters_of(name)].get("FifoQueue", False) is ordered
    # The groups are independent of each other, and a deduplication id must only ever drop copies within its group.
    assert WORK_QUEUES[name].get("DeduplicationScope") == ("messageGroup" if ordered else None)
    assert "ContentBasedDeduplication" not in WORK_QUEUES[name]


@pytest.mark.parametrize("name", DEAD_LETTERS)
def test_a_dead_letter_raises_an_alarm_that_reaches_the_topic(name: str) -> None:
    alarms = [
        each
        for each in TEMPLATE.of_type("AWS::CloudWatch::Alarm").values()
        if said(each["Dimensions"][0]["Value"]) == f"{name}.QueueName"
    ]
    assert len(alarms) == 1
    alarm = alarms[0]
    assert [said(each) for each in alarm["AlarmActions"]] == ["AlertTopic"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert name in alarm["AlarmDescription"]["Fn::Sub"]


def test_a_role_that_collects_secrets_raises_an_alarm_that_reaches_the_topic() -> None:
    alarm = TEMPLATE.of_type("AWS::CloudWatch::Alarm")["SecretsPerRole"]
    variables = TEMPLATE.data["Globals"]["Function"]["Environment"]["Variables"]
    assert alarm["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
    # Powertools gives each metric the dimension `service`.
    name = FUNCTIONS["sweep_account"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
    assert alarm["Dimensions"] == [{"Name": "service", "Value": name}]
    ended = Progress(asked=0, answered=0, uncertain=0, secrets_per_role_max=1)
    assert alarm["MetricName"] in ended.measures
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Maximum", {"Ref": "SecretsPerRoleAlarm"})
    assert (alarm["ComparisonOperator"], alarm["TreatMissingData"]) == ("GreaterThanThreshold", "notBreaching")
    assert [said(each) for each in alarm["AlarmActions"]] == ["AlertTopic"]


def _targets(rule: dict[str, Any]) -> set[str]:
    """The queues that a rule delivers to, its dead letters among them."""
    return {
        said(arn).removesuffix(".Arn")
        for target in rule["Targets"]
        for arn in (target["Arn"], target.get("DeadLetterConfig", {}).get("Arn"))
        if arn is not None
    }


def _policy(name: str) -> list[dict[str, Any]]:
    """The statements of a queue's policy, which is for this queue alone."""
    policies = TEMPLATE.of_type("AWS::SQS::QueuePolicy").values()
    (policy,) = [each for each in policies if name in {said(queue) for queue in each["Queues"]}]
    assert [said(queue) for queue in policy["Queues"]] == [name]
    statements: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    for statement in statements:
        assert statement["Action"] == "sqs:SendMessage"
        assert said(statement["Resource"]) == f"{name}.Arn"
    return statements


def _rules_of(name: str) -> set[str]:
    return {f"{rule}.Arn" for rule, properties in RULES.items() if name in _targets(properties)}


def _roles_of(name: str) -> set[str]:
    """The roles that are allowed to send to a queue."""
    return {
        f"{role_of(TEMPLATE, function)}.Arn"
        for function in FUNCTIONS
        for action, resource, _ in given(TEMPLATE, function)
        if (action, resource) == ("sqs:SendMessage", f"{name}.Arn")
    }


def _said_all(values: Any) -> set[str]:
    return {said(each) for each in several(values)}


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_admits_only_the_rules_that_target_it(name: str) -> None:
    allowed = [each for each in _policy(name) if each["Effect"] == "Allow"]
    if not _rules_of(name):
        assert allowed == []
        return
    (statement,) = allowed
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert list(statement["Condition"]) == ["ArnEquals"]
    (sources,) = statement["Condition"]["ArnEquals"].values()
    assert _said_all(sources) == _rules_of(name)


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_denied_to_everybody_but_its_own_rules_and_roles(name: str) -> None:
    """All keys of a condition are ANDed, and each is negated: the Deny applies to principals that match no key.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
    """
    (statement,) = [each for each in _policy(name) if each["Effect"] == "Deny"]
    assert statement["Principal"] == "*"
    condition = dict(statement["Condition"])
    spared = {key: _said_all(values) for key, values in condition.pop("ArnNotEquals").items()}
    expected = {"aws:SourceArn": _rules_of(name), "aws:PrincipalArn": _roles_of(name)}
    assert spared == {key: values for key, values in expected.items() if values}
    # A principal that redrives dead letters sends only to the queue they came from.
    operators = {"aws:PrincipalArn": {"Ref": "OperatorRoleArns"}}
    either = {"Fn::If": ["HasOperators", operators, {"Ref": "AWS::NoValue"}]}
    assert condition == ({"ArnNotLike": either} if name in WORK_QUEUES else {})


def test_no_policy_names_a_session_of_a_role() -> None:
    """In ``aws:PrincipalArn`` AWS gives the role's ARN: to name sessions would deny a queue to everybody."""
    assert "assumed-role" not in TEXT


@pytest.mark.parametrize("name", QUEUES)
def test_sqs_itself_moves_dead_letters_to_where_they_belong_only(name: str) -> None:
    """SQS evaluates no policy here: any account's queue could otherwise name ours as its dead-letter queue."""
    allowed = QUEUES[name]["RedriveAllowPolicy"]
    if name in WORK_QUEUES:
        assert allowed == {"redrivePermission": "denyAll"}
        return
    (queue,) = [each for each in WORK_QUEUES if dead_letters_of(each) == name]
    assert allowed["redrivePermission"] == "byQueue"
    arn = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:"
    assert _said_all(allowed["sourceQueueArns"]) == {arn + said(QUEUES[queue]["QueueName"])}


@pytest.mark.parametrize("name", WORK_QUEUES)
def test_a_queue_that_dead_letters_name_has_a_name(name: str) -> None:
    suffix = ".fifo" if WORK_QUEUES[name].get("FifoQueue") else ""
    assert said(WORK_QUEUES[name]["QueueName"]) == f"${{AWS::StackName}}-{name}{suffix}"


def if_given(condition: str, parameter: str) -> dict[str, Any]:
    """A property that is a parameter where that is given, and else absent."""
    return {"Fn::If": [condition, {"Ref": parameter}, {"Ref": "AWS::NoValue"}]}


# --- Functions ---------------------------------------------------------------------------------------------------


def test_every_folder_of_functions_is_deployed() -> None:
    assert set(FUNCTIONS) == {each.parent.name for each in (ROOT / "functions").glob("*/app.py")}


def test_all_functions_run_the_same_way() -> None:
    shared = TEMPLATE.data["Globals"]["Function"]
    assert (shared["Runtime"], shared["Handler"], shared["Tracing"]) == ("python3.13", "app.handler", "Active")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_reports_each_failed_message_and_is_bounded(function: str) -> None:
    source = event_source(FUNCTIONS[function])
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # Lambda takes 2 at least.
    assert source["ScalingConfig"]["MaximumConcurrency"] >= 2
    # A message of another group must not wait for, or fail with, this one.
    if QUEUES[queue_of(FUNCTIONS[function])].get("FifoQueue"):
        assert source["BatchSize"] == 1


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_logs_are_its_own_and_end_some_day(function: str) -> None:
    group = said(FUNCTIONS[function]["LoggingConfig"]["LogGroup"])
    properties = TEMPLATE.of_type("AWS::Logs::LogGroup")[group]
    assert properties["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert properties["KmsKeyId"] == if_given("HasLogKey", "LogKmsKeyArn")
    users = [name for name, each in FUNCTIONS.items() if said(each["LoggingConfig"]["LogGroup"]) == group]
    assert users == [function]


def test_only_the_validator_may_run_in_a_vpc_and_trust_more_authorities() -> None:
    subnets, groups = {"Ref": "VpcSubnetIds"}, {"Ref": "VpcSecurityGroupIds"}
    in_vpc = {"Fn::If": ["InVpc", {"SubnetIds": subnets, "SecurityGroupIds": groups}, {"Ref": "AWS::NoValue"}]}
    assert {name: each["VpcConfig"] for name, each in FUNCTIONS.items() if "VpcConfig" in each} == {
        "validate_task_definition": in_vpc
    }
    # SAM adds a function's own layers to those that all have.
    assert {name: each["Layers"] for name, each in FUNCTIONS.items() if "Layers" in each} == {
        "validate_task_definition": [if_given("HasRegistryCaBundle", "RegistryCaBundle")]
    }
    assert "VpcConfig" not in TEMPLATE.data["Globals"]["Function"]


def test_no_function_asks_a_registry_on_its_own_machine() -> None:
    """Such a one is asked over plain HTTP; only the sandbox, whose registries are there, allows it."""
    assert all(f"{PREFIX}{name.upper()}" not in TEXT for name in SANDBOX_ONLY)


def needed_settings(function: str) -> set[str]:
    """The settings that a function's ``Deployment(os.environ, ...)`` names, read from its code."""
    tree = ast.parse((ROOT / "functions" / function / "app.py").read_text(encoding="utf-8"))
    (call,) = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Deployment")
    assert ast.unparse(call.args[0]) == "os.environ"
    names: set[str] = {"rejects_queue_url"}
    for argument in call.args[1:]:
        if isinstance(argument, ast.Constant):
            names.add(str(argument.value))
        else:
            constant = ast.unparse(argument).removeprefix("*Deployment.")
            names |= set(getattr(Deployment, constant))
    return names


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_given_the_settings_that_it_reads_and_no_others(function: str) -> None:
    variables = FUNCTIONS[function]["Environment"]["Variables"]
    given = {name for name in variables if name.startswith(PREFIX)}
    assert given == {PREFIX + name.upper() for name in needed_settings(function)}
    assert variables["POWERTOOLS_SERVICE_NAME"] == function


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_functions_settings_name_the_resources_that_they_say(function: str) -> None:
    variables = FUNCTIONS[function]["Environment"]["Variables"]
    own_queue = queue_of(FUNCTIONS[function])
    expected = {
        "PULLGUARD_ACCOUNT": "AWS::AccountId",
        "PULLGUARD_REGION": "AWS::Region",
        "PULLGUARD_STACK_NAME": "AWS::StackName",
        "PULLGUARD_REJECTS_QUEUE_URL": dead_letters_of(own_queue),
        "PULLGUARD_LEDGER_TABLE": "Ledger",
        "PULLGUARD_BUS_NAME": "Bus",
        "PULLGUARD_TOPIC_ARN": "AlertTopic",
        "PULLGUARD_VALIDATION_QUEUE_URL": "ValidationQueue",
        "PULLGUARD_GRANT_QUEUE_URL": "GrantQueue",
        "PULLGUARD_REREGISTER_QUEUE_URL": "ReregisterQueue",
        "PULLGUARD_SWEEP_QUEUE_URL": "SweepQueue",
        "PULLGUARD_STOP_PARAMETER": "StopSwitch",
    }
    named = {name: said(value) for name, value in variables.items() if name in expected}
    assert named == {name: expected[name] for name in named}
    # Every other value is a parameter, so that operators can find it.
    others = {name: said(value) for name, value in variables.items() if name.startswith(PREFIX) and name not in named}
    assert set(others.values()) <= set(PARAMETERS)


# --- What is shared ----------------------------------------------------------------------------------------------


def test_the_ledger_survives_and_forgets_on_time() -> None:
    ledger = TEMPLATE.resources["Ledger"]
    properties = ledger["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    own_key = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "TableKmsKeyArn"}}
    assert properties["SSESpecification"] == {"Fn::If": ["HasTableKey", own_key, {"SSEEnabled": True}]}
    assert properties["DeletionProtectionEnabled"] is True
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at_epoch_s", "Enabled": True}
    assert (ledger["DeletionPolicy"], ledger["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_topic_is_encrypted_and_open_to_one_function_and_the_accounts_alarms() -> None:
    assert TEMPLATE.of_type("AWS::SNS::Topic")["AlertTopic"]["KmsMasterKeyId"] == {"Ref": "TopicKey"}
    function, alarms = TEMPLATE.of_type("AWS::SNS::TopicPolicy")["AlertTopicPolicy"]["PolicyDocument"]["Statement"]
    assert function["Principal"] == {"AWS": {"Fn::GetAtt": ["PublishAlertRole", "Arn"]}}
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert [each["Action"] for each in (function, alarms)] == ["sns:Publish", "sns:Publish"]


def test_the_topics_key_opens_to_the_accounts_alarms_only() -> None:
    account, alarms = TEMPLATE.of_type("AWS::KMS::Key")["TopicKey"]["KeyPolicy"]["Statement"]
    assert {said(each) for each in account["Principal"].values()} == {
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"
    }
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    # The permissions that CloudWatch needs to publish to an encrypted topic, without key administration.
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    assert alarms["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]


def test_the_bus_is_the_stacks_own() -> None:
    """On the default bus anybody's rule would get the facts, and anybody's event could raise an alert."""
    (bus,) = TEMPLATE.of_type("AWS::Events::EventBus").values()
    assert bus["Name"] == {"Ref": "AWS::StackName"}


@pytest.mark.parametrize("role", TEMPLATE.of_type("AWS::IAM::Role"))
def test_a_role_can_be_assumed_by_lambda_only(role: str) -> None:
    (statement,) = TEMPLATE.of_type("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


@pytest.mark.parametrize("role", TEMPLATE.of_type("AWS::IAM::Role"))
def test_a_role_gets_the_path_and_the_boundary_that_the_account_demands(role: str) -> None:
    properties = TEMPLATE.of_type("AWS::IAM::Role")[role]
    assert properties["Path"] == {"Ref": "RolePath"}
    assert properties["PermissionsBoundary"] == if_given("HasPermissionsBoundary", "PermissionsBoundary")


# --- Rules -------------------------------------------------------------------------------------------------------


def let_in() -> set[tuple[str, str]]:
    """The (source, name) of every event that a rule of the default bus lets in."""
    found = set()
    for rule in RULES.values():
        pattern = rule.get("EventPattern", {})
        if "ScheduleExpression" in rule or "EventBusName" in rule:
            continue
        names = pattern.get("detail", {}).get("eventName") or pattern["detail-type"]
        found |= {(source, name) for source in pattern["source"] for name in names}
    return found


def test_the_rules_let_in_what_the_code_can_read_and_nothing_else() -> None:
    assert let_in() == BRANCHES


@pytest.mark.parametrize("name", RULES)
def test_a_rule_keeps_what_it_cannot_deliver(name: str) -> None:
    (queue,) = {target for target in _targets(RULES[name]) if target.endswith("Queue")}
    assert _targets(RULES[name]) == {queue, queue.removesuffix("Queue") + "DeadLetters"}


# Conditions on an event beside its name. Every other event that reports such a change must match.
FILTERED: dict[str, dict[str, Any]] = {
    # Most updates of a service (its desired count, above all) change nothing that a pull hangs on.
    "ServiceChangedRule": {"requestParameters": {"taskDefinition": [{"exists": True}]}},
    "TaskFailedToStartRule": {"lastStatus": ["STOPPED"], "stopCode": ["TaskFailedToStart"]},
    # Tasks that a service starts are known from the service.
    "TaskStartedRule": {"lastStatus": ["RUNNING", "STOPPED"], "group": [{"anything-but": {"prefix": "service:"}}]},
}


@pytest.mark.parametrize("name", [name for name, each in RULES.items() if "EventBusName" not in each])
def test_a_rule_of_the_default_bus_lets_in_every_event_of_its_names(name: str) -> None:
    pattern = RULES[name].get("EventPattern", {})
    by_name = {"eventSource", "eventName", "errorCode"}
    assert pattern.keys() <= {"source", "detail-type", "detail"}
    filters = {member: value for member, value in pattern.get("detail", {}).items() if member not in by_name}
    assert filters == FILTERED.get(name, {})


def test_a_failed_call_is_let_in_by_rules_of_rotations_only() -> None:
    cloudtrail = {
        name: each["EventPattern"]
        for name, each in RULES.items()
        if "AWS API Call via CloudTrail" in each.get("EventPattern", {}).get("detail-type", ())
    }
    unfiltered = {name for name, each in cloudtrail.items() if each["detail"].get("errorCode") != [{"exists": False}]}
    assert unfiltered == {"SecretRotationRule"}
