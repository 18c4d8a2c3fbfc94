"""template.yaml's parameters: what they say, what they take, and what they may become a part of."""

import re
from typing import Any

import pytest

from tests.contract.cloudformation import load, referenced

TEMPLATE = load()
PARAMETERS: dict[str, dict[str, Any]] = TEMPLATE.data["Parameters"]


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


def test_three_parameters_become_a_part_of_a_policy() -> None:
    assert parameters_in_policies() == {"ManagedRolePattern", "PassedRolePattern", "ServicePattern"}


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
    """IAM would put the caller's own name, or a tag, where ``${...}`` stands.

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
