"""Image references: which registry host will be asked for which repository.

The grammar is the distribution project's, as Docker and containerd read it.
Source: https://pkg.go.dev/github.com/distribution/reference
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from pullguard.errors import Malformed

DOCKER_HUB = "docker.io"
_DOCKER_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]{{1,5}})?")
_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_NAME_MAX_CHARS = 255
# Private, public, FIPS and dual-stack endpoints of Amazon ECR, in every partition.
# Source: https://docs.aws.amazon.com/general/latest/gr/ecr.html
_ECR = re.compile(
    r"\d{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\."
    r"(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|c2s\.ic\.gov|sc2s\.sgov\.gov"
    r"|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)"
    r"|public\.ecr\.aws|ecr-public\.aws\.com"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReference:
    """One proved image reference; ``host`` is in lower case, and Docker Hub's names are all ``docker.io``."""

    text: str
    host: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def is_ecr(self) -> bool:
        """Whether the image lies in Amazon ECR, where repositoryCredentials do not apply."""
        return _ECR.fullmatch(self.host) is not None


@lru_cache(maxsize=4096)
def parse_image(text: str) -> ImageReference:
    """Read an image reference as the container runtime does.

    Raises ``Malformed`` for a text that no runtime would pull.
    """

    def refuse(why: str) -> Malformed:
        return Malformed("image", text, why)

    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise refuse("has a digest that is none (sha256:…)")
    first, slash, remainder = rest.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        host, path = normal_host(first), remainder
        if host is None:
            raise refuse("has a registry host that is none")
    else:
        host, path = DOCKER_HUB, rest
    repository, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise refuse("has a tag that is none")
    if host == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if not _PATH.fullmatch(repository) or len(repository) > _NAME_MAX_CHARS:
        raise refuse("has a repository name that no registry takes (lower-case letters, digits, . _ - and /)")
    return ImageReference(text=text, host=host, repository=repository, tag=tag or None, digest=digest or None)


def normal_host(text: str) -> str | None:
    """Return a registry host (``ghcr.io``, ``registry.example.com:5000``) in its one spelling, None if it is none."""
    if not _HOST.fullmatch(text):
        return None
    host = text.lower().removesuffix(":443")
    return DOCKER_HUB if host in _DOCKER_HUB_NAMES else host
