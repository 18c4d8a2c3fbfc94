"""The scenarios of the fault suite: a world for each executor, its first message, and the expected final state."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.ecs.models import EC2ContainerServiceBackend, ecs_backends

import pullguard.registry
from pullguard.domain.arn import Arn
from pullguard.domain.messages import LISTED, Review, ValidationRequest
from pullguard.domain.policy_document import POLICY_NAME, Granted, parse_own, policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.references import role_name, secret_name
from pullguard.domain.role_item import GrantRecord
from pullguard.domain.verification import Verification
from pullguard.store.entries import Entry
from pullguard.store.ledger import Ledger
from pullguard.store.task_definitions import Sweep, TaskDefinitionStore
from tests.functions.application import Application
from tests.functions.stack import ACCOUNT, OWN_POLICY, REGION, Stack
from tests.functions.world import PASSWORD, allow, create_role, create_secret, know_what_runs, register, request_body


def _validate_everything(app: Application) -> None:
    for revision in app.stack.client("ecs").list_task_definitions()["taskDefinitionArns"]:
        app.send("ValidationQueue", request_body(revision))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A world for one executor: ``begin`` creates it and sends the message, ``fixed`` is the expected final state.

    ``again`` sends the validation request of a later sweep. ``reported`` are the kinds of events without faults.
    ``plans``: a deployment that observes reports what it would do; it draws no conclusion about a grant that stands.
    ``promised`` must hold within an hour, without a sweep. ``follows`` are the kinds of events
    that follow only if a grant was made. ``reopens``: its finding is resolved by the write, and opened again when the
    grant is revoked.
    """

    name: str
    function: str
    begin: Callable[[Application], None]
    fixed: Callable[[Stack], Any]
    again: Callable[[Application], None] = _validate_everything
    reported: frozenset[str] = frozenset({"Finding Opened", "Remediation Completed", "Finding Resolved"})
    parameters: tuple[tuple[str, str], ...] = (("Mode", "remediate"), ("MoveServices", "true"))
    plans: bool = True
    promised: Callable[[Stack], bool] = lambda _: True
    follows: frozenset[str] = frozenset()
    reopens: bool = False


def _broken(broken: Callable[[Stack], str]) -> Callable[[Application], None]:
    """Request the validation of the revision that ``broken`` creates, after a sweep has found what runs."""

    def begin(app: Application) -> None:
        revision = broken(app.stack)
        know_what_runs(app.stack)
        app.send("ValidationQueue", request_body(revision))

    return begin


def _lacking_grant(stack: Stack) -> str:
    key = stack.client("kms").create_key()["KeyMetadata"]["Arn"]
    return register(stack, create_secret(stack, key=key), role=create_role(stack))


def _stale_reference(stack: Stack) -> str:
    role, old = create_role(stack), create_secret(stack)
    arn = register(stack, old, role=role)
    stack.client("secretsmanager").delete_secret(SecretId=old, ForceDeleteWithoutRecovery=True)
    allow(stack, create_secret(stack))
    _run_in_services(stack, arn)
    return arn


def _run_in_services(stack: Stack, revision: str, *, desired: int = 0) -> None:
    ecs = stack.client("ecs")
    ecs.create_cluster(clusterName="main")
    for name in SERVICES:
        ecs.create_service(cluster="main", serviceName=name, taskDefinition=revision, desiredCount=desired)
    know_what_runs(stack)


def ledger_of(stack: Stack) -> Ledger:
    return Ledger(stack.client("dynamodb"), "ledger")


SERVICES = ["web", "admin"]
ROLE = Arn.parse(f"arn:aws:iam::{ACCOUNT}:role/web-execution")


def hold_unused(app: Application) -> None:
    """A confirmed grant of ours that nothing has needed for longer than the grace, beside one that is needed."""
    stack, ledger = app.stack, ledger_of(app.stack)
    key = stack.client("kms").create_key()["KeyMetadata"]["Arn"]
    role, needed, unused = create_role(stack), create_secret(stack, "registry/two"), create_secret(stack, key=key)
    revision = register(stack, needed, role=role)
    grants = (
        Granted(secret=Arn.parse(needed), key=None),
        Granted(secret=Arn.parse(unused), key=Arn.parse(key)),
    )
    stack.client("iam").put_role_policy(
        RoleName="web-execution", PolicyName=OWN_POLICY, PolicyDocument=render(policy_document(grants))
    )
    references = frozenset({needed, secret_name(REGION, ACCOUNT, "registry/two"), role_name(ACCOUNT, "web-execution")})
    ledger.entries.keep_references(Arn.parse(revision), Entry(), references)
    records = (
        GrantRecord(
            granted=each,
            task_definition=revision,
            granted_at=app.time - timedelta(days=30),
            is_confirmed=True,
            unneeded_since=None if each.key is None else app.time - timedelta(days=20),
        )
        for each in grants
    )
    item = ledger.roles.item(ROLE)
    assert ledger.roles.replace(ROLE, item, replace(item, grants=tuple(records)))


