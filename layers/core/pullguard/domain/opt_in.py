"""The two opt-ins: what an owner's tags allow Pullguard to do with a secret and with a role.

A task definition may name any secret and any role. So nothing is granted unless the owner of each has opted in, and a
tag that does not parse exactly opts nothing in (docs/adr/0002).
"""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from pullguard.domain.actions import Mode
from pullguard.domain.image import DOCKER_HUB, ImageReference, normal_host
from pullguard.domain.lookup import Missing, NotAsked, Tags, Unreadable
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import TaskDefinition

REGISTRY_TAG = "pullguard:registry"
ROLES_TAG = "pullguard:roles"
MANAGED_TAG = "pullguard:managed"
MODE_TAG = "pullguard:mode"
OBSERVE_ONLY = f"a tag {MODE_TAG} says that Pullguard is to observe only"
ATTACH_TAG = "pullguard:attach"
EXPIRES_TAG = "pullguard:expires"
# Docker's own file stores the login to Docker Hub under https://index.docker.io/v1/; /v2/ is the current API.
# https://docs.docker.com/reference/cli/docker/login/
_DOCKER_HUB_SITE = "hub.docker.com"
_DOCKER_HUB_PATHS = frozenset({"v1", "v1/", "v2", "v2/"})
_HTTPS = re.compile(r"^https://", re.IGNORECASE)
_SCHEME_AND_USER = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:.*@)?")
_PRODUCTS = {
    "docker": DOCKER_HUB,
    "dockerhub": DOCKER_HUB,
    "docker-hub": DOCKER_HUB,
    "ghcr": "ghcr.io",
    "quay": "quay.io",
}
_SEPARATORS = re.compile(r"[\s,;]+")
_ROLE_PATTERN = re.compile(r"[A-Za-z0-9+=,.@_*?-]{1,64}")


def registry_hosts(secret: Secret) -> frozenset[str]:
    """Return the registry hosts that the secret's owner opted it in for; empty if it is not opted in.

    One item that is not a registry host invalidates the whole tag: a tag that does not parse opts nothing in.
    """
    hosts = [registry_host(item) for item in secret.tags.get(REGISTRY_TAG, "").split()]
    return frozenset(host for host in hosts if host is not None) if all(hosts) else frozenset()


def registry_host(item: str) -> str | None:
    """Return the canonical registry host that one item of the tag names; None if it names none.

    A host may be written in any case, as an https address, with a trailing slash, and Docker Hub also by its web site
    and by the addresses of its API, such as the key of its login in Docker's own file. A path names a repository, which
    a tag cannot. ``http://`` is refused: it says that the registry has no TLS, and credentials are sent by TLS only.
    """
    host, _, path = _HTTPS.sub("", item).partition("/")
    if "." not in host and ":" not in host and host.lower() != "localhost":
        return None  # no image names such a host: it would be part of Docker Hub's repository name
    normal = DOCKER_HUB if host.lower() == _DOCKER_HUB_SITE else normal_host(host)
    return normal if not path or (normal == DOCKER_HUB and path.lower() in _DOCKER_HUB_PATHS) else None


UNREADABLE_TAG = NotAsked(
    why=f"the secret's tag {REGISTRY_TAG} does not parse, so the secret is not opted in",
    switch=f"correct the secret's tag {REGISTRY_TAG}",
)


def left_out(secret: Secret) -> NotAsked | None:
    """Return why a secret's value is not read although its owner may have opted in; None if it may be read."""
    if not secret.outside:
        return None
    return NotAsked(
        why=f"the secret's name does not match {secret.outside}, so its value is not read",
        switch="the deployment's parameter RegistrySecretPattern",
    )


def has_unreadable_registry_tag(secret: Secret) -> bool:
    """Whether the owner has set the tag to a value that does not parse."""
    return REGISTRY_TAG in secret.tags and not registry_hosts(secret)


def intended_hosts(secret: Secret) -> tuple[str, ...]:
    """Return the hosts that a tag that does not parse seems to mean, sorted: for people to judge, never to act on."""
    text = secret.tags.get(REGISTRY_TAG, "")
    items = (_SCHEME_AND_USER.sub("", item) for item in _SEPARATORS.split(text))
    names = (item.partition("/")[0] for item in items)
    hosts = (_PRODUCTS.get(name.lower()) or registry_host(name) for name in names)
    return tuple(sorted({host for host in hosts if host is not None and not _may_be_user_info(host, text)}))


