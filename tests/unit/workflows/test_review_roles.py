"""After each sweep a review is asked for of every role with grants or with a write whose outcome is unknown."""

import logging
from typing import Any

import pytest

from pullguard.domain.messages import LISTED, Review
from pullguard.domain.policy_document import Granted
from pullguard.domain.provenance import Provenance
from pullguard.domain.role_item import WriteOutcome
from pullguard.domain.stop import Stop
from pullguard.store.ledger import Ledger
from tests.fakes import World, granted, role_arn, secret
from tests.flows import Harness
from tests.unit.store.test_malformed_items import MALFORMED
from tests.unit.workflows.granted_role import ROLE, a_write, keep, recorded

GHCR, HUB = secret(), secret("registry/hub", "HubHub", registry="docker.io")
OTHER = role_arn("api-execution")


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, World())


def asked(here: Harness, sweep: str = "s-1") -> list[tuple[str, str]]:
    """Ask after a sweep; return the messages."""
    here.sent.messages.clear()
    assert here.granted_roles().ask(sweep) == len(here.sent.messages)
    return [(each["QueueUrl"], each["MessageBody"]) for each in here.sent.messages]


def review(here: Harness, role: Any = ROLE, sweep: str = "s-1") -> tuple[str, str]:
    cause = Provenance(kind=LISTED, event_id=sweep, at=here.time)
    return "grants.fifo", Review(role=role, provenance=cause).to_json()


def test_the_role_with_the_most_secrets_is_counted(harness: Harness) -> None:
    assert harness.granted_roles().secrets_per_role_max() == 0
    keep(harness.ledger, *recorded(GHCR), to=OTHER)
    keep(harness.ledger, *recorded(GHCR, HUB))
    assert harness.granted_roles().secrets_per_role_max() == 2


def test_every_role_with_grants_is_reviewed_whether_anything_is_due_or_not(harness: Harness) -> None:
    keep(harness.ledger, *recorded(GHCR))
    keep(harness.ledger, *recorded(HUB, is_confirmed=False, unneeded_since=harness.time), to=OTHER)
    assert sorted(asked(harness)) == sorted([review(harness), review(harness, OTHER)])


WRITES: dict[WriteOutcome, bool] = {"planned": True, "done": False, "refused": False, "lost": False}


@pytest.mark.parametrize(("outcome", "is_asked"), WRITES.items())
def test_a_role_without_grants_is_reviewed_only_while_a_write_is_open(
    harness: Harness, outcome: WriteOutcome, *, is_asked: bool
) -> None:
    write = a_write((), granted(GHCR), outcome=outcome)
    keep(harness.ledger, writes=(write,))
    assert asked(harness) == ([review(harness)] if is_asked else [])


def test_a_role_that_is_only_held_is_not_reviewed(harness: Harness) -> None:
    harness.ledger.roles.save_hold(ROLE, Stop(by="ada", at="noon"))
    assert asked(harness) == []


def test_a_held_role_with_grants_is_reviewed_and_its_writer_finds_the_hold(harness: Harness) -> None:
    keep(harness.ledger, *recorded(GHCR))
    harness.ledger.roles.save_hold(ROLE, Stop(by="ada", at="noon"))
    assert asked(harness) == [review(harness)]


def test_the_same_sweep_asks_by_the_same_message_and_another_by_another(harness: Harness) -> None:
    keep(harness.ledger, *recorded(GHCR))
    ids = []
    for sweep in ("s-1", "s-1", "s-2"):
        asked(harness, sweep)
        ids.append(harness.sent.messages[0]["MessageDeduplicationId"])
    assert (ids[0] == ids[1], ids[1] == ids[2]) == (True, False)
    assert harness.sent.messages[0]["MessageGroupId"]


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_a_role_whose_item_cannot_be_read_is_logged_and_keeps_no_other_from_being_reviewed(
    harness: Harness, malformed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    keep(harness.ledger, *recorded(GHCR))
    keep(harness.ledger, *recorded(HUB), to=OTHER)
    names = {"pk": {"S": f"ROLE#{ROLE}"}, "sk": {"S": "STATE"}}
    harness.ledger.roles._client.put_item(TableName="ledger", Item={**names, **malformed})
    with caplog.at_level(logging.WARNING):
        assert asked(harness) == [review(harness, OTHER)]
        assert harness.granted_roles().secrets_per_role_max() == 1
    assert f"ROLE#{ROLE}" in caplog.text


def test_only_roles_with_grants_of_this_stack_are_reviewed(harness: Harness) -> None:
    keep(harness.ledger, *recorded(GHCR))
    assert harness.ledger.roles.granted(ROLE) == (Granted(secret=GHCR.arn, key=None),)
    item = harness.ledger.roles.item(ROLE)
    asked(harness)
    assert harness.ledger.roles.item(ROLE) == item  # to ask changes nothing
