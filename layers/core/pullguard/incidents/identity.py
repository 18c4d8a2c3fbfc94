"""The identity of incidents: which findings belong to one, and what is broken.

| a check of | has one incident for each |
|---|---|
| the task definition's own text, the platform | family |
| a secret; a secret that is gone | secret |
| credentials at a registry | secret and host |
| credentials that may not read one repository | secret, host and repository |
| an image that a registry does not have | image |
| the role alone | role |
| a role's access to a secret | role, secret and key |
| the key alone | key |
| a task that failed to start through a fault of the host or the network | what happened, and the hosts |
| a task that failed to start for a reason that another finding explains | none of its own: that finding's |

A new revision with its family's old fault is not a new incident. Status, severity and words are not part of its
identity: they are its state. The row of a check is its ``breaks`` (checks/check.py).
"""

import hashlib
import re
from enum import Enum
from typing import Final, assert_never

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Malformed
from pullguard.domain.findings import Finding
from pullguard.domain.image import parse_image
from pullguard.domain.references import pulls_with, role_name, secret_name


class Breaks(Enum):
    """The kind of thing that is broken when a check fails: findings of one incident share it."""

    DEFINITION = "the task definition's own text, or the platform: the family"
    START = "what kept a task from starting, and the hosts; else the family"
    SECRET = "the secret"  # noqa: S105 (words)
    MISSING_SECRET = "a secret that is gone"  # noqa: S105 (words)
    ROLE = "the execution role alone"
    ACCESS = "the role's access to the secret"
    DECRYPT = "the role's use of the secret's key"
    KEY = "the key alone"
    CREDENTIALS = "the secret's credentials at a registry, perhaps for one repository"
    REGISTRY = "a registry that does not answer, for one secret"
    IMAGE = "an image that the registry does not have"


_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


def about(finding: Finding, breaks: Breaks) -> tuple[str | None, ...]:
    """Return the identity of the broken thing as its check sees it: the texts that findings of one incident share."""
    match breaks:
        case Breaks.SECRET | Breaks.MISSING_SECRET:
            return (finding.secret,)
        case Breaks.ROLE if finding.role:
            return (finding.role,)
        case Breaks.KEY:
            return (finding.key or finding.secret,)
        case Breaks.ACCESS | Breaks.DECRYPT:
            return finding.role, finding.secret, finding.key
        case Breaks.IMAGE:
            return (finding.image,)
        case Breaks.CREDENTIALS | Breaks.REGISTRY:
            return finding.secret, host_of(finding), *filter(None, (finding.scope,))
        case Breaks.START if finding.scope:
            return (finding.scope,)
        case Breaks.DEFINITION | Breaks.ROLE | Breaks.START:
            return (family_name(finding.task_definition),)
    assert_never(breaks)


def incident_id(finding: Finding, breaks: Breaks) -> str:
    """Return the stable id of a finding's incident: 16 hexadecimal digits. Empty if another finding explains it."""
    if finding.part_of:
        return ""
    texts = (finding.check, *(thing or "" for thing in about(finding, breaks)))
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def shared_things(finding: Finding, breaks: Breaks) -> tuple[tuple[str, ...], ...]:
    """Return the ledger's keys of the broken thing if everything that references it is affected; else nothing.

    Each part is one thing under all its keys (as in domain/references.py). A dependent references at least one key of
    every part.
    """
    match breaks:
        case Breaks.SECRET | Breaks.MISSING_SECRET:
            return _parts(_secret_keys(finding, breaks))
        case Breaks.CREDENTIALS if not finding.scope:
            return _parts((_pulling(finding),))
        case Breaks.ROLE:
            return _parts(_role_keys(finding))
        case Breaks.KEY:
            return _parts((finding.key,) if finding.key else _secret_keys(finding, breaks))
        case Breaks.ACCESS | Breaks.DECRYPT:
            return _parts(_role_keys(finding), _secret_keys(finding, breaks))
        case Breaks.CREDENTIALS | Breaks.REGISTRY | Breaks.IMAGE | Breaks.START | Breaks.DEFINITION:
            return ()
    assert_never(breaks)


