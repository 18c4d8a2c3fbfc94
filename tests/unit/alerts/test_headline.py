"""Headlines, subjects, and the attributes that subscriptions filter on."""

import json

import pytest

from pullguard.alerts import Notice, compose, describe
from pullguard.alerts.headline import SUBJECT_MAX_CHARS, attributes_of, headline, subject_of, words_of
from pullguard.checks.examine import unread_task_definition
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Unreadable
from tests.unit.alerts.notices import (
    GRANT,
    KEY,
    REFUSAL,
    WEB,
    about_a_deed,
    definition,
    finding,
    notice,
    service,
)


@pytest.mark.parametrize(
    ("reported", "attributes"),
    [
        (notice(), ("Finding Opened", "secret-access-missing", "error", "fail", "web")),
        (notice("Finding Resolved"), ("Finding Resolved", "secret-access-missing", "error", "resolved", "web")),
        (notice(findings=(finding(status="unknown"),)), (
            "Finding Opened", "secret-access-missing", "error", "unknown", "web"
        )),
        (notice(dependents=(definition("web", 7), service("api", definition("api").arn), definition("web", 6))), (
            "Finding Opened", "secret-access-missing", "error", "fail", ("several", "web", "api")
        )),
        (notice(dependents=(definition("api"),)), (
            "Finding Opened", "secret-access-missing", "error", "fail", ("several", "web", "api")
        )),
        (about_a_deed("Remediation Refused", describe(REFUSAL)), (
            "Remediation Refused", "none", "none", "refused", "web"
        )),
    ],
)  # fmt: skip
def test_attributes_for_subscription_filters(reported: Notice, attributes: tuple[str | tuple[str, ...], ...]) -> None:
    names = ("kind", "check", "severity", "status", "family")
    assert compose(reported).attributes == dict(zip(names, attributes, strict=True))


@pytest.mark.parametrize("length", [1, 20, 255])
def test_as_many_of_hundreds_of_families_as_fit_can_be_filtered_on_and_several_always(length: int) -> None:
    families = [f"{number:03}".ljust(length, "x") for number in range(600)]
    reported = compose(notice(dependents=(definition("web", 7), *map(definition, families)))).attributes["family"]
    assert reported[: len(reported)] == ("several", "web", *families)[: len(reported)]
    size = len(json.dumps(reported))
    assert size <= 1_500 < size + len(json.dumps(families[len(reported) - 2])) + len(", ")


UNREAD = unread_task_definition(
    Arn.parse(WEB), Unreadable(permission="ecs:DescribeTaskDefinition", resource=WEB, reason="denied")
)


