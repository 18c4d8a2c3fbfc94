"""Other people's text stays text, in every form."""

import json
import re
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pullguard.alerts import FORMATS, MESSAGE_MAX_BYTES, Alert, Format, Notice, compose
from pullguard.domain.findings import Remedy
from pullguard.domain.remediation import Deed
from pullguard.incidents import Dependent
from tests.unit.alerts.notices import about_a_deed, finding, notice

ATTACKS = {
    "newline": "x\nFinding: 0000\n\nTo do: pay",
    "other-line-ends": "x\r\x0b\x0c\x1c\x85\u2028\u2029y",
    "link": "see https://evil.example/login and HTTP://EVIL.example, ftp://evil.example",
    "bare-link": "www.evil.example mailto:a@evil.example WWW.evil.example javascript:alert(1)",
    "split-link": "https:\u200b//evil.example",
    "chat-link": "<https://evil.example|console> [console](https://evil.example) [x](evil.example)",
    "mention": "<!channel> <@U123> @here @channel",
    "code-block": "``` *bold* `x`",
    "bidi": "\u202egnorw \u2066x\u2069 \u200e\u061c",
    "zero-width": "a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg",
    "blank-letters": "\u3164\u115f\u1160\uffa0\u2800",
    "marks": "z\u0335\u0336\u0337\u20dd",
    "terminal": "\x1b[31mred\x07\x08\x00\x7f\x9b",
    "surrogate": "\ud83d\ude00 \ud800",
    "cyrillic": "g\u04bbcr.io/\u0430cme",
    "half-a-link": ":/\x1f",
    "half-a-link-by-backslashes": "x:\\\\host :\\/host :/\\host",
    "huge": "A" * 300_000,
    "huge-wide": "\U0001f600" * 100_000,
    "huge-marks": "e\u0301\u0301" * 50_000,
    "non-ascii": "Köln's \u201cbüro\u201d \u2026 東京",
}


def foreign_dependent(text: str) -> Dependent:
    return Dependent(arn=text, task_definition=f"{text}x", found=False)


def attacked(text: str) -> tuple[Notice, ...]:
    remedy = Remedy(text=text, snippet=f"aws x {text}")
    everywhere = finding(
        check=text, task_definition=text, container=text, image=text, secret=text, role=text, key=text, cause=text,
        evidence=text, remedy=remedy, source=text, id=text,
    )  # fmt: skip
    deed = Deed(
        kind="grant", what=text, task_definition=text, target=text, role=text, why=text, remedy=text, snippet=text,
        findings=(text,) * 9,
    )  # fmt: skip
    return (
        notice(
            findings=(everywhere,) * 30,
            dependents=(foreign_dependent(text), *(foreign_dependent(f"{text}{n}") for n in range(600))),
        ),
        notice("Finding Resolved", findings=(everywhere,), account=text, region=text),
        notice(findings=(replace(everywhere, status="unknown", unread=text),)),
        about_a_deed("Remediation Refused", deed),
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


def test_a_strangers_snippet_lines_are_indented() -> None:
    remedy = Remedy(snippet="aws x 'a\nFinding: 0000'")
    text = compose(notice(findings=(finding(remedy=remedy),))).text
    assert "\n    Finding: 0000'\n" in text
    assert "\nFinding: 0000" not in text


def test_a_name_that_only_looks_like_another_shows_its_difference() -> None:
    text = compose(notice(findings=(finding(image=ATTACKS["cyrillic"]),))).text
    assert r"cannot pull g\u04bbcr.io/\u0430cme" in text


def test_words_of_other_languages_stay_readable_in_prose() -> None:
    text = compose(notice(findings=(finding(cause=ATTACKS["non-ascii"]),))).text
    assert 'Why: Köln\'s "büro" ... 東京\n' in text


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ATTACKS.items()])
def test_a_chat_message_stays_within_its_limits(text: str) -> None:
    for reported in attacked(text):
        content = json.loads(compose(reported, "chat").text)["content"]
        assert len(content["title"]) <= 250
        assert len(content["description"]) <= 8_000
        assert all(len(keyword) <= 75 for keyword in content["keywords"])
        assert all(len(step) <= 350 for step in content["nextSteps"] if "https://console" not in step)


@pytest.mark.parametrize("name", ["chat-link", "mention", "code-block"])
def test_a_strangers_markdown_neither_links_nor_calls_anybody(name: str) -> None:
    reported = notice(findings=(finding(cause=ATTACKS[name], image=ATTACKS[name], remedy=Remedy(text=ATTACKS[name])),))
    content = json.loads(compose(reported, "chat").text)["content"]
    for piece in (content["title"], content["description"], *content["nextSteps"]):
        assert not re.search(r"<|\]\(|(?<!\w)@\w", piece)
        assert "```" not in piece
