"""Remedies for questions that AWS did not answer: allow it, wait, or correct what AWS refuses to read."""

from collections.abc import Iterable, Iterator
from typing import Final

from pullguard.domain.lookup import NO_PERMISSION, Unreadable
from pullguard.domain.secret import Key, Secret

_SEE_SECRET: Final = "aws secretsmanager describe-secret shows"  # noqa: S105 (a command)
_SEE_KEY: Final = "aws kms describe-key shows its state"
# Refusals because of a resource's state: no permission changes the answer.
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
_REFUSALS: Final = {
    "DecryptionFailure": f"Make the KMS key of the secret usable again ({_SEE_KEY})",
    "KMSInvalidStateException": f"Make the KMS key of the secret usable again ({_SEE_KEY})",
    "InvalidRequestException": f"Correct the state of the secret ({_SEE_SECRET} whether it is to be deleted)",
    "InvalidParameterException": f"Correct the state of the secret ({_SEE_SECRET} its versions)",
    "PolicyEvaluation": "Correct the policy of the role that AWS's policy simulator cannot evaluate",
    "InvalidInput": "The policy simulator does not accept the question; rely on the quoted statements",
}


def how_to_read(unread: Iterable[Unreadable], *, decrypting: str | None = None) -> str:
    """Return, in whole sentences, how to make AWS answer: one for each reason why it did not.

    ``decrypting`` names the keys, if the denied call also needs one of them.
    """
    return " ".join(_sentences(tuple(dict.fromkeys(unread)), decrypting))


def how_to_read_value(unread: Unreadable, secret: Secret) -> str:
    """Return how to make a value readable; if a key was denied, the error still names the secret.

    Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    """
    is_of_value = unread.permission == "secretsmanager:GetSecretValue"
    return how_to_read((unread,), decrypting=_keys_of(secret) if is_of_value else None)


def _keys_of(secret: Secret) -> str | None:
    """Name the keys one of which the current version needs; None if it needs no permission on any."""
    current = secret.current_keys if isinstance(secret.current_keys, tuple) and secret.current_keys else (secret.key,)
    if any(key is None or (isinstance(key, Key) and key.manager == "AWS") for key in current):
        return None
    names = (str(key.arn) if isinstance(key, Key) else getattr(key, "resource", None) for key in current)
    return " or ".join(filter(None, names)) or None


def _sentences(unread: tuple[Unreadable, ...], decrypting: str | None) -> Iterator[str]:
    if denied := [each for each in unread if each.reason == "denied"]:
        more = "" if decrypting is None else f", and kms:Decrypt on {decrypting} (through Secrets Manager)"
        yield f"Allow Pullguard (or the principal that runs the audit) {_named(denied)}{more}."
    for each in (each for each in unread if each.reason == "refused"):
        yield _refused(each)
    if unanswered := [each for each in unread if each.is_passing]:
        yield f"AWS did not answer {_named(unanswered)}; the next validation or sweep asks again."


def _named(unread: Iterable[Unreadable]) -> str:
    return " and ".join(f"{each.permission} on {each.resource}" for each in unread)


def _refused(unread: Unreadable) -> str:
    if unread.permission == NO_PERMISSION:  # our own fault, whose kind and place the detail names
        return f"Pullguard failed to ask {unread.resource}; the next validation or sweep tries again."
    code = f" ({unread.detail})" if unread.detail else ""
    what = f"AWS refused {unread.permission} on {unread.resource}{code}, which no permission changes."
    return f"{what} {_REFUSALS.get(unread.detail, 'Run the call yourself: its error message says why')}."
