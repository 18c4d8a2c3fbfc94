"""Rules that every statement of the template obeys, whatever the function needs."""

import json
from importlib.resources import files
from typing import Any

import pytest

from tests.contract.cloudformation import TEXT, said, several
from tests.contract.needs import ALL, FUNCTIONS, IDS, TEMPLATE
from tests.contract.roles import LAMBDAS_OWN, Statement, all_statements_of, given, role_of, statements_of

SPECIFICATION: dict[str, dict[str, Any]] = json.loads(
    (files("cfnlint") / "data/AdditionalSpecs/Policies.json").read_text(encoding="utf-8")
)
# ListTasks supports a container instance as resource. Our code never filters by one, so no resource applies.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
ON_EVERYTHING_ALTHOUGH_IT_HAS_RESOURCES = {"ecs:ListTasks"}
# Newer than the specification; it is on the secret that its call names.
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListResourcePolicies.html
HAS_RESOURCES_SINCE = {"secretsmanager:ListResourcePolicies"}


def has_resources(action: str) -> bool:
    service, _, name = action.partition(":")
    known = SPECIFICATION[service]["Actions"].get(name.lower())
    assert (known is None) is (action in HAS_RESOURCES_SINCE), action
    return known is None or bool(known.get("Resources"))


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
    # A conditional statement is nested below its condition.
    first = next(line for line in above if line != "- !If" and not line.removeprefix("- ").isalnum())
    return first.startswith("#")


def test_lambda_connects_the_validator_to_a_vpc_and_the_functions_code_never_does() -> None:
    """As AWS documents it: Lambda's own calls name no source function.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    """
    found = {name: all_statements_of(TEMPLATE, name) for name in FUNCTIONS}
    own = {
        name: [each.body for each in statements if LAMBDAS_OWN.intersection(several(each.body["Action"]))]
        for name, statements in found.items()
    }
    allow, deny = own.pop("validate_task_definition")
    assert not any(own.values())
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert set(allow["Action"]) == set(deny["Action"]) == LAMBDAS_OWN
    assert "Condition" not in allow
    every_function = "arn:${AWS::Partition}:lambda:*:${AWS::AccountId}:function:*"
    assert deny["Condition"] == {"ArnLike": {"lambda:SourceFunctionArn": {"Fn::Sub": every_function}}}
    role = TEMPLATE.resources["ValidateTaskDefinitionRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    switched = [each["Fn::If"] for each in role["Statement"] if "Fn::If" in each]
    assert [each[0] for each in switched if each[1] in (allow, deny)] == ["InVpc", "InVpc"]


WITHHELD_WHERE_IT_OBSERVES = {
    "iam:PutRolePolicy": "Remediates",
    "iam:DeleteRolePolicy": "Remediates",
    "iam:PassRole": "Remediates",
    "ecs:RegisterTaskDefinition": "Remediates",
    "ecs:TagResource": "Remediates",
    "ecs:UpdateService": "ChangesServices",
}


@pytest.mark.parametrize(("action", "condition"), WITHHELD_WHERE_IT_OBSERVES.items())
def test_iam_lets_no_function_write_if_pullguard_only_observes(action: str, condition: str) -> None:
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


# Actions that change resources outside the stack. All other allowed actions read, or write to the stack itself.
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
