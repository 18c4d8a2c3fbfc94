"""Plan which services move to the new revision, and what the owners of the others should do.

Only the ECS deployment controller lets UpdateService change the task definition. A service under CODE_DEPLOY or
EXTERNAL is reported with commands to paste, and not changed.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
"""

import shlex

from pullguard.domain.actions import MoveService, ReferenceChange, Refusal
from pullguard.domain.arn import Arn
from pullguard.domain.errors import shown
from pullguard.domain.usage import ServiceUse
from pullguard.planning.infrastructure_as_code import IacOwner, owner, service_snippets


def moves(
    uses: tuple[ServiceUse, ...],
    before: Arn,
    after: Arn,
    findings: tuple[str, ...] = (),
    changes: tuple[ReferenceChange, ...] = (),
    *,
    infrastructure_tags: tuple[str, ...] = (),
) -> tuple[tuple[MoveService, ...], tuple[Refusal, ...]]:
    """Split the services that run ``before`` into those to move to ``after`` and those to report.

    Services that run another revision are omitted, and those whose desired revision is already another one. Both
    results are ordered by service ARN, with one entry per service. ``findings`` are the ids that a refusal carries,
    ``changes`` the references that ``after`` changes. A service is reported if its own tags name infrastructure-as-code
    as its owner, since its template would move it back; ``infrastructure_tags`` are further tag keys that do so.
    """
    running = {use.service_arn: use for use in uses if use.task_definition == str(before) and not _moved_on(use)}
    affected = [running[arn] for arn in sorted(running)]
    moved, refused = [], []
    for use in affected:
        if use.controller != "ECS":
            refused.append(_refusal(use, before, after, findings))
        elif (iac := owner(use.tags, infrastructure_tags)) is not None:
            refused.append(_owned(use, iac, before, after, findings))
        else:
            moved.append(
                MoveService(
                    cluster=use.cluster_arn, service=use.service_arn, before=before, after=after, changes=changes
                )
            )
    return tuple(moved), tuple(refused)


def _moved_on(use: ServiceUse) -> bool:
    """Whether ECS is replacing the revision in this service: only an outgoing deployment still runs it."""
    return use.beside and use.controller == "ECS"


def _refusal(use: ServiceUse, before: Arn, after: Arn, findings: tuple[str, ...]) -> Refusal:
    match use.controller:
        case "CODE_DEPLOY":
            why = "AWS CodeDeploy deploys this service, and ECS lets nothing else change its task definition"
            remedy = "Create a CodeDeploy deployment with this AppSpec file (replace each <...> by your own name)."
            snippet = _app_spec(after)
        case "EXTERNAL":
            why = "an external controller deploys this service, and ECS takes new revisions as task sets only"
            remedy = "Let your controller create a task set of the new revision and make it the primary one."
            snippet = _task_set(use, after)
        case other:
            why = f"its deployment controller, {shown(other)}, is unknown to Pullguard"
            remedy = "Deploy the new revision the way this service is deployed."
            snippet = str(after)
    return Refusal(
        kind="move-service",
        task_definition=before,
        target=use.service_arn,
        why=why,
        remedy=remedy,
        snippet=snippet,
        findings=findings,
    )


def _owned(use: ServiceUse, iac: IacOwner, before: Arn, after: Arn, findings: tuple[str, ...]) -> Refusal:
    return Refusal(
        kind="move-service",
        task_definition=before,
        target=use.service_arn,
        why=f"the service belongs to {iac.tool} (tag {iac.tag}), which would move it back",
        remedy=f"Let the template that it comes from name {after.resource_name}.",
        snippet=service_snippets(after),
        findings=findings,
    )


def _app_spec(after: Arn) -> str:
    """Return the AppSpec file of a blue/green deployment, and the command that starts one.

    Source: https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-resources.html
    """
    return f"""\
# appspec.yaml
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: "{after}"
        LoadBalancerInfo:
          ContainerName: "<the container behind the load balancer>"
          ContainerPort: <its port>

# then, with appspec.yaml in an S3 bucket of yours:
aws deploy create-deployment --region {after.region} --application-name '<application>' \\
  --deployment-group-name '<deployment group>' \\
  --s3-location bucket='<bucket>',key=appspec.yaml,bundleType=YAML
"""


def _task_set(use: ServiceUse, after: Arn) -> str:
    """Return the commands that bring a revision into a service with an external controller.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html
    """
    where = shlex.join(("--region", after.region, "--cluster", use.cluster_arn, "--service", use.service_arn))
    launch = f" {shlex.join(('--launch-type', use.launch_type))}" if use.launch_type else ""
    return f"""\
# with the network configuration and load balancers of the present task set added:
aws ecs create-task-set {where} \\
  --task-definition {shlex.quote(str(after))}{launch} --scale value=100,unit=PERCENT
# once the task set is stable, with the id that create-task-set answered:
aws ecs update-service-primary-task-set {where} \\
  --primary-task-set '<task set id>'
"""
