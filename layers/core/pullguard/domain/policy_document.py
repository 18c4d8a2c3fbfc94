"""Pullguard's own inline policy on an execution role: built, rendered, measured and read back.

The rules of this file:

- One inline policy per role and stack (``own_policy_name``), always rewritten whole. No other policy is touched.
- Every resource is one complete ARN that AWS itself returned: no wildcard, no variable, no alias.
- The same set of grants gives the same bytes, whatever its order, and one more grant changes no other statement's Sid.
- Statements that others added to the policy are kept as they are and reported.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, TypeAlias

from pullguard.domain.arn import Arn, dns_suffix_of, partition_of
from pullguard.domain.aws_cli import command
from pullguard.domain.documents import object_of
from pullguard.domain.errors import Malformed, PullguardError, shown
from pullguard.domain.lookup import Document
from pullguard.domain.secret import Key, Secret

POLICY_NAME: Final = "pullguard-registry-credentials"
# The limit for all inline policies of one role together, without white space; it cannot be raised.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
INLINE_POLICIES_MAX_CHARS: Final = 10_240

# https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
_NAME_MAX_CHARS: Final = 128
_VERSION: Final = "2012-10-17"
_SECRETS_SID: Final = "PullguardSecrets"
_KEY_SID: Final = "PullguardKey"  # followed by 12 hexadecimal digits of the key and the Region
_READ: Final = "secretsmanager:GetSecretValue"
_DECRYPT: Final = "kms:Decrypt"
_VIA_SERVICE: Final = "kms:ViaService"
_CONTEXT_ARN: Final = "kms:EncryptionContext:SecretARN"
# A complete secret ARN ends in a hyphen and six random characters.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html
_SECRET_RESOURCE = re.compile(r"secret:[A-Za-z0-9/_+=.@!-]+-[A-Za-z0-9]{6}")
_KEY_RESOURCE = re.compile(r"key/[A-Za-z0-9-]+")
_ACCOUNT = re.compile(r"\d{12}")
_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')

_Statement: TypeAlias = dict[str, Any]
_Pair: TypeAlias = tuple[Arn, Arn]  # a secret and the key that decrypts it


class UnprovedGrant(PullguardError):
    """An ARN that must not appear in the policy: not the complete ARN of one secret or one key."""

    def __init__(self, arn: Arn, why: str) -> None:
        self.arn = arn
        super().__init__(
            f"{shown(str(arn))} cannot be granted: it {why}. "
            "Grant only ARNs as DescribeSecret and DescribeKey gave them."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """One grant: read ``secret`` and, if it has a customer managed ``key``, decrypt it."""

    secret: Arn
    key: Arn | None


def own_policy_name(region: str, stack: str) -> str:
    """Return the name of a stack's policy: no two stacks share one, in whatever Regions they are."""
    name = f"{POLICY_NAME}-{region}" if stack == "pullguard" else f"{POLICY_NAME}-{region}-{stack}"
    if len(name) <= _NAME_MAX_CHARS:
        return name
    return f"{name[: _NAME_MAX_CHARS - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def is_pullguards(name: str) -> bool:
    """Whether an inline policy is a stack's of Pullguard, by its name."""
    return name == POLICY_NAME or name.startswith(f"{POLICY_NAME}-")


def granted_for(secret: Secret) -> Granted:
    """Return the minimal grant that lets a role read ``secret``."""
    key = secret.key
    return Granted(secret=secret.arn, key=key.arn if isinstance(key, Key) and key.manager == "CUSTOMER" else None)


