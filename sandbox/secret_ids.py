"""AWS's interpretation of secret ids, which the emulators implement less strictly.

AWS takes an ARN that ends in a hyphen and six characters for a complete one: a secret called ``app-docker`` is not
found by its ARN without the suffix. MiniStack accepts every beginning of an ARN; moto takes the last part for a name.
Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
"""

import re
from typing import Any

_COMPLETE = re.compile(r"arn:.*:secret:.*-[A-Za-z0-9]{6}", re.DOTALL)
_SUFFIX_CHARS = len("-AbCdEf")


def ends_as_a_complete_arn(secret_id: str) -> bool:
    """Whether AWS takes ``secret_id`` for a complete ARN, regardless of the intention."""
    return _COMPLETE.fullmatch(secret_id) is not None


def names(secret_id: str, arn: str) -> bool:
    """Whether ``secret_id``, an ARN, names the secret of this ``arn``: in full, or without the suffix."""
    return secret_id == arn or (secret_id == arn[:-_SUFFIX_CHARS] and not ends_as_a_complete_arn(secret_id))


def install() -> None:
    """Let the embedded AWS generate the ends of ARNs, and find secrets by their ARN, as AWS does."""
    from ministack.services import secretsmanager  # noqa: PLC0415

    drawn, by_name_or_arn = secretsmanager.new_uuid, secretsmanager._resolve  # noqa: SLF001

    def new_uuid() -> str:
        """End the first six characters, a secret's suffix, in a digit: hexadecimal letters often read as a word."""
        found = str(drawn())
        return f"{found[:5]}7{found[6:]}"

    def resolve(secret_id: Any, *, use_arn_scope: bool = False) -> tuple[Any, Any]:
        if not str(secret_id).startswith("arn:"):
            found: tuple[Any, Any] = by_name_or_arn(secret_id, use_arn_scope=use_arn_scope)
            return found
        scope = secretsmanager._secret_scope_from_arn(secret_id)  # noqa: SLF001
        if not scope:
            return None, None
        spec, _ = scope
        here = secretsmanager.get_account_id(), spec.region if use_arn_scope else secretsmanager.get_region()
        if (spec.account_id, spec.region) != here:
            return None, None
        held = secretsmanager._secrets.items_scoped(*here)  # noqa: SLF001
        return next(((key, secret) for key, secret in held if names(secret_id, secret["ARN"])), (None, None))

    secretsmanager.new_uuid = new_uuid
    secretsmanager._resolve = resolve  # noqa: SLF001
