"""A secret's value: wrapped so that it cannot be printed, and judged as the ECS agent would.

The agent unmarshals ``{"username": …, "password": …}`` with case-insensitive keys, uses the last of several, ignores
other keys, and refuses binaries, empty strings, values that are not strings, and empty ones.
Source: https://github.com/aws/amazon-ecs-agent/blob/master/agent/asm/asm.go and
https://pkg.go.dev/encoding/json#Unmarshal
"""

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeAlias

from pullguard.domain.lookalikes import Members, lookalike_of, lookalike_of_text
from pullguard.domain.oddities import oddity_of
from pullguard.domain.secret import FieldState, ShortLived, ValueShape

_HIDDEN: Final = "<hidden>"
# Usernames that accompany a self-expiring password. _json_key accompanies a key that does not expire.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
# https://cloud.google.com/artifact-registry/docs/docker/authentication
# https://learn.microsoft.com/azure/container-registry/container-registry-authentication
# https://docs.gitlab.com/ci/jobs/ci_job_token/
SHORT_LIVED: Final[Mapping[str, ShortLived]] = {
    "AWS": "ecr-token",
    "oauth2accesstoken": "google-token",
    "00000000-0000-0000-0000-000000000000": "acr-token",
    "gitlab-ci-token": "gitlab-job-token",
}


class HiddenText:
    """A text that is never displayed by accident: not in logs, exceptions, formats, pickles or JSON."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """Return the text. Call this only to send it to the registry that it is meant for."""
        return self.__text

    def __repr__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return _HIDDEN

    def __reduce__(self) -> NoReturn:
        raise TypeError("a hidden text is not to be copied or stored")


Credentials: TypeAlias = tuple[ValueShape, HiddenText | None, HiddenText | None]
"""The shape of a value, and its username and password, None if they are not usable."""


def read_value(answer: dict[str, Any]) -> Credentials:
    """Judge a GetSecretValue answer; return its shape, and username and password if they are usable strings."""
    version: dict[str, Any] = {"version_id": answer.get("VersionId"), "created_at": answer.get("CreatedDate")}
    text = answer.get("SecretString")
    if text is None:
        return ValueShape(form="binary" if "SecretBinary" in answer else "empty", **version), None, None
    if not text:
        return ValueShape(form="empty", **version), None, None
    try:
        value = json.loads(text, object_pairs_hook=Members, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return ValueShape(form="not-json", lookalike=lookalike_of_text(text), **version), None, None
    if not isinstance(value, Members):
        return ValueShape(form="not-an-object", lookalike=lookalike_of(value), **version), None, None
    keys = [key for key, _ in value]
    username, password = _member(value, "username"), _member(value, "password")
    shape = ValueShape(
        form="json-object",
        username=_state(username),
        password=_state(password),
        miscased=tuple(
            sorted(
                next(key for key in keys if key.lower() == name)
                for name in ("username", "password")
                if name not in keys and any(key.lower() == name for key in keys)
            )
        ),
        **_what_is_odd(value, username, password),
        **version,
    )
    return shape, _hidden(username), _hidden(password)


def _what_is_odd(value: Members, username: object, password: object) -> dict[str, Any]:
    """Judge two usable texts; if one of them is missing, name the value's form if it is a known one."""
    if not (isinstance(username, str) and username and isinstance(password, str) and password):
        return {"lookalike": lookalike_of(value)}
    return {
        "username_oddity": oddity_of(username),
        "password_oddity": oddity_of(password),
        "short_lived": SHORT_LIVED.get(username),
    }


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _member(value: Members, name: str) -> object:
    found = [member for key, member in value if key.lower() == name]
    wrong = (member for member in found if not isinstance(member, str | None))
    return next(wrong, found[-1] if found else None)


def _state(member: object) -> FieldState:
    if member is None:
        return "missing"
    if not isinstance(member, str):
        return "not-a-string"
    return "ok" if member else "empty"


def _hidden(member: object) -> HiddenText | None:
    return HiddenText(member) if isinstance(member, str) and member else None
