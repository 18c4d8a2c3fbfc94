"""Read an untrusted file, JSON or YAML, into a tree with line numbers."""

import re
import sys
from pathlib import Path
from typing import Final

from pullguard_cli.input.json_tree import json_tree
from pullguard_cli.input.located import STANDARD_INPUT, Located, Unusable
from pullguard_cli.input.yaml_tree import yaml_tree

# RegisterTaskDefinition accepts 64 KB, CloudFormation templates up to 1 MB.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MAX_BYTES: Final = 1024 * 1024


def read_file(name: str) -> Located:
    """Read one file, or standard input for ``-``. Raises ``Unusable``."""
    text = _text(name, _bytes(name))
    if not text.strip():
        raise Unusable(name, "is empty")

    def problem(why: str, line: int, column: int) -> Unusable:
        return Unusable(name, why, line=line, column=column)

    if text.lstrip().startswith(("//", "/*")):
        raise problem("begins with a comment; JSON does not allow comments, and YAML comments begin with #", 1, 1)
    return (
        json_tree(text, problem)
        if text.lstrip()[0] in "{[" and _looks_like_json(name, text)
        else yaml_tree(text, problem)
    )


def _bytes(name: str) -> bytes:
    try:
        if name == STANDARD_INPUT:
            if sys.stdin is None:  # it is closed
                raise Unusable(name, "there is no standard input")
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise Unusable(name, "there is no such file") from None
    except IsADirectoryError:
        raise Unusable(name, "is a directory; pass the files in it") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "invalid file name"
        raise Unusable(name, f"cannot be read: {why}") from None
    if len(data) > MAX_BYTES:
        raise Unusable(name, "is larger than 1 MB; the limit is 64 KB for a task definition and 1 MB for a template")
    return data


def _text(name: str, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unusable(name, f"is not UTF-8 text (byte 0x{data[error.start]:02x})", line=line) from None
    if "\0" in text:
        raise Unusable(name, "is binary, not text")
    return text


def _looks_like_json(name: str, text: str) -> bool:
    """Distinguish JSON from a YAML flow collection, by the suffix or by what follows the first bracket."""
    return name.endswith(".json") or re.match(r'\s*[{\[]\s*["{}\[\]]', text) is not None
