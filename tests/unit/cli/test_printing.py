"""Output on consoles: encodings and untrusted text."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pullguard_cli.printing import counted, output, plain, says, time_of, write_what_can_be_written

COMMAND = Path(sys.executable).with_name("pullguard")


ASCII = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}


def test_a_console_without_our_characters_gets_others() -> None:
    done = subprocess.run([COMMAND, "findings"], env=ASCII, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.isascii()
    assert "reference-stale" in done.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("registry/ghcr", "registry/ghcr"),
        ("two\nlines", "two\nlines"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\rb\tc", "a\\rb\\tc"),
        ("\u202egpj", "\\u202egpj"),
        ("\ud800", "\\ud800"),
        ("Zürich 東京", "Zürich 東京"),
    ],
)
def test_unprintable_characters_are_escaped(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_markup_is_text() -> None:
    out = io.StringIO()
    output(file=out).print(says("[bold red]x[/] :smile:"))
    assert out.getvalue() == "[bold red]x[/] :smile:\n"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T13:00:00+01:00", "2026-11-23 12:00:00"),
        ("2026-11-23T12:00:00.123456+00:00", "2026-11-23 12:00:00"),
        ("2026-11-23T12:00:00", "2026-11-23T12:00:00"),
        ("yesterday", "yesterday"),
    ],
)
def test_times_are_utc_to_the_second(at: str, expected: str) -> None:
    assert time_of(at) == expected


@pytest.mark.parametrize(
    ("number", "many", "expected"),
    [
        (0, None, "0 familys"),
        (1, None, "1 family"),
        (2, "families", "2 families"),
        (1_234, "families", "1,234 families"),
    ],
)
def test_counted(number: int, many: str | None, expected: str) -> None:
    assert counted(number, "family", many) == expected


def test_characters_that_the_encoding_lacks_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    write_what_can_be_written()
    sys.stdout.write("✓ a → b … 東")
    sys.stdout.flush()
    assert written.getvalue() == b"v a -> b ... \\u6771"
