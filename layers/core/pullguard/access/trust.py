"""Whether ECS may assume the execution role.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
"""

from pullguard.access.contexts import Circumstances, assume_request
from pullguard.access.decision import Decision
from pullguard.access.evaluate import Policies, decide
from pullguard.access.policy import Layer, parse_policy
from pullguard.domain.role import Role


def trust_allows_ecs_tasks(
    role: Role,
    *,
    region: str | None = None,
    around: Circumstances = Circumstances(),  # noqa: B008 (frozen)
) -> Decision:
    """Decide whether the trust policy lets ecs-tasks.amazonaws.com assume ``role`` for a task in ``region``.

    ``aws:SourceAccount`` is the role's own account. Everything in ``aws:SourceArn`` but the resource is known
    (``arn:aws:ecs:REGION:ACCOUNT:*``), so a condition on a cluster or a task is unknown.
    """
    trust = parse_policy(role.trust_policy, layer=Layer.TRUST)
    return decide(assume_request(role, region, around), Policies(resource=trust))
