"""Described revisions on disk: one file for each account and Region, readable by its owner only.

A registered revision never changes, apart from its status and tags, which are not kept. Nor is anything kept that no
check reads, such as environment variables and commands, or any revision with a text that may be a pasted credential.
The first line of the file identifies it; each other line holds one revision. Revisions that were not used for longest
come first, and are dropped first.
"""

import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from pullguard.domain.arn import SecretReference, partition_of
from pullguard.domain.aws_batch import owned_by_batch
from pullguard.domain.errors import PullguardError
from pullguard.domain.image import ImageReference
from pullguard.domain.lookup import Tags
from pullguard.domain.pasted_credentials import hidden
from pullguard.domain.task_definition import Container, TaskDefinition, read_task_definition

SCHEMA_VERSION: Final = 1
MAX_BYTES: Final = 32 * 1024 * 1024
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_MAY_READ: Final = stat.S_IRGRP | stat.S_IROTH
_Members: TypeAlias = Mapping[str, "_Members"]
_KEPT: Final[_Members] = {
    "taskDefinitionArn": {},
    "executionRoleArn": {},
    "taskRoleArn": {},
    "requiresCompatibilities": {},
    "registeredBy": {},
    "runtimePlatform": {"operatingSystemFamily": {}},
    "placementConstraints": {"expression": {}},
    "containerDefinitions": {
        "name": {},
        "image": {},
        "repositoryCredentials": {"credentialsParameter": {}},
        "logConfiguration": {"logDriver": {}},
    },
}


class _NotUsable(Exception):
    """The message says why a file or folder is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A revision as it is kept: the members that checks read, and whether it had tags when it was described."""

    members: Mapping[str, Any]
    had_tags: bool

    def with_tags(self, tags: Tags) -> TaskDefinition:
        """Return the revision, which must be known to be ACTIVE, with its present tags."""
        return read_task_definition({**self.members, "status": "ACTIVE"}, tags)


class RevisionCache:
    """The revisions of one account and Region. The file is read once, and replaced by ``save``.

    ``warnings``: one sentence for each reason why the file could not be used.
    """

    def __init__(self, path: Path, *, account: str, region: str) -> None:
        self._path = path
        self._head = json.dumps({"schema_version": SCHEMA_VERSION, "account": account, "region": region})
        self.warnings: list[str] = []
        self._lines: dict[str, str] = {}
        self._changed = False
        try:
            self._lines = self._read()
        except FileNotFoundError:
            pass
        except (OSError, ValueError, _NotUsable) as error:
            self._warn(error)

    def families(self) -> set[str]:
        """Return the families of which a revision is kept."""
        return {arn.rpartition("/")[2].rpartition(":")[0] for arn in self._lines}

    def __contains__(self, arn: str) -> bool:
        return arn in self._lines

    def get(self, arn: str) -> Kept | None:
        """Return a kept revision; None if it is not kept, or if its line cannot be read."""
        line = self._lines.pop(arn, "")
        kept = _parsed(line)
        if kept is None or str(kept.with_tags({}).arn) != arn:
            self._changed |= bool(line)
            return None
        self._lines[arn] = line  # used last
        return kept

    def keep(self, definition: TaskDefinition) -> None:
        """Keep a revision that was just described, unless a text of it may be a credential."""
        members = members_to_keep(definition)
        if members is not None:
            self._lines.pop(str(definition.arn), None)
            self._lines[str(definition.arn)] = json.dumps({"members": members, "had_tags": bool(definition.tags)})
            self._changed = True

    def save(self) -> None:
        """Replace the file, if there is anything new to keep. The last of two concurrent audits wins."""
        if not self._changed:
            return
        folder = self._path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check(folder.stat())
            _check(folder.lstat())
            handle, name = tempfile.mkstemp(dir=folder, prefix=self._path.name)  # readable by its owner only
        except (OSError, _NotUsable) as error:
            self._warn(error)
            return
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(self._text())
            Path(name).replace(self._path)
        except OSError as error:
            self._warn(error)
            with suppress(OSError):
                Path(name).unlink()

    def _text(self) -> Iterator[str]:
        """Yield the lines that fit, those that were used last."""
        yield f"{self._head}\n"
        lines = [f"{arn} {line}\n" for arn, line in list(self._lines.items())]  # after Ctrl-C threads may still keep
        surplus = len(self._head) + 1 + sum(map(len, lines)) - MAX_BYTES
        for line in lines:
            if surplus > 0:
                surplus -= len(line)
            else:
                yield line

    def _read(self) -> dict[str, str]:
        folder = self._path.parent
        _check(folder.stat())
        _check(folder.lstat())
        # A pipe would wait for a writer.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(self._path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            _check(found)
            if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
                raise _NotUsable("it is no file of this program")
            if file.readline().decode().rstrip("\n") != self._head:
                raise _NotUsable("it is of another version, account or Region")
            self._changed |= hasattr(os, "geteuid") and bool(
                found.st_mode & _OTHERS_MAY_READ
            )  # replaced by one of 0600
            return dict(line.decode().rstrip("\n").split(" ", 1) for line in file)  # ValueError without an ARN

    def _warn(self, error: Exception) -> None:
        why = error.strerror if isinstance(error, OSError) else error if isinstance(error, _NotUsable) else "unreadable"
        if (warning := f"the cache {self._path} is not used: {why}.") not in self.warnings:
            self.warnings.append(warning)


