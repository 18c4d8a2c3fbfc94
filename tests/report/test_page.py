"""The report as text: what it says, what it may contain, how big it gets, and that everybody can read it."""

import re
import time
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from pullguard.checks.catalogue import CHECKS
from pullguard.checks.check import Check
from pullguard.domain.findings import Finding, Summary
from pullguard_cli.audit_result import Audit
from pullguard_cli.incidents import incidents_of
from pullguard_cli.output.chain import PLACES, Edge, Node, chain_of
from pullguard_cli.output.html import DRAWN_INCIDENTS, render
from tests.report.hostile import ATTACKS, hostile_audit
from tests.report.sample import NOT_CHECKED, clean_audit, definition, finding, role, sample_audit

if TYPE_CHECKING:
    from collections.abc import Callable

TAGS = frozenset(
    re.findall(
        r"\w+",
        """
        html head meta link title style body header main footer section script
        h1 h2 h3 h4 p b em span a code pre ul li dl dt dd div button details summary table thead tbody tr th td
        svg symbol path circle rect g use text
        """,
    )
)
VOID = frozenset({"meta", "link", "path", "circle", "rect", "use"})


class Page(HTMLParser):
    """Every tag of a page with its attributes, and whether what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(params=["sample", "clean", "hostile", "unfinished", "many"])
def page(request: pytest.FixtureRequest) -> Page:
    audits: dict[str, Callable[[], Audit]] = {
        "sample": sample_audit,
        "clean": clean_audit,
        "hostile": hostile_audit,
        "unfinished": lambda: replace(clean_audit(), unfinished=("14 families were not looked at.",)),
        "many": lambda: replace(sample_audit(), findings=_many(250)),
    }
    return Page(render(audits[request.param]()))


def test_is_well_formed_and_of_known_tags(page: Page) -> None:
    assert page.open == []
    assert {tag for tag, _ in page.tags} <= TAGS
    assert len(page.all("script")) == len(page.all("style")) == 1


def test_nothing_comes_from_elsewhere_and_nothing_is_run(page: Page) -> None:
    for tag, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on") or name in {"src", "srcset", "style"}}, tag
        for name in ("href", "xlink:href", "action"):
            if name in attributes:
                assert re.match(r"https://|#[a-z0-9-]+$|data:,$", attributes[name]), attributes
    policy = next(each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_is_accessible_in_its_structure(page: Page) -> None:
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(headings))
    assert all("scope" in each for each in page.all("th"))
    for attributes in page.all("svg"):
        named = attributes.get("role") == "img" and attributes.get("aria-label")
        assert named or attributes.get("aria-hidden") == "true"
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert set(ids.values()) == {1}
    for _, attributes in page.tags:
        assert attributes.get("aria-labelledby", next(iter(ids))) in ids
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids
    assert page.tags[0] == ("html", {"lang": "en"})


def test_attacks_arrive_as_text() -> None:
    said = "".join(Page(render(hostile_audit())).texts)
    for attack in ATTACKS:
        if attack.isprintable():
            assert attack in said
    assert "\\u202e" in said
    assert not {"\u202e", "\x1b", "\x00", "\ud800", "\x7f"} & set(said)


def test_says_what_the_sample_says() -> None:
    text = render(sample_audit())
    said = " ".join("".join(Page(text).texts).split())
    for expected in (
        "6 causes stop images from being pulled",
        "In addition: 1 warning and 1 unknown cause.",
        "8 dependent task definitions are in use",
        "40 task definitions · 3 in use",
        "service storefront in cluster canary",
        "aws secretsmanager restore-secret --region eu-central-1 --secret-id arn:aws:secretsmanager:",
        "With Mode=remediate Pullguard does this itself, where the secret and the role are opted in.",
        "37 task definitions that nothing runs now",
    ):
        assert expected in said
    assert said.index("checkout:118") < said.index("batch-01:4")


NOTHING_NAMED = replace(clean_audit(), summary=Summary(task_definitions=1), not_checked=())


@pytest.mark.parametrize(
    ("audit", "headline"),
    [
        (replace(clean_audit(), not_checked=()), "Nothing wrong was found 347 references"),
        (clean_audit(), "Nothing wrong was found in what was checked"),
        (
            clean_audit(),
            "Does the registry accept the secret's credentials for the image? Not checked for web-000:1 (app), ",
        ),
        (NOTHING_NAMED, "No private registry is in use here"),
        (replace(NOTHING_NAMED, not_checked=NOT_CHECKED), "Nothing wrong was found in what was checked"),
        (replace(clean_audit(), unfinished=("Interrupted.",)), "No findings, but the audit is incomplete"),
        (replace(sample_audit(), findings=sample_audit().findings[-6:]), "Nothing is known to be broken"),
        (replace(sample_audit(), findings=sample_audit().findings[:1]), "1 cause stops images from being pulled"),
    ],
    ids=["whole", "clean", "listed", "empty", "empty but", "unfinished", "doubts", "one"],
)
def test_headline(audit: Audit, headline: str) -> None:
    said = " ".join("".join(Page(render(audit)).texts).split())
    assert headline in said


def _many(number: int, *, incidents: bool = True) -> tuple[Finding, ...]:
    base = sample_audit().findings[40]
    return tuple(
        replace(base, id=str(i), task_definition=definition(f"f{i}:1"), role=role(f"r{i}") if incidents else base.role)
        for i in range(number)
    )


@pytest.mark.parametrize(("incidents", "limit_bytes"), [(True, 8_000_000), (False, 1_000_000)], ids=["5000", "one"])
def test_five_thousand_findings(incidents: bool, limit_bytes: int) -> None:
    audit = replace(sample_audit(), findings=_many(5000, incidents=incidents))
    started = time.perf_counter()
    text = render(audit)
    assert time.perf_counter() - started < 20
    assert len(text) < limit_bytes
    assert text.count('class="chain ') == (DRAWN_INCIDENTS if incidents else 1)
    for i in (0, 2500, 4999):
        assert f"f{i}:1" in text


def test_the_same_audit_gives_the_same_page() -> None:
    assert render(sample_audit()) == render(sample_audit())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_marks_one_place_of_the_chain(check: Check) -> None:
    one = finding(check.id, "web:1", cause="It is broken.", evidence="seen", remedy=sample_audit().findings[0].remedy)
    audit = replace(sample_audit(), findings=(one,))
    (incident,) = incidents_of(audit)
    chain = chain_of(incident, audit)
    parts: tuple[Node | Edge, ...] = (*chain.nodes, *chain.edges)
    assert [part.place for part in parts if part.state == "broken"] == [chain.broken]
    assert {part.place for part in parts} == set(PLACES)


def test_nothing_is_drawn_whole_that_is_known_to_be_broken() -> None:
    remedy = sample_audit().findings[0].remedy
    ids = ("secret-access-missing", "decrypt-access-missing", "secret-access-too-broad")
    found = tuple(finding(each, "web:1", cause="It is broken.", evidence="seen", remedy=remedy) for each in ids)
    audit = replace(sample_audit(), findings=found)
    decrypt = next(incident for incident in incidents_of(audit) if incident.check == "decrypt-access-missing")
    chain = chain_of(decrypt, audit)
    parts: tuple[Node | Edge, ...] = (*chain.nodes, *chain.edges)
    assert chain.broken == "decrypt"
    assert {part.place for part in parts if part.state == "broken"} == {"read", "decrypt"}


EXPECTED_PLACES = {
    "reference-malformed": "secret",
    "secret-scheduled-for-deletion": "secret",
    "execution-role-missing": "role",
    "execution-role-not-assumable": "assume",
    "secret-access-missing": "read",
    "secret-resource-policy-missing": "read",
    "key-unusable": "key",
    "decrypt-access-missing": "decrypt",
    "fargate-platform-too-old": "definition",
    "registry-mismatch": "sign-in",
    "credentials-on-ecr-image": "registry",
}


@pytest.mark.parametrize(("check", "place"), EXPECTED_PLACES.items())
def test_the_mark_is_where_the_pull_breaks(check: str, place: str) -> None:
    one = finding(check, "web:1", cause="It is broken.", evidence="seen", remedy=sample_audit().findings[0].remedy)
    text = render(replace(sample_audit(), findings=(one,)))
    assert f'class="chain {"warning" if "broad" in check else one.severity} at-{place}"' in text
    assert "Broken here" in text


# --- Contrast: https://www.w3.org/TR/WCAG22/#contrast-minimum ------------------------------------------------------

FOREGROUNDS = ("ink", "soft", "accent", "error", "warning", "unknown", "pass", "skipped")
BACKGROUNDS = ("paper", "card", "sunken")


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(each * 2 for each in digits)
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
def test_contrast(theme: int) -> None:
    style = render(clean_audit()).partition("<style>")[2].partition("</style>")[0]
    themes = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})", block)) for block in re.findall(r":root \{([^}]*)", style)
    ]
    colours = themes[0] | themes[theme]
    assert len(themes) == 3
    for foreground in FOREGROUNDS:
        for background in (*BACKGROUNDS, *([f"{foreground}-tint"] if f"{foreground}-tint" in colours else [])):
            light, dark = sorted((_luminance(colours[each]) for each in (foreground, background)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (foreground, background)
