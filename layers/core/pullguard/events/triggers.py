"""The results of parsing events: frozen records that hold only validated values."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, assert_never

from pullguard.domain.arn import Arn
from pullguard.domain.diagnosis import Explanation, explain
from pullguard.domain.errors import Malformed
from pullguard.domain.image import parse_images
from pullguard.domain.provenance import Provenance
from pullguard.domain.usage import Reason, service_in

CURRENT: Final = "AWSCURRENT"
_NEW_VALUES = frozenset(
    {"Secret Label Updated", "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage", "RotationSucceeded"}
)

SecretChange: TypeAlias = Literal["value", "created", "deleted", "restored", "policy", "tags", "replicas", "rotation"]
RotationOutcome: TypeAlias = Literal["started", "succeeded", "failed", "abandoned", "test-failed"]
RotationStep: TypeAlias = Literal["createSecret", "setSecret", "testSecret", "finishSecret"]
KeyChange: TypeAlias = Literal["state", "policy", "grants"]
RoleChange: TypeAlias = Literal["policy", "boundary", "trust", "tags", "created", "deleted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """``account`` and ``region`` are those of the event's record (for IAM, the partition's one Region of IAM)."""

    provenance: Provenance
    account: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinitionRegistered(_Change):
    """A revision was registered; ``task_definition``: None if CloudTrail omitted the answer."""

    task_definition: Arn | None
    family: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretChanged(_Change):
    """A secret was written, labelled, created, deleted, restored or configured.

    At least one of ``secret`` and ``name`` is given. If AWS's answer contains the ARN, ``secret`` is complete, and
    ``name`` is given as well; if only the request contains it, the suffix may be missing. ``version_id`` got ``label``,
    if the event proves both.
    """

    secret: Arn | None
    name: str | None
    change: SecretChange
    version_id: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationChanged(_Change):
    """A rotation started or ended; ``step`` is the failed step of its function, if the event names one."""

    secret: Arn
    outcome: RotationOutcome
    step: RotationStep | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChanged(_Change):
    """A KMS key changed its state, policy or grants."""

    key: Arn
    change: KeyChange


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleChanged(_Change):
    """An IAM role changed. IAM's events have its name without the path, and only in the partition's IAM Region."""

    role_name: str
    change: RoleChange


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged(_Change):
    """A managed policy of the account got another version; reported, as for roles, in one Region of the partition only.

    Only the default version has an effect, and IAM never deletes that one: DeletePolicyVersion is not a trigger.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html
    """

    policy: Arn


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedContainer:
    """One container of a stopped task, and why it stopped (for display only; empty if ECS did not say)."""

    name: str
    image: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStopped(_Change):
    """A task failed to start. All texts except the ARNs are for display only."""

    task_definition: Arn
    task: Arn
    cluster: Arn
    stopped_reason: str
    containers: tuple[StoppedContainer, ...] = ()
    stop_code: str = ""
    group: str = ""
    launch_type: str = ""
    platform_version: str = ""

    @property
    def of_service(self) -> bool:
        """Whether a service started it."""
        return is_of_service(self.group)

    @property
    def place(self) -> Arn:
        """The service that started it, or else its cluster."""
        try:
            return service_in(self.cluster, self.group.removeprefix("service:")) if self.of_service else self.cluster
        except Malformed:
            return self.cluster

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every reason given, the task's own first (Fargate), then the containers' (EC2)."""
        own = Reason(text=self.stopped_reason)
        others = (
            Reason(text=each.reason, image=each.image or None, container=each.name or None) for each in self.containers
        )
        return tuple(reason for reason in (own, *others) if reason.text)

    @property
    def explanation(self) -> Explanation:
        """The explanation of the reasons, given the images of the containers."""
        return explain(self.reasons, parse_images(each.image for each in self.containers))


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStarted(_Change):
    """A task that no service started: a person, a program, a schedule, a Step Functions task did.

    It runs, or it has stopped for a reason other than a failed pull; ``ran``: it reached the running state.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html (group)
    """

    task_definition: Arn
    cluster: Arn
    ran: bool

    @property
    def place(self) -> Arn:
        """Its cluster, as for a task that stopped."""
        return self.cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceChanged(_Change):
    """A service was created or updated and runs ``task_definition``, of ``family``.

    The ARN of ``service`` includes its cluster; None if the event does not name both. If CloudTrail omitted the answer
    and the request names only the family, which means its newest ACTIVE revision, ``task_definition`` is None.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
    """

    service: Arn | None
    task_definition: Arn | None
    family: str


