"""template.yaml's parameters: what they say, what they take, and what they may become a part of."""

import re
from typing import Any

import pytest

from tests.contract.cloudformation import load, referenced

TEMPLATE = load()
PARAMETERS: dict[str, dict[str, Any]] = TEMPLATE.data["Parameters"]
CONDITIONS: dict[str, dict[str, Any]] = TEMPLATE.data["Conditions"]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_says_what_it_is_has_a_default_and_takes_no_nonsense(name: str) -> None:
    parameter = PARAMETERS[name]
    assert len(parameter["Description"]) > 20
    assert {"AllowedValues", "AllowedPattern", "MinValue"} & parameter.keys()
    default = str(parameter["Default"])
    if "AllowedPattern" in parameter:
        assert re.fullmatch(parameter["AllowedPattern"], default)
    if "AllowedValues" in parameter:
        assert default in {str(each) for each in parameter["AllowedValues"]}


def parameters_in_policies() -> set[str]:
    """The parameters whose text becomes a part of what IAM reads."""
    policies = [
        *(
            policy["PolicyDocument"]
            for role in TEMPLATE.of_type("AWS::IAM::Role").values()
            for policy in role["Policies"]
        ),
        *(policy["PolicyDocument"] for policy in TEMPLATE.of_type("AWS::IAM::ManagedPolicy").values()),
    ]
    return set(re.findall(r"\$\{(\w+)\}", str(policies))) & PARAMETERS.keys()


def test_four_patterns_become_a_part_of_a_policy() -> None:
    assert parameters_in_policies() == {
        "ManagedRolePattern",
        "PassedRolePattern",
        "ServicePattern",
        "RegistrySecretPattern",
    }


