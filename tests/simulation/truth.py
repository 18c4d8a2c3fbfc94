"""The truth of a simulated account: secrets, a role and its policies, task definitions.

The stacks of two Regions serve one role. Secrets are named by one letter; a secret that is deleted and created again
has another ARN.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from pullguard.domain.arn import Arn
from pullguard.domain.policy_document import POLICY_NAME, Granted, OwnPolicy

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
START = datetime(2026, 11, 23, tzinfo=UTC)
REGIONS = ("eu-west-1", "us-east-1")
NAMES = ("a", "b", "c")
FORMER = POLICY_NAME
POLICIES = {region: f"{POLICY_NAME}-{region}" for region in REGIONS}
ROLE = Arn.parse("arn:aws:iam::111122223333:role/web-execution")
SOMEBODY = "somebody"
FOREIGN = {"Sid": "Theirs", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}


def clock(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@cache
def granted(name: str, generation: int = 1, key: int = 0) -> Granted:
    secret = Arn.parse(f"arn:aws:secretsmanager:us-east-1:111122223333:secret:{name}-AbCd{generation:02d}")
    return Granted(secret=secret, key=Arn.parse(f"arn:aws:kms:us-east-1:111122223333:key/{key}") if key else None)


@cache
def short(secret: Arn) -> str:
    """Return a secret as the log names it: ``a1``, and ``a2`` once it was created again."""
    name, _, suffix = secret.resource_name.partition("-")
    return f"{name}{int(suffix[4:])}"


def name_of(secret: Arn) -> str:
    return secret.resource_name[0]


@dataclass(slots=True)
class Secret:
    name: str
    generation: int = 1
    key: int = 0
    exists: bool = True
    is_tagged: bool = True
    excludes: bool = False
    observed_since: float | None = None
    unreadable_since: float | None = None

    @property
    def grant(self) -> Granted:
        return granted(self.name, self.generation, self.key)

    @property
    def arn(self) -> Arn:
        return granted(self.name, self.generation).secret

    @property
    def has_consent(self) -> bool:
        return self.exists and self.is_tagged and not self.excludes and self.observed_since is None


@dataclass(frozen=True, slots=True)
class Role:
    """The role; every change makes another, so that a late reader is given an old one."""

    created_at: datetime = START - timedelta(days=1000)
    role_id: str = "AROA0"
    exists: bool = True
    is_managed: bool = True
    observed_since: float | None = None
    policies: dict[str, OwnPolicy] = field(default_factory=dict)
    other: frozenset[str] = frozenset()  # names of the secrets that a policy of the owner's allows

    @property
    def has_consent(self) -> bool:
        return self.exists and self.is_managed and self.observed_since is None

    def policy(self, name: str) -> OwnPolicy:
        return self.policies.get(name) or OwnPolicy(name=name)

    def secrets(self, *policies: str) -> set[Arn]:
        return {each.secret for name in policies if name in self.policies for each in self.policies[name].grants}

    def with_policy(self, name: str, grants: Iterable[Granted], statements: tuple[object, ...]) -> "Role":
        ordered = tuple(sorted(set(grants), key=lambda each: (str(each.secret), str(each.key or ""))))
        rest = {other: policy for other, policy in self.policies.items() if other != name}
        if ordered or statements:
            foreign = tuple(map(str, statements))
            rest[name] = OwnPolicy(name=name, grants=ordered, statements=statements, foreign=foreign)
        return replace(self, policies=rest)


@dataclass(slots=True)
class TaskDefinition:
    """A task definition of one Region that names one secret."""

    name: str
    region: str
    secret: str
    registered: float
    serves: bool = True  # its host and mode allow a grant
    is_plain: bool = True  # the ledger knows the secret that it names; otherwise only its description tells
    is_live: bool = True
    unreadable_since: float | None = None
