"""The alerts in docs/ are what the composer writes."""

import re

import pytest

from pullguard.alerts import Notice
from sandbox.showcase.page import PAGE, PARTS, PICTURE, renewed
from sandbox.showcase.picture import draw
from sandbox.showcase.rotations import FAILED, REJECTED
from sandbox.showcase.samples import OPENED


def test_the_alerts_on_the_page_are_what_the_composer_writes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "run: make docs"


def test_every_sample_is_on_the_page_once() -> None:
    parts = re.findall(r"<!-- ([a-z-]+) -->", PAGE.read_text(encoding="utf-8"))
    assert sorted(part for part in parts if part != "end") == sorted(PARTS)


def test_a_page_that_says_something_else_is_found_out() -> None:
    page = PAGE.read_text(encoding="utf-8")
    lie = page.replace("270 services", "1 service")
    assert lie != page
    assert renewed(lie).count("270 services") >= page.count("```text")


def test_the_picture_is_drawn_from_the_message() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(OPENED), "run: make docs"


ROTATIONS = {"secret-rotation-failed": FAILED, "credentials-rejected": REJECTED}


@pytest.mark.parametrize(("check", "notice"), ROTATIONS.items(), ids=ROTATIONS)
def test_a_rotation_that_went_wrong_is_one_alert_that_names_whom_it_hits(check: str, notice: Notice) -> None:
    alert = PARTS["text-rotation-failed" if notice is FAILED else "text-rotation-rejected"]()
    assert [finding.check for finding in notice.findings] == [check]
    for name in ("service/prod/checkout", "service/prod/basket", "service/prod/search", "nightly-report:12"):
        assert alert.count(f"- {name}") + alert.count(f"- task-definition/{name}") == 1
    assert ("pulls now" in alert) is (notice is FAILED)
