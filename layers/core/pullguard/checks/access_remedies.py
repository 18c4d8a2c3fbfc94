"""What to do where a role cannot read a secret or decrypt it, and with which command or statement."""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from pullguard.access.decision import Citation
from pullguard.access.gates import KEY_GATES, FindingId, Gate, PullAccess
from pullguard.access.policy import Layer
from pullguard.arn import account_of, dns_suffix_of
from pullguard.aws_cli import on_secret
from pullguard.checks.check import put_value
from pullguard.checks.unread import how_to_read
from pullguard.consent import missing_key
from pullguard.findings import Remedy
from pullguard.model import Container, Document, Facts, Key, Lookup, Missing, NamedPolicy, Role, Secret
from pullguard.remedies.grant import (
    POLICY_NAME,
    fits,
    grant_command,
    granted_for,
    parse_own,
    policy_document,
    render,
    total_size_chars,
)

_POLICY_NAME_MAX_CHARS: Final = 128  # CreatePolicy and PutRolePolicy, parameter PolicyName
_SECRET_IN_POLICY_NAME_MAX_CHARS: Final = 100
_NOT_GRANTED: Final = "Pullguard does not grant this by itself"
_LEFT_OPEN: Final = (
    "Correct the policy that cannot be read, or write the statement so that it does not rest on what AWS's "
    "documentation leaves open."
)
ASK_ORGANIZATION: Final = "Ask whoever keeps the organization's policies to let these statements through."


def _own_policy(role: Role, secret: Secret) -> dict[str, object]:
    """Return Pullguard's policy on the role as it would be with a grant of ``secret``."""
    policies = role.inline_policies if isinstance(role.inline_policies, tuple) else ()
    own = next((policy for policy in policies if policy.name == POLICY_NAME), None)
    present = {granted.secret: granted for granted in (parse_own(own.document)[0] if own else ())}
    return policy_document((present | {secret.arn: granted_for(secret)}).values())


def remedy_of(
    finding: FindingId, facts: Facts, container: Container, secret: Secret, *, gate: Gate, access: PullAccess
) -> Remedy:
    """Return what opens ``gate``, one of ``access``: a grant where one helps, else what people do by hand."""
    role = facts.role
    if gate.name in KEY_GATES:
        secret = replace(secret, key=gate.key)
    if gate.new_version_helps:
        return put_value(secret, "Store the value again: the new version is encrypted under the secret's present key.")
    if isinstance(role, Role) and (gate.grant_helps or finding == "decrypt-access-missing"):
        return _granting(container, secret, role, gate, access)
    if finding in _DENIALS and gate.statements:
        return _spare(role, secret, gate.statements[0])
    text, snippet = _BY_HAND[finding](facts, secret)
    return Remedy(text=text, snippet=snippet)


def _granting(container: Container, secret: Secret, role: Role, gate: Gate, access: PullAccess) -> Remedy:
    missing = missing_key(container, secret, role)
    if missing is not None and missing.said_no:
        # No command that grants: the author of the task definition may want what the owner does not.
        return Remedy(text=f"{_NOT_GRANTED}: {missing.why}. {missing.remedy}", snippet=missing.snippet)
    grant = f"et the role {role.name} read this secret, by one inline policy that names it alone."
    snippet = _grant_by_hand(role, secret)
    if missing is not None:
        sure = f"First make sure that {secret.name} is meant for this image and this role. If it is, l{grant}"
        return Remedy(text=f"{sure} {_NOT_GRANTED}: {missing.why}.", snippet=snippet)
    why_not = _why_not_granted(role, gate, access)
    if why_not is not None:
        return Remedy(text=f"L{grant} {why_not}", snippet=snippet)
    return Remedy(action="grant", text=f"L{grant}", snippet=snippet)


def _why_not_granted(role: Role, gate: Gate, access: PullAccess) -> str | None:
    """Return why Pullguard leaves a grant to people that both owners agree to; None where it does not."""
    if gate.is_of_next_version:
        return "The pull works now, and Pullguard grants only what a pull needs."
    shut = next((each for each in access.failures if not each.grant_helps), None)
    if shut is None:
        return None
    key = shut.key
    if isinstance(key, Key) and key.arn.account != role.arn.account and shut.finding == "decrypt-access-missing":
        shows = _on_key(key, "get-key-policy", "--policy-name", "default")
        return f"{_NOT_GRANTED}: the key policy has to allow it too, which {shows} shows in account {key.arn.account}."
    return f"{_NOT_GRANTED}, since the pull would still fail: {shut.reason}"


