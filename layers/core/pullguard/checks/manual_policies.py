"""Policies that only people may write: what a role is to read, and additions to a policy.

Pullguard itself writes none of them. A secret that does not exist yet has no ARN: its suffix is written as six question
marks, which match one secret of that name and no other.

People paste commands one after another, perhaps twice, and none may undo another. So a policy that is written whole is
read, extended and written back at the time of pasting (``adding``).
"""

import json
import re
import shlex
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pullguard.domain.arn import Arn, dns_suffix_of
from pullguard.domain.documents import object_of
from pullguard.domain.lookup import Document, NotAsked, Tags
from pullguard.domain.policy_document import Granted, policy_document
from pullguard.domain.secret import Secret

_VERSION: Final = "2012-10-17"
# The suffix that Secrets Manager adds to a name:
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
_ANY_SUFFIX: Final = "-??????"
_SOME_SUFFIX: Final = "-Zz09Yy"
READ: Final = "secretsmanager:GetSecretValue"
DECRYPT: Final = "kms:Decrypt"
BOTH: Final = frozenset({READ, DECRYPT})
# The id that AWS shows in place of the ARN of a deleted user or role, and refuses to store again.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
_DELETED: Final = re.compile(r"A(?:ID|RO)A[A-Z0-9]+")
_NOT_YET: Final = NotAsked(why="the secret is yet to be created", switch="create it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Future:
    """A secret to be created, in ``home``'s account and Region; ``key`` is to encrypt it."""

    home: Arn
    name: str
    tags: Tags = field(default_factory=dict)
    key: Arn | None = None

    @property
    def pattern(self) -> str:
        """The secret's ARN with a pattern for the suffix."""
        return str(replace(self.home, service="secretsmanager", resource=f"secret:{self.name}{_ANY_SUFFIX}"))

    def as_secret(self) -> Secret:
        """Return the secret as it will be, with a placeholder suffix."""
        arn = replace(self.home, service="secretsmanager", resource=f"secret:{self.name}{_SOME_SUFFIX}")
        return Secret(arn=arn, name=self.name, tags=self.tags, key=None if self.key is None else _NOT_YET)


def reading_policy(
    granted: Iterable[Granted], futures: Iterable[Future] = (), *, actions: Container[str] = BOTH
) -> dict[str, Any]:
    """Return the policy that lets a role read these secrets and decrypt them, and nothing else.

    For ``granted`` it allows only these ``actions``: existing permissions, perhaps with conditions, stay untouched.
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
    """Return ``policy`` with statements added, and everything else kept; None if it cannot be read.

    A ``policy`` of None means that there is no policy. The new statements have no Sid, since two Sids of one policy
    must differ.
    """
    parsed = {"Version": _VERSION, "Statement": []} if policy is None else _parsed(policy)
    return None if parsed is None else {**parsed, "Statement": [*_statements(parsed), *map(_without_sid, statements)]}


def adding(read: str, write: str, *statements: Mapping[str, Any], present: object = None) -> str:
    """Return the commands that ``read`` a policy, add statements as ``extended`` does, and ``write`` it from ``STDIN``.

    The policy is read at the time of pasting: earlier changes stay, and a second paste adds nothing. If reading fails,
    AWS refuses to write the empty text. ``present`` is the policy as it is known now: its deleted principals are left
    out.
    """
    gone = deleted_principals(present)
    forget = (
        " | map((.Principal | objects | .AWS | values) |= ([.] | flatten - $gone)"
        " | del(.Principal | objects | select(.AWS == []) | .AWS) | select(.Principal != {}))"
    )
    merge = (
        '(if type == "string" then fromjson else . end) // {Version: "2012-10-17", Statement: []}'
        f" | .Statement |= ([.] | flatten - $new{forget if gone else ''} | . + $new)"
    )
    values = {"new": [_without_sid(each) for each in statements], **({"gone": gone} if gone else {})}
    named = (("--argjson", name, json.dumps(each, separators=(",", ":"))) for name, each in values.items())
    jq = shlex.join(("jq", "-c", *(word for each in named for word in each), merge))
    return f"{read} |\n{jq} |\n{write}"


def deleted_principals(policy: object) -> tuple[str, ...]:
    """Return the ids that a policy has in place of deleted users and roles: they match no principal."""
    parsed = _parsed(policy)
    named = (each.get("Principal") for each in _statements(parsed or {}) if isinstance(each, Mapping))
    texts = (text for each in named if isinstance(each, Mapping) for text in _listed(each.get("AWS")))
    return tuple(dict.fromkeys(text for text in texts if isinstance(text, str) and _DELETED.fullmatch(text)))


def _parsed(policy: object) -> Mapping[str, Any] | None:
    parsed = object_of(policy) if isinstance(policy, str) else policy
    return parsed if isinstance(parsed, Mapping) else None


def _statements(policy: Mapping[str, Any]) -> list[Any]:
    return _listed(policy.get("Statement", []))


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _without_sid(statement: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in statement.items() if name != "Sid"}