def policy_document(grants: Iterable[Granted]) -> dict[str, Any]:
    """Build the policy that allows exactly ``grants``.

    One statement reads all secrets. One statement per key and Region decrypts the secrets there, through Secrets
    Manager and for these secrets only. A secret that is granted both with a key and without one has the key. No grants
    give an empty ``Statement``, which IAM refuses: delete the policy instead.

    Raises ``UnprovedGrant`` for an ARN that is not the complete ARN of a secret or of a KMS key.
    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    """
    proved = {_proved(grant) for grant in grants}
    secrets = sorted({str(grant.secret) for grant in proved})
    pairs = {(grant.secret, grant.key) for grant in proved if grant.key is not None}
    reads = [{"Sid": _SECRETS_SID, "Effect": "Allow", "Action": _READ, "Resource": secrets}] if secrets else []
    return {"Version": _VERSION, "Statement": [*reads, *_key_statements(pairs)]}


def _key_statements(pairs: set[_Pair]) -> Iterator[_Statement]:
    def key_and_service(pair: _Pair) -> tuple[str, str]:
        return str(pair[1]), _via_service(pair[0])

    for (key, service), group in groupby(sorted(pairs, key=key_and_service), key=key_and_service):
        digest = hashlib.sha256(f"{key} {service}".encode()).hexdigest()
        yield {
            "Sid": f"{_KEY_SID}{digest[:12]}",
            "Effect": "Allow",
            "Action": _DECRYPT,
            "Resource": [key],
            "Condition": {
                "StringEquals": {
                    _CONTEXT_ARN: sorted(str(secret) for secret, _ in group),
                    _VIA_SERVICE: service,
                }
            },
        }


def _via_service(secret: Arn) -> str:
    """Return the value of kms:ViaService when Secrets Manager decrypts ``secret`` for its reader.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    """
    return f"secretsmanager.{secret.region}.{dns_suffix_of(secret.partition)}"


def _proved(grant: Granted) -> Granted:
    _prove(grant.secret, "secretsmanager", _SECRET_RESOURCE, "is not the complete ARN of one secret")
    if grant.key is not None:
        _prove(grant.key, "kms", _KEY_RESOURCE, "is not the ARN of one KMS key")
        if grant.key.partition != grant.secret.partition:
            raise UnprovedGrant(grant.key, f"lies in another partition than the secret {grant.secret}")
    return grant


def _prove(arn: Arn, service: str, resource: re.Pattern[str], why: str) -> None:
    """Validate an ARN again, including one that was constructed without ``Arn.parse``."""
    try:
        literal = Arn.parse(str(arn)) == arn
    except Malformed as malformed:
        raise UnprovedGrant(arn, malformed.why) from malformed
    is_one = arn.service == service and resource.fullmatch(arn.resource) is not None
    if not (literal and is_one and _ACCOUNT.fullmatch(arn.account) and arn.region):
        raise UnprovedGrant(arn, why)
    if partition_of(arn.region) != arn.partition:
        raise UnprovedGrant(arn, f"names Region {arn.region}, which is not in partition {arn.partition}")


# --- Text and size ---------------------------------------------------------------------------------------------


def render(document: Document) -> str:
    """Return a policy as canonical JSON: members sorted, no white space; a text that is not JSON unchanged."""
    parsed = _parsed(document)
    return str(document) if parsed is None else json.dumps(parsed, sort_keys=True, separators=(",", ":"))


