"""The HTML report: limits, and what the page may load. Its appearance is tested in tests/report."""

import re
from dataclasses import replace

import pytest

from pullguard_cli.output.html import DRAWN_INCIDENTS, render
from tests.unit.cli.test_incidents import SECRET, audit, finding


def test_incidents_beyond_the_limit_are_rows_of_a_table() -> None:
    findings = tuple(finding(f"f{n}", secret=SECRET.replace("ghcr", f"r{n}")) for n in range(DRAWN_INCIDENTS + 2))
    page = render(audit(*findings))
    assert page.count('id="cause-') == DRAWN_INCIDENTS
    assert "2 more causes" in page


@pytest.mark.parametrize(
    ("source", "linked"),
    [
        ("https://docs.aws.amazon.com/x", True),
        ("http://docs.aws.amazon.com/x", False),
        ("javascript:alert(1)", False),
        ("https://docs.aws.amazon.com/\x1b", False),
    ],
)
def test_only_a_printable_https_source_is_a_link(source: str, linked: bool) -> None:
    page = render(audit(replace(finding("web"), source=source)))
    assert ('rel="noopener noreferrer"' in page) is linked
    assert 'href="javascript:' not in page


def test_a_huge_text_is_shortened() -> None:
    page = render(audit(replace(finding("web"), evidence="x" * 100_000)))
    assert "… (shortened)" in page
    assert "x" * 20_001 not in page


def test_the_page_loads_nothing() -> None:
    page = render(audit(finding("web")))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;; style-src &#39;sha256-")
