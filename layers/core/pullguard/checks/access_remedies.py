"""What to do where a role cannot read a secret or decrypt it, and with which command or statement."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from pullguard.access.decision import Citation
from pullguard.access.gates import KEY_GATES, FindingId, Gate, PullAccess
from pullguard.access.policy import Layer, Policy
from pullguard.arn import account_of, dns_suffix_of
from pullguard.aws_cli import arguments, command, in_order, on_secret
from pullguard.checks.check import CREDENTIALS_FILE, put_value
from pullguard.checks.role_steps import grant_by_hand, lacking, lacks_own
from pullguard.checks.unread import how_to_read
from pullguard.consent import missing_key
from pullguard.findings import Remedy
from pullguard.model import Container, Facts, Key, Lookup, NamedPolicy, Role, Secret
from pullguard.remedies.by_hand import BOTH, DECRYPT, READ, STDIN, adding, deleted_principals, extended
from pullguard.remedies.grant import granted_for, policy_document, render, size_chars

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_MANAGED_POLICY_MAX_CHARS: Final = 6_144
_NOT_GRANTED: Final = "Pullguard does not grant this by itself"
_NARROWED: Final = (
    "Its grant lets a role both read and decrypt, without the conditions under which the owner may have allowed one."
)
_ADDS: Final = "The command (it needs jq) adds to what the policy says when you paste it, and keeps all of that."
_DEFAULT: Final = ("--policy-name", "default")  # the one policy that a key has
_DENIALS: Final = frozenset({"secret-access-denied", "decrypt-access-denied"})
_LEFT_OPEN: Final = (
    "Correct the policy that cannot be read, or write the statement so that it does not rest on what AWS's "
    "documentation leaves open."
)
ASK_ORGANIZATION: Final = "Ask the owners of the organization's policies to allow these statements."


def remedy_of(
    finding: FindingId, facts: Facts, container: Container, secret: Secret, *, gate: Gate, access: PullAccess
) -> Remedy:
    """Return what opens ``gate``, one of ``access``: a grant where one helps, else what people do by hand."""
    role = facts.role
    if gate.name in KEY_GATES:
        secret = replace(secret, key=gate.key)
    if gate.new_version_helps:
        return put_value(secret, "Store the value again: the new version is encrypted under the secret's present key.")
    if isinstance(role, Role) and finding == "secret-access-too-broad":
        return _narrower(role, secret, gate, access)
    if isinstance(role, Role) and (gate.grant_helps or finding == "decrypt-access-missing"):
        return _granting(container, secret, role, gate, access)
    if finding in _DENIALS and gate.statements:
        return spare(role, secret, gate.statements[0])
    text, snippet = _BY_HAND[finding](facts, secret, gate)
    first, key = Remedy(text=text, snippet=snippet), secret.key
    layers = () if gate.decision is None else gate.decision.lacking
    shut_by_key = Layer.KEY in layers
    elsewhere = shut_by_key and not (isinstance(key, Key) and key.arn.account == _own_account(facts))
    rest = []
    if shut_by_key and finding != "decrypt-access-denied":
        also, also_paste = _key_statement(facts, secret, gate)
        rest.append(Remedy(text=also, snippet=also_paste))
    # A key policy of the role's own account that names the role needs no policy of the role beside it.
    if isinstance(role, Role) and lacks_own(gate) and (elsewhere or not shut_by_key):
        rest.append(_own_policies(container, secret, role, access))
    return _with(first, *rest, elsewhere=elsewhere)


def _own_policies(container: Container, secret: Secret, role: Role, access: PullAccess) -> Remedy:
    missing = missing_key(container, secret, role)
    too = "The role's own policies do not allow it either"
    if missing is not None and missing.said_no:
        return Remedy(text=f"{too}, and {missing.why}. {missing.remedy}")
    sure = "" if missing is None else f" First make sure that {secret.name} is meant for this image and this role."
    return Remedy(
        text=f"{too}: let the role {role.name} read this secret, by one policy that names it alone.{sure}",
        snippet=grant_by_hand(role, secret, lacking(access)),
    )


def _with(first: Remedy, *rest: Remedy, elsewhere: bool) -> Remedy:
    """Return one remedy that does all: one layer alone opens nothing.

    What no shell takes after the first goes into the text: it is a statement, or not all is for one account.
    """
    is_statement = first.snippet is not None and first.snippet.startswith('{"')
    if not (is_statement or elsewhere):
        text = " ".join(each.text for each in (first, *rest))
        return Remedy(text=text, snippet=in_order(first.snippet, *(each.snippet for each in rest)) or None)
    quoted = (f"`{' '.join(each.snippet.splitlines())}`" if each.snippet else None for each in rest)
    texts = (text for each, command_ in zip(rest, quoted, strict=True) for text in (each.text, command_))
    return Remedy(text=" ".join(filter(None, (first.text, *texts))), snippet=first.snippet)


def _granting(container: Container, secret: Secret, role: Role, gate: Gate, access: PullAccess) -> Remedy:
    missing = missing_key(container, secret, role)
    if missing is not None and missing.said_no:
        # No command that grants: the author of the task definition may want what the owner does not.
        return Remedy(text=f"{_NOT_GRANTED}: {missing.why}. {missing.remedy}", snippet=missing.snippet)
    actions = lacking(access)
    does = "decrypt" if actions == {DECRYPT} else "read"
    grant = f"et the role {role.name} {does} this secret, by one inline policy that names it alone."
    snippet, more = grant_by_hand(role, secret, actions), _not_enough(role, gate, access)
    if missing is not None:
        sure = f"First make sure that {secret.name} is meant for this image and this role. If it is, l{grant}"
        return Remedy(text=" ".join(filter(None, (sure, f"{_NOT_GRANTED}: {missing.why}.", more))), snippet=snippet)
    if more is not None:
        return Remedy(text=f"L{grant} {_NOT_GRANTED}. {more}", snippet=snippet)
    return Remedy(action="grant", text=f"L{grant}", snippet=snippet)


def _not_enough(role: Role, gate: Gate, access: PullAccess) -> str | None:
    """Return why Pullguard leaves a grant to people that both owners agree to; None where it does not."""
    if gate.is_of_next_version:
        return "The pull works now, and Pullguard grants only what a pull needs."
    shut = next((each for each in access.failures if not each.grant_helps), None)
    if shut is None:
        narrowed = access.may_be_narrowed
        return None if narrowed is None else f"{_NARROWED} {narrowed.reason}"
    key = shut.key
    if isinstance(key, Key) and key.arn.account != role.arn.account and shut.finding == "decrypt-access-missing":
        shows = _on_key(key, "get-key-policy", _DEFAULT)
        return f"The key policy has to allow it too: in account {key.arn.account}, {shows} shows it."
    return f"The pull would still fail: {shut.reason}"


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
    return Remedy(text=" ".join(sentences) or _LEFT_OPEN, snippet=in_order(*commands) or None)


def statements_needed(secret: Secret) -> str:
    """Return the statements that every layer has to let through."""
    return render(policy_document((granted_for(secret),)))


_Hand = Callable[[Facts, Secret, Gate], tuple[str, str | None]]


def _say(text: str) -> _Hand:
    return lambda _facts, _secret, _gate: (text, None)


def _statements(text: str) -> _Hand:
    return lambda _facts, secret, _gate: (text, statements_needed(secret))


def _resource_policy(facts: Facts, secret: Secret, _gate: Gate) -> tuple[str, str | None]:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": _role_arn(facts)},
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
    }
    pipeline = adding(
        on_secret(secret, "get-resource-policy", ("--query", "ResourcePolicy"), ("--output", "json")),
        on_secret(secret, "put-resource-policy", ("--resource-policy", STDIN)),
        statement,
        present=secret.resource_policy,
    )
    text = f"In the secret's account, let the role in by the secret's resource policy. {_ADDS}"
    return f"{text}{left_out(secret.resource_policy)}", pipeline


def left_out(policy: object) -> str:
    """Say which principals of ``policy`` a command leaves out; empty where it keeps all."""
    gone = deleted_principals(policy)
    if not gone:
        return ""
    return f" It leaves out {' and '.join(gone)}: a user or role that was deleted, which AWS refuses to store again."


def _role_arn(facts: Facts) -> str:
    return str(facts.role.arn if isinstance(facts.role, Role) else facts.task_definition.execution_role)


def spare(role: Lookup[Role] | None, secret: Secret | None, denying: Citation) -> Remedy:
    """Say which policy denies, and how to see it: what else it is for, only its owner knows."""
    policy = denying.policy
    whom = "this role" if secret is None else "this role and secret"
    text = f"Remove {denying.title}, or exempt {whom} in it; only its owner knows what else it is for."
    command_ = _shows(role, secret, policy)
    return Remedy(text=text if command_ is None else f"{text} This shows the policy.", snippet=command_)


def _shows(role: Lookup[Role] | None, secret: Secret | None, policy: Policy) -> str | None:
    """Return the command that shows a policy; None for one that the account itself cannot read."""
    if policy.layer is Layer.RESOURCE and secret is not None:
        which = () if policy.name == policy.layer else (("--policy-name", policy.name),)
        return on_secret(secret, "get-resource-policy", *which)
    if policy.layer is Layer.KEY and secret is not None and isinstance(secret.key, Key):
        return _on_key(secret.key, "get-key-policy", _DEFAULT)
    if policy.layer not in (Layer.IDENTITY, Layer.BOUNDARY, Layer.TRUST) or not isinstance(role, Role):
        return None
    if policy.layer is Layer.TRUST:
        return command("iam", "get-role", ("--role-name", role.name), ("--query", "Role.AssumeRolePolicyDocument"))
    if policy.arn is None:
        return command("iam", "get-role-policy", ("--role-name", role.name), ("--policy-name", policy.name))
    return _default_version(policy.arn)


def _default_version(policy: str) -> str:
    arn = shlex.quote(policy)
    version = f'"$(aws iam get-policy --policy-arn {arn} --query Policy.DefaultVersionId --output text)"'
    return f"aws iam get-policy-version --policy-arn {arn} --version-id {version}"


def _wider_boundary(facts: Facts, secret: Secret, _gate: Gate) -> tuple[str, str | None]:
    """Say which policy bounds the role, and what it lacks: by itself that gives no role anything."""
    needed = policy_document((granted_for(secret),))
    boundary = facts.role.boundary if isinstance(facts.role, Role) else None
    if not isinstance(boundary, NamedPolicy) or boundary.arn is None:
        return "Add these statements to the role's permissions boundary.", render(needed)
    effect = "it then lets through what the role's own policies allow, for every role that it bounds."
    wider = extended(boundary.document, *needed["Statement"])
    if wider is None or ":iam::aws:" in boundary.arn or size_chars(wider) > _MANAGED_POLICY_MAX_CHARS:
        text = (
            f"Add these statements to the role's permissions boundary, {boundary.arn}, or to one in its place: {effect}"
        )
        return text, render(needed)
    text = (
        f"Add what the pull needs to the role's permissions boundary, {boundary.arn}: {effect} {_ADDS} IAM keeps five "
        "versions of a policy: of five, the oldest that is not in use is deleted first."
    )
    return text, _new_version(boundary.arn, needed["Statement"])


def _new_version(arn: str, statements: Iterable[Mapping[str, Any]]) -> str:
    """Return the commands that give a managed policy a version with ``statements`` added, and room for it.

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
            f"{_default_version(arn)} {arguments(*document)}",
            command("iam", "create-policy-version", at, ("--policy-document", STDIN), ("--set-as-default",)),
            *statements,
        ),
    )


