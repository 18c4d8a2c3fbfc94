"""Facts that no emulator supports, which replace the gathered ones."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from pullguard.domain.arn import Arn, parse_reference
from pullguard.domain.facts import Facts
from pullguard.domain.role import NamedPolicy, Role, Simulated
from pullguard.domain.secret import Key, Replica, Secret
from pullguard.domain.task_definition import Container, lacks_credentials
from pullguard.domain.usage import FailedStart, Instance, Reason, ServiceUse, TaskUse, Usage
from pullguard.domain.verification import Accepted, Verification

Change: TypeAlias = Callable[[Facts], Facts]


def accepted_and_refused_to_anybody(facts: Facts) -> Facts:
    """Let the registry refuse the images to anonymous callers, and serve them to the secret that is kept for it."""
    secrets = facts.registry_secrets if isinstance(facts.registry_secrets, tuple) else ()
    bare = tuple(filter(lacks_credentials, facts.task_definition.containers))
    accepted = {
        container.name: Accepted(
            image=container.image.text, secret=secret.arn, version=secret.current_version or "", at=facts.now
        )
        for container in bare
        for secret in secrets
    }
    refused = {container.name: Verification(answer="rejected", detail="It answered 401.") for container in bare}
    return replace(facts, verifications=refused, accepted=accepted)


def running_task(facts: Facts) -> Facts:
    """Add a running task of the revision."""
    arn = str(facts.task_definition.arn)
    task = TaskUse(cluster_arn=CLUSTER, task_arn=f"{CLUSTER}/1", task_definition=arn, started_at=facts.now)
    return facts.with_usage(Usage(newest=True, tasks=(task,)))


def the_role(facts: Facts) -> Role:
    """Return the execution role, which must exist."""
    assert isinstance(facts.role, Role)
    return facts.role


def the_secret(facts: Facts) -> Secret:
    """Return the one secret, which must exist."""
    (secret,) = facts.secrets.values()
    assert isinstance(secret, Secret)
    return secret


def with_secret(facts: Facts, secret: Secret) -> Facts:
    """Let the container's reference be that of ``secret``, by its full ARN."""
    definition = facts.task_definition
    reference = parse_reference(str(secret.arn), region=definition.arn.region)

    def renamed(container: Container) -> Container:
        return container if container.reference is None else replace(container, reference=reference)

    containers = tuple(renamed(container) for container in definition.containers)
    return replace(facts, task_definition=replace(definition, containers=containers), secrets={str(secret.arn): secret})


def secret(**changes: Any) -> Change:
    """Change members of the secret."""
    return lambda facts: with_secret(facts, replace(the_secret(facts), **changes))


def role(**changes: Any) -> Change:
    """Change members of the role."""
    return lambda facts: replace(facts, role=replace(the_role(facts), **changes))


def key(**changes: Any) -> Change:
    """Change members of the secret's key."""

    def change(facts: Facts) -> Facts:
        its_key = the_secret(facts).key
        assert isinstance(its_key, Key)
        return with_secret(facts, replace(the_secret(facts), key=replace(its_key, **changes)))

    return change


def rotating(*, due: timedelta | None = None, last: timedelta | None = None, changed: timedelta | None = None,
             days: int | None = None, **changes: Any) -> Change:  # fmt: skip
    """Add a rotation; ``due``, ``last`` and ``changed`` are ages."""

    def change(facts: Facts) -> Facts:
        def ago(span: timedelta | None) -> datetime | None:
            return None if span is None else facts.now - span

        own = the_secret(facts)
        rotation = replace(
            own.rotation, enabled=True, interval_days=days, last_rotated_at=ago(last), next_rotation_at=ago(due)
        )
        return with_secret(facts, replace(own, rotation=rotation, last_changed_at=ago(changed), **changes))

    return change


def replicating(status: str, changed: timedelta, region: str = "us-east-1") -> Change:
    """Add a replica in this state to the secret, with this age of the last change."""

    def change(facts: Facts) -> Facts:
        replica = Replica(region=region, status=status)
        own = the_secret(facts)
        return with_secret(facts, replace(own, replicas=(replica,), last_changed_at=facts.now - changed))

    return change


def of_account(account: str, **changes: Any) -> Change:
    """Move the secret to another account."""

    def change(facts: Facts) -> Facts:
        own = the_secret(facts)
        return with_secret(facts, replace(own, arn=replace(own.arn, account=account), **changes))

    return change


def together(*each: Change) -> Change:
    """Apply several changes one after the other."""

    def change(facts: Facts) -> Facts:
        for one in each:
            facts = one(facts)
        return facts

    return change


def controlled(*levels: NamedPolicy) -> Change:
    """Put service control policies above the account, one per level."""
    return role(control_policies=tuple((policy,) for policy in levels))


def simulated(decision: str, organization_allows: bool | None) -> Change:
    """Set the simulator's answer for reading the secret."""

    def change(facts: Facts) -> Facts:
        own = the_secret(facts)
        said = Simulated(
            action="secretsmanager:GetSecretValue",
            resource=str(own.arn),
            decision=decision,
            organization_allows=organization_allows,
        )
        return replace(facts, simulations={"web": (said,)})

    return change


def used(
    *,
    services: tuple[ServiceUse, ...] = (),
    tasks: tuple[TaskUse, ...] = (),
    instances: tuple[Instance, ...] = (),
    failed_starts: tuple[tuple[timedelta, str], ...] = (),
) -> Change:
    """Set the usage; ``failed_starts`` are the ages of failed starts, with their reasons."""

    def change(facts: Facts) -> Facts:
        starts = tuple(
            FailedStart(task_arn=f"{CLUSTER}/{index}", stopped_at=facts.now - ago, reasons=(Reason(text=reason),))
            for index, (ago, reason) in enumerate(failed_starts)
        )
        usage = Usage(newest=True, services=services, tasks=tasks, instances=instances, failed_starts=starts)
        return facts.with_usage(usage)

    return change


CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/main"


def a_key(account: str, policy: Any, **changes: Any) -> Key:
    """Return a customer managed key of ``account``."""
    arn = Arn.parse(f"arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab")
    return replace(Key(arn=arn, manager="CUSTOMER", state="Enabled", policy=policy, grants=(), aliases=()), **changes)
