"""Remedies for a role that cannot read or decrypt a secret, with the command or statement for each."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pullguard.access.decision import Citation
from pullguard.access.gates import KEY_GATES, FindingId, Gate, PullAccess
from pullguard.access.policy import Layer, Policy
from pullguard.checks.check import CREDENTIALS_FILE, put_value
from pullguard.checks.manual_policies import BOTH, DECRYPT, READ, adding
from pullguard.checks.role_steps import grant_by_hand, lacking
from pullguard.checks.shared_policies import (
    ADDS,
    KEY_POLICY,
    default_version,
    in_words,
    is_elsewhere,
    is_statement,
    lacks_own,
    left_out,
    needs_own,
    on_key,
    widened,
)
from pullguard.checks.unread import how_to_read
from pullguard.domain.arn import account_of
from pullguard.domain.aws_cli import STDIN, command, in_order, on_secret
from pullguard.domain.consent import missing_opt_in
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Remedy
from pullguard.domain.lookup import Lookup
from pullguard.domain.policy_document import granted_for, policy_document, render
from pullguard.domain.role import Role
from pullguard.domain.secret import Key, Secret
from pullguard.domain.task_definition import Container

_NOT_GRANTED: Final = "Pullguard does not grant this by itself"
_NARROWED: Final = (
    "Its grant lets a role both read and decrypt, without the conditions under which the owner may have allowed one."
)
_DENIALS: Final = frozenset({"secret-access-denied", "decrypt-access-denied"})
_WIDENED: Final = frozenset({"secret-access-blocked-by-boundary", "decrypt-access-denied"})
_LEFT_OPEN: Final = (
    "Correct the policy that cannot be read, or write the statement so that it does not rest on what AWS's "
    "documentation leaves open."
)
ASK_ORGANIZATION: Final = "Ask the owners of the organization's policies to allow these statements."


def remedy_of(
    finding: FindingId, facts: Facts, container: Container, secret: Secret, *, gate: Gate, access: PullAccess
) -> Remedy:
    """Return the remedy that opens ``gate``, one of ``access``: a grant if it helps, else the manual steps."""
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
    if isinstance(role, Role) and (remedies := tuple(widened(role, secret, gate))) and finding in _WIDENED:
        return _together(remedies, container, secret, role, gate=gate, access=access)
    text, snippet = _BY_HAND[finding](facts, secret, gate)
    if isinstance(role, Role) and lacks_own(gate):
        text = f"{text} {in_words(_own_policies(container, secret, role, access))}"
    return Remedy(text=text, snippet=snippet)


def _together(
    remedies: tuple[Remedy, ...], container: Container, secret: Secret, role: Role, *, gate: Gate, access: PullAccess
) -> Remedy:
    """Return one remedy that opens every layer that lacks the request, since one alone opens nothing.

    Later parts that are not for a shell go into the text: they are statements, or the parts are for several accounts.
    """
    first, *rest = remedies
    if needs_own(role, gate):
        rest.append(_own_policies(container, secret, role, access))
    if is_statement(first) or is_elsewhere(role, gate):
        return Remedy(text=" ".join((first.text, *map(in_words, rest))), snippet=first.snippet)
    text = " ".join(each.text for each in (first, *rest))
    return Remedy(text=text, snippet=in_order(*(each.snippet for each in (first, *rest))) or None)


def _own_policies(container: Container, secret: Secret, role: Role, access: PullAccess) -> Remedy:
    missing = missing_opt_in(container, secret, role)
    too = "The role's own policies do not allow it either"
    if missing is not None and missing.said_no:
        return Remedy(text=f"{too}, and {missing.why}. {missing.remedy}")
    sure = "" if missing is None else f" First make sure that {secret.name} is meant for this image and this role."
    return Remedy(
        text=f"{too}: let the role {role.name} read this secret, by one policy that names it alone.{sure}",
        snippet=grant_by_hand(role, secret, lacking(access)),
    )


def _granting(container: Container, secret: Secret, role: Role, gate: Gate, access: PullAccess) -> Remedy:
    missing = missing_opt_in(container, secret, role)
    if missing is not None and missing.said_no:
        # No granting command: the task definition's author may want access that the owner does not.
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
    """Return why Pullguard leaves a grant that both owners consent to to people; None if it does not."""
    if gate.is_of_next_version:
        return "The pull works now, and Pullguard grants only what a pull needs."
    shut = next((each for each in access.failures if not each.grant_helps), None)
    if shut is None:
        narrowed = access.may_be_narrowed
        return None if narrowed is None else f"{_NARROWED} {narrowed.reason}"
    key = shut.key
    if isinstance(key, Key) and key.arn.account != role.arn.account and shut.finding == "decrypt-access-missing":
        shows = on_key(key, "get-key-policy", KEY_POLICY)
        return f"The key policy has to allow it too: in account {key.arn.account}, {shows} shows it."
    return f"The pull would still fail: {shut.reason}"


def to_find_out(gate: Gate, role: Role) -> Remedy:
    """Return the step that settles an unknown gate of ``role``: a permission, a command, or another condition."""
    sentences = [f"To check it: {each.switch}." for each in gate.not_asked]
    if gate.unreadable:
        denied = [each.resource for each in gate.unreadable if each.reason == "denied"]
        others = {account for account in map(account_of, denied) if account not in (None, role.arn.account)}
        sentences.append(how_to_read(gate.unreadable))
        sentences += [f"Account {account} has to allow it too." for account in sorted(filter(None, others))]
    if gate.vanished:
        names = " and ".join(dict.fromkeys(each.resource for each in gate.vanished))
        sentences.append(
            f"AWS described {names} and then did not find all that belongs to it, as just after a change: there is "
            "nothing to correct. The next validation or sweep asks again, and so does another audit."
        )
    if gate.missing_keys:
        sentences.append(
            f"Only the task's start can show {' and '.join(gate.missing_keys)}. Check that the task's network or "
            "session satisfies the statement's condition, or state it on a key that is known beforehand."
        )
    commands = [each.command for each in gate.not_asked if each.command]
    return Remedy(text=" ".join(sentences) or _LEFT_OPEN, snippet=in_order(*commands) or None)


def statements_needed(secret: Secret) -> str:
    """Return the statements that every layer has to allow."""
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
    text = f"In the secret's account, let the role in by the secret's resource policy. {ADDS}"
    return f"{text}{left_out(secret.resource_policy)}", pipeline


def _role_arn(facts: Facts) -> str:
    return str(facts.role.arn if isinstance(facts.role, Role) else facts.task_definition.execution_role)


def spare(role: Lookup[Role] | None, secret: Secret | None, denying: Citation) -> Remedy:
    """Return which policy denies, and how to view it; only its owner knows its purpose."""
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
        return on_key(secret.key, "get-key-policy", KEY_POLICY)
    if policy.layer not in (Layer.IDENTITY, Layer.BOUNDARY, Layer.TRUST) or not isinstance(role, Role):
        return None
    if policy.layer is Layer.TRUST:
        return command("iam", "get-role", ("--role-name", role.name), ("--query", "Role.AssumeRolePolicyDocument"))
    if policy.arn is None:
        return command("iam", "get-role-policy", ("--role-name", role.name), ("--policy-name", policy.name))
    return default_version(policy.arn)


def _key_state(facts: Facts, secret: Secret, _gate: Gate) -> tuple[str, str | None]:
    key = secret.key
    if not isinstance(key, Key):
        return _another_key(facts, secret)
    where = "" if key.arn.account == _own_account(facts) else f" in account {key.arn.account}"
    enable = on_key(key, "enable-key")
    match key.state:
        case "Disabled":
            return f"Enable the key{where}.", enable
        case "PendingDeletion":
            text = f"Cancel the deletion of the key{where}, and enable it."
            return text, in_order(on_key(key, "cancel-key-deletion"), enable)
        case state:
            return f"Make the key usable again{where} (it is {state}), or encrypt the secret under another.", None


def _another_key(facts: Facts, secret: Secret) -> tuple[str, str | None]:
    """Return how to store the value again under another key, since the old value can no longer be decrypted.

    ``aws/secretsmanager`` works only for roles of its own account: other accounts would lose the secret.
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
    """Name the secret instead of all of them; if the right to decrypt may be narrowed, that stays as it is."""
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
    "secret-access-blocked-by-boundary": _statements("Add these statements to the role's permissions boundary."),
    "secret-access-blocked-by-organization": _statements(ASK_ORGANIZATION),
    "secret-resource-policy-missing": _resource_policy,
    "secret-access-too-broad": _say("Name the secret in the policy."),
    "key-unusable": _key_state,
    "decrypt-access-missing": _say("Let the role decrypt with the key, in one of its policies."),
    "decrypt-access-denied": _statements("Let the key policy allow the role to decrypt the secret."),
    "default-key-cross-account": _own_key,
}
