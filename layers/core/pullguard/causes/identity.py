"""Which findings have one cause, and what it is that is broken.

| a check of | has one cause for each |
|---|---|
| the task definition's own text, the platform | family |
| a secret; a secret that is gone | secret |
| credentials at a registry | secret and host |
| credentials that may not read one repository | secret, host and repository |
| an image that a registry does not have | image |
| the role alone | role |
| a role's access to a secret | role, secret and key |
| the key alone | key |
| a task that failed to start, where the host or the network is at fault | what happened, and the hosts |
| a task that failed to start for what another finding explains | none: it belongs to that one |

A new revision with its family's old fault is no new cause. Status, severity and words are not part of a cause: they
are the state that it is in.
"""

import hashlib
import re
from functools import cache
from typing import Final

from pullguard.arn import Arn
from pullguard.errors import Malformed
from pullguard.findings import Finding
from pullguard.image import parse_image
from pullguard.references import pulls_with, role_name, secret_name

# Checks of the role alone; all others of its group are about a role and a secret.
_ROLE_ONLY: Final = frozenset({"execution-role-missing", "execution-role-not-found", "execution-role-not-assumable"})
_KEY_ONLY: Final = frozenset({"key-unusable", "default-key-cross-account"})
# Checks of the group "reference" that are about the secret; all others are about what the task definition says.
_SECRET_GONE: Final = frozenset({"reference-stale", "secret-not-found"})
_IMAGE_ONLY: Final = frozenset({"image-not-found"})
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


def about(finding: Finding) -> tuple[str | None, ...]:
    """Return the thing that is broken, as its check sees it: the texts that findings of one cause share."""
    match _groups().get(finding.check):
        case "secret":
            return (finding.secret,)
        case "reference" if finding.check in _SECRET_GONE:
            return (finding.secret,)
        case "execution role" if finding.check in _ROLE_ONLY and finding.role:
            return (finding.role,)
        case "key" if finding.check in _KEY_ONLY:
            return (finding.key or finding.secret,)
        case "execution role" | "key" if finding.check not in _ROLE_ONLY:
            return finding.role, finding.secret, finding.key
        case "registry" if finding.check in _IMAGE_ONLY:
            return (finding.image,)
        case "registry":
            return finding.secret, host_of(finding), *filter(None, (finding.scope,))
        case "platform and run time" if finding.scope:
            return (finding.scope,)
        case _:
            return (family_name(finding.task_definition),)


def cause_id(finding: Finding) -> str:
    """Return the stable id of a finding's cause: 16 hexadecimal digits. Empty where another finding explains it."""
    if finding.part_of:
        return ""
    texts = (finding.check, *(thing or "" for thing in about(finding)))
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def shared_things(finding: Finding) -> tuple[tuple[str, ...], ...]:
    """Return the ledger's keys of what is broken, where whoever references it is hit as well; else nothing.

    Each part is one thing under all its keys (as in references.py): hit is who references one key of every part.
    """
    group = _groups().get(finding.check)
    if group == "secret" or finding.check in _SECRET_GONE:
        return _parts(_secret_keys(finding))
    if finding.check == "credentials-rejected" and not finding.scope:
        return _parts((_pulling(finding),))
    if finding.check in _ROLE_ONLY:
        return _parts(_role_keys(finding))
    if finding.check in _KEY_ONLY:
        return _parts((finding.key,) if finding.key else _secret_keys(finding))
    if group in ("execution role", "key"):
        return _parts(_role_keys(finding), _secret_keys(finding))
    return ()