def _key_statement(facts: Facts, secret: Secret, _gate: Gate) -> tuple[str, str | None]:
    condition = {
        "kms:ViaService": f"secretsmanager.{secret.arn.region}.{dns_suffix_of(secret.arn.partition)}",
        "kms:EncryptionContext:SecretARN": str(secret.arn),
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": _role_arn(facts)},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": condition},
    }
    key = secret.key
    if not isinstance(key, Key):
        text = (
            "In the account of the key, add this statement to the key policy, which lets the role decrypt the secret."
        )
        return text, render(statement)
    where = "" if key.arn.account == facts.task_definition.arn.account else f"In account {key.arn.account}, "
    text = f"{where}let the role decrypt the secret through Secrets Manager, by the key policy. {_ADDS}"
    pipeline = adding(
        _on_key(key, "get-key-policy", _DEFAULT, ("--query", "Policy"), ("--output", "json")),
        _on_key(key, "put-key-policy", _DEFAULT, ("--policy", STDIN)),
        statement,
        present=key.policy,
    )
    return f"{text[:1].upper()}{text[1:]}{left_out(key.policy)}", pipeline


def _on_key(key: Key, operation: str, *options: tuple[str, ...]) -> str:
    return command("kms", operation, ("--region", key.arn.region), ("--key-id", str(key.arn)), *options)


