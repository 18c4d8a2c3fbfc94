"""Image references: which registry host will be asked for which repository.

The grammar is the distribution project's, as Docker and containerd read it, without hosts that cannot be resolved and
ports that do not exist. Credentials depend on the host, so each host has one spelling here: no user-info, no trailing
dot, ASCII only.
Source: https://pkg.go.dev/github.com/distribution/reference
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from pullguard.domain.errors import Malformed

DOCKER_HUB = "docker.io"
# Only these two imply library/ without a namespace; the other names are asked for the repository as written.
_DOCKER_HUB_DOMAINS = frozenset({"docker.io", "index.docker.io"})
_DOCKER_HUB_NAMES = _DOCKER_HUB_DOMAINS | {"registry-1.docker.io", "registry.hub.docker.com"}
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # 63 characters: RFC 1035
_HOST = re.compile(rf"({_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::([0-9]{{1,5}}))?")
_HOST_MAX_CHARS = 253
_PORT_MAX = 65535
_HTTPS_PORT = 443
_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
# The algorithms that Docker and containerd verify, in lower case: https://pkg.go.dev/github.com/opencontainers/go-digest
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")  # an image id: runtimes do not pull by id
_REPOSITORY_MAX_CHARS = 255  # without the host, with library/
# Private, public, FIPS and dual-stack endpoints of Amazon ECR, in every partition.
# Source: https://docs.aws.amazon.com/general/latest/gr/ecr.html
_ECR = re.compile(
    r"[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\."
    r"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|c2s\.ic\.gov|sc2s\.sgov\.gov"
    r"|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)"
    r"|public\.ecr\.aws|ecr-public\.aws\.com"
)
# Registries at which anyone may publish images, so that an image without credentials is not suspicious. Any other host
# counts as a private registry; live verification, if switched on, gives the actual answer.
_PUBLIC_REGISTRIES = frozenset(
    {
        DOCKER_HUB,
        "cgr.dev",
        "codeberg.org",
        "container-registry.oracle.com",
        "docker.elastic.co",
        "gcr.io",
        "ghcr.io",
        "icr.io",
        "k8s.gcr.io",
        "lscr.io",
        "mcr.microsoft.com",
        "nvcr.io",
        "quay.io",
        "registry.access.redhat.com",
        "registry.gitlab.com",
        "registry.k8s.io",
        "registry.suse.com",
        "xpkg.upbound.io",
    }
)
_PUBLIC_SUFFIXES = (".gcr.io", ".pkg.dev")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """One validated image reference; ``host`` is in lower case, and Docker Hub's names are all ``docker.io``."""

    text: str
    host: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def is_ecr(self) -> bool:
        """Whether the image is in Amazon ECR, where repositoryCredentials do not apply."""
        return is_ecr_host(self.host)

    def is_beside(self, other: "ImageReference") -> bool:
        """Whether both are in one repository: registries grant access to a repository as a whole."""
        return (self.host, self.repository) == (other.host, other.repository)


@lru_cache(maxsize=4096)
def parse_image(text: str) -> ImageReference:
    """Read an image reference as the container runtime does.

    Raises ``Malformed`` for a text that no runtime would pull.
    """

    def refuse(why: str) -> Malformed:
        return Malformed("image", text, why)

    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise refuse("has an invalid digest (sha256:…)")
    first, slash, remainder = rest.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        host, path = normal_host(first), remainder
        if host is None:
            raise refuse("has an invalid registry host")
    else:
        host, path = DOCKER_HUB, rest
    repository, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise refuse("has an invalid tag")
    if _IDENTIFIER.fullmatch(text):
        raise refuse("is an image id, which no registry is asked for")
    if "/" not in repository and (path == rest or first in _DOCKER_HUB_DOMAINS):
        repository = f"library/{repository}"
    if not _PATH.fullmatch(repository) or len(repository) > _REPOSITORY_MAX_CHARS:
        raise refuse("has a repository name that no registry takes (lower-case letters, digits, . _ - and /)")
    return ImageReference(text=text, host=host, repository=repository, tag=tag or None, digest=digest or None)


def parse_images(texts: Iterable[str]) -> tuple[ImageReference, ...]:
    """Return the image references among ``texts``."""
    found = []
    for text in texts:
        with suppress(Malformed):
            found.append(parse_image(text))
    return tuple(found)


def is_ecr_host(host: str) -> bool:
    """Whether ``host`` is a registry of Amazon ECR."""
    return _ECR.fullmatch(host) is not None


def serves_the_public(host: str) -> bool:
    """Whether ``host`` is a registry at which anyone may publish images."""
    return host in _PUBLIC_REGISTRIES or host.endswith(_PUBLIC_SUFFIXES)


def normal_host(text: str) -> str | None:
    """Return the canonical spelling of a registry host (``ghcr.io``, ``registry.example.com:5000``); None if invalid.

    Lower case, no ``:443`` (except for loopback hosts, where no port means 80), no leading zeros in the port, the
    shortest form of an IPv6 address, and ``docker.io`` for each of Docker Hub's names.
    """
    match = _HOST.fullmatch(text)
    if match is None:
        return None
    name, port = _normal_name(match[1]), int(match[2] or _HTTPS_PORT)
    if name is None or not 0 < port <= _PORT_MAX:
        return None
    if port != _HTTPS_PORT or (match[2] and is_loopback(name.strip("[]"))):
        return f"{name}:{port}"
    return DOCKER_HUB if name in _DOCKER_HUB_NAMES else name


def is_loopback(name: str) -> bool:
    """Whether ``name`` is localhost, ::1 or a complete address in 127.0.0.0/8, asked over plain HTTP."""
    if name in {"localhost", "::1"}:
        return True
    try:
        return IPv4Address(name).is_loopback
    except ValueError:
        return False


def _normal_name(name: str) -> str | None:
    if not name.startswith("["):
        return name.lower() if len(name) <= _HOST_MAX_CHARS else None
    try:
        return f"[{IPv6Address(name[1:-1]).compressed}]"
    except AddressValueError:
        return None
