"""ECS is asked for three times what its quota allows: no healthy family opens a finding, and all are judged in the end.

Ten instances of the validator run at once in virtual time, each with clients and a pace of its own. Other callers of
the account keep asking for twice the quota of task definitions.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest

from pullguard.aws.pace import Pace
from pullguard.domain.messages import FamilyRequest
from pullguard.domain.provenance import Provenance
from pullguard.planning.ecs_quota import BURST, QUOTA_PER_S, SHARE_PER_S
from tests.functions.account import Account
from tests.functions.stack import Stack
from tests.functions.wire import refusal
from tests.functions.world import allow, create_role, create_secret, register

# The instances share a process, and Powertools' metrics with it: one publishes those of the others.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")
FAMILIES, INSTANCES, SEED = 60, 10, 2
OTHERS_PER_S, OTHERS_UNTIL_S = 2 * QUOTA_PER_S, 120


class Bucket:
    """The quota of task definitions, of which others take ``OTHERS_PER_S`` for a while."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random.Random(SEED)
        self._tokens, self._at, self._others_at = 0.0, 0.0, 0.0  # they have been at it for some time
        self.refused = 0

    def throttle(self, operation: str, request: Any) -> Any:
        if "TaskDefinition" not in operation:
            return None
        while self._others_at < min(self._clock(), OTHERS_UNTIL_S):
            self._take(self._others_at)
            self._others_at += self._random.expovariate(OTHERS_PER_S)
        if self._take(self._clock()):
            return None
        self.refused += 1
        return refusal(request, "ThrottlingException")

    def _take(self, at: float) -> bool:
        self._tokens = min(BURST, self._tokens + (at - self._at) * QUOTA_PER_S)
        self._at = at
        is_there = self._tokens >= 1
        self._tokens -= is_there
        return is_there


@pytest.fixture
def account(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Healthy families, and a message about each of them."""
    secret, role = create_secret(stack), create_role(stack)
    allow(stack, secret)
    here = Account(stack, monkeypatch, latency_s=0.02)
    provenance = Provenance(kind="Sweep", event_id="e-1", at=here.time.now())
    for number in range(FAMILIES):
        register(stack, secret, role=role, family=f"f-{number:02}")
        here.send("ValidationQueue", FamilyRequest(family=f"f-{number:02}", provenance=provenance).to_json())
    random.seed(SEED)  # botocore's waits between two attempts
    return here


def validate_all(account: Account) -> Bucket:
    """Let ten instances handle all messages."""
    bucket = Bucket(account.time)
    account.throttle = bucket.throttle

    def instance() -> Callable[[], None]:
        module = account.function("validate_task_definition")
        pace = Pace(share=SHARE_PER_S / INSTANCES, clock=account.time, sleep=account.time.sleep)
        pace.keep(module.deployment.clients.get("ecs"))
        module.deployment._pace = pace

        def live() -> None:
            while account.is_busy:
                if not account.handle("ValidationQueue", module, most=1):
                    account.time.sleep(0.5)

        return live

    account.time.run(*(instance() for _ in range(INSTANCES)))
    return bucket


def judged(account: Account) -> list[str]:
    """The families with references in the ledger: whatever else, they were read."""
    items = account.stack.items()
    return sorted(each["pk"]["S"].split("/")[1].split(":")[0] for each in items if each["sk"]["S"] == "REFERENCES")


def test_no_healthy_family_opens_a_finding_and_all_are_judged(account: Account) -> None:
    bucket = validate_all(account)
    assert bucket.refused > FAMILIES
    assert account.stack.messages("AlertQueue") == []
    assert judged(account) == [f"f-{number:02}" for number in range(FAMILIES)]
    assert account.calls["DescribeTaskDefinition"] == FAMILIES
    assert (account.dead, account.stack.messages("ValidationDeadLetters")) == ([], [])
    assert 0 < account.postponed < FAMILIES


def test_without_patience_some_would_not_be_judged(account: Account) -> None:
    for each in account.messages:
        each.receives = 3  # the next receive is the last
    validate_all(account)
    assert account.postponed == 0
    assert len(judged(account)) < FAMILIES