@pytest.mark.parametrize(
    ("reported", "subject"),
    [
        (notice(), "[Pullguard] error: web cannot pull ghcr.io/acme/web - secret-access-missing"),
        (
            notice(reminder=True),
            "[Pullguard] reminder, error: web cannot pull ghcr.io/acme/web - secret-access-missing",
        ),
        (
            notice(findings=(finding(severity="warning", check="reference-by-name"),)),
            "[Pullguard] warning: web may fail to pull ghcr.io/acme/web - reference-by-name",
        ),
        (
            notice(findings=(finding(status="unknown", image=None),)),
            "[Pullguard] could not verify web",
        ),
        (
            notice(findings=(UNREAD,)),
            "[Pullguard] could not verify web - ecs:DescribeTaskDefinition denied",
        ),
        (
            notice(
                findings=(finding(status="unknown", unread="secretsmanager:GetResourcePolicy unanswered"),),
                reminder=True,
            ),
            "[Pullguard] reminder, could not verify web, ghcr.i... - secretsmanager:GetResourcePolicy unanswered",
        ),
        (
            notice("Finding Resolved", findings=(UNREAD,)),
            "[Pullguard] resolved: web - ecs:DescribeTaskDefinition denied",
        ),
        (
            notice("Finding Resolved"),
            "[Pullguard] resolved: web, ghcr.io/acme/web - secret-access-missing",
        ),
        (
            notice(dependents=(service("web"), service("shop"))),
            "[Pullguard] error: web (2 services) cannot pull ghcr.io/acme/web - secret-access-missing",
        ),
        (
            notice(
                findings=(finding(check="secret-value-malformed"),),
                dependents=(definition("web", 7), service("api", definition("api").arn)),
            ),
            "[Pullguard] error: 1 service and 1 task definition cannot pull: secret ... - secret-value-malformed",
        ),
        (
            notice(
                "Finding Resolved",
                findings=(finding(check="key-unusable", key=KEY),),
                dependents=(service("web"), service("api", definition("api").arn)),
            ),
            "[Pullguard] resolved: 2 services: key 1234abcd-12ab, secret registry/ghcr - key-unusable",
        ),
        (
            notice(findings=(finding(image=f"ghcr.io/acme/{'w' * 200}"),)),
            f"[Pullguard] error: web cannot pull ghcr.io/acme/{'w' * 24}... - secret-access-missing",
        ),
        (
            about_a_deed("Remediation Planned", describe(GRANT)),
            "[Pullguard] planned: grant role apps/web-execution access to secret registry/ghcr-Ab3dEf and key...",
        ),
    ],
)
def test_a_subject_says_what_is_broken(reported: Notice, subject: str) -> None:
    assert compose(reported).subject == subject


HEADLINES: dict[str, tuple[Notice, str]] = {
    "one-family": (notice(), "error: web cannot pull ghcr.io/acme/web"),
    "a-service-of-it": (notice(dependents=(service("web"),)), "error: web (1 service) cannot pull ghcr.io/acme/web"),
    "a-warning": (notice(findings=(finding(severity="warning"),)), "warning: web may fail to pull ghcr.io/acme/web"),
    "a-long-digest": (
        notice(findings=(finding(image=f"ghcr.io/acme/web@sha256:{'a' * 64}"),)),
        f"error: web cannot pull ghcr.io/acme/web@sha256:{'a' * 12}...",
    ),
    "at-risk": (
        notice(findings=(finding(check="secret-rotation-failed"),)),
        "error: web at risk: secret registry/ghcr did not rotate",
    ),
    "no-task-definition": (notice(findings=(finding(task_definition="?"),)), "error: ? cannot pull ghcr.io/acme/web"),
    "refused": (
        about_a_deed("Remediation Refused", describe(REFUSAL)),
        "refused to grant role web-execution the access that web:7 needs",
    ),
    "failed": (
        about_a_deed("Remediation Failed", describe(REFUSAL)),
        "failed to grant role web-execution the access that web:7 needs",
    ),
}


@pytest.mark.parametrize(("reported", "line"), HEADLINES.values(), ids=HEADLINES)
def test_the_first_line_says_what_is_broken_or_done(reported: Notice, line: str) -> None:
    assert headline(reported) == line


def test_a_long_family_is_cut_in_a_subject_only() -> None:
    reported = notice(findings=(finding(task_definition=definition("w" * 60, 7).arn),))
    assert headline(reported).startswith(f"error: {'w' * 60} cannot pull")
    assert headline(reported, short=True).startswith(f"error: {'w' * 30}.. cannot pull")


def test_a_subject_has_no_room_for_more_than_its_limit() -> None:
    longest = finding(check="c" * 90, image="i" * 300, task_definition=definition("w" * 200).arn)
    subject = subject_of(notice(findings=(longest,)))
    assert len(subject) == SUBJECT_MAX_CHARS
    assert subject.endswith(f"... - {'c' * 40}")


def test_words_of_a_notice_about_several_families() -> None:
    several = notice(dependents=(definition("web", 7), definition("api")))
    assert words_of(several)["family"] == "several"
    assert attributes_of(several)["family"] == ("several", "web", "api")
    assert attributes_of(notice()) == words_of(notice())
