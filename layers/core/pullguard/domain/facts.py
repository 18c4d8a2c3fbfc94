"""All facts about one task definition that checks decide on: frozen, and free of any secret's value."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pullguard.domain.arn import Arn
from pullguard.domain.lookup import USAGE_NOT_ASKED, Lookup
from pullguard.domain.role import Role, Simulated
from pullguard.domain.secret import RotationEnd, Secret
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.usage import Usage
from pullguard.domain.verification import Accepted, Verification


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
