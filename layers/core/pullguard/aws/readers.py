"""The AWS implementation of ``gather.Readers``: each resource is read at most once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from pullguard.access.contexts import Circumstances
from pullguard.access.cross_check import questions
from pullguard.access.patterns import glob, glob_matches
from pullguard.aws.clients import Clients
from pullguard.aws.deadline import left_s
from pullguard.aws.ecs import Ecs
from pullguard.aws.iam import Iam
from pullguard.aws.kms import Kms
from pullguard.aws.ledger_usage import KnownPlaces, LedgerUsage
from pullguard.aws.once import Once
from pullguard.aws.organizations import Organizations
from pullguard.aws.secrets_manager import SecretsManager
from pullguard.domain.arn import Arn, key_beside
from pullguard.domain.errors import Malformed, MalformedItem
from pullguard.domain.image import ImageReference
from pullguard.domain.lookup import (
    NO_PERMISSION,
    ROLES_NOT_LISTED,
    SECRETS_NOT_LISTED,
    SIMULATION_SWITCHED_OFF,
    USAGE_NOT_ASKED,
    VERIFICATION_SWITCHED_OFF,
    Lookup,
    NotAsked,
    Unreadable,
)
from pullguard.domain.opt_in import UNREADABLE_TAG, has_unreadable_registry_tag, left_out, registry_hosts
from pullguard.domain.role import NamedPolicy, Role, Simulated
from pullguard.domain.secret import Key, Secret, ValueShape
from pullguard.domain.secret_value import Credentials
from pullguard.domain.task_definition import TaskDefinition, lacks_credentials
from pullguard.domain.usage import ScheduleUse, Usage
from pullguard.domain.verification import Verification
from pullguard.registry.refused_logins import RefusedLogins

if TYPE_CHECKING:
    from pullguard.registry import Logins, Transport

# The name of aws/secretsmanager in ListSecretVersionIds.
# https://docs.aws.amazon.com/cli/latest/reference/secretsmanager/list-secret-version-ids.html
_DEFAULT_KEY: Final = "DefaultEncryptionKey"
_DEFAULT_ALIAS: Final = "alias/aws/secretsmanager"
# A question to a registry takes up to 25 s: the wait for another run's answer, then the registry's. As much is left for
# what follows from the answer.
_ASKING_NEEDS_S: Final = 50
ReadValues: TypeAlias = Literal["never", "opted-in", "all"]


class Starts(Protocol):
    """Task starts outside services, as reported by sweeps and events."""

    def schedules(self) -> Lookup[tuple[ScheduleUse, ...]]:
        """Return every rule and schedule that starts tasks of a fixed revision."""

    def alone(self) -> Mapping[Arn, bool]:
        """Return the revisions with a standalone start in the last day, each with whether one of its tasks ran."""


class AwsReaders:
    """Readers for one account that cache every answer: create one per batch, and discard it afterwards.

    - ``values``: which secret values are read: none, those of opted-in secrets, or all.
    - ``account``: the caller's account id.
    - ``verify``: ask registries, with the credentials of opted-in secrets only.
    - ``cross_check``: ask AWS's policy simulator.
    - ``starts``, ``places``: task starts outside services, and where families run, as reported by sweeps and events.
      Without ``places``, the usage of a revision is not looked up.
    - ``bulk_above``: read all roles at once if more than this number are needed (None: never).
    - ``lists_all``: list all roles and secrets, in order to suggest similar names for one that does not exist. Only a
      person's own credentials may do so.
    - ``logins``: a cache of refused logins (default: in memory, for the lifetime of these readers).
    - ``secret_pattern``, ``required_boundary``: the deployment's RegistrySecretPattern and RequireRoleBoundary (empty:
      no boundary).
    - ``ca_file``: a PEM file of certificate authorities for registries, in addition to the system's (empty: no file).
    - ``loopback``: also ask registries on this machine.
    """

    def __init__(
        self,
        clients: Clients,
        *,
        values: ReadValues,
        account: str,
        verify: bool = False,
        cross_check: bool = False,
        starts: Starts | None = None,
        places: KnownPlaces | None = None,
        bulk_above: int | None = None,
        lists_all: bool = False,
        logins: "Logins | None" = None,
        secret_pattern: str = "*",  # noqa: S107 (of names)
        required_boundary: str = "",
        ca_file: str = "",
        loopback: bool = False,
    ) -> None:
        self._clients = clients
        self._values = values
        self._account = account
        self._verify = verify
        self._cross_check = cross_check
        self._starts = starts
        self._bulk_above = bulk_above
        self._lists_all = lists_all
        self._roles: set[Arn] = set()
        self._silent: dict[str, Verification] = {}
        self._logins = RefusedLogins(logins)
        self._pattern = secret_pattern
        self._required_boundary = required_boundary
        self._ca_file = ca_file
        self._loopback = loopback
        self._once = Once()
        self._places = places

    @property
    def ecs(self) -> Ecs:
        """The gateway to ECS in the session's Region."""
        return self._once("ecs", lambda: Ecs(self._clients.get("ecs")))

    @property
    def _uses(self) -> LedgerUsage | None:
        places = self._places
        return None if places is None else self._once("uses", lambda: LedgerUsage(self.ecs, places, self._once))

    @property
    def iam(self) -> Iam:
        """The gateway to IAM."""
        return self._once("iam", lambda: Iam(self._clients.get("iam")))

    def _secrets_manager(self, region: str) -> SecretsManager:
        return self._once(
            ("secretsmanager", region), lambda: SecretsManager(self._clients.get("secretsmanager", region))
        )

    def task_definition(self, reference: str) -> Lookup[TaskDefinition]:
        """Describe a revision (by ARN) or the newest ACTIVE revision of a family (by name).

        Most revisions that are asked for are the newest, which has to be known as well: the family is described first.
        """
        family = reference.rpartition("/")[2].rpartition(":")[0]
        newest = self._described(family) if family else None
        if isinstance(newest, TaskDefinition) and str(newest.arn) == reference:
            return newest
        return self._described(reference)

    def _described(self, reference: str) -> Lookup[TaskDefinition]:
        return self._once(("task-definition", reference), lambda: self.ecs.describe(reference))

    def role(self, arn: Arn) -> Lookup[Role]:
        """Read a role: tags, trust policy, boundary, and every attached or inline policy."""
        self._roles.add(arn)
        if self._bulk_above is not None and len(self._roles) > self._bulk_above:
            every = self._once("every-role", self.iam.every_role)
            if isinstance(every, dict) and arn in every:
                return every[arn]
        return self._once(("role", arn), lambda: self._role(arn))

    def _role(self, arn: Arn) -> Lookup[Role]:
        role = self.iam.role(arn)
        return replace(role, required_boundary=self._required_boundary) if isinstance(role, Role) else role

    def secret(self, secret_id: str, region: str) -> Lookup[Secret]:
        """Describe a secret by ARN, partial ARN or name, with its resource policy, its key and its value's shape."""
        return self._once(("secret", secret_id, region), lambda: self._secret(secret_id, region))

    def _secret(self, secret_id: str, region: str) -> Lookup[Secret]:
        gateway = self._secrets_manager(region)
        described = gateway.describe(secret_id)
        if not isinstance(described, tuple):
            return described
        secret, key_id = self._judged(described[0]), described[1]
        policy = self._once(("policy", secret.arn), lambda: gateway.resource_policy(secret.arn))
        key = self._key(key_id, secret.arn) if key_id and not _is_awss_own(key_id) else None
        others: Lookup[tuple[NamedPolicy, ...]] = ()
        if secret.cross_account_primary is not None:
            others = self._once(("other-policies", secret.arn), lambda: gateway.other_policies(secret.arn))
        current = self._once(("current-keys", secret.arn), lambda: self._current_keys(secret.arn))
        secret = replace(secret, resource_policy=policy, other_policies=others, key=key, current_keys=current)
        return replace(secret, value=self._value(secret))

    def _judged(self, secret: Secret) -> Secret:
        """Return the secret with whether the deployment excludes it, by the last part of its ARN, as in IAM."""
        fits = glob_matches(glob(self._pattern), secret.arn.resource_name)
        return secret if fits else replace(secret, outside=self._pattern)

    def _current_keys(self, secret: Arn) -> Lookup[tuple[Lookup[Key] | None, ...]] | None:
        """Read the keys of the secret's current version."""
        ids = self._secrets_manager(secret.region).current_keys(secret)
        if not isinstance(ids, tuple):
            return ids
        return tuple(None if _is_awss_own(each) else self._key(each, secret) for each in ids)

    def _key(self, key_id: str, secret: Arn) -> Lookup[Key]:
        """Read the key that a secret names; not if its id cannot be resolved to an account and a Region."""
        try:
            arn = key_beside(key_id, secret)
        except Malformed as malformed:
            return NotAsked(why=str(malformed), switch=f"aws secretsmanager describe-secret --secret-id {secret}")
        return self._once(
            ("key", arn), lambda: Kms(self._clients.get("kms", arn.region), account=self._account).key(arn)
        )

    def organization(self) -> Lookup[str]:
        """Return the id of the organization of the caller's account, or Missing if it is not in one."""
        return self._once("organization", lambda: Organizations(self._clients.get("organizations")).organization())

    def _value(self, secret: Secret) -> Lookup[ValueShape]:
        """Read the value's shape if the owner's tag or the caller's setting allows it."""
        if secret.deleted_at is not None:
            return NotAsked(why="a secret that is to be deleted has no value to read", switch="restore the secret")
        if secret.type is not None:
            return NotAsked(why="a managed external secret is never read", switch="name a secret of the usual kind")
        if (outside := left_out(secret)) is not None:
            return outside
        if self._values == "all" or (self._values == "opted-in" and registry_hosts(secret)):
            value = self._credentials(secret.arn)
            return value[0] if isinstance(value, tuple) else value
        if has_unreadable_registry_tag(secret):
            return UNREADABLE_TAG
        return NotAsked(
            why="the secret is not opted in, so its value was not read",
            switch="tag the secret pullguard:registry=<registry host>, or run the audit with --read-values",
        )

    def _credentials(self, secret: Arn, version_id: str | None = None) -> Lookup[Credentials]:
        return self._once(
            ("value", secret, version_id), lambda: self._secrets_manager(secret.region).credentials(secret, version_id)
        )

    def registry_secrets(self, region: str) -> Lookup[tuple[Secret, ...]]:
        """List the secrets of the account and Region that are opted in."""
        return self._once(("registry-secrets", region), lambda: self._opted_in(region))

    def _opted_in(self, region: str) -> Lookup[tuple[Secret, ...]]:
        listed = self._secrets_manager(region).opted_in()
        return tuple(map(self._judged, listed)) if isinstance(listed, tuple) else listed

    def every_secret(self, region: str) -> Lookup[tuple[Secret, ...]]:
        """List all secrets of the account and Region, if ``lists_all`` allows it."""
        if not self._lists_all:
            return SECRETS_NOT_LISTED
        return self._once(("every-secret", region), lambda: self._secrets_manager(region).every_secret())

    def every_role(self) -> Lookup[tuple[Role, ...]]:
        """Return the account's roles, if ``lists_all`` allows it."""
        if not self._lists_all:
            return ROLES_NOT_LISTED
        every = self._once("every-role", self.iam.every_role)
        return tuple(every.values()) if isinstance(every, dict) else every

    def expect(self, families: Iterable[str]) -> None:
        """Name the families of the batch, so that their services share calls."""
        if (uses := self._uses) is not None:
            uses.expect(families)

    def usage(self, task_definition: TaskDefinition, *, tasks: bool = False) -> Lookup[Usage]:
        """Find what runs or starts a revision, and whether it is the newest of its family.

        ``tasks`` also lists its tasks and failed starts (see ``LedgerUsage.of``).
        """
        return self._once(("usage", task_definition.arn, tasks), lambda: self._usage(task_definition, tasks=tasks))

    def _usage(self, task_definition: TaskDefinition, *, tasks: bool) -> Lookup[Usage]:
        uses, family = self._uses, task_definition.family
        if uses is None:
            return USAGE_NOT_ASKED
        usage = uses.of(task_definition, lambda: self._described(family), tasks=tasks)
        if self._starts is None or not isinstance(usage, Usage):
            return usage
        schedules = self._once("schedules", self._starts.schedules)
        is_bare = any(map(lacks_credentials, task_definition.containers))
        # The newest revision is in scope, whatever started it; its pulls count only if it may lack credentials.
        asks = is_bare or not usage.newest
        alone = self._once("starts", self._starts.alone) if asks else {}
        return starting(usage, task_definition.arn, schedules, alone)

    def simulation(self, role: Role, secret: Secret, reference: str) -> Lookup[tuple[Simulated, ...]]:
        """Ask AWS's policy simulator for a second opinion, if enabled."""
        if not self._cross_check:
            return SIMULATION_SWITCHED_OFF
        asked = questions(role, secret, Circumstances(reference=reference))
        return self._once(("simulation", role.arn, asked), lambda: self.iam.simulate(role.arn, asked))

    def verification(self, secret: Secret, image: ImageReference) -> Lookup[Verification]:
        """Ask the registry whether the secret's credentials can pull the image, if enabled."""
        if not self._verify:
            return VERIFICATION_SWITCHED_OFF
        return self._once(("verification", secret.arn, image), lambda: self._verified(secret, image))

    def _verified(self, secret: Secret, image: ImageReference) -> Lookup[Verification]:
        # Lazy import: the HTTP client costs start-up time, and most deployments do not need it.
        from pullguard.registry import verification  # noqa: PLC0415

        return self._answered(
            image.host,
            lambda: verification(secret, image, self._credentials, logins=self._logins, transport=self._transport()),
        )

    def anonymous_pull(self, image: ImageReference, hosts: frozenset[str]) -> Lookup[Verification]:
        """Ask the registry, one of ``hosts``, whether it serves the image anonymously, if enabled."""
        if not self._verify:
            return VERIFICATION_SWITCHED_OFF
        return self._once(("anonymous-pull", image), lambda: self._pulled_as_anybody(image, hosts))

    def _pulled_as_anybody(self, image: ImageReference, hosts: frozenset[str]) -> Lookup[Verification]:
        from pullguard.registry import anonymous_pull  # noqa: PLC0415 (as above)

        return self._answered(
            image.host, lambda: anonymous_pull(image, allowed_hosts=hosts, transport=self._transport())
        )

    def _transport(self) -> "Transport":
        from pullguard.registry import Transport, verified_tls  # noqa: PLC0415 (as above)

        return Transport(tls=partial(verified_tls, self._ca_file), loopback=self._loopback)

    def _answered(self, host: str, ask: Callable[[], Lookup[Verification]]) -> Lookup[Verification]:
        """Ask a registry; one that does not answer is asked once per batch, not once per image.

        The first question to a host is therefore asked alone. A registry whose firewall refuses our address is asked
        for each image: it may refuse only some of them. If the cached answer to a login cannot be read, the registry is
        not asked with that login.
        """
        own: list[Lookup[Verification]] = []
        self._once(("first question", host), lambda: own.append(self._asked(host, ask)))
        return own[0] if own else self._asked(host, ask)

    def _asked(self, host: str, ask: Callable[[], Lookup[Verification]]) -> Lookup[Verification]:
        from pullguard.registry import VerificationBroke  # noqa: PLC0415 (as above)

        if host in self._silent:
            return self._silent[host]
        if left_s() < _ASKING_NEEDS_S:
            return Verification(
                answer="unreachable",
                detail=f"{host} was not asked about this image: the time that a run has for registries was over.",
            )
        try:
            answer = ask()
        except (VerificationBroke, MalformedItem) as error:
            return Unreadable(permission=NO_PERMISSION, resource=host, reason="refused", detail=str(error))
        if isinstance(answer, Verification) and answer.answer == "unreachable" and not answer.address_refused:
            self._silent[host] = answer
        return answer


def starting(
    usage: Usage, revision: Arn, schedules: Lookup[tuple[ScheduleUse, ...]], alone: Mapping[Arn, bool]
) -> Usage:
    """Return ``usage`` with the starts of ``revision`` outside services."""
    if isinstance(schedules, tuple):
        schedules = tuple(each for each in schedules if each.task_definition == revision)
    return replace(usage, schedules=schedules, started_alone=revision in alone, ran_alone=alone.get(revision, False))


def _is_awss_own(key_id: str) -> bool:
    """Whether this names aws/secretsmanager, which only the secret's own account can describe."""
    return key_id in (_DEFAULT_KEY, _DEFAULT_ALIAS) or key_id.endswith(f":{_DEFAULT_ALIAS}")
