"""A role that was granted two secrets, one of which nothing needs any more, and sweeps that come and go."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from botocore.stub import Stubber

from pullguard.aws.iam import Iam
from pullguard.domain.messages import LISTED, Review
from pullguard.domain.policy_document import Granted, policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.references import role_name
from pullguard.domain.role_item import GrantRecord
from pullguard.domain.role_policy import RevocationRules
from pullguard.store.entries import Entry
from pullguard.store.task_definitions import Sweep
from pullguard.workflows.patch_role import Withdrawn
from pullguard.workflows.settle import Settler
from tests.fakes import ACCOUNT, NOW, World, container, granted, key, secret, task_definition
from tests.flows import OWN_POLICY, Harness
from tests.unit.workflows.granted_role import ROLE, holder, keep, recorded

GRACE_DAYS = 14
GHCR = secret()
HUB = secret("registry/hub", "HubHub", registry="docker.io")
KEYED = secret("keyed", "KeyKey", key=key())
USES_HUB = task_definition(container(HUB, image="docker.io/acme/web:1"))
# web:7 needs the hub's secret; the other one was granted for a revision that is gone.
UNUSED = World((USES_HUB,), (holder(GHCR, HUB),), (GHCR, HUB))


class RevocationHarness:
    """A harness in which sweeps come and go, with a writer whose writes to IAM are exactly those that are expected."""

    def __init__(self, harness: Harness, stubber: Stubber, iam: Iam, *held: Any) -> None:
        self.harness, self.stubber, self.iam = harness, stubber, iam
        self.rules = RevocationRules(unneeded=True, grace=timedelta(days=GRACE_DAYS))
        self.sweeps = 0
        harness.starts.keep_schedules(())
        keep(harness.ledger, *recorded(*held))

    def allow(self, **changes: Any) -> None:
        """Change the deployment's rules of revocation."""
        self.rules = replace(self.rules, **changes)

    def know(self) -> None:
        """Let the ledger know what the world's task definitions reference, as their validations do."""
        for each in self.harness.world.task_definitions:
            self.harness.ledger.entries.keep_references(each.arn, Entry(), references(self.harness.world, each))

    def sweep(self, *, complete: bool = True) -> str:
        """Let a sweep go over everything; return its id."""
        self.sweeps += 1
        definition_store, id_ = self.harness.definition_store, f"s-{self.sweeps}"
        sweep = Sweep(id=id_, began_at=NOW.isoformat(), due=None)
        definition_store.begin(sweep)
        described = {each.arn for each in self.harness.world.task_definitions}
        for arn in sorted(described | {each.task_definition for each in definition_store.known()}):
            definition_store.ask(arn, id_)
            definition_store.answer(arn, id_, certain=complete)
        self.settle(sweep)
        return id_

    def settle(self, sweep: Sweep) -> None:
        harness = self.harness
        settler = Settler(definition_store=harness.definition_store, granted=harness.granted_roles(), now=harness.now)
        settler.check(sweep, 0)

    def unused_for(self, days: float) -> None:
        """Let two complete sweeps, so many days apart, find what is unused; the second one's review is to come."""
        self.know()
        self.sweep()
        self.review(message_id="m-0")
        self.harness.later(days=days)
        self.sweep()

    def expect_put(self, *secrets: Any, error: str | None = None) -> None:
        request = {"RoleName": "web-execution", "PolicyName": OWN_POLICY}
        request["PolicyDocument"] = render(policy_document(granted(*secrets)))
        if error is None:
            self.stubber.add_response("put_role_policy", {}, request)
        else:
            self.stubber.add_client_error("put_role_policy", error, expected_params=request)

    def expect_delete(self, *, error: str | None = None) -> None:
        request = {"RoleName": "web-execution", "PolicyName": OWN_POLICY}
        if error is None:
            self.stubber.add_response("delete_role_policy", {}, request)
        else:
            self.stubber.add_client_error("delete_role_policy", error, expected_params=request)

    def review(self, *, message_id: str = "m-1", sweep: str | None = None, world: World | None = None) -> Withdrawn:
        """Review the role, as the last sweep asks, or ``sweep``; ``world`` is what this run finds."""
        event_id = f"s-{self.sweeps}" if sweep is None else sweep
        review = Review(role=ROLE, provenance=Provenance(kind=LISTED, event_id=event_id, at=self.harness.time))
        changes: dict[str, Any] = {} if world is None else {"readers": lambda: world}
        result = self.harness.patcher(self.iam, self.rules, **changes).run(review.to_json(), message_id=message_id)
        assert isinstance(result, Withdrawn)
        return result

    def asked(self) -> list[str]:
        return [each["role"] for each in self.harness.sent.bodies("grants.fifo")]

    def kept(self) -> set[Granted]:
        return set(self.harness.ledger.roles.granted(ROLE))

    def record(self, secret: Any) -> GrantRecord:
        (found,) = (each for each in self.harness.ledger.roles.item(ROLE).grants if each.granted.secret == secret.arn)
        return found

    def reported(self) -> list[str]:
        return self.harness.sent.reported()

    def why(self, kind: str) -> str:
        (detail,) = self.harness.sent.details(kind)
        why: str = detail["remediation"]["why"]
        return why


def references(world: World, definition: Any) -> frozenset[str]:
    named = {str(each.arn) for each in world.secrets if str(each.arn) in json.dumps(definition.raw)}
    return frozenset({role_name(ACCOUNT, "web-execution"), *named})


SetUp = Callable[..., RevocationHarness]
