"""The permissions of the template's roles."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.contract.cloudformation import Template, said, several

# Lambda uses the function's role for these actions when it connects the function to a VPC.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
LAMBDAS_OWN = frozenset(
    {
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    }
)
Need = tuple[str, str, str]  # an action, a resource, and the condition as JSON


def condition_text(condition: Any) -> str:
    """A condition as text; ``null`` if the statement has no condition."""
    return json.dumps(condition, sort_keys=True)


@dataclass(frozen=True)
class Statement:
    """One statement and its location; ``policy`` and ``index`` locate it in a copy of the template."""

    path: tuple[Any, ...]
    body: dict[str, Any]

    @property
    def sid(self) -> str:
        return f"{self.path[0]}.{self.body.get('Sid', self.path[-1])}"

    def needs(self) -> set[Need]:
        return {
            (action, said(resource), condition_text(self.body.get("Condition")))
            for action in several(self.body["Action"])
            for resource in several(self.body["Resource"])
        }


def _statements(template: Template, resource: str) -> Iterator[Statement]:
    """The statements of a role's own policies, or of a managed policy."""
    properties = template.resources[resource]["Properties"]
    documents: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((resource, "Policies", index, "PolicyDocument"), each["PolicyDocument"])
        for index, each in enumerate(properties.get("Policies", ()))
    ]
    if "PolicyDocument" in properties:
        documents.append(((resource, "PolicyDocument"), properties["PolicyDocument"]))
    for path, document in documents:
        for index, body in enumerate(document["Statement"]):
            # A statement that is there where a parameter switches it on is judged as if it were.
            branch = body["Fn::If"][1] if "Fn::If" in body else body
            yield Statement((*path, "Statement", index), branch)


def role_of(template: Template, name: str) -> str:
    """The logical id of a function's role."""
    return said(template.functions()[name]["Role"]).removesuffix(".Arn")


def statements_of(template: Template, name: str) -> list[Statement]:
    """Everything that is allowed to a function's code: its role's own policies and those that are attached to it."""
    found = all_statements_of(template, name)
    return [each for each in found if not LAMBDAS_OWN.issuperset(several(each.body["Action"]))]


def all_statements_of(template: Template, name: str) -> list[Statement]:
    """Those for Lambda itself as well."""
    role = template.resources[role_of(template, name)]["Properties"]
    attached = [said(each) for each in role.get("ManagedPolicyArns", ())]
    return [each for resource in (role_of(template, name), *attached) for each in _statements(template, resource)]


def given(template: Template, name: str) -> set[Need]:
    """All that a function is allowed."""
    return set().union(*(statement.needs() for statement in statements_of(template, name)))