def _parts(*parts: tuple[str | None, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the parts, or nothing if one of them has no key."""
    known = tuple(tuple(filter(None, part)) for part in parts)
    return known if all(known) else ()


def _secret_keys(finding: Finding, breaks: Breaks) -> tuple[str, ...]:
    """Return the keys of a secret's names, which each reference to it has: of a bare name, the one at home."""
    if not finding.secret:
        return ()
    home = Arn.parse(finding.task_definition)
    try:
        arn = Arn.parse(finding.secret, service="secretsmanager", resource_type="secret")
    except Malformed:
        return (secret_name(home.region, home.account, finding.secret),)
    names = {resource_name(finding.secret)}
    if breaks is Breaks.MISSING_SECRET:
        names.add(arn.resource_name)  # AWS did not find it: the ARN's end may be part of the name
    return tuple(secret_name(arn.region, arn.account, name) for name in sorted(names))


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
    return (role_name(arn.account, arn.resource_name.rsplit("/", 1)[-1]),)


# --- In words ----------------------------------------------------------------------------------------------------


def broken_thing(finding: Finding, breaks: Breaks) -> str:
    """Name the broken thing in a few words: ``secret registry/ghcr``."""
    secret, role = _name("secret", _known_name(finding)), _name("role", finding.role)
    named: tuple[str, ...]
    match breaks:
        case Breaks.ROLE:
            named = (role,)
        case Breaks.ACCESS:
            named = (role, secret)
        case Breaks.KEY | Breaks.DECRYPT:
            named = (_name("key", finding.key), secret)
        case Breaks.IMAGE:
            named = (f"image {finding.image}",)
        case Breaks.CREDENTIALS | Breaks.REGISTRY if finding.scope:
            named = (secret, f"repository {finding.scope}")
        case Breaks.START if finding.scope:
            named = (finding.scope,)
        case Breaks.START:
            named = (_task_definition(finding),)
        case _:
            named = (secret or _name("registry", host_of(finding)),)
    return ", ".join(filter(None, named)) or _task_definition(finding)


def common_sentence(finding: Finding) -> str:
    """Return the fault without the container: for an incident with several findings."""
    container = finding.container
    if container is None:
        return finding.cause
    return finding.cause.replace(f" of container {container}", "")


def state_sentence(finding: Finding) -> str:
    """Return the fault without details that differ among the findings of one incident: container, revision, time."""
    sentence = common_sentence(finding)
    if finding.container:
        sentence = sentence.replace(f"container {finding.container}", "container")
    return _TIME.sub("TIME", sentence.replace(resource_name(finding.task_definition), "TASK DEFINITION"))


def host_of(finding: Finding) -> str | None:
    """Return the registry host of the finding's image; for a malformed image its text."""
    try:
        return parse_image(finding.image).host if finding.image else None
    except Malformed:
        return finding.image


def family_name(task_definition: str) -> str:
    """Return the family of a task definition's ARN; any other text unchanged."""
    try:
        return Arn.parse(task_definition, service="ecs", resource_type="task-definition").resource_name.rpartition(":")[
            0
        ]
    except Malformed:
        return task_definition


def resource_name(text: str) -> str:
    """Return the readable name of a resource: without the ARN's first five parts and a secret's suffix."""
    try:
        arn = Arn.parse(text)
    except Malformed:
        return text
    name = arn.resource_name
    return name[:-7] if arn.service == "secretsmanager" and name[-7:-6] == "-" else name


def _name(kind: str, text: str | None) -> str:
    return f"{kind} {resource_name(text)}" if text else ""


def _known_name(finding: Finding) -> str | None:
    """Return the secret's ARN; for a missing secret its ARN's whole last part, which may be its name."""
    if finding.secret and finding.check == "secret-not-found":
        return finding.secret.rpartition(":secret:")[2]
    return finding.secret


def _task_definition(finding: Finding) -> str:
    return f"task definition {resource_name(finding.task_definition)}"
