"""Unpack each layer and each function's code once for all workers of the embedded AWS.

A worker unpacks some 1,200 files, resolves the path of each of them twice, and deletes them at its end: a third of the
server's processor time. Here the first worker unpacks them; the directories of all workers have links to them. As at
AWS, a function must not write there.

Runs in the embedded AWS's interpreter.
"""

import hashlib
import tempfile
import zipfile
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

_unpacked: dict[str, Path] = {}
_unpacking = Lock()


class Archive(zipfile.ZipFile):
    """An archive that is unpacked once; a further ``extractall`` makes links to its files and folders."""

    def namelist(self) -> list[str]:
        """Return no names: the server compares each with the directory, beyond which ``extractall`` never writes."""
        return []

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:  # noqa: ARG002 (all members)
        """Fill the empty directory ``path`` with links."""
        with _unpacking:
            content = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
            if content not in _unpacked:
                into = Path(tempfile.mkdtemp(prefix="unpacked-"))
                super().extractall(into, super().namelist())
                _unpacked[content] = into
        for each in _unpacked[content].iterdir():
            (Path(path) / each.name).symlink_to(each)


def install() -> None:
    """Let workers share what they unpack."""
    from ministack.core import lambda_runtime  # noqa: PLC0415

    lambda_runtime.zipfile = SimpleNamespace(
        ZipFile=Archive, BadZipFile=zipfile.BadZipFile, LargeFileError=zipfile.LargeZipFile
    )
