"""Other people's text stays text, in every form."""

import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pullguard.alerts import MESSAGE_MAX_BYTES, Alert, compose
from pullguard.domain.alert_format import FORMATS, Format
from pullguard.domain.findings import Remedy
from tests.unit.alerts.attacks import ATTACKS, attacked
from tests.unit.alerts.notices import (
    finding,
    notice,
)


def texts(alert: Alert, form: Format) -> list[str]:
    """Every piece of text in a message, as its reader's program gets it."""

    def inside(value: Any) -> list[str]:
        match value:
            case dict():
                return [piece for each in value.values() for piece in inside(each)]
            case list():
                return [piece for each in value for piece in inside(each)]
            case str():
                return [value]
            case _:
                return []

    return [alert.text] if form == "text" else inside(json.loads(alert.text))


_LINKED = re.compile(r"\bwww\.\w|\b(mailto|javascript|tel):\w|:[/\\]{2}", re.IGNORECASE)


def assert_harmless(alert: Alert, form: Format) -> None:
    assert 1 <= len(alert.subject) < 100
    assert re.fullmatch(r"[!-~][ -~]*", alert.subject)
    assert len(alert.text.encode()) <= MESSAGE_MAX_BYTES
    for name, value in alert.attributes.items():
        for word in (value,) if isinstance(value, str) else value:
            assert re.fullmatch(r"[A-Za-z0-9._: -]{1,256}", word), name
    assert len(json.dumps(alert.attributes)) < 4_096
    for piece in [alert.subject, *texts(alert, form)]:
        for character in set(piece) - {"\n"}:
            assert unicodedata.category(character)[0] != "C", f"{character!r} in {piece[:200]!r}"
            assert character.isprintable()
        for link in re.findall(r"\S*://\S*", piece):
            assert link.startswith("https://console.aws.amazon.com/"), link
        assert not _LINKED.search(piece.replace("https://console", ""))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ATTACKS.items()])
def test_other_peoples_text_stays_text(text: str, form: Format) -> None:
    for reported in attacked(text):
        assert_harmless(compose(reported, form), form)


foreign = st.text(st.characters(), max_size=60) | st.sampled_from(sorted(ATTACKS.values(), key=len)[:12])


@settings(max_examples=100, deadline=None)
@given(foreign, st.sampled_from(FORMATS))
def test_whatever_is_written_there(text: str, form: Format) -> None:
    for reported in attacked(text):
        assert_harmless(compose(reported, form), form)


def test_a_strangers_lines_do_not_become_lines_of_ours() -> None:
    lines = compose(notice(findings=(finding(cause=ATTACKS["newline"], container=ATTACKS["newline"]),))).text.split(
        "\n"
    )
    assert [line for line in lines if line.startswith(("Finding:", "To do:"))] == [
        "To do: Let the role read the secret.",
        "Finding: 0123456789abcdef",
    ]


def test_a_name_that_only_looks_like_another_shows_its_difference() -> None:
    text = compose(notice(findings=(finding(image=ATTACKS["cyrillic"]),))).text
    assert r"cannot pull g\u04bbcr.io/\u0430cme" in text


@pytest.mark.parametrize("name", ["chat-link", "mention", "code-block"])
def test_a_strangers_markdown_neither_links_nor_calls_anybody(name: str) -> None:
    reported = notice(findings=(finding(cause=ATTACKS[name], image=ATTACKS[name], remedy=Remedy(text=ATTACKS[name])),))
    content = json.loads(compose(reported, "chat").text)["content"]
    for piece in (content["title"], content["description"], *content["nextSteps"]):
        assert not re.search(r"<|\]\(|(?<!\w)@\w", piece)
        assert "```" not in piece
