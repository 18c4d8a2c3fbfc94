"""Services in the place of ECS, and the executor that redeploys them after a rotation."""

from dataclasses import replace
from typing import Any

from pullguard.domain.errors import Denied
from pullguard.domain.messages import ValidationRequest
from pullguard.planning.planner import Rules
from pullguard.workflows.reregister import Reregistered, Reregisterer
from tests.fakes import CLUSTER, Crash, revision_arn
from tests.flows import Harness
from tests.unit.planning.rotation_scene import ROTATION

ASKED_FOR = ValidationRequest(task_definition=revision_arn(), provenance=ROTATION)
ON = Rules(redeploy_on_rotation=True)


class Services:
    """In the place of ECS: redeploying a service makes its deployment new."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self.redeployed: list[str] = []
        self.denied: frozenset[str] = frozenset()
        self.broken = False

    def redeploy(self, cluster: str, service: str) -> None:
        assert cluster == CLUSTER
        if service in self.denied:
            raise Denied("ecs:UpdateService", service, "AccessDeniedException")
        if self.broken:
            raise Crash("update_service")
        self.redeployed.append(service)
        usage = self.harness.world.running
        self.harness.world.running = replace(
            usage,
            services=tuple(
                replace(use, deployed_at=self.harness.time) if use.service_arn == service else use
                for use in usage.services
            ),
        )


def run(
    here: Harness, services: Services, request: ValidationRequest = ASKED_FOR, message_id: str = "m-1"
) -> Reregistered:
    ecs: Any = services
    return Reregisterer(executor=here.executor(), ecs=ecs).run(request, message_id=message_id)


def commands(here: Harness) -> list[dict[str, Any]]:
    return [each for each in here.sent.messages if each["QueueUrl"] == "reregistrations.fifo"]
