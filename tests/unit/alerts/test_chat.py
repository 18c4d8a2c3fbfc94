"""The form for chats: a custom notification within the limits of chat programs."""

import json
from dataclasses import replace

import pytest

from pullguard.alerts import Notice, compose, describe
from pullguard.alerts.chat import as_chat
from pullguard.domain.findings import Remedy
from sandbox.showcase.samples import SECRET
from tests.unit.alerts.attacks import ATTACKS, attacked
from tests.unit.alerts.notices import (
    MANY_GRANTS,
    OPENED,
    REFUSAL,
    ROLE,
    WEB,
    about_a_deed,
    finding,
    notice,
    service,
)


def test_the_chat_form_is_a_custom_notification() -> None:
    message = json.loads(compose(notice(), "chat").text)
    assert set(message) == {"version", "source", "content", "metadata"}
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert message["content"]["textType"] == "client-markdown"
    assert message["content"]["title"] == ":x: error: web cannot pull ghcr.io/acme/web"
    assert message["content"]["nextSteps"][0] == "Let the role read the secret."
    assert message["content"]["nextSteps"][1] == "```aws iam put-role-policy\n  --more```"
    assert message["content"]["keywords"] == ["secret-access-missing", "error", "web", "eu-west-1"]
    assert message["metadata"]["relatedResources"] == [WEB, SECRET, ROLE]


UNKNOWN = finding(status="unknown")


SIGNS: dict[str, tuple[Notice, str]] = {
    "an-error": (notice(), ":x:"),
    "a-reminder-of-one": (notice(reminder=True), ":x:"),
    "a-warning": (notice(findings=(finding(severity="warning"),)), ":warning:"),
    "nobody-could-tell": (notice(findings=(UNKNOWN,)), ":grey_question:"),
    "nobody-could-tell-of-a-warning": (notice(findings=(replace(UNKNOWN, severity="warning"),)), ":grey_question:"),
    "nobody-could-tell-of-the-second-alone": (notice(findings=(finding(), UNKNOWN)), ":x:"),
    "the-end-of-what-nobody-could-tell": (notice("Finding Resolved", findings=(UNKNOWN,)), ":white_check_mark:"),
    "a-deed": (about_a_deed("Remediation Completed", describe(REFUSAL)), ":white_check_mark:"),
    "a-refusal": (about_a_deed("Remediation Refused", describe(REFUSAL)), ":warning:"),
}


@pytest.mark.parametrize(("reported", "sign"), SIGNS.values(), ids=SIGNS)
def test_a_question_that_could_not_be_answered_is_no_error(reported: Notice, sign: str) -> None:
    title = json.loads(compose(reported, "chat").text)["content"]["title"]
    assert title.partition(" ")[0] == sign


@pytest.mark.parametrize(
    ("snippet", "steps", "in_description"),
    [
        ("aws x", ["Do it.", "```aws x```"], False),
        ("a" * 400, ["Do it."], True),
        ("a" * 6_000, ["Do it."], True),
        (None, ["Do it."], False),
    ],
    ids=["short", "long", "longest", "none"],
)
def test_a_long_command_is_in_the_description(snippet: str | None, steps: list[str], in_description: bool) -> None:
    reported = notice(findings=(finding(remedy=Remedy(text="Do it.", snippet=snippet)),))
    content = json.loads(compose(reported, "chat").text)["content"]
    assert [step for step in content["nextSteps"] if "https://" not in step] == steps
    assert ("```" in content["description"]) is in_description


def test_opening_and_resolution_share_a_thread() -> None:
    threads = [
        json.loads(compose(each, "chat").text)["metadata"]["threadId"]
        for each in (
            notice(incident_id="c1", findings=(finding(id="f1"),)),
            notice("Finding Resolved", incident_id="c1"),
        )
    ]
    assert threads == ["c1"] * 2


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ATTACKS.items()])
def test_a_chat_message_stays_within_its_limits(text: str) -> None:
    for reported in attacked(text):
        content = json.loads(compose(reported, "chat").text)["content"]
        assert len(content["title"]) <= 250
        assert len(content["description"]) <= 8_000
        assert all(len(keyword) <= 75 for keyword in content["keywords"])
        assert all(len(step) <= 350 for step in content["nextSteps"] if "https://console" not in step)


def test_the_description_names_place_reason_dependents_and_ids() -> None:
    reported = notice(incident_id="c1", dependents=(service("web"), service("shop", found=False)))
    lines = as_chat(reported)["content"]["description"].splitlines()
    assert lines[0] == "Account `123456789012`, `eu-west-1`"
    assert "*Why*: The role web-execution may not read the secret registry/ghcr." in lines
    assert "- service/prod/shop (web:7) *" in lines
    assert lines[-1] == "Finding `0123456789abcdef`"
    assert not any(line.startswith("*To do*") for line in lines)


def test_a_notice_without_an_incident_has_the_thread_of_its_finding_or_family() -> None:
    assert as_chat(notice())["metadata"]["threadId"] == "0123456789abcdef"
    deed = replace(describe(REFUSAL), findings=())
    assert as_chat(about_a_deed("Remediation Refused", deed))["metadata"]["threadId"] == "web"


def test_nothing_is_left_to_do_where_it_is_resolved() -> None:
    content = as_chat(notice("Finding Resolved", resolved_at=OPENED))["content"]
    assert all("https://console." in step for step in content["nextSteps"])
    assert "```" not in content["description"]


def test_keywords_are_each_once() -> None:
    reported = notice(findings=(finding(check="error"),), region="eu-west-1")
    assert as_chat(reported)["content"]["keywords"] == ["error", "web", "eu-west-1"]


def test_only_proved_arns_are_related_resources() -> None:
    reported = notice(findings=(finding(secret="registry/ghcr", role=None, key="arn:aws:s3:::a"),))
    assert as_chat(reported)["metadata"]["relatedResources"] == [WEB]


def test_a_write_of_many_grants_lists_what_a_chat_shows_and_has_the_thread_of_its_family() -> None:
    message = as_chat(about_a_deed("Remediation Completed", replace(MANY_GRANTS, findings=())))
    description = message["content"]["description"]
    listed = description.count("- registry/")
    assert 50 < listed < 90
    assert f"- and {100 - listed} more\n" in description
    assert message["metadata"]["threadId"] == "web"
