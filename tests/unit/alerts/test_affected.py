"""The names in a notice, and the dependents of its incident."""

import pytest

from pullguard.alerts import Notice, compose, describe
from pullguard.alerts.affected import concerns_several, counted, dependents_of, families_of, finding_ids, named, proved
from pullguard.incidents import Dependent
from sandbox.showcase.samples import HOME
from tests.unit.alerts.notices import (
    GRANT,
    KEY,
    MANY_GRANTS,
    REFUSAL,
    about_a_deed,
    definition,
    finding,
    notice,
    service,
)


def test_two_hundred_dependents_are_one_message_with_twenty_names() -> None:
    services = tuple(service(f"s{n}") for n in range(200))
    text = compose(notice(dependents=services)).text
    assert "Affected: 200 services\n- service/prod/s0 (web:7)\n" in text
    assert "- service/prod/s19 (web:7)\n- and 180 more\n" in text
    assert "s20" not in text


def test_findings_of_one_incident_are_dependents_without_being_declared() -> None:
    api = finding(id="f2", task_definition=f"arn:aws:ecs:{HOME}:task-definition/api:1")
    text = compose(notice(findings=(finding(), api))).text
    assert "Affected: 2 task definitions\n- task-definition/web:7\n- task-definition/api:1\n" in text
    assert text.endswith("Finding: 0123456789abcdef, f2\n")


WEB_API = (definition("web", 7), definition("api"))
FAMILIES: dict[str, tuple[Notice, tuple[str, ...]]] = {
    "the-findings-own": (notice(), ("web",)),
    "in-the-order-of-the-dependents": (notice(dependents=WEB_API[::-1]), ("api", "web")),
    "the-finding-first-where-no-dependent-is-of-its-family": (notice(dependents=WEB_API[1:]), ("web", "api")),
    "each-once": (notice(dependents=(definition("web", 7), definition("web", 6), service("a"))), ("web",)),
    "of-a-deed": (about_a_deed("Remediation Refused", describe(REFUSAL)), ("web",)),
    "of-a-write-of-several-grants": (about_a_deed("Remediation Completed", MANY_GRANTS), ("web", "f0", "f1")),
    "of-an-incident-that-a-write-fixes": (notice(deed=MANY_GRANTS), ("web",)),
    "not-proved": (notice(findings=(finding(task_definition="web:7"),)), ("web:7",)),
    "malformed": (notice(findings=(finding(task_definition=""),)), ("?",)),
}


@pytest.mark.parametrize(("reported", "families"), FAMILIES.values(), ids=FAMILIES)
def test_the_families_of_a_notice(reported: Notice, families: tuple[str, ...]) -> None:
    assert families_of(reported) == families
    assert concerns_several(reported) is (len(families) > 1)


@pytest.mark.parametrize(
    ("dependents", "words"),
    [
        ((), ""),
        ((service("a"),), "1 service"),
        ((definition("web"), definition("api")), "2 task definitions"),
        ((service("a"), service("b"), service("c"), definition("web")), "3 services and 1 task definition"),
    ],
    ids=["none", "one", "two", "both-kinds"],
)
def test_dependents_are_counted_by_kind(dependents: tuple[Dependent, ...], words: str) -> None:
    assert counted(dependents) == words


def test_dependents_are_each_once_and_of_a_deed_alone_none() -> None:
    assert dependents_of(notice(dependents=(service("a"), service("a"), service("b")))) == (service("a"), service("b"))
    assert dependents_of(about_a_deed("Remediation Refused", describe(REFUSAL))) == ()


def test_the_finding_names_a_thing_before_the_deed_does() -> None:
    deed = describe(GRANT)
    assert named(notice(deed=deed), "secret") == finding().secret
    assert named(notice(findings=(finding(key=None),), deed=deed), "key") == KEY
    assert named(notice(), "key") is None


@pytest.mark.parametrize(
    ("text", "is_proved"),
    [(KEY, True), (KEY.replace(":key/", ":alias/"), False), ("arn:aws:s3:::a", False), ("", False), (None, False)],
)
def test_only_an_arn_of_the_kind_is_proved(text: str | None, is_proved: bool) -> None:
    found = proved(text, "kms", "key")
    assert (None if found is None else str(found)) == (text if is_proved else None)


def test_no_more_than_five_ids_are_given() -> None:
    assert finding_ids(notice(findings=tuple(finding(id=f"f{n}") for n in range(7)))) == ("f0", "f1", "f2", "f3", "f4")
    assert finding_ids(about_a_deed("Remediation Refused", describe(REFUSAL))) == ("f1",)
    assert finding_ids(notice(findings=(finding(id="a b\n"),))) == ("a_b_",)
