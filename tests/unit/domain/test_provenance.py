"""No time is believed that is still to come, or that is older than any queue keeps a message."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from pullguard.domain.errors import Rejected
from pullguard.domain.messages import Review
from pullguard.domain.provenance import AHEAD_MAX, KEPT, Provenance, check_time
from pullguard.store.ledger import Ledger
from pullguard.workflows.reregister import Reregisterer
from tests.fakes import NOW, World, container, role, role_arn, task_definition
from tests.flows import ASKED_FOR, Harness
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
def harness(ledger: Ledger) -> Harness:
    here = Harness(ledger, World((task_definition(container(GHCR)),), (role(reads=[GHCR]),), (GHCR,)))
    here.validate()
    here.sent.messages.clear()
    return here


def _resolve(here: Harness, at: datetime) -> object:
    event = json.loads(sample("rotation-failed"))
    return resolver(here).resolve(json.dumps({**event, "time": at.isoformat()}))


def _body(at: datetime) -> str:
    return replace(ASKED_FOR, provenance=replace(ASKED_FOR.provenance, at=at)).to_json()


def _validate(here: Harness, at: datetime) -> object:
    return here.validator().run(_body(at), message_id="m-1", receives=1, receipt_handle="r")


def _patch(here: Harness, at: datetime) -> object:
    nothing: Any = None
    return here.patcher(nothing).run(_body(at), message_id="m-1")


def _review(here: Harness, at: datetime) -> object:
    nothing: Any = None
    review = Review(role=role_arn(), provenance=replace(ASKED_FOR.provenance, at=at))
    return here.patcher(nothing).run(review.to_json(), message_id="m-1")


def _reregister(here: Harness, at: datetime) -> object:
    nothing: Any = None
    return Reregisterer(executor=here.executor(), ecs=nothing).receive(_body(at), message_id="m-1")


@ALL
@pytest.mark.parametrize("receive", [_resolve, _validate, _patch, _review, _reregister])
def test_a_message_of_another_time_is_rejected_with_its_reason(
    harness: Harness, receive: Callable[[Harness, datetime], object], at: datetime, why: str | None
) -> None:
    if why is None:
        receive(harness, at)
        return
    with pytest.raises(Rejected, match=why):
        receive(harness, at)
    assert harness.sent.messages == []


def test_a_rotation_that_failed_in_2099_silences_no_later_one(harness: Harness) -> None:
    with pytest.raises(Rejected, match="yet to come"):
        _resolve(harness, datetime(2099, 1, 1, tzinfo=UTC))
    assert harness.ledger.rotations.end(GHCR.arn) is None
    harness.later(hours=1)
    _resolve(harness, harness.time)
    end = harness.ledger.rotations.end(GHCR.arn)
    assert end is not None
    assert end.at == harness.time


def test_the_reason_names_the_event_and_its_time() -> None:
    cause = Provenance(kind="RotationFailed", event_id="e-1", at=datetime(2099, 1, 1, tzinfo=UTC))
    with pytest.raises(Rejected, match="RotationFailed event e-1: its time, 2099-01-01 00:00:00 UTC, is yet to come"):
        check_time(cause, now=NOW)
