"""Is the secret alive, and does the ECS agent accept its value?"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pullguard.checks.check import (
    MOOT_VALUE,
    NEEDS_SECRET,
    NEEDS_VALUE,
    PRIVATE_REGISTRY,
    PUT_VALUE,
    Ask,
    Check,
    primary_of,
    put_value,
    secrets_in_use,
    skipped,
    subject_of,
    unreadable,
)
from pullguard.checks.forms import form_of, rewriting
from pullguard.checks.new_secret import beside
from pullguard.checks.next_pull import next_pulls
from pullguard.checks.role_steps import creating
from pullguard.domain.aws_cli import on_secret
from pullguard.domain.errors import shown
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Inapplicable, Passed, Remedy, Subject, Unsure
from pullguard.domain.lookup import Missing, NotAsked, Unreadable
from pullguard.domain.secret import CrossAccountPrimary, Replica, RotationEnd, Secret, ValueShape
from pullguard.domain.task_definition import Container

_RESTORE = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_restore-secret.html"
_VERSIONS = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html"
_ROTATION = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html"
_EXTERNAL = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/mes-partners.html"
_REPLICAS = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html"
# Rotation takes minutes; a day distinguishes a stuck one from a slow one, and allows for rotation windows.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
_ROTATION_GRACE = timedelta(days=1)
# Replication of a new value takes seconds; an hour distinguishes a stuck one from a slow one.
_REPLICATION_GRACE = timedelta(hours=1)
_UNDER_WAY = frozenset({"Pending", "InProgress"})
_HOW_IT_ENDED = {
    "failed": "the rotation failed",
    "abandoned": "the rotation was abandoned",
    "test-failed": "the test of the rotation failed",
}


def _scheduled_for_deletion(facts: Facts) -> Iterable[Answer]:
    for container, secret in secrets_in_use(facts):
        subject = subject_of(facts, container)
        if secret.deleted_at is None:
            yield Passed(subject=subject)
            continue
        yield Failed(
            subject=subject,
            cause=f"The secret {secret.name} of container {container.name} is to be deleted and cannot be read.",
            evidence=f"DescribeSecret: DeletedDate {secret.deleted_at:%Y-%m-%d %H:%M} UTC",
            remedy=Remedy(
                text="Restore the secret, if no other is meant.", snippet=on_secret(secret, "restore-secret")
            ),
        )


def _unusable_type(facts: Facts) -> Iterable[Answer]:
    for container, secret in live_secrets(facts):
        subject = subject_of(facts, container)
        if secret.type is None:
            yield Passed(subject=subject)
            continue
        yield Failed(
            subject=subject,
            cause=(
                f"The secret {secret.name} of container {container.name} is a managed external secret, whose value "
                "never has a username and a password."
            ),
            evidence=f"DescribeSecret: Type {shown(secret.type)}",
            remedy=creating(
                facts,
                container,
                beside(facts, secret, f"{secret.name}/pull"),
                "Store credentials in a secret of their own. Do not copy this one's token: its rotation revokes it.",
            ),
        )


def unless_external(ask: Ask) -> Ask:
    """Return ``ask`` without answers for managed external secrets: secret-type-unusable explains all of it."""

    def asked(facts: Facts) -> Iterable[Answer]:
        for container, secret in live_secrets(facts):
            if secret.type is not None:
                yield Inapplicable(subject=subject_of(facts, container))
        yield from ask(facts)

    return asked


def live_secrets(facts: Facts) -> Iterable[tuple[Container, Secret]]:
    """Yield the containers whose secret exists and is not scheduled for deletion, with the secret."""
    return ((container, secret) for container, secret in secrets_in_use(facts) if secret.deleted_at is None)


def _usual(facts: Facts) -> Iterable[tuple[Container, Secret]]:
    return ((container, secret) for container, secret in live_secrets(facts) if secret.type is None)


def _is_current(secret: Secret) -> bool:
    """Whether a version is labelled AWSCURRENT; a list of secrets without versions proves nothing against it."""
    return any("AWSCURRENT" in labels for labels in secret.stages.values())


def _no_current_version(facts: Facts) -> Iterable[Answer]:
    for container, secret in _usual(facts):
        subject = subject_of(facts, container)
        if _is_current(secret):
            yield Passed(subject=subject)
            continue
        yield Failed(
            subject=subject,
            cause=f"The secret {secret.name} of container {container.name} has no current version to read.",
            evidence=f"DescribeSecret: {len(secret.stages)} version(s), none labelled AWSCURRENT",
            remedy=_associate(secret) or put_value(secret, "Store a value in the secret."),
        )


def shapes(facts: Facts) -> Iterable[tuple[Container, Secret, ValueShape]]:
    """Yield the containers whose secret's value was read, with the secret and the shape of the value."""
    for container, secret in _usual(facts):
        if isinstance(secret.value, ValueShape):
            yield container, secret, secret.value


