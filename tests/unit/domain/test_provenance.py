"""No time is believed that is still to come, or that is older than any queue keeps a message."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from pullguard.domain.errors import Rejected
from pullguard.domain.messages import Review
from pullguard.domain.provenance import AHEAD_MAX, KEPT, Cause, check_time
from pullguard.store.ledger import Ledger
from pullguard.workflows.patch_role import RolePatcher
from pullguard.workflows.reregister import Reregisterer
from tests.fakes import NOW, World, container, role, role_arn, task_definition
from tests.flows import LOOK, Stage
from tests.unit.workflows.resolve_change.scene import GHCR, resolver, sample

A_MOMENT = timedelta(seconds=1)
TIMES: dict[str, tuple[datetime, Literal["yet to come", "days ago"] | None]] = {
    "2099": (datetime(2099, 1, 1, tzinfo=UTC), "yet to come"),
    "a moment too far ahead": (NOW + AHEAD_MAX + A_MOMENT, "yet to come"),
    "another clock": (NOW + AHEAD_MAX, None),
    "now": (NOW, None),
    "the oldest dead letter": (NOW - KEPT, None),
    "older than any dead letter": (NOW - KEPT - A_MOMENT, "days ago"),
    "1970": (datetime(1970, 1, 1, tzinfo=UTC), "days ago"),
}
ALL = pytest.mark.parametrize(("at", "why"), TIMES.values(), ids=TIMES)


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    here = Stage(ledger, World((task_definition(container(GHCR)),), (role(reads=[GHCR]),), (GHCR,)))
    here.validate()
    here.sent.messages.clear()
    return here


def _resolve(here: Stage, at: datetime) -> object:
    event = json.loads(sample("rotation-failed"))
    return resolver(here).resolve(json.dumps({**event, "time": at.isoformat()}))


def _body(at: datetime) -> str:
    return replace(LOOK, cause=replace(LOOK.cause, at=at)).to_json()


def _validate(here: Stage, at: datetime) -> object:
    return here.validator().run(_body(at), occasion="m-1")


def _patch(here: Stage, at: datetime) -> object:
    nothing: Any = None
    return RolePatcher(executor=here.executor(), iam=nothing).run(_body(at), occasion="m-1")


def _review(here: Stage, at: datetime) -> object:
    nothing: Any = None
    review = Review(role=role_arn(), cause=replace(LOOK.cause, at=at))
    return RolePatcher(executor=here.executor(), iam=nothing).run(review.to_json(), occasion="m-1")


def _reregister(here: Stage, at: datetime) -> object:
    nothing: Any = None
    return Reregisterer(executor=here.executor(), ecs=nothing).receive(_body(at), occasion="m-1")


@ALL
@pytest.mark.parametrize("receive", [_resolve, _validate, _patch, _review, _reregister])
def test_a_message_of_another_time_is_rejected_with_its_reason(
    stage: Stage, receive: Callable[[Stage, datetime], object], at: datetime, why: str | None
) -> None:
    if why is None:
        receive(stage, at)
        return
    with pytest.raises(Rejected, match=why):
        receive(stage, at)
    assert stage.sent.messages == []


def test_a_rotation_that_failed_in_2099_silences_no_later_one(stage: Stage) -> None:
    with pytest.raises(Rejected, match="yet to come"):
        _resolve(stage, datetime(2099, 1, 1, tzinfo=UTC))
    assert stage.ledger.rotation_end(GHCR.arn) is None
    stage.later(hours=1)
    _resolve(stage, stage.time)
    end = stage.ledger.rotation_end(GHCR.arn)
    assert end is not None
    assert end.at == stage.time


def test_the_reason_names_the_event_and_its_time() -> None:
    cause = Cause(kind="RotationFailed", event_id="e-1", at=datetime(2099, 1, 1, tzinfo=UTC))
    with pytest.raises(Rejected, match="RotationFailed event e-1: its time, 2099-01-01 00:00:00 UTC, is yet to come"):
        check_time(cause, now=NOW)
