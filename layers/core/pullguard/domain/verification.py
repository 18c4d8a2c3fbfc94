"""A registry's answer about an image and credentials."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from pullguard.domain.arn import Arn

RegistryAnswer: TypeAlias = Literal["ok", "rejected", "no-such-image", "rate-limited", "unreachable", "anonymous-ok"]

Refused: TypeAlias = Literal["credentials", "repository"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A registry's answer to the secret's credentials for one image.

    ``refuses`` is what the registry refused: the credentials as such, or their access to the repository. ``pending`` is
    its answer to the credentials of the version labelled AWSPENDING, which is asked only if the registry refuses the
    current ones. ``is_public``: the registry also serves the image anonymously, so that a pull needs no credentials.
    ``address_refused``: its firewall refused the caller's address, which says nothing about the credentials.
    """

    answer: RegistryAnswer
    detail: str = ""
    pending: RegistryAnswer | None = None
    refuses: Refused = "credentials"
    is_public: bool = False
    address_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """At ``at`` the registry refused ``image`` to anonymous callers, and would serve it to a secret's ``version``."""

    image: str
    secret: Arn
    version: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The secret version, created at ``created_at``, with which the registry would serve a container's image."""

    container: str
    image: str
    secret: Arn
    version: str
    created_at: datetime