def _unused(app: Application) -> None:
    hold_unused(app)
    sweep_finds_it_unused(app)


def _granted_by_an_earlier_version(app: Application) -> None:
    """The policy of the former name grants a needed secret, as an earlier version recorded it, and another stack's."""
    stack = app.stack
    role, needed, theirs = create_role(stack), create_secret(stack), create_secret(stack, "registry/two")
    revision = register(stack, needed, role=role)
    grants = (Granted(secret=Arn.parse(each), key=None) for each in (needed, theirs))
    stack.client("iam").put_role_policy(
        RoleName="web-execution", PolicyName=POLICY_NAME, PolicyDocument=render(policy_document(grants))
    )
    made_at = app.time - timedelta(days=30)
    record = {"key": None, "task_definition": revision}
    items: dict[tuple[str, str], object] = {
        ("ROLES", f"ROLE#{ROLE}"): None,
        (f"ROLE#{ROLE}", f"GRANTED#{needed}"): record,
        (f"ROLE#{ROLE}", f"WRITE#{made_at.isoformat()}#m-0"): {},
    }
    for (partition, sort), data in items.items():
        item = {"pk": {"S": partition}, "sk": {"S": sort}, "data": {"S": json.dumps(data)}}
        stack.client("dynamodb").put_item(TableName="ledger", Item=item)
    _review(app, "s-1")


def sweep_finds_it_unused(app: Application) -> None:
    """Let another sweep be complete, and ask for a review."""
    sweep = f"s-{app.time:%H%M%S}"
    know_what_runs(app.stack)
    definition_store = TaskDefinitionStore(app.stack.client("dynamodb"), "ledger")
    definition_store.save_complete(Sweep(id=sweep, began_at=app.time.isoformat(), due=None), now=app.time)
    _review(app, sweep)


def _review(app: Application, sweep: str) -> None:
    review = Review(role=ROLE, provenance=Provenance(kind=LISTED, event_id=sweep, at=app.time))
    app.send("GrantQueue", review.to_json(), group=sweep)


def _swept(app: Application) -> None:
    """Validate everything, and review the role if it has grants of ours or an open write, as each sweep does."""
    _validate_everything(app)
    item = ledger_of(app.stack).roles.item(ROLE)
    if item.grants or open_writes(app.stack):
        _review(app, f"s-{app.time:%H%M%S}")


def open_writes(stack: Stack) -> int:
    """Return how many writes to the role have no known outcome."""
    return sum(each.outcome == "planned" for each in ledger_of(stack).roles.item(ROLE).writes)


def written(stack: Stack) -> Iterator[str]:
    """Yield the grants and revocations that the ledger says were made on the role, in the words of the fault suite."""
    for write in ledger_of(stack).roles.writes(ROLE):
        before, after = (set(parse_own(text)[0]) if text else set() for text in (write.before, write.after))
        for kind, grants in (("grant", after - before), ("withdraw", before - after)):
            if write.outcome == "written":
                yield from (f"{kind} web-execution{' with a key' if each.key else ''}" for each in grants)


def _untagged_while_it_is_granted(app: Application) -> None:
    """The owner removes the tag of the secret during the write: the validation that follows it revokes the grant."""
    stack = app.stack
    app.wires["patch_execution_role"].interleave = ("iam:PutRolePolicy", lambda: _untag(stack))
    app.send("ValidationQueue", request_body(register(stack, create_secret(stack), role=create_role(stack))))


def _untag(stack: Stack) -> None:
    stack.client("secretsmanager").untag_resource(SecretId="registry/ghcr", TagKeys=["pullguard:registry"])


def _untag_and_sweep(app: Application) -> None:
    _untag(app.stack)  # if no write was tried, its owner has not done so yet
    _swept(app)


def _rotated(app: Application) -> None:
    """A secret whose new value the registry takes, and two services whose tasks were started before it."""
    stack = app.stack
    secret = create_secret(stack)
    revision = register(stack, secret, role=create_role(stack))
    allow(stack, secret)
    _run_in_services(stack, revision, desired=1)
    for service in ecs_backends[ACCOUNT][REGION].services.values():
        service.deployments[0]["createdAt"] = datetime.now(UTC) - timedelta(days=1)
    app.monkeypatch.setattr(EC2ContainerServiceBackend, "update_service", _with_deployment_events)
    app.monkeypatch.setattr(pullguard.registry, "verification", lambda *_, **__: Verification(answer="ok"))
    value = json.dumps({"username": "bot", "password": PASSWORD[::-1]})
    stack.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=value)
    _send_rotation_event(app, "Secret Label Updated")


_UPDATE_SERVICE = EC2ContainerServiceBackend.update_service