def _binary(facts: Facts) -> Iterable[Answer]:
    for container, secret, shape in shapes(facts):
        subject = subject_of(facts, container)
        if shape.form != "binary":
            yield Passed(subject=subject)
            continue
        yield Failed(
            subject=subject,
            cause=f"The secret {secret.name} of container {container.name} holds a binary, which ECS does not read.",
            evidence="GetSecretValue: SecretBinary, no SecretString",
            remedy=put_value(secret, "Store the credentials as a JSON text."),
        )


def _malformed(facts: Facts) -> Iterable[Answer]:
    for container, secret in _usual(facts):
        subject = subject_of(facts, container)
        match secret.value:
            case Unreadable() as unread if _is_current(secret):
                yield unreadable(subject, f"The value of the secret {secret.name}", unread, value_of=secret)
            case Missing() if _is_current(secret):
                yield _not_found_after_all(subject, secret)
            case NotAsked() as not_asked:
                yield skipped(subject, "Does the secret hold a username and a password?", not_asked)
            case Missing() | Unreadable():
                continue  # secret-no-current-version reports it
            case shape if shape.form == "binary":
                continue
            case shape if (problem := _problem(shape)) is not None:
                yield Failed(
                    subject=subject,
                    cause=f"The secret {secret.name} of container {container.name} holds {problem}{_form(shape)}.",
                    evidence=f"GetSecretValue of version {shape.version_id or '(unnamed)'}; the value is not shown",
                    remedy=rewriting(
                        facts,
                        container,
                        secret,
                        shape,
                        'Store a JSON object with the string fields "username" and "password".',
                    ),
                )
            case _:
                yield Passed(subject=subject)


def _not_found_after_all(subject: Subject, secret: Secret) -> Unsure:
    return Unsure(
        subject=subject,
        cause=f"The value of the secret {secret.name} could not be read.",
        evidence=(
            f"GetSecretValue of {secret.arn}: not found, although DescribeSecret had just named its current version"
        ),
        remedy=Remedy(
            text=(
                "The next validation or sweep asks again. If the answer stays, aws secretsmanager describe-secret "
                "shows the versions of the secret."
            ),
        ),
    )


def _form(shape: ValueShape) -> str:
    form = form_of(shape)
    return "" if form is None else f": it holds {form.what}"


def _problem(shape: ValueShape) -> str | None:
    """Name the fault of a malformed value; None if it is an object whose two members are strings, or absent."""
    if shape.form == "empty":
        return "an empty value"
    if shape.form == "not-json":
        return "a value that is not JSON"
    if shape.form == "not-an-object":
        return "JSON that is not an object"
    wrong = [name for name in ("username", "password") if getattr(shape, name) == "not-a-string"]
    return f"a {' and a '.join(wrong)} that is not a text" if wrong else None


def _empty_field(facts: Facts) -> Iterable[Answer]:
    for container, secret, shape in shapes(facts):
        if shape.form != "json-object" or _problem(shape):
            continue
        subject = subject_of(facts, container)
        lacking = [name for name in ("username", "password") if getattr(shape, name) in {"missing", "empty"}]
        if not lacking:
            yield Passed(subject=subject)
            continue
        states = ", ".join(f"{name} is {getattr(shape, name)}" for name in lacking)
        yield Failed(
            subject=subject,
            cause=(
                f"The secret {secret.name} of container {container.name} has no {' and no '.join(lacking)}"
                f"{_form(shape)}."
            ),
            evidence=f"GetSecretValue of version {shape.version_id or '(unnamed)'}: {states}",
            remedy=rewriting(facts, container, secret, shape, "Store both a username and a password."),
        )


def _key_case(facts: Facts) -> Iterable[Answer]:
    for container, secret, shape in shapes(facts):
        if shape.form != "json-object":
            continue
        subject = subject_of(facts, container)
        if not shape.miscased:
            yield Passed(subject=subject)
            continue
        yield Failed(
            subject=subject,
            cause=(
                f"The secret {secret.name} of container {container.name} spells its keys in another case than "
                '"username" and "password": EC2 reads that, Fargate need not.'
            ),
            evidence=f"keys of the value: {', '.join(shape.miscased)}",
            remedy=put_value(secret, "Store the value with its keys in lower case."),
        )


