"""Changes to policies that are shared by several roles, the permissions boundary and the key policy, for one secret."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pullguard.access.decision import Verdict
from pullguard.access.gates import Gate
from pullguard.access.policy import Layer
from pullguard.checks.manual_policies import adding, deleted_principals, extended
from pullguard.domain.arn import dns_suffix_of
from pullguard.domain.aws_cli import STDIN, arguments, command, in_order
from pullguard.domain.findings import Remedy
from pullguard.domain.policy_document import granted_for, policy_document, render, size_chars
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Key, Secret

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_MANAGED_POLICY_MAX_CHARS: Final = 6_144
ADDS: Final = "The command (it needs jq) adds to what the policy says when you paste it, and keeps all of that."
KEY_POLICY: Final = ("--policy-name", "default")  # the one policy that a key has


def widened(role: Role, secret: Secret, gate: Gate) -> Iterator[Remedy]:
    """Yield the remedies that open the boundary and the key policy, if they lack what ``gate`` is about."""
    decision = gate.decision
    if decision is None or decision.verdict is not Verdict.IMPLICITLY_DENIED:
        return
    if Layer.BOUNDARY in decision.lacking:
        yield wider_boundary(role, secret)
    if Layer.KEY in decision.lacking:
        yield wider_key_policy(role, secret)


def lacks_own(gate: Gate) -> bool:
    """Whether no policy of the role itself allows what the gate is about, regardless of other denials."""
    return gate.decision is not None and Layer.IDENTITY in gate.decision.lacking


def needs_own(role: Role, gate: Gate) -> bool:
    """Whether a policy of the role itself has to allow it; a key policy of its account that names it is enough."""
    shut_by_key = gate.decision is not None and Layer.KEY in gate.decision.lacking
    return lacks_own(gate) and (not shut_by_key or is_elsewhere(role, gate))


def is_elsewhere(role: Role, gate: Gate) -> bool:
    """Whether the gate's key is in another account than the role, so that no single shell can open all of it."""
    return isinstance(gate.key, Key) and gate.key.arn.account != role.arn.account


def is_statement(remedy: Remedy) -> bool:
    """Whether the snippet is a statement to insert, not a command for a shell."""
    return remedy.snippet is not None and remedy.snippet.startswith('{"')


def in_words(remedy: Remedy) -> str:
    """Return the text with the snippet in it."""
    return remedy.text if remedy.snippet is None else f"{remedy.text} `{' '.join(remedy.snippet.splitlines())}`"


def left_out(policy: object) -> str:
    """Describe which principals of ``policy`` a command leaves out; empty if it keeps all."""
    gone = deleted_principals(policy)
    if not gone:
        return ""
    return f" It leaves out {' and '.join(gone)}: a user or role that was deleted, which AWS refuses to store again."


def wider_boundary(role: Role, secret: Secret) -> Remedy:
    """Describe which policy bounds the role, and what it lacks; a boundary by itself grants nothing."""
    needed = policy_document((granted_for(secret),))
    boundary = role.boundary
    if not isinstance(boundary, NamedPolicy) or boundary.arn is None:
        return Remedy(text="Add these statements to the role's permissions boundary.", snippet=render(needed))
    effect = "it then lets through what the role's own policies allow, for every role that it bounds."
    wider = extended(boundary.document, *needed["Statement"])
    if wider is None or ":iam::aws:" in boundary.arn or size_chars(wider) > _MANAGED_POLICY_MAX_CHARS:
        text = (
            f"Add these statements to the role's permissions boundary, {boundary.arn}, or to one in its place: {effect}"
        )
        return Remedy(text=text, snippet=render(needed))
    text = (
        f"Add what the pull needs to the role's permissions boundary, {boundary.arn}: {effect} {ADDS} IAM keeps five "
        "versions of a policy: of five, the oldest that is not in use is deleted first."
    )
    return Remedy(text=text, snippet=_new_version(boundary.arn, needed["Statement"]))


def default_version(policy: str) -> str:
    """Return the command that shows the default version of the managed policy with that ARN."""
    arn = shlex.quote(policy)
    version = f'"$(aws iam get-policy --policy-arn {arn} --query Policy.DefaultVersionId --output text)"'
    return f"aws iam get-policy-version --policy-arn {arn} --version-id {version}"


def _new_version(arn: str, statements: Iterable[Mapping[str, Any]]) -> str:
    """Return the commands that add a version with ``statements`` to a managed policy, and make room for it.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html
    """
    at = ("--policy-arn", arn)
    surplus = ("--query", "sort_by(Versions[?!IsDefaultVersion], &CreateDate)[:-3].VersionId")
    listed = command("iam", "list-policy-versions", at, surplus, ("--output", "text"))
    delete = command("iam", "delete-policy-version", at)
    document = (("--query", "PolicyVersion.Document"), ("--output", "json"))
    return in_order(
        f'for version in $({listed}); do {delete} --version-id "$version"; done',
        adding(
            f"{default_version(arn)} {arguments(*document)}",
            command("iam", "create-policy-version", at, ("--policy-document", STDIN), ("--set-as-default",)),
            *statements,
        ),
    )


def wider_key_policy(role: Role, secret: Secret) -> Remedy:
    """Describe how the key policy lets the role decrypt the secret."""
    condition = {
        "kms:ViaService": f"secretsmanager.{secret.arn.region}.{dns_suffix_of(secret.arn.partition)}",
        "kms:EncryptionContext:SecretARN": str(secret.arn),
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": str(role.arn)},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": condition},
    }
    key = secret.key
    if not isinstance(key, Key):
        text = (
            "In the account of the key, add this statement to the key policy, which lets the role decrypt the secret."
        )
        return Remedy(text=text, snippet=render(statement))
    where = "" if key.arn.account == role.arn.account else f"In account {key.arn.account}, "
    text = f"{where}let the role decrypt the secret through Secrets Manager, by the key policy. {ADDS}"
    pipeline = adding(
        on_key(key, "get-key-policy", KEY_POLICY, ("--query", "Policy"), ("--output", "json")),
        on_key(key, "put-key-policy", KEY_POLICY, ("--policy", STDIN)),
        statement,
        present=key.policy,
    )
    return Remedy(text=f"{text[:1].upper()}{text[1:]}{left_out(key.policy)}", snippet=pipeline)


def on_key(key: Key, operation: str, *options: tuple[str, ...]) -> str:
    """Return the AWS CLI command that performs ``operation`` on a key, in its Region."""
    return command("kms", operation, ("--region", key.arn.region), ("--key-id", str(key.arn)), *options)
