"""Targets of requests: scheme, host and port, and which of them may receive a secret's credentials."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pullguard.domain.image import DOCKER_HUB, is_loopback, normal_host

_HTTPS_PORT: Final = 443
_HTTP_PORT: Final = 80
# Docker Hub's registry has another host than its name in image references.
# https://docs.docker.com/reference/api/registry/latest/
_API_HOSTS: Final = {DOCKER_HUB: "registry-1.docker.io"}
# Registries whose token service is another host of the same owner. Those with their own token service (ghcr.io,
# quay.io, *.azurecr.io, *.pkg.dev) need no entry, and for others the secret's owner adds the host to the tag.
# https://docs.docker.com/reference/api/registry/auth/
# https://docs.gitlab.com/administration/packages/container_registry/
# https://docs.digitalocean.com/products/container-registry/
TOKEN_HOSTS: Final[Mapping[str, frozenset[str]]] = {
    DOCKER_HUB: frozenset({"auth.docker.io"}),
    "registry.gitlab.com": frozenset({"gitlab.com"}),
    "registry.digitalocean.com": frozenset({"api.digitalocean.com"}),
}
_URL = re.compile(r"(https?)://([^/?#]+)(/[^?#]*)?(\?[^#]*)?", re.IGNORECASE)
_TARGET = re.compile(r"/(?!/)[^#]*")
_VISIBLE_ASCII = re.compile(r"[!-~]{1,4096}")
_WITH_PORT = re.compile(r".*:[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The target host. ``name`` is a DNS name or an address, without brackets."""

    scheme: Literal["https", "http"]
    name: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port == self._default_port else f"{name}:{self.port}"

    @property
    def _default_port(self) -> int:
        return _HTTPS_PORT if self.scheme == "https" else _HTTP_PORT

    @property
    def is_loopback(self) -> bool:
        """Whether the host name denotes this machine."""
        return is_loopback(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """A URL: ``target`` is the path with its query, ``host`` the host as an owner writes it in a tag."""

    origin: Origin
    host: str
    target: str

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


def registry_url(host: str, target: str) -> Url | None:
    """Return the URL of the registry called ``host`` in image references; None if it is not in canonical spelling.

    A loopback host is asked over plain HTTP (port 80 if it names no port), every other over HTTPS.
    """
    if normal_host(host) != host:
        return None
    name, port = _split(_API_HOSTS.get(host, host))
    if is_loopback(name):
        return Url(origin=Origin(scheme="http", name=name, port=port or _HTTP_PORT), host=host, target=target)
    return Url(origin=Origin(scheme="https", name=name, port=port or _HTTPS_PORT), host=host, target=target)


def parse_url(text: str) -> Url | None:
    """Parse an absolute URL from a registry strictly; None for one that must not be requested.

    Refused are all schemes but https (or http to loopback), user-info, odd hosts, white space, and characters beyond
    ASCII.
    """
    found = _URL.fullmatch(text) if _VISIBLE_ASCII.fullmatch(text) else None
    if found is None:
        return None
    plain, authority = found[1].lower() == "http", found[2]
    host = normal_host(f"{authority}:{_HTTP_PORT}" if plain and not _WITH_PORT.fullmatch(authority) else authority)
    if host is None:
        return None
    name, port = _split(_API_HOSTS.get(host, host))
    if plain and not is_loopback(name):
        return None
    origin = Origin(scheme="http" if plain else "https", name=name, port=port or _HTTPS_PORT)
    return Url(origin=origin, host=host, target=f"{found[3] or '/'}{found[4] or ''}")


def onward(url: Url, location: str) -> Url | None:
    """Return the target of a redirect to the same scheme, host and port; None if it is not to be followed."""
    if not _VISIBLE_ASCII.fullmatch(location):
        return None
    if _TARGET.fullmatch(location):
        return Url(origin=url.origin, host=url.host, target=location)
    there = parse_url(location)
    return there if there is not None and there.origin == url.origin else None


def may_be_trusted(realm: Url, registry: str, allowed_hosts: frozenset[str]) -> bool:
    """Whether the token service at ``realm`` may receive credentials that are meant for the host ``registry``."""
    return realm.host == registry or realm.host in allowed_hosts or realm.host in TOKEN_HOSTS.get(registry, ())


def _split(host: str) -> tuple[str, int | None]:
    """Split ``[::1]:5000`` into ``::1`` and 5000."""
    name, colon, port = host.rpartition(":") if _WITH_PORT.fullmatch(host) else (host, "", "")
    return name.strip("[]"), int(port) if colon else None
