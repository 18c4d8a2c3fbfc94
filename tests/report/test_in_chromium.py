"""The report as a browser shows it.

Run with DRAW_SCREENSHOTS=1, this draws docs/report-*.png and docs/audit.svg anew.
"""

import os
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from pullguard_cli.output.html import render
from tests.report.chromium import Chromium, chromium
from tests.report.drawn import table_as_svg
from tests.report.hostile import hostile_audit
from tests.report.pictured import pictured_audit
from tests.report.png import changes, colours
from tests.report.sample import clean_audit, sample_audit

__all__ = ["chromium"]
PICTURED = cache(pictured_audit)
DOCS = Path(__file__).parents[2] / "docs"
DARK = "--blink-settings=preferredColorScheme=0"
COPY_HIDDEN = 'class="copy" hidden'
COPY_SHOWN = re.compile(r'class="copy">')


@pytest.mark.parametrize(
    ("name", "flags", "size"),
    [
        ("light", (), "1100,700"),
        ("dark", (DARK,), "1100,700"),
        ("narrow", (), "500,700"),
    ],
)
def test_paints_and_keeps_the_console_quiet(chromium: Chromium, name: str, flags: tuple[str, ...], size: str) -> None:
    page = render(sample_audit())
    picture, console = chromium.screenshot(page, *flags, size=size)
    assert console == []
    assert colours(picture) > 100
    assert changes(picture) > 200, "most of the page is empty"


@pytest.mark.parametrize(("name", "flags"), [("light", ()), ("dark", (DARK,))])
def test_the_pictures_show_what_an_audit_found(chromium: Chromium, name: str, flags: tuple[str, ...]) -> None:
    picture, console = chromium.screenshot(render(PICTURED()), *flags, size="1100,1640")
    assert console == []
    assert changes(picture) > 200
    if os.environ.get("DRAW_SCREENSHOTS"):
        (DOCS / f"report-{name}.png").write_bytes(picture)


def test_the_table_shows_what_an_audit_found() -> None:
    picture = table_as_svg(PICTURED())
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
    for text in ("secret-scheduled-for-deletion", "service&#160;checkout", "50&#160;errors"):
        assert text in picture
    if os.environ.get("DRAW_SCREENSHOTS"):
        (DOCS / "audit.svg").write_text(picture, encoding="utf-8")
    assert _lasting(picture) == _lasting((DOCS / "audit.svg").read_text(encoding="utf-8")), "draw it anew"


def _lasting(picture: str) -> str:
    """Return a picture without what AWS chooses anew, and what is made of it.

    That is a key's id, which a line may cut, a secret's suffix, and the digest in the name of a policy that names both.
    """
    for chosen in (r"\b[0-9a-f]{8}-[0-9a-f-]{1,27}", r"-[0-9a-f]{8}\b", r"-[A-Za-z0-9]{6}\b"):
        picture = re.sub(chosen, "…", picture)
    return picture


def test_needs_no_script(chromium: Chromium) -> None:
    """All is there but the buttons that copy: without a script there are none."""
    audit = sample_audit()
    with_script, _ = chromium.measured(render(audit), scripts=True)
    without, console = chromium.measured(render(audit), scripts=False)
    assert with_script.buttons > 0 == without.buttons
    assert with_script.elements == without.elements
    assert all(each.check in without.shown for each in audit.findings)
    assert [line for line in console if "Blocked script execution" not in line] == []
    assert any("Blocked script execution" in line for line in console), "a script did run"


NEEDS_A_SCRIPT = {
    "to-show": ("<main>", "<main hidden>", "document.querySelector('main').hidden = false"),
    "to-unfold": ("<main>", "<main><details>", "document.querySelector('main > details').open = true"),
    "to-say": ("<h1 ", "<h2 id='late'></h2><h1 ", "document.getElementById('late').textContent = 'Two errors'"),
    "to-place": ("<main>", "<main style='margin-left: 3000px'>", "document.querySelector('main').style = ''"),
    "to-colour": ("<main>", "<main style='opacity: 0'>", "document.querySelector('main').style = ''"),
}


@pytest.mark.parametrize(("before", "after", "script"), NEEDS_A_SCRIPT.values(), ids=NEEDS_A_SCRIPT)
def test_a_page_that_needs_one_would_be_noticed(chromium: Chromium, before: str, after: str, script: str) -> None:
    page = re.sub(r"<meta http-equiv[^>]*>", "", render(sample_audit())).replace(before, after, 1)
    page = page.replace("</body>", f"<script>{script}</script></body>")
    with_script, without = (chromium.measured(page, scripts=scripts)[0] for scripts in (True, False))
    assert with_script.elements != without.elements


def test_light_and_dark_differ(chromium: Chromium) -> None:
    page = render(sample_audit())
    assert chromium.screenshot(page, size="400,300")[0] != chromium.screenshot(page, DARK, size="400,300")[0]


def test_a_clean_audit_paints_too(chromium: Chromium) -> None:
    picture, console = chromium.screenshot(render(clean_audit()), size="1100,700")
    assert console == []
    assert colours(picture) > 50


def test_the_script_runs_under_the_policy(chromium: Chromium) -> None:
    page = render(sample_audit())
    document, console = chromium.document(page)
    assert console == []
    assert page.count(COPY_HIDDEN) == len(COPY_SHOWN.findall(document)) > 0


def test_the_policy_forbids_everything_else(chromium: Chromium) -> None:
    """The console is really heard: a style sheet or a script that was tampered with is refused, loudly."""
    page = render(sample_audit())
    for before, after in (
        ("<style>", "<style>p{color:red}"),
        ('"use strict";', '"use strict";document.title="owned";'),
    ):
        document, console = chromium.document(page.replace(before, after, 1))
        assert any("Content Security Policy" in line for line in console)
        assert "<title>owned" not in document


def test_a_hostile_account_can_do_nothing(chromium: Chromium) -> None:
    page = render(hostile_audit())
    document, console = chromium.document(page)
    assert console == []
    assert "<title>Pullguard" in document
    assert document.count("<script") == page.count("<script") == 1
    assert "<img" not in document


def test_prints_what_is_folded(chromium: Chromium) -> None:
    """In print everything is unfolded, so 300 folded task definitions fill pages."""
    audit = sample_audit()
    deleted = audit.findings[0]
    many = (*audit.findings, *(replace(deleted, task_definition=f"{deleted.task_definition}{n}") for n in range(300)))
    pages = [chromium.pages(render(each)) for each in (audit, replace(audit, findings=many))]
    assert pages[1] - pages[0] >= 3
