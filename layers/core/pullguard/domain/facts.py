"""The facts that checks decide on: frozen, and free of any secret's value.

A failed lookup is a fact too. A ``Lookup`` is the resource itself, ``Missing`` (AWS says that it does not exist),
``Unreadable`` (AWS did not or could not answer) or ``NotAsked`` (switched off). The four types cannot be confused, and
a check that forgets a case is a type error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, TypeVar

from pullguard.domain.arn import Arn, MalformedReference, SecretReference
from pullguard.domain.errors import Malformed
from pullguard.domain.image import ImageReference

NO_PERMISSION: Final = "(none)"

Tags: TypeAlias = Mapping[str, str]
Document: TypeAlias = str | Mapping[str, Any]
"""A policy as AWS returned it: JSON text, or the parsed object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """AWS answered that the resource does not exist; ``instead`` is the ARN of another one with its name, if any."""

    resource: str
    instead: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """AWS did not answer the question: ``permission`` is the IAM action that was used on ``resource``.

    It is ``NO_PERMISSION`` if the question was not a call to AWS.
    """

    permission: str
    resource: str
    reason: Literal["denied", "throttled", "unreachable", "refused"]
    detail: str = ""

    def __str__(self) -> str:
        why = {
            "denied": "access was denied",
            "throttled": "AWS throttled the call",
            "unreachable": "the service did not answer",
            "refused": "AWS refused the call",
        }[self.reason]
        return f"{self.permission} on {self.resource}: {why}{f' ({self.detail})' if self.detail else ''}"

    @property
    def brief(self) -> str:
        """The call and its result in two words: ``ecs:DescribeTaskDefinition denied``; empty if it was not a call."""
        if self.permission == NO_PERMISSION:
            return ""
        return f"{self.permission} {'unanswered' if self.reason == 'unreachable' else self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAsked:
    """AWS was not asked: a feature is switched off, or AWS would not answer here.

    ``switch`` says how to change that; ``command`` answers the question when run, if there is such a command.
    """

    why: str
    switch: str
    command: str | None = None


T = TypeVar("T")
Lookup: TypeAlias = T | Missing | Unreadable | NotAsked


def explained(lookup: Missing | Unreadable | NotAsked) -> str:
    """Explain in words why a lookup has no result."""
    match lookup:
        case Missing():
            return f"{lookup.resource} does not exist"
        case Unreadable():
            return str(lookup)
        case NotAsked():
            return f"{lookup.why} ({lookup.switch})"


def vanished(missing: Missing) -> str:
    """State that AWS did not find a resource that another of its answers named; nothing follows from that."""
    return f"{missing.resource} was not found, although AWS had just described it"


# --- Secrets ---------------------------------------------------------------------------------------------------


