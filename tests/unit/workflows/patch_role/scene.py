"""A role that lacks the grant that its task definition needs, and a patcher."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from botocore.stub import Stubber

from pullguard.aws.iam import Iam
from pullguard.domain.policy_document import POLICY_NAME, policy_document
from pullguard.domain.role import NamedPolicy
from pullguard.workflows.patch_role import RolePatcher
from tests.fakes import World, container, granted, key, role, secret, task_definition
from tests.flows import ASKED_FOR, Harness

GHCR, KEYED = secret(), secret("keyed", "KeyKey", key=key())
HUB = secret("registry/hub", "HubHub", registry="docker.io")
DATABASE = secret("prod/db-password", "DbDbDb", registry=None)
BROKEN = World((task_definition(container(GHCR)),), (role(),), (GHCR,))


def own(*secrets: Any, extra: tuple[dict[str, Any], ...] = ()) -> NamedPolicy:
    """Our own policy as it is, with foreign statements."""
    document = policy_document(granted(*secrets))
    return NamedPolicy(name=POLICY_NAME, document={**document, "Statement": [*document["Statement"], *extra]})


class Act:
    """A stage with a role patcher, whose writes to IAM are exactly those that are expected."""

    def __init__(self, harness: Harness, stubber: Stubber, iam: Iam) -> None:
        self.harness = harness
        self.stubber = stubber
        self.iam = iam

    def expect(self, document: str, *, role_name: str = "web-execution", error: str | None = None) -> None:
        parameters = {"RoleName": role_name, "PolicyName": POLICY_NAME, "PolicyDocument": document}
        if error is None:
            self.stubber.add_response("put_role_policy", {}, parameters)
        else:
            self.stubber.add_client_error("put_role_policy", error, expected_params=parameters)

    def patch(self, *, occasion: str = "m-1", **changes: Any) -> Any:
        executor = replace(self.harness.executor(), **changes)
        return RolePatcher(executor=executor, iam=self.iam).patch(ASKED_FOR, occasion=occasion)

    def reported(self) -> list[str]:
        return self.harness.sent.reported()

    def failure(self) -> dict[str, Any]:
        (detail,) = self.harness.sent.details("Remediation Failed")
        remediation: dict[str, Any] = detail["remediation"]
        return remediation


Acted = Callable[..., Act]