def _rotation_failed(facts: Facts) -> Iterable[Answer]:
    for container, secret in live_secrets(facts):
        subject = subject_of(facts, container)
        if not secret.rotation.enabled:
            yield Inapplicable(subject=subject)
            continue
        problem = _rotation_problem(secret, facts.rotation_ends.get(secret.arn), facts.now)
        if problem is None:
            yield Passed(subject=subject)
            continue
        yield Failed(
            subject=subject,
            cause=f"The rotation of the secret {secret.name} of container {container.name} did not end well.",
            evidence=f"{problem}. {next_pulls(facts.usage)}",
            remedy=Remedy(
                text="Read the rotation function's log, correct it, and rotate again.",
                snippet=_rotate_again(secret),
            ),
        )


def _rotate_again(secret: Secret) -> str:
    """Return the commands that rotate again; a stuck rotation blocks new ones until its label is removed."""
    rotate, version = on_secret(secret, "rotate-secret"), secret.pending_version
    if version is None:
        return rotate
    labelled = (("--version-stage", "AWSPENDING"), ("--remove-from-version-id", version))
    return f"{on_secret(secret, 'update-secret-version-stage', *labelled)} && {rotate}"


def _rotation_problem(secret: Secret, end: RotationEnd | None, now: datetime) -> str | None:
    """Describe how the rotation failed, is stuck or late; None otherwise.

    Only an event reports a failure; a rotation that succeeded later also shows in DescribeSecret.
    """
    stuck = secret.pending_version
    last = secret.rotation.last_rotated_at
    if end is not None and end.outcome != "succeeded" and (last is None or last <= end.at):
        step = f", in the {end.step} step of its function" if end.step else ""
        return f"{_HOW_IT_ENDED[end.outcome]} at {end.at:%Y-%m-%d %H:%M:%S} UTC{step}"
    started = secret.last_changed_at
    if stuck is not None and (started is None or now - started > _ROTATION_GRACE):
        return f"version {stuck} is still labelled AWSPENDING and not AWSCURRENT"
    due = secret.rotation.next_rotation_at
    if due is None and last is not None and secret.rotation.interval_days:
        due = last + timedelta(days=secret.rotation.interval_days)
    if due is not None and now - due > _ROTATION_GRACE:
        rotated = f"last rotated {last:%Y-%m-%d}" if last else "never rotated"
        return f"rotation was due on {due:%Y-%m-%d}; {rotated}"
    return None


def _changed_within(span: timedelta, secret: Secret, now: datetime) -> bool:
    return secret.last_changed_at is not None and now - secret.last_changed_at <= span


def _replica_failed(facts: Facts) -> Iterable[Answer]:
    yield from _regional_replica_failed(facts)
    for container, secret in live_secrets(facts):
        if secret.cross_account_primary is not None:
            yield from _cross_account_replica_failed(facts, container, secret, secret.cross_account_primary)


def _cross_account_replica_failed(
    facts: Facts, container: Container, secret: Secret, primary: CrossAccountPrimary
) -> Iterable[Answer]:
    """Judge a replica of another account's secret; values that were replicated before stay readable."""
    subject = subject_of(facts, container)
    if primary.status == "InSync":
        yield Passed(subject=subject)
        return
    if primary.status in _UNDER_WAY and _changed_within(_REPLICATION_GRACE, secret, facts.now):
        return
    detached = "stopped" if primary.status == "Detached" else "not in sync"
    yield Failed(
        subject=subject,
        cause=(
            f"The replication of the secret {secret.name} of container {container.name} from its primary in another "
            f"account is {detached}, so it misses new values."
        ),
        evidence=f"CrossAccountPrimary: {primary.status} {primary.status_message or ''}".strip(),
        remedy=_associate(secret) or Remedy(text="In the primary's account, associate the replica again."),
    )


def _associate(secret: Secret) -> Remedy | None:
    """Return the remedy that starts or repairs cross-account replication; None if ``secret`` is not such a replica.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_AssociateCrossAccountReplica.html
    """
    primary = primary_of(secret)
    if secret.cross_account_primary is None or primary.arn == secret.arn:
        return None
    replica = ("--cross-account-replica-arn", str(secret.arn))
    return Remedy(
        text=(
            f"Fix what the status says, and associate the replica again, in account {primary.arn.account} (with "
            "--replication-role-arn, if it has a role). To end the replication for good, call "
            "stop-replication-to-replica on the replica, which then takes values of its own."
        ),
        snippet=on_secret(primary, "associate-cross-account-replica", replica),
    )


