"""Policies that people write by hand, since only they may: what a role is to read, and what is added to a policy.

Pullguard itself writes none of them. A secret that is yet to be created has no ARN to name: its suffix is six question
marks, which match one secret of that name and no other.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pullguard.access.documents import object_of
from pullguard.arn import Arn, dns_suffix_of
from pullguard.model import Document, NotLooked, Secret, Tags
from pullguard.remedies.grant import Granted, policy_document

_VERSION: Final = "2012-10-17"
# What Secrets Manager adds to a name: https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
_ANY_SUFFIX: Final = "-??????"
_SOME_SUFFIX: Final = "-Zz09Yy"
READ: Final = "secretsmanager:GetSecretValue"
DECRYPT: Final = "kms:Decrypt"
BOTH: Final = frozenset({READ, DECRYPT})
_NOT_YET: Final = NotLooked(why="the secret is yet to be created", switch="create it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Future:
    """A secret that is yet to be created, in ``home``'s account and Region; ``key`` is to encrypt it."""

    home: Arn
    name: str
    tags: Tags = field(default_factory=dict)
    key: Arn | None = None

    @property
    def pattern(self) -> str:
        """The secret's ARN, whatever suffix it gets."""
        return str(replace(self.home, service="secretsmanager", resource=f"secret:{self.name}{_ANY_SUFFIX}"))

    def as_secret(self) -> Secret:
        """Return the secret as it will be, under a suffix that stands for any."""
        arn = replace(self.home, service="secretsmanager", resource=f"secret:{self.name}{_SOME_SUFFIX}")
        return Secret(arn=arn, name=self.name, tags=self.tags, key=None if self.key is None else _NOT_YET)


def reading_policy(
    granted: Iterable[Granted], futures: Iterable[Future] = (), *, actions: Container[str] = BOTH
) -> dict[str, Any]:
    """Return the policy that lets a role read these secrets and decrypt them, and nothing else.

    Of ``granted`` it allows these ``actions`` only: what a role has already, perhaps under conditions, it leaves alone.
    """
    present = policy_document(granted)
    needed = [each for each in present["Statement"] if each["Action"] in actions]
    return {**present, "Statement": [*needed, *(each for future in futures for each in _of(future))]}


def _of(future: Future) -> Iterable[dict[str, Any]]:
    yield {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": [future.pattern]}
    if future.key is not None:
        through = f"secretsmanager.{future.home.region}.{dns_suffix_of(future.home.partition)}"
        context = {"kms:EncryptionContext:SecretARN": future.pattern, "kms:ViaService": through}
        yield {
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": [str(future.key)],
            "Condition": {"StringLike": context},
        }


def extended(policy: Document | None, *statements: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return ``policy`` with statements added, and everything that it says kept; None where it cannot be read.

    None, as a policy, is no policy. The new statements bear no Sid, since two of one policy must not be alike.
    """
    if policy is None:
        parsed: object = {"Version": _VERSION, "Statement": []}
    else:
        parsed = object_of(policy) if isinstance(policy, str) else policy
    if not isinstance(parsed, Mapping):
        return None
    present = parsed.get("Statement", [])
    added = [{name: value for name, value in each.items() if name != "Sid"} for each in statements]
    return {**parsed, "Statement": [*(present if isinstance(present, list) else [present]), *added]}