@pytest.mark.parametrize("name", sorted(parameters_in_policies()))
@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ("web/api", True),
        ("*/web-??*", True),
        ("${aws:username}", False),
        ("${aws:PrincipalTag/team}*", False),
        ("*$", False),
        ('*","*', False),
        ("x:y", False),
        ("web api", False),
        ("web\n", False),
        ("", False),
    ],
)
def test_a_parameter_of_a_policy_is_names_and_wildcards_and_no_policy_variable(
    name: str, text: str, is_taken: bool
) -> None:
    """IAM replaces ``${...}`` by a value of the request, such as the caller's name or a tag.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    assert bool(re.fullmatch(PARAMETERS[name]["AllowedPattern"], text)) is is_taken


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ("", True),
        ("arn:aws:iam::111122223333:role/operator", True),
        (
            "arn:aws-us-gov:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ops_0123456789abcdef",
            True,
        ),
        ("arn:aws:iam::111122223333:role/*", False),
        ("arn:aws:iam::*:role/operator", False),
        ("arn:aws:sts::111122223333:assumed-role/operator/session", False),
        ("arn:aws:iam::111122223333:user/operator", False),
        ("arn:aws:iam::111122223333:root", False),
        ("*", False),
    ],
)
def test_an_operator_is_one_role(text: str, is_taken: bool) -> None:
    """A list's pattern is that of each of its values.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
    """
    assert bool(re.fullmatch(PARAMETERS["OperatorRoleArns"]["AllowedPattern"], text)) is is_taken


def test_open_patterns_of_policies_are_an_output() -> None:
    output = TEMPLATE.data["Outputs"]["OpenPatterns"]
    parts = [each["Fn::If"] for each in output["Value"]["Fn::Join"][1]]
    assert {name.strip() for _, name, _ in parts} == parameters_in_policies()
    for condition, name, _ in parts:
        is_open = {"Fn::Equals": [{"Ref": name.strip()}, "*"]}
        assert CONDITIONS[condition] == is_open or CONDITIONS[condition]["Fn::And"][1] == is_open
    remediates, some = CONDITIONS[output["Condition"]]["Fn::And"]
    assert remediates == {"Condition": "Remediates"}
    assert [each["Condition"] for each in some["Fn::Or"]] == [condition for condition, _, _ in parts]


WHOLE = {
    "boundary": (
        "RequireRoleBoundary",
        ("arn:aws:iam::111122223333:policy/tasks/limits", "arn:aws-cn:iam::aws:policy/PowerUserAccess"),
        ("*", "arn:aws:iam::111122223333:policy/*", "arn:aws:iam::*:policy/x", "arn:aws:iam::111122223333:role/x"),
    ),
    "own-boundary": (
        "PermissionsBoundary",
        ("arn:aws-us-gov:iam::111122223333:policy/limits",),
        ("limits", "arn:aws:iam::111122223333:policy/${aws:username}"),
    ),
    "path": ("RolePath", ("/platform/", "/a/b-c/"), ("", "platform", "/platform", "//", "/*/")),
    "subnets": ("VpcSubnetIds", ("subnet-0123456789abcdef0", "subnet-01234567"), ("subnet-x", "vpc-01234567")),
    "security-groups": ("VpcSecurityGroupIds", ("sg-0123456789abcdef0",), ("sg-", "subnet-01234567")),
    "authorities": (
        "RegistryCaBundle",
        ("arn:aws:lambda:eu-west-1:111122223333:layer:corp-ca:3",),
        ("arn:aws:lambda:eu-west-1:111122223333:layer:corp-ca", "arn:aws:lambda:eu-west-1:111122223333:function:x:3"),
    ),
    "table-key": (
        "TableKmsKeyArn",
        ("arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555",),
        ("alias/x", "arn:aws:kms:eu-west-1:111122223333:alias/x", "arn:aws:kms:eu-west-1:111122223333:key/*"),
    ),
    "log-key": (
        "LogKmsKeyArn",
        ("arn:aws:kms:eu-west-1:111122223333:key/mrk-11111111222233334444555555555555",),
        ("alias/x", "arn:aws:kms:eu-west-1:111122223333:key/${x}"),
    ),
}


@pytest.mark.parametrize(("name", "taken", "refused"), WHOLE.values(), ids=WHOLE)
def test_a_parameter_that_names_a_thing_takes_no_pattern(
    name: str, taken: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    pattern = PARAMETERS[name]["AllowedPattern"]
    assert [each for each in taken if not re.fullmatch(pattern, each)] == []
    assert [each for each in refused if re.fullmatch(pattern, each)] == []


# With these nothing is demanded, added or left out: a stack that is upgraded stays as it is.
WITHOUT_EFFECT = {
    "RegistrySecretPattern": "*",
    "RequireRoleBoundary": "",
    "PermissionsBoundary": "",
    "RolePath": "/",
    "VpcSubnetIds": "",
    "VpcSecurityGroupIds": "",
    "RegistryCaBundle": "",
    "TableKmsKeyArn": "",
    "LogKmsKeyArn": "",
}


def test_settings_that_a_security_team_may_require_are_optional() -> None:
    assert {name: PARAMETERS[name]["Default"] for name in WITHOUT_EFFECT} == WITHOUT_EFFECT


def test_an_empty_parameter_switches_its_part_of_the_template_off() -> None:
    given = {name: each["Fn::Not"][0]["Fn::Equals"] for name, each in CONDITIONS.items() if "Fn::Not" in each}
    assert {name: each[0]["Ref"] for name, each in given.items() if each[1] == "" and "Ref" in each[0]} == {
        "HasAlertEmail": "AlertEmail",
        "RequiresRoleBoundary": "RequireRoleBoundary",
        "HasPermissionsBoundary": "PermissionsBoundary",
        "HasTableKey": "TableKmsKeyArn",
        "HasLogKey": "LogKmsKeyArn",
        "HasRegistryCaBundle": "RegistryCaBundle",
    }
    lists = [each["Fn::Not"][0]["Fn::Equals"] for each in CONDITIONS["InVpc"]["Fn::Or"]]
    joined = [{"Fn::Join": ["", {"Ref": name}]} for name in ("VpcSubnetIds", "VpcSecurityGroupIds")]
    assert lists == [[each, ""] for each in joined]


def test_nothing_is_changed_by_default() -> None:
    defaults = {
        name: PARAMETERS[name]["Default"]
        for name in ("Mode", "MoveServices", "RedeployOnRotation", "VerifyCredentials")
    }
    assert defaults == {
        "Mode": "observe",
        "MoveServices": "false",
        "RedeployOnRotation": "false",
        "VerifyCredentials": "false",
    }


def test_each_parameter_is_used_and_offered_in_a_group() -> None:
    used = set(referenced([TEMPLATE.data["Resources"], TEMPLATE.data["Globals"], TEMPLATE.data["Conditions"]]))
    substituted = set(re.findall(r"\$\{(\w+)\}", str(TEMPLATE.data["Resources"])))
    assert set(PARAMETERS) <= used | substituted
    groups = TEMPLATE.data["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(PARAMETERS)
