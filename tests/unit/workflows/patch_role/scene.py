"""A role that lacks the grant that its task definition needs, and a patcher."""

from collections.abc import Callable
from typing import Any

from botocore.stub import Stubber

from pullguard.aws.iam import Iam
from pullguard.domain.messages import Review, ValidationRequest
from pullguard.domain.policy_document import policy_document
from pullguard.domain.role import NamedPolicy
from pullguard.domain.role_policy import RevocationRules
from tests.fakes import World, container, granted, key, role, secret, task_definition
from tests.flows import ASKED_FOR, NEVER, OWN_POLICY, Harness

GHCR, KEYED = secret(), secret("keyed", "KeyKey", key=key())
HUB = secret("registry/hub", "HubHub", registry="docker.io")
DATABASE = secret("prod/db-password", "DbDbDb", registry=None)
BROKEN = World((task_definition(container(GHCR)),), (role(),), (GHCR,))


def own(*secrets: Any, extra: tuple[dict[str, Any], ...] = (), name: str = OWN_POLICY) -> NamedPolicy:
    """Our own policy as it is, with foreign statements."""
    document = policy_document(granted(*secrets))
    return NamedPolicy(name=name, document={**document, "Statement": [*document["Statement"], *extra]})


class PatchHarness:
    """A harness with a role patcher, whose writes to IAM are exactly those that are expected."""

    def __init__(self, harness: Harness, stubber: Stubber, iam: Iam) -> None:
        self.harness = harness
        self.stubber = stubber
        self.iam = iam

    def expect(
        self,
        document: str | None,
        *,
        role_name: str = "web-execution",
        error: str | None = None,
        policy: str = OWN_POLICY,
    ) -> None:
        """Expect a write of our policy; None: its deletion."""
        operation = "delete_role_policy" if document is None else "put_role_policy"
        names = {"RoleName": role_name, "PolicyName": policy}
        parameters = names if document is None else {**names, "PolicyDocument": document}
        if error is None:
            self.stubber.add_response(operation, {}, parameters)
        else:
            self.stubber.add_client_error(operation, error, expected_params=parameters)

    def patch(
        self,
        request: ValidationRequest | Review = ASKED_FOR,
        *,
        message_id: str = "m-1",
        rules: RevocationRules = NEVER,
        **changes: Any,
    ) -> Any:
        """Receive one message; ``changes`` are of the executor."""
        return self.harness.patcher(self.iam, rules, **changes).run(request.to_json(), message_id=message_id)

    def reported(self) -> list[str]:
        return self.harness.sent.reported()

    def failure(self) -> dict[str, Any]:
        (detail,) = self.harness.sent.details("Remediation Failed")
        remediation: dict[str, Any] = detail["remediation"]
        return remediation


SetUp = Callable[..., PatchHarness]
"""Harnesses, each with writes to IAM that are exactly those that it expects."""
