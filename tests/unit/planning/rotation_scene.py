"""A secret that was rotated, a registry that took its new version, and services that run since before."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from pullguard.domain.provenance import Provenance
from pullguard.domain.secret import Secret
from pullguard.domain.usage import ServiceUse, Usage
from pullguard.domain.verification import Verification
from tests.fakes import GOOD_VALUE, NOW, World, container, role, secret, service, task_definition

IMAGE = "ghcr.io/acme/web:1"
ROTATED_AT = NOW - timedelta(seconds=30)
GHCR = secret(value=replace(GOOD_VALUE, version_id="v2", created_at=ROTATED_AT), stages={"v2": ("AWSCURRENT",)})
ROTATION = Provenance(kind="Secret Label Updated", event_id="e-1", at=NOW - timedelta(seconds=29))
TOOK = {IMAGE: Verification(answer="ok")}


def running(name: str = "web", *, ago: timedelta = timedelta(days=1), count: int = 2, **more: Any) -> ServiceUse:
    return replace(service(name, **more), desired_count=count, running_count=count, deployed_at=NOW - ago)


def world(*services: ServiceUse, its: Secret = GHCR, **changes: Any) -> World:
    whole = World(
        (task_definition(container(its)),),
        (role(reads=[its]),),
        (its,),
        running=Usage(newest=True, services=services or (running(),)),
        verifications=TOOK,
    )
    return replace(whole, **changes)


def arn_of(name: str = "web") -> str:
    return service(name).service_arn
