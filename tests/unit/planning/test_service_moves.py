import json
from dataclasses import replace

import pytest
import yaml

from pullguard.domain.actions import MoveService, ReferenceChange
from pullguard.domain.arn import Arn
from pullguard.domain.facts import ServiceUse
from pullguard.planning.infrastructure_as_code import IacOwner, owner, snippets
from pullguard.planning.service_moves import moves

BEFORE = Arn.parse("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7")
AFTER = Arn.parse("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:8")
CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod"
SECRET = Arn.parse("arn:aws:secretsmanager:eu-west-1:123456789012:secret:ghcr-AbCdEf")


def use(name: str, controller: str = "ECS", task_definition: Arn = BEFORE) -> ServiceUse:
    return ServiceUse(
        cluster_arn=CLUSTER,
        service_arn=f"arn:aws:ecs:eu-west-1:123456789012:service/prod/{name}",
        name=name,
        task_definition=str(task_definition),
        controller=controller,
        launch_type="FARGATE",
    )


def test_services_under_ecs_are_moved_in_the_order_of_their_arns() -> None:
    moved, refused = moves((use("b"), use("a"), use("b"), use("elsewhere", task_definition=AFTER)), BEFORE, AFTER)
    assert moved == tuple(
        MoveService(
            cluster=CLUSTER,
            service=f"arn:aws:ecs:eu-west-1:123456789012:service/prod/{name}",
            before=BEFORE,
            after=AFTER,
        )
        for name in ("a", "b")
    )
    assert refused == ()


def test_a_codedeploy_service_is_told_about_with_an_app_spec_of_the_new_revision() -> None:
    moved, (refusal,) = moves((use("web", "CODE_DEPLOY"),), BEFORE, AFTER, ("f1",))
    assert moved == ()
    assert (refusal.kind, refusal.task_definition, refusal.findings) == ("move-service", BEFORE, ("f1",))
    assert refusal.snippet
    app_spec = yaml.safe_load(refusal.snippet.split("# then")[0])
    assert app_spec["Resources"][0]["TargetService"]["Properties"]["TaskDefinition"] == str(AFTER)


def test_an_external_service_is_told_about_with_the_commands() -> None:
    moved, (refusal,) = moves((use("web", "EXTERNAL"),), BEFORE, AFTER)
    assert moved == ()
    assert refusal.snippet
    assert f"--task-definition {AFTER} --launch-type FARGATE" in refusal.snippet
    assert "aws ecs update-service-primary-task-set --region eu-west-1" in refusal.snippet


@pytest.mark.parametrize(
    ("tags", "tool"),
    [
        ({"aws:cloudformation:stack-name": "prod"}, "CloudFormation"),
        ({"ManagedBy": "terraform"}, "Terraform"),
        ({"stack": "x"}, "infrastructure-as-code"),
    ],
)
def test_a_service_that_infrastructure_as_code_owns_is_told_and_not_moved(tags: dict[str, str], tool: str) -> None:
    owned = replace(use("web"), tags=tags)
    moved, (refusal,) = moves((owned, use("other")), BEFORE, AFTER, infrastructure_tags=("stack",))
    assert [each.service.rpartition("/")[2] for each in moved] == ["other"]
    assert f"the service belongs to {tool}" in refusal.why
    assert refusal.snippet
    assert refusal.snippet.count(str(AFTER)) == 3


def test_an_unknown_controller_is_never_moved() -> None:
    moved, (refusal,) = moves((use("web", "NEW\nKIND"),), BEFORE, AFTER)
    assert moved == ()
    assert "NEW\\nKIND" in refusal.why


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


def test_a_reference_that_is_taken_away_is_said_so_in_each_language() -> None:
    cloudformation, cdk, terraform = parts(ReferenceChange(container="web", before="x", after=None))
    assert yaml.safe_load(cloudformation) == {"ContainerDefinitions": [{"Name": "web"}]}
    assert "take RepositoryCredentials away" in cloudformation
    assert "without credentials" in cdk
    assert "take repositoryCredentials away" in terraform
