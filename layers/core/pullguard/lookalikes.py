"""Known forms of a value that ECS cannot use, recognised by the names of its members; nothing of the value is kept.

Secrets Manager holds credentials for many readers, and each has its own form. The name of the form says which one was
stored for ECS by mistake, and so how the same credentials look for ECS.
"""

import re
from typing import Any, Final

from pullguard.model import Lookalike

_TOKENS: Final = frozenset({"accesstoken", "token", "apikey", "pat", "personalaccesstoken", "secret", "key"})
_USERS: Final = frozenset({"user", "login", "name", "account", "email", "userid", "clientid"})
_PASSWORDS: Final = frozenset({"pass", "passwd", "pwd", "clientsecret"}) | _TOKENS
# A username and a password as curl takes them: no white space, no quotation mark and no address before the colon.
_PAIR: Final = re.compile(r"[^\s:/{}\[\]\"']{1,128}:(?!//)\S+")


class Members(tuple[tuple[str, Any], ...]):
    """A JSON object as its members in order: of several of one name the last counts, whatever their case."""

    __slots__ = ()


def lookalike_of(value: object) -> Lookalike | None:
    """Return the name of the form that a JSON value has, which lacks a usable username or password; None if unknown."""
    if isinstance(value, str):
        return "quoted-json" if value.lstrip().startswith("{") else lookalike_of_text(value)
    if isinstance(value, list):
        return "list" if len(value) == 1 and isinstance(value[0], Members) else None
    return _of_object(value) if isinstance(value, Members) else None


def lookalike_of_text(text: str) -> Lookalike | None:
    """Return the name of the form that a text has which is not JSON."""
    return "user-and-password" if _PAIR.fullmatch(text.strip()) else None


def _of_object(value: Members) -> Lookalike | None:
    members = {_plain(key): member for key, member in value}
    if {"username", "password"} <= {key.lower() for key, _ in value}:
        return None  # the form is right: one of the two is empty, or not a text
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
    if value and all(isinstance(member, Members) for member in members.values()):
        return "by-host" if all({"username", "password"} <= _names(each) for each in members.values()) else None
    return None


def _is_docker(members: dict[str, Any]) -> bool:
    """Whether it is Docker's own file: its ``auths``, one of their entries, or the entries alone, as it was once."""
    if isinstance(members.get("auths"), Members) or isinstance(members.get("auth"), str):
        return True
    return bool(members) and all("auth" in _names(member) for member in members.values())


def _names(member: object) -> set[str]:
    return {_plain(key) for key, _ in member} if isinstance(member, Members) else set()


def _plain(key: str) -> str:
    return re.sub(r"[_\-. ]", "", key).lower()