def cache_of(account: str, region: str) -> RevisionCache | None:
    """Return the cache of an account and Region, in the user's cache folder; None for a user without a home.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    home = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = Path(home) if Path(home).is_absolute() else Path("~/.cache").expanduser()
    except RuntimeError:
        return None
    name = f"task-definitions-{partition_of(region)}-{account}-{region}"
    return RevisionCache(folder / "pullguard" / name, account=account, region=region)


def members_to_keep(definition: TaskDefinition) -> Mapping[str, Any] | None:
    """Return the members of a revision that checks read; None if it is not to be kept.

    It is kept only if its roles and secrets are named by ARN, its images are valid, no text looks like a token, and the
    members lead to the same facts as the whole description.
    """
    members = _pruned(definition.raw, _KEPT)
    if not owned_by_batch({}, members.get("registeredBy")):
        members.pop("registeredBy", None)  # the name of a person, otherwise
    roles = (members.get(each) or "arn:" for each in ("executionRoleArn", "taskRoleArn"))
    is_usual = all(str(each).startswith("arn:") for each in roles) and all(map(_is_usual, definition.containers))
    if not is_usual or not all(map(_is_plain, _texts(members))):
        return None
    kept = Kept(members=members, had_tags=bool(definition.tags))
    return members if kept.with_tags(definition.tags) == definition else None


def _is_usual(container: Container) -> bool:
    reference = container.reference
    is_arn = reference is None or (isinstance(reference, SecretReference) and reference.arn is not None)
    return is_arn and isinstance(container.image, ImageReference)


def _parsed(line: str) -> Kept | None:
    try:
        kept = Kept(**json.loads(line))
        kept.with_tags({})
    except (PullguardError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return kept


def _pruned(value: Any, members: _Members) -> Any:
    match value:
        case Mapping():
            return {name: _pruned(value[name], inner) for name, inner in members.items() if name in value}
        case list():
            return [_pruned(each, members) for each in value]
        case _:
            return value


def _texts(value: Any) -> Iterator[str]:
    match value:
        case Mapping():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
        case _:
            yield str(value)


@lru_cache(maxsize=4096)
def _is_plain(text: str) -> bool:
    return hidden(text) == text


def _check(found: os.stat_result) -> None:
    """Refuse what belongs to someone else, or what others may write."""
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise _NotUsable("it belongs to another user")
    if hasattr(os, "geteuid") and not stat.S_ISLNK(found.st_mode) and found.st_mode & _OTHERS_MAY_WRITE:
        raise _NotUsable("other users may write to it")