def to_find_out(gate: Gate, role: Role) -> Remedy:
    """Return what settles an unknown gate of ``role``: a permission, a command, or another condition."""
    sentences = [f"To check it: {each.switch}." for each in gate.not_looked]
    if gate.unreadable:
        denied = [each.resource for each in gate.unreadable if each.reason == "denied"]
        others = {account for account in map(account_of, denied) if account not in (None, role.arn.account)}
        sentences.append(how_to_read(gate.unreadable))
        sentences += [f"Account {account} has to allow it too." for account in sorted(filter(None, others))]
    if gate.missing_keys:
        sentences.append(
            f"Only the task's start can tell {' and '.join(gate.missing_keys)}. Check that the task's network or "
            "session satisfies the statement's condition, or state it on a key that is known beforehand."
        )
    commands = [each.command for each in gate.not_looked if each.command]
    return Remedy(text=" ".join(sentences) or _LEFT_OPEN, snippet=" && ".join(commands) or None)


def no_room(role: Lookup[Role] | None, secret: Secret) -> int | None:
    """Return the characters that the inline policies would have with a grant, if they are too many; else None."""
    if not isinstance(role, Role) or not isinstance(role.inline_policies, tuple):
        return None
    others: dict[str, Document] = {
        policy.name: policy.document for policy in role.inline_policies if policy.name != POLICY_NAME
    }
    document = _own_policy(role, secret)
    return None if fits(others, document) else total_size_chars({**others, POLICY_NAME: document})


def attached_instead(role: Role, secret: Secret) -> str:
    """Return the commands that let the role in by a managed policy, where its inline ones have no room for a grant."""
    name = f"{POLICY_NAME}-{role.name}"[:_POLICY_NAME_MAX_CHARS]
    arn = f"arn:{role.arn.partition}:iam::{role.arn.account}:policy/{name}"
    document = render(policy_document((granted_for(secret),)))
    create = shlex.join(("aws", "iam", "create-policy", "--policy-name", name, "--policy-document", document))
    return f"{create} && aws iam attach-role-policy --role-name {role.name} --policy-arn {arn}"


def statements_needed(secret: Secret) -> str:
    """Return the statements that every layer has to let through."""
    return render(policy_document((granted_for(secret),)))


def _grant_by_hand(role: Role, secret: Secret) -> str:
    """Return the command that grants ``secret``, in a policy for it alone: it takes no other grant away.

    Pullguard's own policy holds all its grants, and ``put-role-policy`` replaces a policy as a whole.
    """
    name = re.sub(r"[^A-Za-z0-9+=,.@_-]", "-", secret.arn.resource_name)[-_SECRET_IN_POLICY_NAME_MAX_CHARS:]
    return grant_command(role.name, policy_document((granted_for(secret),)), policy_name=f"read-{name}")


_DENIALS: Final = frozenset({"secret-access-denied", "decrypt-access-denied"})
_Hand = Callable[[Facts, Secret], tuple[str, str | None]]


def _say(text: str) -> _Hand:
    return lambda _facts, _secret: (text, None)


def _statements(text: str) -> _Hand:
    return lambda _facts, secret: (text, statements_needed(secret))


def _resource_policy(facts: Facts, secret: Secret) -> tuple[str, str | None]:
    role = facts.role.arn if isinstance(facts.role, Role) else facts.task_definition.execution_role
    action = "secretsmanager:GetSecretValue"
    statement = {"Effect": "Allow", "Principal": {"AWS": str(role)}, "Action": action, "Resource": "*"}
    present = _statements_of(secret.resource_policy)
    if present is None:
        return "In the secret's account, add this statement to the secret's resource policy.", render(statement)
    policy = render({"Version": "2012-10-17", "Statement": [*present, statement]})
    return (
        "In the secret's account, let the role in by the secret's resource policy; what it says already stays.",
        on_secret(secret, "put-resource-policy", "--resource-policy", policy),
    )


def _statements_of(policy: Lookup[Document | None]) -> list[object] | None:
    """Return the statements of a resource policy, none of no policy; None where they cannot be carried over."""
    if policy is None or isinstance(policy, Missing):
        return []
    try:
        parsed = json.loads(policy) if isinstance(policy, str) else policy
    except ValueError:
        return None
    if not isinstance(parsed, Mapping) or parsed.get("Version") != "2012-10-17":
        return None
    statements = parsed.get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def _spare(role: Lookup[Role] | None, secret: Secret, denying: Citation) -> Remedy:
    """Say which policy denies, and how to look at it: what else it is for, only its owner knows."""
    policy = denying.policy
    text = f"Remove {denying.title}, or make it spare this role and secret; its policy is shown by this."
    if policy.layer is Layer.RESOURCE:
        which = () if policy.name == policy.layer else ("--policy-name", policy.name)
        return Remedy(text=text, snippet=on_secret(secret, "get-resource-policy", *which))
    if policy.layer is Layer.KEY and isinstance(secret.key, Key):
        return Remedy(text=text, snippet=_on_key(secret.key, "get-key-policy", "--policy-name", "default"))
    if policy.layer not in (Layer.IDENTITY, Layer.BOUNDARY) or not isinstance(role, Role):
        return Remedy(text=f"Remove {denying.title}, or make it spare this role and secret.")
    if policy.arn is None:
        names = ("--role-name", role.name, "--policy-name", policy.name)
        return Remedy(text=text, snippet=shlex.join(("aws", "iam", "get-role-policy", *names)))
    arn = shlex.quote(policy.arn)
    version = f'"$(aws iam get-policy --policy-arn {arn} --query Policy.DefaultVersionId --output text)"'
    return Remedy(text=text, snippet=f"aws iam get-policy-version --policy-arn {arn} --version-id {version}")


