"""A secret, the shape of its value, and its key: without any secret value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Document, Lookup, NotAsked, Tags

if TYPE_CHECKING:
    from pullguard.domain.role import NamedPolicy

VALUE_NOT_READ: Final = NotAsked(why="the value was not read", switch="--read-values")

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
    value: "Lookup[ValueShape]" = VALUE_NOT_READ
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
