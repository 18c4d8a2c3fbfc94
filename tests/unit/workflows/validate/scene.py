"""A task definition that is healthy, one that lacks a grant, and one with a stale reference."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.fakes import World, container, key, role, secret, secret_arn, task_definition
from tests.flows import Harness

GHCR, KEYED = secret(), secret("keyed", "KeyKey", key=key())
HEALTHY = World((task_definition(container(GHCR)),), (role(reads=[GHCR]),), (GHCR,))
BROKEN = World((task_definition(container(GHCR)),), (role(),), (GHCR,))
STALE = World((task_definition(container(secret_arn(suffix="OldOld"))),), (role(reads=[GHCR]),), (GHCR,))


def world(of: World, **changes: Any) -> World:
    """A copy, that counts its own questions."""
    return replace(of, asked=[], **changes)


SetUp = Callable[..., Harness]


def known(harness: Harness) -> dict[str, tuple[str | None, bool]]:
    return {
        each.task_definition.resource_name: (each.answered, each.certain) for each in harness.definition_store.known()
    }
