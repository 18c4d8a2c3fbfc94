"""Known forms of a value that ECS cannot use, recognised by their member names; nothing of the value is kept.

Secrets Manager holds credentials for many consumers, each with its own form. The form identifies which one was stored
for ECS by mistake, and so how to rewrite the same credentials for ECS.
"""

import re
from typing import Any, Final

from pullguard.domain.secret import Lookalike

_TOKENS: Final = frozenset({"accesstoken", "token", "apikey", "pat", "personalaccesstoken", "secret", "key"})
_USERS: Final = frozenset({"user", "login", "name", "account", "email", "userid", "clientid"})
_PASSWORDS: Final = frozenset({"pass", "passwd", "pwd", "clientsecret"}) | _TOKENS
# A username and a password as curl takes them: no white space, no quotation mark and no address before the colon.
_PAIR: Final = re.compile(r"[^\s:/{}\[\]\"']{1,128}:(?!//)\S+")
_KUBERNETES_TYPES: Final = frozenset({"dockerconfigjson", "dockercfg"})  # without the leading dot of each
_MANIFEST: Final = re.compile(r"^kind:[ \t]*[\"']?Secret[\"']?[ \t]*\r?$", re.MULTILINE)
_HOST: Final = re.compile(r"(?:https?://)?(?:[^\s/:]+[.:][^\s/]+|localhost)(?:/\S*)?")
_DEPTH_MAX: Final = 4  # nesting depth of objects: credentials are not stored deeper


class Members(tuple[tuple[str, Any], ...]):
    """A JSON object as its members in order: the last of several with the same name counts, regardless of case."""

    __slots__ = ()


def lookalike_of(value: object) -> Lookalike | None:
    """Return the known form of a JSON value that lacks a usable username or password; None if unknown."""
    if isinstance(value, str):
        return "quoted-json" if value.lstrip().startswith("{") else lookalike_of_text(value)
    if isinstance(value, list):
        return "list" if len(value) == 1 and isinstance(value[0], Members) else None
    return _of_object(value) if isinstance(value, Members) else None


def lookalike_of_text(text: str) -> Lookalike | None:
    """Return the known form of a text that is not JSON; None if unknown."""
    if _MANIFEST.search(text):
        return "kubernetes-secret"
    return "user-and-password" if _PAIR.fullmatch(text.strip()) else None


def _of_object(value: Members) -> Lookalike | None:
    members = {_plain(key): member for key, member in value}
    if {"username", "password"} <= {key.lower() for key, _ in value}:
        return None  # the form is right: one of the two is empty or not a string
    if _is_manifest(members):
        return "kubernetes-secret"
    if _KUBERNETES_TYPES & members.keys():
        return "kubernetes-docker-config"
    if _is_docker(members):
        return "docker-config"
    if {"serverurl", "secret"} <= members.keys():
        return "credential-helper"
    if "accesstoken" in members and "username" in members:
        return "pull-through-cache"
    if "username" in members or _USERS & members.keys():
        return "other-names" if (_PASSWORDS | {"password"}) & members.keys() else None
    if _TOKENS & members.keys():
        return "token-alone"
    if value and all(_HOST.fullmatch(key) and _has_both(member) for key, member in value):
        return "by-host"
    return "nested" if _holds_both(value, _DEPTH_MAX) else None


def _is_manifest(members: dict[str, Any]) -> bool:
    """Whether it is a Kubernetes Secret, or only its data."""
    data = [_names(members.get(each)) for each in ("data", "stringdata")]
    return (members.get("kind") == "Secret" and any(data)) or any(_KUBERNETES_TYPES & each for each in data)


def _has_both(member: object) -> bool:
    return _names(member) >= {"username", "password"}


def _holds_both(value: Members, depth: int) -> bool:
    """Whether an object in ``value``, or in one of its objects, has a username and a password."""
    inner = [member for _, member in value if isinstance(member, Members)]
    return any(map(_has_both, inner)) or (depth > 1 and any(_holds_both(each, depth - 1) for each in inner))


def _is_docker(members: dict[str, Any]) -> bool:
    """Whether it is Docker's own file: its ``auths``, one of their entries, or the entries alone (old format)."""
    if isinstance(members.get("auths"), Members) or isinstance(members.get("auth"), str):
        return True
    return bool(members) and all("auth" in _names(member) for member in members.values())


def _names(member: object) -> set[str]:
    return {_plain(key) for key, _ in member} if isinstance(member, Members) else set()


def _plain(key: str) -> str:
    return re.sub(r"[_\-. ]", "", key).lower()
