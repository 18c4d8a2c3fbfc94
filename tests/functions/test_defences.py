"""Attacks that fail because of one defence: with that defence switched off, each of them succeeds.

The real handlers, in one process (tests/functions/application.py), without IAM: what IAM's conditions hold besides is
shown in tests/contract/test_privileges.py and tests/e2e.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import ANY

import pytest
from moto import mock_aws

import pullguard.aws.ecs
import pullguard.domain.consent
import pullguard.workflows.move_services
import pullguard.workflows.reregister
from pullguard.aws.ecs import Ecs
from pullguard.workflows.role_reports import RoleFollowUps
from tests.functions.application import LANES, Application
from tests.functions.stack import OWN_POLICY, Stack
from tests.functions.wire import Fault, Wire
from tests.functions.world import allow, create_role, create_secret, know_what_runs, register, request_body

WIRES = {function: Wire() for function in LANES.values()}
PATCH, REREGISTER = WIRES["patch_execution_role"], WIRES["reregister_task_definition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """``mount`` returns the revision to validate; ``off`` switches the defence off."""

    mount: Callable[[Stack], str]
    off: tuple[Any, str, Any]
    succeeded: Callable[[Stack], bool]


def _not_opted_in(stack: Stack) -> str:
    return register(stack, create_secret(stack, registry=None), role=create_role(stack))


def _not_managed(stack: Stack) -> str:
    return register(stack, create_secret(stack), role=create_role(stack, managed=False))


def _untagged_in_between(stack: Stack) -> str:
    secret = create_secret(stack)

    def untag() -> None:
        stack.client("secretsmanager").untag_resource(SecretId=secret, TagKeys=["pullguard:registry"])

    PATCH.interleave = ("iam:PutRolePolicy", untag)
    return register(stack, secret, role=create_role(stack))


def _an_answer_that_never_came(stack: Stack) -> str:
    role, old = create_role(stack), create_secret(stack)
    arn = register(stack, old, role=role)
    stack.client("secretsmanager").delete_secret(SecretId=old, ForceDeleteWithoutRecovery=True)
    allow(stack, create_secret(stack))
    REREGISTER.lay(Fault.LOST, "ecs:RegisterTaskDefinition")
    return arn


def _service_on_a_stale_reference(stack: Stack) -> str:
    role, old = create_role(stack), create_secret(stack)
    arn = register(stack, old, role=role)
    stack.client("secretsmanager").delete_secret(SecretId=old, ForceDeleteWithoutRecovery=True)
    allow(stack, create_secret(stack))
    ecs = stack.client("ecs")
    ecs.create_cluster(clusterName="main")
    ecs.create_service(cluster="main", serviceName="web", taskDefinition=arn, desiredCount=0)
    know_what_runs(stack)
    return arn


def _concurrent_registration(when: str) -> Callable[[Stack], str]:
    """Register another revision right before the executor's first call of ``when``."""

    def mount(stack: Stack) -> str:
        arn = _service_on_a_stale_reference(stack)
        ecs = stack.client("ecs")
        own = [{"name": "app", "image": "ghcr.io/acme/web:2", "memory": 64}]
        REREGISTER.interleave = (when, lambda: ecs.register_task_definition(family="web", containerDefinitions=own))
        return arn

    return mount


def _concurrent_deployment(stack: Stack) -> str:
    """Deploy another revision after the executor has registered its own and before it moves the service."""
    arn = _service_on_a_stale_reference(stack)
    ecs = stack.client("ecs")
    own = [{"name": "app", "image": "ghcr.io/acme/web:2", "memory": 64}]
    answer = ecs.register_task_definition(family="theirs", containerDefinitions=own)
    theirs = answer["taskDefinition"]["taskDefinitionArn"]

    def deploy() -> None:
        ecs.update_service(cluster="main", service="web", taskDefinition=theirs)

    def wait_for_the_move() -> None:
        REREGISTER.interleave = ("ecs:ListTasks", deploy)  # after its services were described

    REREGISTER.interleave = ("ecs:RegisterTaskDefinition", wait_for_the_move)
    return arn


def _hidden(stack: Stack) -> bool:
    newest = stack.client("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"]
    return str(newest["containerDefinitions"][0]["image"]) != "ghcr.io/acme/web:2"


def _runs(revision: str, stack: Stack) -> bool:
    (service,) = stack.client("ecs").describe_services(cluster="main", services=["web"])["services"]
    return str(service["taskDefinition"]).endswith(f"/{revision}")


def _granted(stack: Stack) -> bool:
    return OWN_POLICY in stack.client("iam").list_role_policies(RoleName="web-execution")["PolicyNames"]


def _registered_twice(stack: Stack) -> bool:
    return len(stack.client("ecs").list_task_definitions()["taskDefinitionArns"]) > 2


def _retried(self: Ecs, client: Any) -> None:
    _GUARDED(self, client)
    client.meta.events.unregister("needs-retry.ecs.RegisterTaskDefinition", pullguard.aws.ecs._send_once)


_GUARDED = Ecs.__init__
ATTACKS = {
    "a-secret-that-is-not-opted-in": Attack(
        mount=_not_opted_in,
        off=(pullguard.domain.consent, "registry_hosts", lambda _: frozenset({"ghcr.io"})),
        succeeded=_granted,
    ),
    "a-role-that-is-not-managed": Attack(
        mount=_not_managed, off=(pullguard.domain.consent, "is_managed", lambda _: True), succeeded=_granted
    ),
    "a-tag-removed-between-proof-and-write": Attack(
        mount=_untagged_in_between,
        off=(RoleFollowUps, "_ask", lambda *_, **__: None),
        succeeded=_granted,
    ),
    "a-registration-whose-answer-is-lost": Attack(
        mount=_an_answer_that_never_came, off=(Ecs, "__init__", _retried), succeeded=_registered_twice
    ),
    "a-revision-registered-between-proof-and-registration": Attack(
        mount=_concurrent_registration("dynamodb:PutItem"),
        off=(pullguard.workflows.reregister, "family_of", lambda arn: arn.resource_name),
        succeeded=_hidden,
    ),
    "a-revision-registered-in-the-moment-of-ours": Attack(
        mount=_concurrent_registration("ecs:RegisterTaskDefinition"),
        off=(pullguard.workflows.move_services, "hidden_by", lambda *_: None),
        succeeded=lambda stack: _runs("web:3", stack),
    ),
    "a-service-deployed-between-proof-and-move": Attack(
        mount=_concurrent_deployment,
        off=(Ecs, "own_revision", lambda *_: ANY),
        succeeded=lambda stack: not _runs("theirs:1", stack),
    ),
}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setattr("time.sleep", lambda _: None)  # botocore waits before it tries again
    for wire in WIRES.values():
        wire.lay()
        wire.__dict__.pop("clients", None)  # clients keep what was registered with them
    with mock_aws():
        here = Stack()
        here.create()
        yield here


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize("defended", [True, False], ids=["defended", "defence-off"])
def test_the_attack_fails_where_the_defence_is_on_and_only_there(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, attack: Attack, *, defended: bool
) -> None:
    if not defended:
        monkeypatch.setattr(*attack.off)
    app = Application(stack, monkeypatch, WIRES)
    app.send("ValidationQueue", request_body(attack.mount(stack)))
    app.run()
    assert app.died == []
    assert attack.succeeded(stack) is not defended