def _key_state(facts: Facts, secret: Secret, _gate: Gate) -> tuple[str, str | None]:
    key = secret.key
    if not isinstance(key, Key):
        return _another_key(facts, secret)
    where = "" if key.arn.account == _own_account(facts) else f" in account {key.arn.account}"
    enable = _on_key(key, "enable-key")
    match key.state:
        case "Disabled":
            return f"Enable the key{where}.", enable
        case "PendingDeletion":
            text = f"Cancel the deletion of the key{where}, and enable it."
            return text, in_order(_on_key(key, "cancel-key-deletion"), enable)
        case state:
            return f"Make the key usable again{where} (it is {state}), or encrypt the secret under another.", None


def _another_key(facts: Facts, secret: Secret) -> tuple[str, str | None]:
    """The old value cannot be decrypted any more, so it has to be stored again, under another key.

    ``aws/secretsmanager`` works for roles of its own account only: other accounts would lose the secret.
    """
    value = ("--secret-string", "file://credentials.json")
    if secret.arn.account == _own_account(facts) and secret.resource_policy is None:
        renewed = (("--kms-key-id", "alias/aws/secretsmanager"), value)
        text = f"Store the value again, under a key that exists. {CREDENTIALS_FILE}"
        return text, on_secret(secret, "update-secret", *renewed)
    return (
        f"In account {secret.arn.account}, store the value again under a customer managed key whose policy lets the "
        "role decrypt, in the place of KEY-ARN. aws/secretsmanager would shut out all other accounts. "
        f"{CREDENTIALS_FILE}",
        on_secret(secret, "update-secret", ("--kms-key-id", "KEY-ARN"), value),
    )


