"""The two keys: what an owner's tags allow Pullguard to do with a secret and with a role.

A task definition may name any secret and any role. So nothing is granted unless the owner of each has opted in, and
nothing is opted in that does not parse letter by letter (docs/adr/0002).
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from pullguard.image import ImageReference, normal_host
from pullguard.model import Role, Secret, Tags
from pullguard.plan import Mode

REGISTRY_TAG = "pullguard:registry"
ROLES_TAG = "pullguard:roles"
MANAGED_TAG = "pullguard:managed"
MODE_TAG = "pullguard:mode"
_ROLE_PATTERN = re.compile(r"[A-Za-z0-9+=,.@_*?-]{1,64}")


def registry_hosts(secret: Secret) -> frozenset[str]:
    """Return the registry hosts that the secret's owner says it is for; empty where it is not opted in.

    One word that is no registry host makes the whole tag void: a tag that cannot be understood opens nothing.
    """
    words = secret.tags.get(REGISTRY_TAG, "").split()
    hosts = [normal_host(word) for word in words]
    return frozenset(host for host in hosts if host is not None) if all(hosts) else frozenset()


def secrets_for(image: ImageReference, secrets: Iterable[Secret]) -> tuple[Secret, ...]:
    """Return those of ``secrets`` that live and are kept for the image's registry, sorted by ARN."""
    usable = (each for each in secrets if each.deleted_at is None and image.host in registry_hosts(each))
    return tuple(sorted(usable, key=lambda secret: secret.arn))


def role_may_use(secret: Secret, role_name: str) -> bool:
    """Whether the secret's owner lets a role of this name be granted (no tag: every managed role)."""
    if ROLES_TAG not in secret.tags:
        return True
    patterns = secret.tags[ROLES_TAG].split()
    if not patterns or not all(_ROLE_PATTERN.fullmatch(pattern) for pattern in patterns):
        return False
    return any(fnmatchcase(role_name, pattern) for pattern in patterns)


def is_managed(role: Role) -> bool:
    """Whether the role's owner lets Pullguard write its own inline policy on it."""
    return role.tags.get(MANAGED_TAG) == "true"


def effective_mode(mode: Mode, *tags: Tags) -> Mode:
    """Return ``mode``, lowered to ``observe`` by any ``pullguard:mode`` tag; no tag can raise it.

    A tag with another value than ``remediate`` lowers it too: whoever wrote it wanted something.
    """
    lowered = any(MODE_TAG in each and each[MODE_TAG] != "remediate" for each in tags)
    return "observe" if lowered else mode
