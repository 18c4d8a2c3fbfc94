"""The keys that encrypt each version of a secret, which the embedded AWS does not store.

A new version is encrypted under the secret's key. A change of that key adds the new one to the versions that are
labelled current, pending or previous, as if the caller may use both keys; the former key also remains.
Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_update-encryption-key.html
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

Answer: TypeAlias = tuple[int, dict[str, str], Any]
Handler: TypeAlias = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Answer]]

DEFAULT_KEY = "DefaultEncryptionKey"
_KEYS = "_KmsKeyIds"
_ENCRYPTED_ANEW = frozenset({"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"})


def remember(secret: Mapping[str, Any]) -> None:
    """Record the secret's key for each version without a recorded key."""
    for version in secret["Versions"].values():
        version.setdefault(_KEYS, [_named(secret)])


def encrypt_anew(secret: Mapping[str, Any]) -> None:
    """Add the secret's key to the versions that a change of it re-encrypts."""
    key = _named(secret)
    for version in secret["Versions"].values():
        if _ENCRYPTED_ANEW & set(version["Stages"]) and key not in version[_KEYS]:
            version[_KEYS] = [key, *version[_KEYS]]


def keys_of(secret: Mapping[str, Any], version_id: str) -> list[str]:
    """Return the keys of a version, as they were given: ids, aliases, ARNs, or ``DEFAULT_KEY``."""
    return list(secret["Versions"].get(version_id, {}).get(_KEYS) or [_named(secret)])


def with_keys(answered: Mapping[str, Any], secret: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer of ListSecretVersionIds with each version's keys."""
    versions = [
        {**version, "KmsKeyIds": keys_of(secret, str(version["VersionId"]))} for version in answered["Versions"]
    ]
    return {**answered, "Versions": versions}


def _named(secret: Mapping[str, Any]) -> str:
    key = str(secret.get("KmsKeyId") or "")
    return DEFAULT_KEY if not key or key.endswith("alias/aws/secretsmanager") else key


def install() -> None:
    """Wrap the embedded AWS's Secrets Manager."""
    from ministack import app  # noqa: PLC0415

    app.SERVICE_HANDLERS["secretsmanager"] = _noting(app.SERVICE_HANDLERS["secretsmanager"])


def _noting(handler: Handler) -> Handler:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer:
        from ministack.services import secretsmanager  # noqa: PLC0415

        action, request = headers.get("x-amz-target", "").rpartition(".")[2], _loaded(body)
        named = request.get("SecretId") or request.get("Name")
        _, before = secretsmanager._resolve(named)  # noqa: SLF001
        if before:
            remember(before)
        status, answer_headers, answer = await handler(method, path, headers, body, query)
        _, secret = secretsmanager._resolve(named)  # noqa: SLF001
        if status != 200 or not secret:  # noqa: PLR2004
            return status, answer_headers, answer
        remember(secret)
        if action == "UpdateSecret":
            encrypt_anew(secret)
        if action == "ListSecretVersionIds":
            answer = json.dumps(with_keys(_loaded(answer), secret)).encode()
        return status, answer_headers, answer

    return handle


def _loaded(body: Any) -> dict[str, Any]:
    try:
        loaded = json.loads(body or b"{}")
    except (TypeError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}
