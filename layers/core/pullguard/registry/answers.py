"""The meaning of a registry's or token service's answer: by its status, challenges and specified error codes."""

import json
import re
from typing import Any, Final

from pullguard.domain.errors import shown
from pullguard.domain.secret_value import HiddenText
from pullguard.domain.stopped_causes import ADDRESS_REFUSALS, TOO_MANY_LOGINS
from pullguard.domain.stopped_reason import compiled, read_stopped_text
from pullguard.domain.verification import RegistryAnswer
from pullguard.registry.challenges import Challenge, parse_challenges
from pullguard.registry.origins import Url
from pullguard.registry.transport import Response

_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_TOO_MANY_REQUESTS: Final = 429
_SUCCESS: Final = range(200, 300)
_SERVER_ERRORS: Final = range(500, 600)
# Only these words of an error are believed and repeated: the rest of its text may be anything, even the credentials.
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
_REFUSED: Final = frozenset({"UNAUTHORIZED", "DENIED"})
_UNKNOWN: Final = frozenset({"NAME_UNKNOWN", "MANIFEST_UNKNOWN"})
_TOO_MANY: Final = frozenset({"TOOMANYREQUESTS"})
_CODES: Final = _REFUSED | _UNKNOWN | _TOO_MANY | {"NAME_INVALID", "TAG_INVALID", "MANIFEST_INVALID", "UNSUPPORTED"}
_REFUSALS: Final = frozenset({_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY_REQUESTS})
_TOO_MANY_LOGINS = re.compile(TOO_MANY_LOGINS, re.IGNORECASE)
_LOCKED: Final = "Too many logins have failed there: wrong credentials are in use somewhere, perhaps these."
_ADDRESS_REFUSED: Final = "Its firewall refuses the address that asked, which says nothing of the credentials."
_BEARER_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # https://www.rfc-editor.org/rfc/rfc6750#section-2.1


def usable_challenge(response: Response) -> Challenge | None:
    """Return the challenge of a 401 that Docker would use: Bearer with a realm, else Basic."""
    if response.status != _UNAUTHORIZED:
        return None
    challenges = parse_challenges(response.challenges)
    bearers = [each for each in challenges if each.scheme == "bearer" and each.parameters.get("realm")]
    basics = [each for each in challenges if each.scheme == "basic"]
    return next(iter(bearers + basics), None)


def meaning(response: Response, *, of_login: bool = False) -> RegistryAnswer:
    """Return the meaning of an answer, by its status and the error codes of the specification.

    ``of_login``: credentials are being verified. A lock after failed logins rejects them; for an anonymous pull it
    means no more than a limit.
    """
    status, codes = response.status, codes_of(response)
    if is_locked_out(response):
        return "rejected" if of_login else "rate-limited"
    if is_address_refused(response):
        return "unreachable"
    if status == _TOO_MANY_REQUESTS or codes & _TOO_MANY:
        return "rate-limited"
    if status in _SUCCESS:
        return "ok"
    if status in _SERVER_ERRORS:
        return "unreachable"
    if status in {_UNAUTHORIZED, _FORBIDDEN} or codes & _REFUSED:
        return "rejected"
    if status == _NOT_FOUND or codes & _UNKNOWN:
        return "no-such-image"
    return "unreachable"


def is_locked_out(response: Response) -> bool:
    """Whether the answer refuses because of too many failed logins, by the words of its body.

    Docker Hub answers that with 429, as its limit of pulls. https://github.com/docker/hub-feedback/issues/2217
    """
    if response.status not in _REFUSALS and not codes_of(response) & _TOO_MANY:
        return False
    return _TOO_MANY_LOGINS.search(response.body.decode(errors="replace")) is not None


def is_address_refused(response: Response) -> bool:
    """Whether the answer refuses the caller's address, by the words of its body, regardless of the request.

    Azure answers so to every request, GitHub to those for an organization's packages.
    Sources: https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access,
    https://docs.github.com/organizations/keeping-your-organization-secure/managing-security-settings-for-your-organization/managing-allowed-ip-addresses-for-your-organization
    """
    if response.status not in {_UNAUTHORIZED, _FORBIDDEN} and not codes_of(response) & _REFUSED:
        return False
    if is_locked_out(response):
        return False
    text = read_stopped_text(response.body.decode(errors="replace"))
    return compiled(ADDRESS_REFUSALS).search(text.words) is not None


def codes_of(response: Response) -> frozenset[str]:
    """Return the specified error codes that the answer gives."""
    body = _json_object(response.body)
    errors = body.get("errors")
    entries = errors if isinstance(errors, list) else []
    codes = (entry.get("code") for entry in entries if isinstance(entry, dict))
    return frozenset(code.upper() for code in codes if isinstance(code, str)) & _CODES


def token_in(body: bytes) -> HiddenText | None:
    """Return the Authorization header for a token service's answer, None if it holds no token."""
    answer = _json_object(body)
    token = answer.get("token") or answer.get("access_token")
    return HiddenText(f"Bearer {token}") if isinstance(token, str) and _BEARER_TOKEN.fullmatch(token) else None


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def said(url: Url, response: Response) -> str:
    """Return a sentence with the host, the answer and the question; it contains none of the answer's own text."""
    codes = ", ".join(sorted(codes_of(response)))
    path = shown(url.path)[1:-1]
    answered = f"{url.origin.authority} answered {response.status}{f' ({codes})' if codes else ''} to {path}."
    if is_locked_out(response):
        return f"{answered} {_LOCKED}"
    return f"{answered} {_ADDRESS_REFUSED}" if is_address_refused(response) else answered
