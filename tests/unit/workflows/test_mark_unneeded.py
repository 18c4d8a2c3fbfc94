"""After a complete sweep: grants that nothing needs are marked, and roles with a due grant are to be reviewed."""

from typing import Any

import pytest

from pullguard.domain.grant_record import GrantWithoutConsent
from pullguard.domain.messages import LISTED, Review
from pullguard.domain.policy_document import Granted
from pullguard.domain.provenance import Provenance
from pullguard.domain.references import role_name
from pullguard.store.entries import Entry
from pullguard.store.ledger import Ledger
from tests.fakes import ACCOUNT, NOW, World, revision_arn, role_arn, secret
from tests.flows import Harness

GHCR, HUB = secret(), secret("registry/hub", "HubHub", registry="docker.io")
ROLE, OTHER = role_arn(), role_arn("api-execution")


@pytest.fixture
def harness(ledger: Ledger) -> Harness:
    return Harness(ledger, World())


def grant(here: Harness, role: Any = ROLE, *secrets: Any) -> None:
    here.ledger.roles.record_write(role, write_id="m-1", record={"before": None, "after": "x"}, now=NOW)
    here.ledger.roles.keep_grants(role, tuple(Granted(secret=each.arn, key=None) for each in secrets))


def use(here: Harness, family: str, *things: str) -> None:
    """Let a task definition reference these things."""
    here.ledger.entries.keep_references(revision_arn(family), Entry(), frozenset(things))


def unused(here: Harness, role: Any = ROLE) -> set[str]:
    return {each.granted.secret.resource_name for each in here.ledger.roles.grant_records(role) if each.unused_since}


NAME = role_name(ACCOUNT, "web-execution")
USES: dict[str, tuple[list[tuple[str, ...]], bool]] = {
    "one-task-definition-names-both": ([(NAME, str(GHCR.arn))], False),
    "nothing-names-the-secret": ([(NAME,)], True),
    "nothing-names-the-role": ([(str(GHCR.arn),)], True),
    "two-name-one-of-them-each": ([(NAME,), (str(GHCR.arn),)], True),
    "nothing-at-all": ([], True),
}


@pytest.mark.parametrize(("uses", "marked"), USES.values(), ids=USES)
def test_a_grant_is_unused_unless_one_task_definition_names_its_role_and_its_secret(
    harness: Harness, uses: list[tuple[str, ...]], marked: bool
) -> None:
    grant(harness, ROLE, GHCR)
    for number, things in enumerate(uses):
        use(harness, f"f{number}", *things)
    harness.unused().mark("s-1")
    assert unused(harness) == ({GHCR.arn.resource_name} if marked else set())


def test_a_mark_goes_once_the_grant_is_needed_again(harness: Harness) -> None:
    grant(harness, ROLE, GHCR, HUB)
    harness.unused().mark("s-1")
    use(harness, "web", NAME, str(GHCR.arn))
    harness.unused().mark("s-2")
    assert unused(harness) == {HUB.arn.resource_name}


def test_the_role_with_the_most_secrets_is_counted(harness: Harness) -> None:
    assert harness.unused().secrets_per_role_max() == 0
    grant(harness, OTHER, GHCR)
    grant(harness, ROLE, GHCR, HUB)
    assert harness.unused().secrets_per_role_max() == 2


DUE: dict[str, tuple[dict[str, Any], int, str, bool]] = {
    "past-its-grace": ({"grace_days": 14}, 14, "s-1", True),
    "within-its-grace": ({"grace_days": 14}, 13, "s-1", False),
    "marked-by-another-sweep": ({"grace_days": 14}, 14, "s-2", False),
    "where-nothing-is-revoked": ({"grace_days": 14, "revoke": False}, 14, "s-1", False),
}


@pytest.mark.parametrize(("settings", "days", "sweep", "due"), DUE.values(), ids=DUE)
def test_a_review_is_asked_for_once_a_grant_is_due(
    harness: Harness, settings: dict[str, Any], days: int, sweep: str, due: bool
) -> None:
    grant(harness, ROLE, GHCR)
    grant(harness, OTHER)
    harness.unused().mark("s-1")
    harness.later(days=days)
    assert harness.unused(**settings).ask(sweep) == due
    review = Review(role=ROLE, provenance=Provenance(kind=LISTED, event_id=sweep, at=harness.time))
    assert [(each["QueueUrl"], each["MessageBody"]) for each in harness.sent.messages] == (
        [("grants.fifo", review.to_json())] if due else []
    )


@pytest.mark.parametrize("owes", [True, False])
def test_an_incomplete_sweep_asks_only_for_grants_without_consent(harness: Harness, owes: bool) -> None:
    grant(harness, ROLE, GHCR)
    harness.unused().mark("s-1")
    harness.later(days=99)
    if owes:
        owed = GrantWithoutConsent(
            granted=Granted(secret=GHCR.arn, key=None), before=None, task_definition=str(revision_arn()), why="no tag"
        )
        harness.ledger.roles.keep_without_consent(ROLE, (owed,))
    assert harness.unused(revoke=False).ask("s-1", complete=False) == owes


def test_the_same_sweep_asks_by_the_same_message(harness: Harness) -> None:
    grant(harness, ROLE, GHCR)
    harness.unused().mark("s-1")
    for _ in range(2):
        assert harness.unused(grace_days=0).ask("s-1") == 1
    one, two = harness.sent.messages
    assert one["MessageDeduplicationId"] == two["MessageDeduplicationId"]