def _wider_boundary(facts: Facts, secret: Secret) -> tuple[str, str | None]:
    """Say which policy bounds the role, and what it lacks: by itself that gives no role anything."""
    needed = policy_document((granted_for(secret),))
    boundary = facts.role.boundary if isinstance(facts.role, Role) else None
    if not isinstance(boundary, NamedPolicy) or boundary.arn is None:
        return "Add these statements to the role's permissions boundary.", render(needed)
    return (
        f"Add these statements to the role's permissions boundary, {boundary.arn}: it then lets through what the "
        "role's own policies allow, for every role that it bounds.",
        render(needed),
    )


def _key_statement(facts: Facts, secret: Secret) -> tuple[str, str | None]:
    role = facts.role.arn if isinstance(facts.role, Role) else facts.task_definition.execution_role
    condition = {
        "kms:ViaService": f"secretsmanager.{secret.arn.region}.{dns_suffix_of(secret.arn.partition)}",
        "kms:EncryptionContext:SecretARN": str(secret.arn),
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": str(role)},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": condition},
    }
    return (
        "In the key policy, remove what denies, or add a statement that lets the role decrypt through Secrets Manager.",
        render(statement),
    )


def _key_state(facts: Facts, secret: Secret) -> tuple[str, str | None]:
    key = secret.key
    if not isinstance(key, Key):
        return _another_key(facts, secret)
    enable = _on_key(key, "enable-key")
    command = {
        "Disabled": enable,
        "PendingDeletion": f"{_on_key(key, 'cancel-key-deletion')} && {enable}",
    }.get(key.state)
    where = "" if key.arn.account == _own_account(facts) else f" in account {key.arn.account}"
    return f"Make the key usable again{where} (it is {key.state}), or encrypt the secret under another.", command


def _another_key(facts: Facts, secret: Secret) -> tuple[str, str | None]:
    """The old value cannot be decrypted any more, so it has to be stored again, under another key.

    ``aws/secretsmanager`` works for roles of its own account only: other accounts would lose the secret.
    """
    value = ("--secret-string", "file://credentials.json")
    if secret.arn.account == _own_account(facts) and secret.resource_policy is None:
        anew = ("--kms-key-id", "alias/aws/secretsmanager", *value)
        return "Store the value again, under a key that exists.", on_secret(secret, "update-secret", *anew)
    return (
        f"In account {secret.arn.account}, store the value again under a customer managed key whose policy lets the "
        "role decrypt, in the place of KEY-ARN. aws/secretsmanager would shut out all other accounts.",
        on_secret(secret, "update-secret", "--kms-key-id", "KEY-ARN", *value),
    )


def _own_account(facts: Facts) -> str:
    return facts.task_definition.arn.account


def _own_key(_facts: Facts, secret: Secret) -> tuple[str, str | None]:
    return (
        "In the secret's account, encrypt the secret under a customer managed key whose policy lets the role decrypt.",
        on_secret(secret, "update-secret", "--kms-key-id", "KEY-ARN"),
    )


def _on_key(key: Key, operation: str, *arguments: str) -> str:
    named = ("--region", key.arn.region, "--key-id", str(key.arn))
    return shlex.join(("aws", "kms", operation, *named, *arguments))


def _narrower(facts: Facts, secret: Secret) -> tuple[str, str | None]:
    if not isinstance(facts.role, Role):
        return "Name the secret in the policy.", None
    return "Put a statement that names the secret in the place of the broad one.", _grant_by_hand(facts.role, secret)


_BY_HAND: Final[dict[FindingId, _Hand]] = {
    "execution-role-not-assumable": _say("Let ecs-tasks.amazonaws.com assume the role."),
    "secret-access-missing": _say("Let the role read the secret, in one of its policies."),
    "secret-access-denied": _say("Remove the statement that denies, or make it spare this role and secret."),
    "secret-access-blocked-by-boundary": _wider_boundary,
    "secret-access-blocked-by-organization": _statements(ASK_ORGANIZATION),
    "secret-resource-policy-missing": _resource_policy,
    "secret-access-too-broad": _narrower,
    "key-unusable": _key_state,
    "decrypt-access-missing": _say("Let the role decrypt with the key, in one of its policies."),
    "decrypt-access-denied": _key_statement,
    "default-key-cross-account": _own_key,
}
