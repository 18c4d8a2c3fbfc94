"""A role that was granted two secrets, one of which nothing needs any more, and sweeps that come and go."""

import json
from collections.abc import Callable
from typing import Any

from botocore.stub import Stubber

from pullguard.aws.iam import Iam
from pullguard.domain.messages import LISTED, Review
from pullguard.domain.policy_document import POLICY_NAME, Granted, policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.references import role_name
from pullguard.domain.role import NamedPolicy
from pullguard.store.entries import Entry
from pullguard.store.task_definitions import Sweep
from pullguard.workflows.patch_role import RolePatcher
from pullguard.workflows.revoke import Revoker, Withdrawn
from pullguard.workflows.settle import Settler
from tests.fakes import (
    ACCOUNT,
    NOW,
    World,
    container,
    granted,
    key,
    revision_arn,
    role,
    role_arn,
    secret,
    task_definition,
)
from tests.flows import Harness

GRACE_DAYS = 14
GHCR = secret()
HUB = secret("registry/hub", "HubHub", registry="docker.io")
KEYED = secret("keyed", "KeyKey", key=key())
ROLE = role_arn()
USES_HUB = task_definition(container(HUB, image="docker.io/acme/web:1"))


def holder(*secrets: Any, **changes: Any) -> Any:
    """The role with our policy, which grants these secrets."""
    policy = NamedPolicy(name=POLICY_NAME, document=policy_document(granted(*secrets)))
    return role(inline_policies=(policy,), **changes)


# web:7 needs the hub's secret; the other one was granted for a revision that is gone.
UNUSED = World((USES_HUB,), (holder(GHCR, HUB),), (GHCR, HUB))


class Act:
    """A stage where sweeps come and go, and a withdrawer whose writes to IAM are exactly those that are expected."""

    def __init__(self, harness: Harness, stubber: Stubber, iam: Iam, *held: Any) -> None:
        self.harness, self.stubber, self.iam = harness, stubber, iam
        self.revoke, self.grace_days = True, GRACE_DAYS
        self.sweeps = 0
        harness.starts.keep_schedules(())
        harness.ledger.roles.record_write(
            ROLE, write_id="m-0", record=record(None, render(policy_document(granted(*held)))), now=NOW
        )
        harness.ledger.roles.keep_grants(ROLE, granted(*held), task_definition=str(revision_arn("web", 6)))

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
        for each in self.harness.world.task_definitions:
            definition_store.ask(each.arn, id_)
            definition_store.answer(each.arn, id_, certain=complete)
        unused = self.harness.unused(revoke=self.revoke, grace_days=self.grace_days)
        Settler(definition_store=definition_store, unused=unused, now=self.harness.now).check(sweep, 0)
        return id_

    def unused_for(self, days: float) -> None:
        """Let two complete sweeps, so many days apart, find what is unused."""
        self.know()
        self.sweep()
        self.harness.later(days=days)
        self.sweep()

    def expect_put(self, *secrets: Any, error: str | None = None) -> None:
        request = {"RoleName": "web-execution", "PolicyName": POLICY_NAME}
        request["PolicyDocument"] = render(policy_document(granted(*secrets)))
        if error is None:
            self.stubber.add_response("put_role_policy", {}, request)
        else:
            self.stubber.add_client_error("put_role_policy", error, expected_params=request)

    def expect_delete(self) -> None:
        request = {"RoleName": "web-execution", "PolicyName": POLICY_NAME}
        self.stubber.add_response("delete_role_policy", {}, request)

    def review(self, *, occasion: str = "m-1") -> Withdrawn:
        executor = self.harness.executor()
        revoker = Revoker(
            executor=executor,
            definition_store=self.harness.definition_store,
            starts=self.harness.starts,
            iam=self.iam,
            revoke=self.revoke,
            grace_days=self.grace_days,
        )
        review = Review(
            role=ROLE, provenance=Provenance(kind=LISTED, event_id=f"s-{self.sweeps}", at=self.harness.time)
        )
        result = RolePatcher(executor=executor, iam=self.iam, revoker=revoker).run(review.to_json(), occasion=occasion)
        assert isinstance(result, Withdrawn)
        return result

    def asked(self) -> list[str]:
        return [each["role"] for each in self.harness.sent.bodies("grants.fifo")]

    def kept(self) -> set[Granted]:
        return set(self.harness.ledger.roles.granted(ROLE))

    def reported(self) -> list[str]:
        return self.harness.sent.reported()

    def why(self, kind: str) -> str:
        (detail,) = self.harness.sent.details(kind)
        why: str = detail["remediation"]["why"]
        return why


def record(before: str | None, after: str | None, event_id: str = "e-0") -> dict[str, Any]:
    cause = Provenance(kind="RegisterTaskDefinition", event_id=event_id, at=NOW).to_dict()
    return {"before": before, "after": after, "task_definition": str(revision_arn("web", 6)), "cause": cause}


def references(world: World, definition: Any) -> frozenset[str]:
    named = {str(each.arn) for each in world.secrets if str(each.arn) in json.dumps(definition.raw)}
    return frozenset({role_name(ACCOUNT, "web-execution"), *named})


Acted = Callable[..., Act]