FieldState: TypeAlias = Literal["ok", "missing", "empty", "not-a-string"]
Oddity: TypeAlias = Literal["blank", "placeholder", "white-space-around", "quotes-around"]
"""Why a username or password is unlikely to have been issued by a registry."""
Lookalike: TypeAlias = Literal[
    "pull-through-cache",
    "docker-config",
    "kubernetes-docker-config",
    "kubernetes-secret",
    "credential-helper",
    "by-host",
    "nested",
    "token-alone",
    "other-names",
    "quoted-json",
    "list",
    "user-and-password",
]
"""The name of a form that people store where ECS expects ``username`` and ``password``."""
ShortLived: TypeAlias = Literal["ecr-token", "google-token", "acr-token", "gitlab-job-token"]
"""The kind of a password that expires by itself within hours, known from the username that goes with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueShape:
    """The shape of a secret's value, kept after the value itself was discarded.

    ``form``: ``json-object``, ``not-json``, ``not-an-object``, ``binary`` or ``empty``. ``miscased``: keys that differ
    from ``username`` and ``password`` only in case (key names, never values). ``lookalike`` is the form of a value that
    ECS cannot use, if it is a known one. ``created_at`` is when the version was written.
    """

    form: Literal["json-object", "not-json", "not-an-object", "binary", "empty"]
    username: FieldState = "missing"
    password: FieldState = "missing"  # noqa: S105 (a state, not a password)
    miscased: tuple[str, ...] = ()
    username_oddity: Oddity | None = None
    password_oddity: Oddity | None = None
    short_lived: ShortLived | None = None
    lookalike: Lookalike | None = None
    version_id: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The rotation settings and state of a secret. Times are UTC.

    ``schedule`` is its expression (``rate(4 hours)``), None if only ``interval_days`` is given. With an expression AWS
    calculates ``interval_days`` from it, in whole days.
    """

    enabled: bool
    interval_days: int | None = None
    schedule: str | None = None
    last_rotated_at: datetime | None = None
    next_rotation_at: datetime | None = None
    lambda_arn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationEnd:
    """The result of a rotation, taken from an event: DescribeSecret does not report failed rotations.

    ``step`` is the step of the rotation function that failed, if the event named one. ``at`` has a resolution of
    seconds.
    """

    outcome: Literal["succeeded", "failed", "abandoned", "test-failed"]
    at: datetime
    step: Literal["createSecret", "setSecret", "testSecret", "finishSecret"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One replica of a secret, as DescribeSecret on the primary describes it."""

    region: str
    status: str
    status_message: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossAccountPrimary:
    """The primary, in another account, of a secret that is a cross-account replica, and the state of its replication.

    ``status``: ``InSync``, ``Failed``, ``InProgress``, ``Pending`` or ``Detached``.
    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/cross-account-replicate-status.html
    """

    arn: str
    status: str
    status_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyGrant:
    """One KMS grant. Principals are ARNs; an empty constraint mapping constrains nothing.

    ``issuer`` is the account under which the grant was created, None if unknown.
    """

    grant_id: str
    grantee: str
    operations: tuple[str, ...]
    encryption_context_equals: Mapping[str, str] = field(default_factory=dict)
    encryption_context_subset: Mapping[str, str] = field(default_factory=dict)
    retiring: str | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A KMS key. ``manager``: ``AWS`` (``aws/secretsmanager``) or ``CUSTOMER``. ``state`` is DescribeKey's KeyState.

    ``aliases`` are its names (``alias/registry``), None if unknown.
    """

    arn: Arn
    manager: Literal["AWS", "CUSTOMER"]
    state: str
    policy: "Lookup[Document]"
    grants: "Lookup[tuple[KeyGrant, ...]]"
    deletion_at: datetime | None = None
    aliases: "Lookup[tuple[str, ...]] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Secret:
    """A secret as DescribeSecret describes it, with its resource policy, its key and the shape of its value.

    ``key`` encrypts new versions (None: the AWS managed key ``aws/secretsmanager``). ``current_keys`` are those that
    each decrypt the current version, with None for the AWS managed key. If AWS lists no keys, the member has the value
    None, and ``key`` decrypts that version. ``stages`` maps version ids to their staging labels. ``type`` names the
    partner of a managed external secret. ``other_policies`` are the resource policies beside the default one.
    ``outside`` is the deployment's RegistrySecretPattern if the secret does not match it: then nothing is granted and
    no value is read.
    Compared by identity, so that decisions can be cached.
    """

    arn: Arn
    name: str
    tags: Tags = field(default_factory=dict)
    deleted_at: datetime | None = None
    stages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rotation: Rotation = Rotation(enabled=False)
    replicas: tuple[Replica, ...] = ()
    primary_region: str | None = None
    cross_account_primary: CrossAccountPrimary | None = None
    type: str | None = None
    owning_service: str | None = None
    last_changed_at: datetime | None = None
    resource_policy: "Lookup[Document | None]" = None
    other_policies: "Lookup[tuple[NamedPolicy, ...]]" = ()
    key: "Lookup[Key] | None" = None
    current_keys: "Lookup[tuple[Lookup[Key] | None, ...]] | None" = None
    value: "Lookup[ValueShape]" = NotAsked(why="the value was not read", switch="--read-values")
    outside: str = ""

    @property
    def keys(self) -> "tuple[Lookup[Key] | None, ...]":
        """Every known key that decrypts the current version or will decrypt the next one."""
        return (self.key, *(self.current_keys if isinstance(self.current_keys, tuple) else ()))

    @property
    def pending_version(self) -> str | None:
        """The version that is labelled AWSPENDING and not AWSCURRENT: a rotation has started it."""
        return next(
            (v for v, labels in self.stages.items() if "AWSPENDING" in labels and "AWSCURRENT" not in labels), None
        )

    @property
    def current_version(self) -> str | None:
        """The version that is labelled AWSCURRENT: the one that ECS reads."""
        return next((v for v, labels in self.stages.items() if "AWSCURRENT" in labels), None)


# --- Roles -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPolicy:
    """A policy and the name that people know it by; ``arn``: None for an inline policy."""

    name: str
    document: Document
    arn: str | None = None

    @property
    def kind(self) -> Literal["inline", "managed"]:
        """Whether the policy is embedded in the role or attached to it."""
        return "inline" if self.arn is None else "managed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Role:
    """An execution role with everything that can be read from IAM about its permissions.

    ``control_policies`` are the levels of service control policies above the account; empty if they are not readable,
    which is the rule outside the management account. ``required_boundary`` is the ARN of the boundary that the
    deployment requires (RequireRoleBoundary); empty if it requires none. ``is_task_role``: the examined task definition
    also uses it as its task role. Compared by identity, as ``Secret`` is.
    """

    arn: Arn
    name: str
    role_id: str = ""
    tags: Tags = field(default_factory=dict)
    trust_policy: Document = field(default_factory=dict)
    inline_policies: "Lookup[tuple[NamedPolicy, ...]]" = ()
    attached_policies: "Lookup[tuple[NamedPolicy, ...]]" = ()
    boundary: "Lookup[NamedPolicy] | None" = None
    control_policies: tuple[tuple[NamedPolicy, ...], ...] = ()
    required_boundary: str = ""
    is_task_role: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """The policy simulator's answer for one action: ``allowed``, ``explicitDeny`` or ``implicitDeny``.

    ``organization_allows``: None if the answer does not cover control policies.
    """

    action: str
    resource: str
    decision: str
    organization_allows: bool | None = None


# --- Task definitions ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The parts of a container definition that matter for the pull of its image.

    ``reference``: None if the container gives no repositoryCredentials. ``index`` is its position in
    containerDefinitions.
    """

    index: int
    name: str
    image: ImageReference | Malformed
    reference: SecretReference | MalformedReference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """One revision. ``raw`` is the whole described task definition, ``tags`` the tags beside it in the answer."""

    arn: Arn
    family: str
    revision: int
    status: str
    execution_role: str | None
    containers: tuple[Container, ...]
    requires_compatibilities: tuple[str, ...] = ()
    tags: Tags = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUse:
    """A service that runs a task definition. ``controller``: ``ECS``, ``CODE_DEPLOY`` or ``EXTERNAL``.

    ``deployed_at`` is when its newest deployment began. ``beside``: the revision belongs to a task set or deployment
    beside the service's own task definition, and the counts are those of that set. ``capacity_providers`` are the names
    in its strategy, ``constraints`` its placement constraints in readable form. ``tags`` are the service's own.
    """

    cluster_arn: str
    service_arn: str
    name: str
    task_definition: str
    controller: str = "ECS"
    launch_type: str | None = None
    platform_version: str | None = None
    desired_count: int = 0
    running_count: int = 0
    deployed_at: datetime | None = None
    beside: bool = False
    capacity_providers: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUse:
    """A running or starting task. ``has_pulled``: it is past its pull, or ECS does not say.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
    """

    cluster_arn: str
    task_arn: str
    task_definition: str
    has_pulled: bool = True
    launch_type: str | None = None
    platform_version: str | None = None
    capacity_provider: str | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleUse:
    """An EventBridge rule or a schedule of EventBridge Scheduler that starts tasks of exactly one revision.

    ``within`` is the id of the rule's target, or the schedule's group. ``in_input``: the schedule has a universal
    target, and names the revision in the text of its input.
    """

    kind: Literal["rule", "schedule"]
    name: str
    within: str
    task_definition: Arn
    in_input: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A text in which ECS states why a task stopped.

    ``image`` and ``container`` (a name) belong to the container that gave it; None if the text is the task's own.
    """

    text: str
    image: str | None = None
    container: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedStart:
    """A task that stopped before it ran: ``reasons`` are the task's own text and its containers', as ECS gives them.

    ``of_service`` says whether a service started it; a service's revisions are read from the service itself. ``images``
    are those of its containers. ``execution_role`` is that of the task's overrides, None if they give none.
    """

    task_arn: str
    stopped_at: datetime
    reasons: tuple[Reason, ...]
    of_service: bool = False
    images: tuple[str, ...] = ()
    execution_role: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A container instance and the version of its agent (``1.18.0``).

    ``capacity_provider``: None if the instance belongs to no capacity provider.
    """

    cluster_arn: str
    instance_arn: str
    agent_version: str
    attributes: frozenset[str] = frozenset()
    capacity_provider: str | None = None

    @property
    def is_external(self) -> bool:
        """Whether it is an external instance (ECS Anywhere), which never runs tasks of the EC2 launch type.

        Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere.html
        """
        return "ecs.capability.external" in self.attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The current uses of a revision, and whether it is the newest ACTIVE one of its family.

    ``latest`` is the newest ACTIVE revision of the family if that is another one; ``successor`` is the same if it is
    our own re-registration of this one. ``schedules`` are those that start tasks of this revision. ``started_alone``: a
    standalone task of it started or failed to start in the last day. ``ran_alone``: such a task ran.
    """

    newest: bool
    latest: Arn | None = None
    successor: Arn | None = None
    services: tuple[ServiceUse, ...] = ()
    tasks: tuple[TaskUse, ...] = ()
    instances: tuple[Instance, ...] = ()
    failed_starts: tuple[FailedStart, ...] = ()
    schedules: "Lookup[tuple[ScheduleUse, ...]]" = ()
    started_alone: bool = False
    ran_alone: bool = False

    @property
    def has_pulled(self) -> bool:
        """Whether a task of the revision has its images, which it pulled after the revision was registered."""
        return self.ran_alone or any(use.has_pulled for use in self.tasks)

    @property
    def last_started_at(self) -> datetime | None:
        """When the most recently started running task had its image and started; None if unknown."""
        return max((use.started_at for use in self.tasks if use.started_at is not None), default=None)


# --- Everything about one task definition ----------------------------------------------------------------------


RegistryAnswer: TypeAlias = Literal["ok", "rejected", "no-such-image", "rate-limited", "unreachable", "anonymous-ok"]

Refused: TypeAlias = Literal["credentials", "repository"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A registry's answer to the secret's credentials for one image.

    ``refuses`` is what the registry refused: the credentials as such, or their access to the repository. ``pending`` is
    its answer to the credentials of the version labelled AWSPENDING, which is asked only if the registry refuses the
    current ones. ``is_public``: the registry also serves the image anonymously, so that a pull needs no credentials.
    ``address_refused``: its firewall refused the caller's address, which says nothing about the credentials.
    """

    answer: RegistryAnswer
    detail: str = ""
    pending: RegistryAnswer | None = None
    refuses: Refused = "credentials"
    is_public: bool = False
    address_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """At ``at`` the registry refused ``image`` to anonymous callers, and would serve it to a secret's ``version``."""

    image: str
    secret: Arn
    version: str
    at: datetime

    def to_dict(self) -> dict[str, str]:
        """Return the ledger's form of it."""
        return {
            "image": self.image,
            "secret": str(self.secret),
            "version": self.version,
            "at": self.at.isoformat(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Accepted":
        """Return what ``to_dict`` described."""
        at = datetime.fromisoformat(data["at"])
        return cls(image=data["image"], secret=Arn.parse(data["secret"]), version=data["version"], at=at)


VERIFICATION_SWITCHED_OFF = NotAsked(
    why="live verification is switched off",
    switch="parameter VerifyCredentials=true in the deployment, or --live-registry in the command line",
)
SIMULATION_SWITCHED_OFF = NotAsked(
    why="AWS's policy simulator was not asked",
    switch="parameter CrossCheck=true in the deployment, or --cross-check in the command line",
)
ROLES_NOT_LISTED = NotAsked(
    why="the account's roles were not listed", switch="pullguard explain, which offers roles of similar names"
)
SECRETS_NOT_LISTED = NotAsked(
    why="secrets that are not opted in were not listed",
    switch="pullguard explain, which also offers those that are not opted in",
)
USAGE_NOT_ASKED = NotAsked(why="where the revision runs was not looked up", switch="pullguard audit, or the sweep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All input of the checks for one task definition.

    ``organization`` is the id of the account's organization (Missing: the account is in none), None if no policy needs
    it. ``secrets`` is keyed by the reference's text. So are the two queries that decide the meaning of an ARN that AWS
    does not find (``secret_resolution.py``): ``namesakes`` has DescribeSecret's answers for the whole last part as a
    name; if that is ``Missing``, ``replacements`` has those for that name without the suffix. ``near_secrets`` (by
    the container's name) and ``near_roles`` are candidates for a secret or role that does not exist, the likeliest
    first: offered to people, never acted on (NotAsked: no opted-in name is near, and others were not listed).
    ``registry_secrets`` are the opted-in secrets of the account and Region for the registries from which containers
    pull without credentials. ``verifications`` and ``simulations`` are keyed by container name. The verification of a
    container without credentials says whether the registry serves its image anonymously. ``accepted``, also by
    container name, says that the registry refused that and serves the image to an opted-in secret's credentials: asked
    for these facts, or remembered by the ledger (``credentials_missing.proof_of`` decides how much of it is believed).
    ``had_pulled``: the ledger remembers that a task of the revision had its images. ``rotation_ends`` has the results
    of the secrets' last rotations from the ledger, by the secret's ARN. ``granted_keys`` lists the secrets with grant
    records for the role, with the key that each was granted with. The last two are empty without a ledger.
    """

    task_definition: TaskDefinition
    now: datetime
    role: Lookup[Role] | None = None
    organization: Lookup[str] | None = None
    secrets: Mapping[str, Lookup[Secret]] = field(default_factory=dict)
    namesakes: Mapping[str, Lookup[Secret]] = field(default_factory=dict)
    replacements: Mapping[str, Lookup[Secret]] = field(default_factory=dict)
    near_secrets: Mapping[str, Lookup[tuple[Secret, ...]]] = field(default_factory=dict)
    near_roles: Lookup[tuple[Role, ...]] = ()
    registry_secrets: Lookup[tuple[Secret, ...]] = ()
    usage: Lookup[Usage] = USAGE_NOT_ASKED
    verifications: Mapping[str, Lookup[Verification]] = field(default_factory=dict)
    accepted: Mapping[str, Accepted] = field(default_factory=dict)
    had_pulled: bool = False
    simulations: Mapping[str, Lookup[tuple[Simulated, ...]]] = field(default_factory=dict)
    rotation_ends: Mapping[Arn, RotationEnd] = field(default_factory=dict)
    granted_keys: Mapping[Arn, Arn | None] = field(default_factory=dict)

    @property
    def described(self) -> tuple[Lookup[Secret], ...]:
        """Every answer about a secret that a reference names or may mean."""
        return (*self.secrets.values(), *self.namesakes.values(), *self.replacements.values())

    def with_usage(self, usage: Lookup[Usage]) -> "Facts":
        """Return the same facts with the usage of the revision."""
        return replace(self, usage=usage)

    def with_accepted(self, accepted: Mapping[str, Accepted]) -> "Facts":
        """Return the same facts with the registries' answers to opted-in credentials, by container name."""
        return replace(self, accepted=accepted)

    def with_had_pulled(self, had_pulled: bool) -> "Facts":
        """Return the same facts with whether a task of the revision ever had its images."""
        return replace(self, had_pulled=had_pulled)

    def with_rotation_ends(self, ends: Mapping[Arn, RotationEnd]) -> "Facts":
        """Return the same facts with the results of the secrets' last rotations."""
        return replace(self, rotation_ends=ends)

    def with_granted_keys(self, keys: Mapping[Arn, Arn | None]) -> "Facts":
        """Return the same facts with the grants that this stack gave the role."""
        return replace(self, granted_keys=keys)