def size_chars(document: Document) -> int:
    """Return the size of a policy in characters, as IAM counts it against its quota: without white space.

    The documentation does not say whether white space inside a string counts. It counts here, so that a policy that
    fits by this count also fits for IAM.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    if isinstance(document, str):
        return len(_STRING_OR_SPACE.sub(lambda match: match[1] or "", document))
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def total_size_chars(policies: Mapping[str, Document]) -> int:
    """Return the size in characters of all inline ``policies`` of a role, keyed by policy name."""
    return sum(map(size_chars, policies.values()))


def grant_command(role_name: str, document: Document, policy_name: str = POLICY_NAME) -> str:
    """Return the AWS CLI command that writes ``document`` as an inline policy of a role, quoted for a shell."""
    named = (("--role-name", role_name), ("--policy-name", policy_name))
    return command("iam", "put-role-policy", *named, ("--policy-document", render(document)))


# --- Reading back ----------------------------------------------------------------------------------------------


def parse_own(document: Document) -> tuple[tuple[Granted, ...], tuple[str, ...]]:
    """Read Pullguard's own policy back: its grants, sorted, and a description of everything else in it.

    A grant counts only in exactly the shape of ``policy_document``. If one ARN of such a statement cannot be ours, its
    other ARNs still count. Everything else is described in a sentence each, so that it can be reported before a rewrite
    drops it. The shape proves nothing: anyone who may edit the policy can imitate it, so a caller keeps a grant only if
    the ledger or a present need vouches for it.
    """
    parsed = _parsed(document)
    if parsed is None:
        return (), ("the policy is not a JSON object",)
    statements = _listed(parsed.get("Statement", []))
    aliens: list[str] = [f"the unknown property {shown(name)}" for name in parsed if name not in _TOP_LEVEL]
    if parsed.get("Version") != _VERSION:
        aliens.append(f"the version is {shown(str(parsed.get('Version')))}, not {_VERSION}")
    secrets: set[Arn] = set()
    pairs: set[_Pair] = set()
    for statement in statements:
        match _shape(statement):
            case "read":
                secrets |= set(_arns(statement["Resource"], _secret_arn, aliens))
            case "decrypt":
                pairs |= set(_pairs(statement, aliens))
            case _:
                aliens.append(f"a statement is not Pullguard's: {shown(json.dumps(statement, sort_keys=True))}")
    aliens += [f"kms:Decrypt for {secret} without the right to read it" for secret, _ in pairs if secret not in secrets]
    keyed = {Granted(secret=secret, key=key) for secret, key in pairs if secret in secrets}
    plain = {Granted(secret=secret, key=None) for secret in secrets - {grant.secret for grant in keyed}}
    return tuple(sorted(keyed | plain, key=_order)), tuple(sorted(aliens))


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPolicy:
    """Our policy on a role as IAM shows it: its ``grants``, and the statements in it that others wrote.

    Those ``statements`` stay as they are; ``foreign`` describes them. If not ``is_readable``, the policy of our name is
    none that Pullguard writes, and is left alone. The shape of a statement proves nothing: anyone who may edit the
    policy can imitate it.
    """

    name: str = POLICY_NAME
    grants: tuple[Granted, ...] = ()
    statements: tuple[Any, ...] = ()
    foreign: tuple[str, ...] = ()
    is_readable: bool = True

    def document(self, grants: Iterable[Granted]) -> dict[str, Any]:
        """Return the policy with ``grants`` in place of its own, and with the statements of others."""
        document = policy_document(grants)
        theirs = {str(each["Sid"]) for each in self.statements if isinstance(each, Mapping) and "Sid" in each}
        ours = [_without_sid(each) if each["Sid"] in theirs else each for each in document["Statement"]]
        return {**document, "Statement": [*ours, *self.statements]}

    def fits(self, grants: Iterable[Granted], *, others_chars: int) -> bool:
        """Whether the policy with ``grants`` fits beside the role's other inline policies (``others_chars``)."""
        return others_chars + size_chars(self.document(grants)) <= INLINE_POLICIES_MAX_CHARS


def read_own(name: str, document: Document | None) -> OwnPolicy:
    """Read the policy ``name`` back; None if the role has none.

    A statement is ours only as a whole: in exactly the shape of ``policy_document``, with ARNs that could be ours, and
    for a key only with the right to read its secrets. Any other statement is foreign.
    """
    if document is None:
        return OwnPolicy(name=name)
    parsed = _parsed(document)
    if parsed is None or parsed.get("Version") != _VERSION or set(parsed) - _TOP_LEVEL:
        return OwnPolicy(name=name, is_readable=False)
    statements = _listed(parsed.get("Statement", []))
    secrets = {secret for each in statements for secret in _read_by(each) or ()}
    pairs = {number: _decrypted_by(each) for number, each in enumerate(statements)}
    ours = {number for number, found in pairs.items() if found and all(secret in secrets for secret, _ in found)}
    theirs = [each for number, each in enumerate(statements) if number not in ours and _read_by(each) is None]
    keyed = {Granted(secret=secret, key=key) for number in ours for secret, key in pairs[number] or ()}
    plain = {Granted(secret=secret, key=None) for secret in secrets - {grant.secret for grant in keyed}}
    return OwnPolicy(
        name=name,
        grants=tuple(sorted(keyed | plain, key=_order)),
        statements=tuple(theirs),
        foreign=tuple(shown(json.dumps(each, sort_keys=True)) for each in theirs),
    )