def _parts(*parts: tuple[str | None, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the parts, or nothing where one of them is not known by any key."""
    known = tuple(tuple(filter(None, part)) for part in parts)
    return known if all(known) else ()


def _secret_keys(finding: Finding) -> tuple[str, ...]:
    """Return the keys of a secret: of a bare name the one at home, of an ARN itself and its name."""
    if not finding.secret:
        return ()
    home = Arn.parse(finding.task_definition)
    try:
        arn = Arn.parse(finding.secret, service="secretsmanager", resource_type="secret")
    except Malformed:
        return (secret_name(home.region, home.account, finding.secret),)
    names = {resource_name(finding.secret)}
    if finding.check in _SECRET_GONE:
        names.add(arn.resource_name)  # AWS did not find it: the ARN's end may be part of the name
    return finding.secret, *(secret_name(arn.region, arn.account, name) for name in sorted(names))


def _pulling(finding: Finding) -> str | None:
    host = host_of(finding)
    return None if finding.secret is None or host is None else pulls_with(finding.secret, host)


def _role_keys(finding: Finding) -> tuple[str, ...]:
    if not finding.role:
        return ()
    try:
        arn = Arn.parse(finding.role, service="iam", resource_type="role")
    except Malformed:
        return ()
    return finding.role, role_name(arn.account, arn.resource_name.rsplit("/", 1)[-1])


# --- In words ----------------------------------------------------------------------------------------------------


def broken_thing(finding: Finding) -> str:
    """Name what is broken in a few words: ``secret registry/ghcr``."""
    secret, role = _name("secret", _known_name(finding)), _name("role", finding.role)
    named: tuple[str, ...]
    match _groups().get(finding.check):
        case "execution role" if finding.check in _ROLE_ONLY:
            named = (role,)
        case "execution role":
            named = (role, secret)
        case "key":
            named = (_name("key", finding.key), secret)
        case "registry" if finding.check in _IMAGE_ONLY:
            named = (f"image {finding.image}",)
        case "registry" if finding.scope:
            named = (secret, f"repository {finding.scope}")
        case "platform and run time" if finding.scope:
            named = (finding.scope,)
        case "platform and run time":
            named = (_task_definition(finding),)
        case _:
            named = (secret or _name("registry", host_of(finding)),)
    return ", ".join(filter(None, named)) or _task_definition(finding)


def common_sentence(finding: Finding) -> str:
    """Return what is wrong, without the container: for a cause with several findings."""
    container = finding.container
    if container is None:
        return finding.cause
    return finding.cause.replace(f" of container {container}", "")


def state_sentence(finding: Finding) -> str:
    """Return what is wrong without what differs among the findings of one cause: container, revision, time."""
    sentence = common_sentence(finding)
    if finding.container:
        sentence = sentence.replace(f"container {finding.container}", "container")
    return _TIME.sub("TIME", sentence.replace(resource_name(finding.task_definition), "TASK DEFINITION"))


def host_of(finding: Finding) -> str | None:
    """Return the registry host of the finding's image; of a malformed image its text."""
    try:
        return parse_image(finding.image).host if finding.image else None
    except Malformed:
        return finding.image


def family_name(task_definition: str) -> str:
    """Return the family of a task definition's ARN; another text as it is."""
    try:
        return Arn.parse(task_definition, service="ecs", resource_type="task-definition").resource_name.rpartition(":")[
            0
        ]
    except Malformed:
        return task_definition


def resource_name(text: str) -> str:
    """Return the name that people know a thing by: without the ARN's first five parts and a secret's suffix."""
    try:
        arn = Arn.parse(text)
    except Malformed:
        return text
    name = arn.resource_name
    return name[:-7] if arn.service == "secretsmanager" and name[-7:-6] == "-" else name


def _name(kind: str, text: str | None) -> str:
    return f"{kind} {resource_name(text)}" if text else ""


def _known_name(finding: Finding) -> str | None:
    """Return the secret's ARN; of one that does not exist all that its ARN says, whose end may be part of the name."""
    if finding.secret and finding.check == "secret-not-found":
        return finding.secret.rpartition(":secret:")[2]
    return finding.secret


def _task_definition(finding: Finding) -> str:
    return f"task definition {resource_name(finding.task_definition)}"


@cache
def _groups() -> dict[str, str]:
    """Return the group of each check; the catalogue is imported here, as every function imports this module."""
    from pullguard.checks.catalogue import CHECKS  # noqa: PLC0415

    return {check.id: check.group for check in CHECKS}