def readable_tag(secret: Secret) -> str:
    """Return the part of an invalid tag that may be shown: its registry hosts, and the length of the rest.

    People write credentials there, so any text that is not a host may be part of them.
    """
    tag = secret.tags.get(REGISTRY_TAG, "")
    items = list(filter(None, _SEPARATORS.split(tag)))
    hosts = [item for item in items if registry_host(item) is not None and not _may_be_user_info(item, tag)]
    rest = len(items) - len(hosts)
    hidden = (f"{rest} other item{'' if rest == 1 else 's'} (not shown)",) if rest else ()
    return " and ".join((*hosts, *hidden)) or "empty"


def _may_be_user_info(host: str, tag: str) -> bool:
    """Whether ``bob:1234`` in a tag such as ``bob:1234 5@ghcr.io`` is a user name and the beginning of a password."""
    return "@" in tag and "." not in host


def secrets_for(image: ImageReference, secrets: Iterable[Secret]) -> tuple[Secret, ...]:
    """Return those of ``secrets`` that are usable and opted in for the image's registry, sorted by ARN.

    A managed external secret is not usable: its value never has a username and a password. Nor is one that the
    deployment excludes.
    """
    usable = (
        each
        for each in secrets
        if each.deleted_at is None and each.type is None and not each.outside and image.host in registry_hosts(each)
    )
    return tuple(sorted(usable, key=lambda secret: secret.arn))


def role_may_use(secret: Secret, role_name: str) -> bool:
    """Whether the secret's owner permits a grant to a role of this name (no tag: every managed role)."""
    return ROLES_TAG not in secret.tags or _names_role(secret.tags[ROLES_TAG].split(), role_name)


def is_meant_for(secret: Secret, role_name: str) -> bool:
    """Whether the secret's owner names the role; a pattern of wildcards only names no role."""
    patterns = [each for each in secret.tags.get(ROLES_TAG, "").split() if each.strip("*?")]
    return role_may_use(secret, role_name) and _names_role(patterns, role_name)


def may_be_granted(secret: Secret, role: Role) -> bool:
    """Whether deployment and owner permit the grant; a role that is also the task role must be named explicitly."""
    if secret.outside:
        return False
    return is_meant_for(secret, role.name) if role.is_task_role else role_may_use(secret, role.name)


def intended_roles(secret: Secret, role_name: str) -> tuple[str, ...]:
    """Return the tag's patterns split at commas too, if only that names the role: for people, never to act on.

    A role's name may contain a comma, so a comma is not a separator.
    """
    patterns = tuple(filter(None, _SEPARATORS.split(secret.tags.get(ROLES_TAG, ""))))
    return patterns if not role_may_use(secret, role_name) and _names_role(patterns, role_name) else ()


def _names_role(patterns: Sequence[str], role_name: str) -> bool:
    if not all(_ROLE_PATTERN.fullmatch(pattern) for pattern in patterns):
        return False
    return any(fnmatchcase(role_name, pattern) for pattern in patterns)


def is_managed(role: Role) -> bool:
    """Whether the role's owner lets Pullguard write its own inline policy on it."""
    return role.tags.get(MANAGED_TAG) == "true"


def wants_attachment(definition: TaskDefinition) -> bool:
    """Whether the task definition's owner lets Pullguard add a secret to a container that names none."""
    return definition.tags.get(ATTACH_TAG) == "true"


def boundary_of(role: Role) -> str | None:
    """Return the ARN of the role's permissions boundary, which GetRole names even if the policy cannot be read."""
    match role.boundary:
        case NamedPolicy(arn=arn):
            return arn
        case Missing(resource=arn) | Unreadable(resource=arn):
            return arn
        case _:
            return None


def has_required_boundary(role: Role) -> bool:
    """Whether the role has the boundary without which IAM refuses Pullguard's write, if one is required."""
    return role.required_boundary in ("", boundary_of(role))


def effective_mode(mode: Mode, *tags: Tags) -> Mode:
    """Return ``mode``, lowered to ``observe`` by any ``pullguard:mode`` tag; no tag can raise it.

    A tag with any value other than ``remediate`` lowers it too: its author intended a restriction.
    """
    lowered = any(MODE_TAG in each and each[MODE_TAG] != "remediate" for each in tags)
    return "observe" if lowered else mode
