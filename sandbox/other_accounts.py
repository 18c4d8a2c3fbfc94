"""Calls about another account's secret or key, which the embedded AWS looks up in the caller's account.

It evaluates the policies of both accounts first, as AWS does. Secrets Manager answers every call that both allow; AWS
KMS has a list of those that work across accounts, on which GetKeyPolicy and ListAliases are not.
Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

Answer: TypeAlias = tuple[int, dict[str, str], Any]
Handler: TypeAlias = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Answer]]

_NAMED_BY = {"secretsmanager": "SecretId", "kms": "KeyId"}
_KMS_ACROSS_ACCOUNTS = frozenset(
    {
        "CreateGrant", "Decrypt", "DeriveSharedSecret", "DescribeKey", "Encrypt", "GenerateDataKey",
        "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GenerateDataKeyWithoutPlaintext", "GenerateMac",
        "GetKeyRotationStatus", "GetPublicKey", "ListGrants", "ReEncrypt", "RetireGrant", "RevokeGrant", "Sign",
        "Verify", "VerifyMac",
    }
)  # fmt: skip
_ACCOUNT_PART = 4


def owner_of(named: object) -> str | None:
    """Return the account of an ARN; None for a name, a bare id or an alias."""
    parts = str(named).split(":", _ACCOUNT_PART + 1)
    return parts[_ACCOUNT_PART] if parts[0] == "arn" and len(parts) > _ACCOUNT_PART + 1 else None


def works_across_accounts(service: str, action: str) -> bool:
    """Whether AWS answers ``action`` to callers of other accounts at all."""
    return service != "kms" or action in _KMS_ACROSS_ACCOUNTS


def install() -> None:
    """Wrap the embedded AWS's Secrets Manager and KMS."""
    from ministack import app  # noqa: PLC0415

    for service in _NAMED_BY:
        app.SERVICE_HANDLERS[service] = _at_home(service, app.SERVICE_HANDLERS[service])


def _at_home(service: str, handler: Handler) -> Handler:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer:
        from ministack.core.responses import get_account_id, get_region, request_scope  # noqa: PLC0415

        try:
            owner = owner_of(json.loads(body or b"{}").get(_NAMED_BY[service]))
        except (AttributeError, ValueError):
            owner = None
        if owner is None or owner == get_account_id():
            return await handler(method, path, headers, body, query)
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if not works_across_accounts(service, action):
            error = {"__type": "AccessDeniedException", "message": f"{action} works in the key's own account only"}
            return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(error).encode()
        with request_scope(owner, str(get_region())):
            return await handler(method, path, headers, body, query)

    return handle