def _own_account(facts: Facts) -> str:
    return facts.task_definition.arn.account


def _own_key(_facts: Facts, secret: Secret, _gate: Gate) -> tuple[str, str | None]:
    return (
        "In the secret's account, encrypt the secret under a customer managed key whose policy lets the role decrypt.",
        on_secret(secret, "update-secret", ("--kms-key-id", "KEY-ARN")),
    )


def _narrower(role: Role, secret: Secret, gate: Gate, access: PullAccess) -> Remedy:
    """Name the secret instead of all of them; where the right to decrypt may be narrowed, that stays as it is."""
    broad = " and ".join(citation.title for citation in gate.statements)
    text = f"Let the role read this secret by name; then remove {broad}, or narrow it to what else needs it."
    decrypts = access.gate("key-access")
    actions = BOTH if decrypts is None or decrypts.state != "unknown" else {READ}
    # The current version may need another key than the next one will.
    keys = (each.key for each in access.gates if each.name == "key-access" and isinstance(each.key, Key))
    named = (secret, *(replace(secret, key=key) for key in keys))
    return Remedy(text=text, snippet=in_order(*dict.fromkeys(grant_by_hand(role, each, actions) for each in named)))


_BY_HAND: Final[dict[FindingId, _Hand]] = {
    "execution-role-not-assumable": _say("Let ecs-tasks.amazonaws.com assume the role."),
    "secret-access-missing": _say("Let the role read the secret, in one of its policies."),
    "secret-access-denied": _say("Remove the statement that denies, or make it spare this role and secret."),
    "secret-access-blocked-by-boundary": _wider_boundary,
    "secret-access-blocked-by-organization": _statements(ASK_ORGANIZATION),
    "secret-resource-policy-missing": _resource_policy,
    "secret-access-too-broad": _say("Name the secret in the policy."),
    "key-unusable": _key_state,
    "decrypt-access-missing": _say("Let the role decrypt with the key, in one of its policies."),
    "decrypt-access-denied": _key_statement,
    "default-key-cross-account": _own_key,
}
