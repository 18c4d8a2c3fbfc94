"""Samples of events, and a resolver that hears of them."""

import json
from pathlib import Path
from typing import Any

from pullguard.workflows.resolve_change import ChangeResolver
from tests.fakes import revision_arn, secret
from tests.flows import HOME, Harness

EVENTS = Path(__file__).parents[4] / "events"
GHCR = secret()
WEB, API, OTHER = revision_arn("web"), revision_arn("api"), revision_arn("other")


def sample(name: str, folder: str = "eventbridge", **changes: Any) -> str:
    """An event of events/, with members of its detail changed."""
    text = (EVENTS / folder / f"{name}.json").read_text(encoding="utf-8")
    if not changes:
        return text
    event = json.loads(text)
    event["detail"] |= changes
    return json.dumps(event)


def resolver(here: Harness, *, debounce_s: int = 60) -> ChangeResolver:
    return ChangeResolver(
        readers=here.world,
        definition_store=here.definition_store,
        services=here.services,
        starts=here.starts,
        ledger=here.ledger,
        queues=here.queues,
        validation_queue_url="validations",
        sweep_queue_url="sweeps",
        home=HOME,
        debounce_s=debounce_s,
        now=here.now,
        pause=lambda seconds: here.later(seconds=seconds),
    )


def asked(here: Harness) -> list[str]:
    return [each["task_definition"] for each in here.sent.bodies("validations")]