def _with_deployment_events(self: EC2ContainerServiceBackend, properties: dict[str, Any]) -> Any:
    """Make a service list each new deployment among its events, as ECS does; moto lists only the last one."""
    is_new = bool(properties.get("force_new_deployment"))
    service = _UPDATE_SERVICE(self, properties)
    service.events += [{"id": f"e-{len(service.events)}", "message": "has a new deployment"}] * is_new
    return service


def _send_rotation_event(app: Application, kind: str = "RotationSucceeded") -> None:
    """Let an event of the rotation request a validation. No sweep asks for a redeployment, so the next event has to."""
    cause = Provenance(kind=kind, event_id=kind.replace(" ", "-"), at=min(app.time, datetime.now(UTC)))
    for revision in app.stack.client("ecs").list_task_definitions()["taskDefinitionArns"]:
        request = ValidationRequest(
            task_definition=Arn.parse(revision, service="ecs", resource_type="task-definition"), provenance=cause
        )
        app.send("ValidationQueue", request.to_json())


def _held(stack: Stack) -> Any:
    """The role's policies, and what the ledger holds of them."""
    names = {each["ARN"]: each["Name"] for each in stack.client("secretsmanager").list_secrets()["SecretList"]}
    item = ledger_of(stack).roles.item(ROLE)
    grant_records = sorted((names[str(each.granted.secret)], each.is_confirmed) for each in item.grants)
    return _policies(stack), grant_records, open_writes(stack)


def _policies(stack: Stack) -> Any:
    """All inline policies of the role, with keys and secrets by other names than their random ones."""
    iam = stack.client("iam")
    names = iam.list_role_policies(RoleName="web-execution")["PolicyNames"]
    found = {
        name: iam.get_role_policy(RoleName="web-execution", PolicyName=name)["PolicyDocument"]["Statement"]
        for name in names
    }
    text = json.dumps(found)
    for secret in stack.client("secretsmanager").list_secrets()["SecretList"]:
        text = text.replace(secret["ARN"], secret["Name"]).replace(secret.get("KmsKeyId", "no key"), "KEY")
    return {
        name: [(each["Action"], each["Resource"], each.get("Condition")) for each in statements]
        for name, statements in json.loads(text).items()
    }


def _revisions_and_services(stack: Stack) -> Any:
    """The revisions by number with the source that each names, and what each service runs."""
    ecs = stack.client("ecs")
    sources = {}
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        answer = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        tags = {tag["key"]: tag["value"] for tag in answer["tags"]}
        sources[short(arn)] = short(tags.get("pullguard:reregistered-from", ""))
    services = ecs.describe_services(cluster="main", services=SERVICES)["services"]
    return sources, {each["serviceName"]: short(each["taskDefinition"]) for each in services}


def _deployments(stack: Stack) -> Any:
    """How often each service was deployed anew, and the revision that it runs."""
    services = stack.client("ecs").describe_services(cluster="main", services=SERVICES)["services"]
    return {
        each["serviceName"]: (short(each["taskDefinition"]), [event["message"] for event in each["events"]])
        for each in services
    }


def short(arn: str) -> str:
    return arn.rpartition("/")[2]


ROTATING = (("Mode", "remediate"), ("VerifyCredentials", "true"), ("RedeployOnRotation", "true"))
REVOKING = (("Mode", "remediate"), ("RevokeUnusedGrants", "true"))
SCENARIOS = (
    Scenario(name="grant", function="patch_execution_role", begin=_broken(_lacking_grant), fixed=_held, again=_swept),
    Scenario(
        name="withdraw",
        function="patch_execution_role",
        begin=_unused,
        fixed=_held,
        again=sweep_finds_it_unused,
        reported=frozenset({"Remediation Completed"}),
        parameters=REVOKING,
        plans=False,
    ),
    Scenario(
        name="consent-withdrawn",
        function="patch_execution_role",
        begin=_untagged_while_it_is_granted,
        fixed=_held,
        again=_untag_and_sweep,
        reported=frozenset({"Finding Opened", "Finding Resolved", "Remediation Completed", "Remediation Refused"}),
        promised=lambda stack: _policies(stack) == {},
        follows=frozenset({"Finding Resolved", "Remediation Completed"}),
        reopens=True,
    ),
    Scenario(
        name="move",
        function="patch_execution_role",
        begin=_granted_by_an_earlier_version,
        fixed=_held,
        again=_swept,
        reported=frozenset(),
        plans=False,
    ),
    Scenario(
        name="reregister",
        function="reregister_task_definition",
        begin=_broken(_stale_reference),
        fixed=_revisions_and_services,
    ),
    Scenario(
        name="redeploy",
        function="reregister_task_definition",
        begin=_rotated,
        fixed=_deployments,
        again=_send_rotation_event,
        reported=frozenset({"Remediation Completed"}),
        parameters=ROTATING,
    ),
)
