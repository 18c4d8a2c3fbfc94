from dataclasses import replace

import pytest
import yaml

from pullguard.domain.actions import MoveService
from pullguard.domain.arn import Arn
from pullguard.domain.usage import ServiceUse
from pullguard.planning.service_moves import moves

BEFORE = Arn.parse("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7")
AFTER = Arn.parse("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:8")
CLUSTER = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod"


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


def test_a_codedeploy_service_is_reported_with_an_app_spec_of_the_new_revision() -> None:
    moved, (refusal,) = moves((use("web", "CODE_DEPLOY"),), BEFORE, AFTER, ("f1",))
    assert moved == ()
    assert (refusal.kind, refusal.task_definition, refusal.findings) == ("move-service", BEFORE, ("f1",))
    assert refusal.snippet
    app_spec = yaml.safe_load(refusal.snippet.split("# then")[0])
    assert app_spec["Resources"][0]["TargetService"]["Properties"]["TaskDefinition"] == str(AFTER)


def test_an_external_service_is_reported_with_the_commands() -> None:
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
def test_a_service_that_infrastructure_as_code_owns_is_reported_and_not_moved(tags: dict[str, str], tool: str) -> None:
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
