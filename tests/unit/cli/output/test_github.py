"""Findings as annotations of GitHub Actions."""

import re

import pytest

from pullguard_cli.input.located import Unusable
from pullguard_cli.output.github import annotations
from tests.unit.cli.placed import HOSTILE, checked, placed


@pytest.mark.parametrize(("status", "command"), [("fail", "error"), ("warning", "warning"), ("unknown", "notice")])
def test_an_annotation(status: str, command: str) -> None:
    (line,) = annotations(checked(placed(status)), {})
    assert line == (
        f"::{command} file=deploy/web.json,line=7,title=pullguard%3A secret-not-found::"
        "It is broken.%0AIt is broken.%0Ahttps://docs.aws.amazon.com/"
    )


def test_annotations_of_hostile_texts_are_one_command_each() -> None:
    bad = Unusable(HOSTILE, HOSTILE, line=3)
    for line in annotations(checked(placed(file=HOSTILE, text=HOSTILE), unusable=(bad,)), {}):
        assert line.isprintable()
        assert "##[" not in line
        properties, _, message = line.removeprefix("::error ").partition("::")
        assert set(re.findall(r"(?:^|,)([a-z]+)=", properties)) == {"file", "line", "title"}
        assert "%0A" in message or "\\n" in message
