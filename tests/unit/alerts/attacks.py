"""Notices in which everything that others write is an attack."""

from dataclasses import replace

from pullguard.alerts import Notice
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