def _regional_replica_failed(facts: Facts) -> Iterable[Answer]:
    home = facts.task_definition.arn.region
    for container, secret in live_secrets(facts):
        subject = subject_of(facts, container)
        here = [replica for replica in secret.replicas if replica.region == home]
        if not here and secret.cross_account_primary is None:
            yield Inapplicable(subject=subject)
        for replica in here:
            if replica.status == "InSync":
                yield Passed(subject=subject)
                continue
            if replica.status == "InProgress" and _changed_within(_REPLICATION_GRACE, secret, facts.now):
                continue  # every new value is replicated: neither right nor wrong yet
            yield Failed(
                subject=subject,
                cause=f"The replica of the secret {secret.name} in {home} is not in sync.",
                evidence=f"ReplicationStatus: {replica.status} {replica.status_message or ''}".strip(),
                remedy=Remedy(
                    text=(
                        "Fix what its status says (for example, first delete or rename a secret of the same name in "
                        "that Region), and replicate again."
                    ),
                    snippet=_replicate_again(secret, replica),
                ),
            )


def _replicate_again(secret: Secret, replica: Replica) -> str:
    """Return the command that replicates again; it overwrites nothing, since a secret in the way may be in use."""
    primary = primary_of(secret)
    key = () if replica.key_id is None else (f"KmsKeyId={replica.key_id}",)
    remove = on_secret(primary, "remove-regions-from-replication", ("--remove-replica-regions", replica.region))
    where = ",".join((f"Region={replica.region}", *key))
    return f"{remove} && {on_secret(primary, 'replicate-secret-to-regions', ('--add-replica-regions', where))}"


CHECKS = (
    Check(
        id="secret-scheduled-for-deletion",
        gate="secret",
        severity="error",
        fails_when="the secret is scheduled for deletion",
        needs=NEEDS_SECRET,
        remedy="aws secretsmanager restore-secret --secret-id ARN",
        source=_RESTORE,
        ask=_scheduled_for_deletion,
    ),
    Check(
        id="secret-type-unusable",
        gate="secret",
        severity="error",
        fails_when=(
            "DescribeSecret gives a Type: the value of a managed external secret never has a username and a password"
        ),
        needs=NEEDS_SECRET,
        remedy="aws secretsmanager create-secret, and register a revision that names it",
        source=_EXTERNAL,
        ask=_unusable_type,
    ),
    Check(
        id="secret-no-current-version",
        gate="secret",
        severity="error",
        fails_when="no version carries AWSCURRENT",
        needs=NEEDS_SECRET,
        remedy=PUT_VALUE,
        source=_VERSIONS,
        ask=unless_external(_no_current_version),
    ),
    Check(
        id="secret-value-binary",
        gate="value",
        severity="error",
        fails_when="the value is SecretBinary, not SecretString",
        needs=NEEDS_VALUE,
        remedy=PUT_VALUE,
        source=PRIVATE_REGISTRY,
        ask=unless_external(_binary),
    ),
    Check(
        id="secret-value-malformed",
        gate="value",
        severity="error",
        fails_when="the value is not a JSON object, or username or password is not a string",
        needs=NEEDS_VALUE,
        remedy=PUT_VALUE,
        source=PRIVATE_REGISTRY,
        ask=unless_external(_malformed),
        moot_after=MOOT_VALUE,
    ),
    Check(
        id="secret-value-empty-field",
        gate="value",
        severity="error",
        fails_when="username or password is missing or empty",
        needs=NEEDS_VALUE,
        remedy=PUT_VALUE,
        source=PRIVATE_REGISTRY,
        ask=unless_external(_empty_field),
    ),
    Check(
        id="secret-value-key-case",
        gate="value",
        severity="warning",
        fails_when="the keys are spelt Username or PASSWORD: read on EC2, not known on Fargate",
        needs=NEEDS_VALUE,
        remedy=f"{PUT_VALUE}, with its keys in lower case",
        source=PRIVATE_REGISTRY,
        ask=unless_external(_key_case),
    ),
    Check(
        id="secret-rotation-failed",
        gate="secret",
        at_risk="did not rotate",
        severity="error",
        fails_when="the last rotation failed, was abandoned or is overdue, or AWSPENDING is stuck",
        needs=f"{NEEDS_SECRET}; only an event says that a rotation failed",
        remedy="fix the rotation function, then aws secretsmanager rotate-secret --secret-id ARN",
        source=_ROTATION,
        ask=_rotation_failed,
    ),
    Check(
        id="secret-replica-failed",
        gate="secret",
        severity="warning",
        fails_when="the replica in the task's Region, or a cross-account replica, is not in sync",
        needs=f"{NEEDS_SECRET} on the primary; of a cross-account replica, on itself",
        remedy=(
            "aws secretsmanager replicate-secret-to-regions, once nothing blocks the replica; of a cross-account "
            "replica, aws secretsmanager associate-cross-account-replica in the primary's account"
        ),
        source=_REPLICAS,
        ask=_replica_failed,
    ),
)