def _read_by(statement: object) -> tuple[Arn, ...] | None:
    """Return the secrets that our statement reads; None if it is not ours."""
    aliens: list[str] = []
    if not isinstance(statement, Mapping) or _shape(statement) != "read":
        return None
    secrets = tuple(_arns(statement["Resource"], _secret_arn, aliens))
    return None if aliens else secrets


def _decrypted_by(statement: object) -> tuple[_Pair, ...] | None:
    """Return the secrets and keys that our statement decrypts with; None if it is not ours."""
    aliens: list[str] = []
    if not isinstance(statement, Mapping) or _shape(statement) != "decrypt":
        return None
    pairs = tuple(_pairs(statement, aliens))
    return None if aliens else pairs


def _without_sid(statement: _Statement) -> _Statement:
    """Return a statement without its Sid: IAM refuses a policy with two of the same."""
    return {name: value for name, value in statement.items() if name != "Sid"}


_TOP_LEVEL: Final = frozenset({"Version", "Statement"})


def _order(grant: Granted) -> tuple[str, str]:
    return str(grant.secret), str(grant.key or "")


def _shape(statement: object) -> str | None:
    """Return which of Pullguard's two statements this is: ``read``, ``decrypt``, or None."""
    if not isinstance(statement, Mapping) or statement.get("Effect") != "Allow":
        return None
    members = set(statement) - {"Sid"}
    actions = _listed(statement.get("Action"))
    if members == {"Effect", "Action", "Resource"} and actions == [_READ]:
        return "read"
    if members != {"Effect", "Action", "Resource", "Condition"} or actions != [_DECRYPT]:
        return None
    condition = statement["Condition"]
    if not isinstance(condition, Mapping) or set(condition) != {"StringEquals"}:
        return None
    equals = condition["StringEquals"]
    return "decrypt" if isinstance(equals, Mapping) and set(equals) == {_VIA_SERVICE, _CONTEXT_ARN} else None


def _pairs(statement: Mapping[str, Any], aliens: list[str]) -> Iterator[_Pair]:
    equals = statement["Condition"]["StringEquals"]
    services = _listed(equals[_VIA_SERVICE])
    secrets = tuple(_arns(equals[_CONTEXT_ARN], _secret_arn, aliens))
    for key in _arns(statement["Resource"], _key_arn, aliens):
        for secret in secrets:
            if services == [_via_service(secret)] and secret.partition == key.partition:
                yield secret, key
            else:
                aliens.append(f"kms:Decrypt for {secret} through {shown(', '.join(map(str, services)))}")


def _arns(texts: object, prove: Callable[[str], Arn], aliens: list[str]) -> Iterator[Arn]:
    for text in _listed(texts):
        try:
            yield prove(str(text))
        except PullguardError:
            aliens.append(f"{shown(str(text))} is not an ARN that Pullguard grants")


def _secret_arn(text: str) -> Arn:
    return _proved(Granted(secret=Arn.parse(text), key=None)).secret


def _key_arn(text: str) -> Arn:
    arn = Arn.parse(text)
    _prove(arn, "kms", _KEY_RESOURCE, "is not the ARN of one KMS key")
    return arn


def _parsed(document: Document) -> Mapping[str, Any] | None:
    return object_of(document) if isinstance(document, str) else document


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
