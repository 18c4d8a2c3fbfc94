"""Who owns a task definition by its tags, and what its owner pastes into a template."""

import json

import pytest
import yaml

from pullguard.domain.actions import ReferenceChange
from pullguard.domain.arn import Arn
from pullguard.planning.infrastructure_as_code import IacOwner, owner, service_snippets, snippets
from tests.fakes import revision_arn

SECRET = Arn.parse("arn:aws:secretsmanager:eu-west-1:123456789012:secret:ghcr-AbCdEf")


@pytest.mark.parametrize(
    ("tags", "extra", "expected"),
    [
        ({}, (), None),
        ({"team": "web", "Name": "terraform-course"}, (), None),
        ({"purpose": "cdk"}, (), None),
        (
            {"aws:cloudformation:stack-name": "prod"},
            (),
            IacOwner(tool="CloudFormation", tag="aws:cloudformation:stack-name", value="prod"),
        ),
        (
            {"aws:cloudformation:stack-name": "prod", "aws:cdk:path": "x"},
            (),
            IacOwner(tool="CDK", tag="aws:cloudformation:stack-name", value="prod"),
        ),
        ({"aws:cdk:path": "x"}, (), IacOwner(tool="CDK", tag="aws:cdk:path", value="x")),
        ({"Managed-By": "Terraform"}, (), IacOwner(tool="Terraform", tag="Managed-By", value="Terraform")),
        ({"ManagedBy": "terraform/web"}, (), IacOwner(tool="Terraform", tag="ManagedBy", value="terraform/web")),
        ({"terraform": "true"}, (), IacOwner(tool="Terraform", tag="terraform", value="true")),
        ({"ManagedBy": "people"}, (), None),
        ({"stack": "x"}, ("stack",), IacOwner(tool="infrastructure-as-code", tag="stack", value="x")),
        ({"Stack": "x"}, ("stack",), None),
    ],
)
def test_who_owns_a_task_definition(tags: dict[str, str], extra: tuple[str, ...], expected: IacOwner | None) -> None:
    assert owner(tags, extra) == expected


NASTY = 'a"b\\c${var.x}%{if}$${y}\n# é\U0001f600'


def parts(*changes: ReferenceChange) -> tuple[str, str, str]:
    cloudformation, rest = snippets(changes).split("// CDK")
    cdk, terraform = rest.split("# Terraform")
    return cloudformation, cdk, terraform


@pytest.mark.parametrize("container", ["web", NASTY])
def test_cloudformation_reads_back_what_was_meant(container: str) -> None:
    cloudformation, _, _ = parts(ReferenceChange(container=container, before="x", after=SECRET))
    assert yaml.safe_load(cloudformation) == {
        "ContainerDefinitions": [
            {"Name": container, "RepositoryCredentials": {"CredentialsParameter": str(SECRET)}},
        ]
    }


def test_cdk_strings_are_json_strings() -> None:
    _, cdk, _ = parts(ReferenceChange(container=NASTY, before="x", after=SECRET))
    assert (
        f"fromSecretCompleteArn(this, {json.dumps('RegistryCredentials-' + NASTY)}, {json.dumps(str(SECRET))})" in cdk
    )
    assert cdk.count("\n") == len(cdk.splitlines()) == 6


def test_terraform_templates_are_escaped() -> None:
    _, _, terraform = parts(ReferenceChange(container=NASTY, before="x", after=SECRET))
    written = r'name = "a\"b\\c$${var.x}%%{if}\u0024$${y}\u000a# \u00e9\U0001f600"'
    assert written in terraform
    assert f'repositoryCredentials = {{ credentialsParameter = "{SECRET}" }}' in terraform


def test_a_reference_that_is_removed_is_described_in_each_language() -> None:
    cloudformation, cdk, terraform = parts(ReferenceChange(container="web", before="x", after=None))
    assert yaml.safe_load(cloudformation) == {"ContainerDefinitions": [{"Name": "web"}]}
    assert "take RepositoryCredentials away" in cloudformation
    assert "without credentials" in cdk
    assert "take repositoryCredentials away" in terraform


def test_the_revision_of_a_service_is_named_in_each_language() -> None:
    text = service_snippets(revision_arn())
    cloudformation, rest = text.split("// CDK")
    cdk, terraform = rest.split("# Terraform")
    assert yaml.safe_load(cloudformation) == {"TaskDefinition": str(revision_arn())}
    assert f'.taskDefinition = "{revision_arn()}";' in cdk
    assert f'task_definition = "{revision_arn()}"' in terraform


@pytest.mark.parametrize("key", ["ManagedBy", "created-by", "Provisioner", "iac", "IaC_Tool"])
@pytest.mark.parametrize(
    ("value", "tool"),
    [("Terraform", "Terraform"), ("opentofu", "Terraform"), ("cdk", "CDK"), ("pulumi-prod", "infrastructure-as-code")],
)
def test_the_value_of_an_owners_tag_names_the_tool(key: str, value: str, tool: str) -> None:
    found = owner({"team": "web", key: value})
    assert found is not None
    assert (found.tool, found.tag, found.value) == (tool, key, value)