Trigger: TypeAlias = (
    TaskDefinitionRegistered
    | SecretChanged
    | RotationChanged
    | KeyChanged
    | RoleChanged
    | PolicyChanged
    | TaskStopped
    | TaskStarted
    | ServiceChanged
)


def is_of_service(group: str) -> bool:
    """Whether a task's group shows that a service started it.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html (group)
    """
    return group.startswith("service:")


def begins_rotation(trigger: Trigger) -> bool:
    """Whether a rotation begins or is in progress without a change for ECS, which reads AWSCURRENT alone.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
    """
    match trigger:
        case RotationChanged(outcome="started"):
            return True
        case SecretChanged(change="rotation"):
            return trigger.provenance.kind == "RotateSecret"
        case SecretChanged(version_id=str(), label=str(label)):
            return label != CURRENT
        case _:
            return False


def deduplication_key(trigger: Trigger) -> str:
    """Return a key that two events share only if they report the same change.

    A moved label is reported natively and through CloudTrail: both events name the secret, the version and the label. A
    label may also move away and back, so an event is a copy only if no other of its ``sequence`` came in between. A
    service that retries is one failure for each kind of reason, as long as its first is remembered. All events of a
    rotation before it has moved AWSCURRENT ask one question: whether the pull worked before it.
    Source (a request token becomes the version id):
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
    """
    match trigger:
        case TaskDefinitionRegistered(task_definition=Arn() as task_definition):
            return f"registered {task_definition}"
        case RotationChanged(secret=secret) | SecretChanged(secret=Arn() as secret) if begins_rotation(trigger):
            return f"begin of a rotation of {secret}"
        case SecretChanged(secret=Arn() as secret, version_id=str(version_id), label=str(label)):
            return f"label {secret} {version_id} {label}"
        case TaskStopped(task_definition=task_definition):
            return f"stop of {task_definition} {trigger.explanation.kind}"
        case (
            TaskDefinitionRegistered()
            | SecretChanged()
            | RotationChanged()
            | KeyChanged()
            | RoleChanged()
            | PolicyChanged()
            | TaskStarted()
            | ServiceChanged()
        ):
            return f"event {trigger.provenance.event_id}"
    assert_never(trigger)


def debounced_resource(trigger: Trigger) -> str | None:
    """Return the resource that changed, if the next changes of it may share one later validation; else None.

    Changes of permissions and tags may: tools make them in bursts (Terraform writes role policies one by one, Amazon
    EBS creates a grant for each volume), and usually nothing breaks. All others are validated at once: they change
    what the next task pulls (a revision, a value, a replica), whether a resource can be used at all (a key disabled, a
    secret or role deleted), or report that a pull failed.
    """
    match trigger:
        case KeyChanged(key=key, change="policy" | "grants"):
            return f"key {key}"
        case PolicyChanged(policy=policy):
            return f"policy {policy}"
        case RoleChanged(role_name=name, change="policy" | "boundary" | "trust" | "tags"):
            return f"role {trigger.account} {name}"
        case SecretChanged(secret=secret, name=name, change="policy" | "tags"):
            return f"secret {secret or name}"
        case _:
            return None


def is_rotation(provenance: Provenance) -> bool:
    """Whether the event reports a new current value of a secret, or may do so."""
    return provenance.kind in _NEW_VALUES


def sequence(trigger: Trigger) -> str:
    """Return the sequence that the change belongs to: all that can move AWSCURRENT; else one of its own."""
    match trigger:
        case SecretChanged(secret=Arn() as secret, change="value" | "created") if not begins_rotation(trigger):
            return current_value_of(secret)
        case _:
            return deduplication_key(trigger)


def current_value_of(secret: Arn) -> str:
    """Return the sequence of changes that can move a secret's AWSCURRENT."""
    return f"labels of {secret}"
