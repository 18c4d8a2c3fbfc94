"""Attributes, links, and the forms for programs and for chats."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from pullguard.alerts import Notice, compose, describe
from pullguard.domain.findings import Remedy
from sandbox.showcase.samples import SECRET
from tests.unit.alerts.notices import (
    KEY,
    OPENED,
    REFUSAL,
    ROLE,
    WEB,
    about_a_deed,
    definition,
    finding,
    notice,
    service,
)

# --- Attributes -----------------------------------------------------------------------------------------------------


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
def test_of_hundreds_of_families_as_many_as_fit_can_be_filtered_on_and_several_always(length: int) -> None:
    families = [f"{number:03}".ljust(length, "x") for number in range(600)]
    reported = compose(notice(dependents=(definition("web", 7), *map(definition, families)))).attributes["family"]
    assert reported[: len(reported)] == ("several", "web", *families)[: len(reported)]
    size = len(json.dumps(reported))
    assert size <= 1_500 < size + len(json.dumps(families[len(reported) - 2])) + len(", ")


# --- For programs ---------------------------------------------------------------------------------------------------


def test_all_dependents_are_in_the_form_for_programs() -> None:
    services = tuple(service(f"s{n}", found=n == 0) for n in range(300))
    message = json.loads(compose(notice(dependents=services), "json").text)
    assert message["dependents"] == [each.arn for each in services]
    assert (message["dependents_count"], message["dependents_not_looked_at"]) == (300, 299)


def test_the_json_form_carries_the_finding_of_the_contract() -> None:
    reported = notice("Finding Resolved", resolved_at=OPENED + timedelta(minutes=3))
    message = json.loads(compose(reported, "json").text)
    assert message["schema_version"] == 1
    assert message["findings"] == [finding().to_dict()]
    assert (message["opened_at"], message["lasted_s"]) == ("2026-05-01T08:00:00Z", 180)
    assert message["dependents"] == [WEB]
    assert message["cause"] is None
    assert message["deed"] is None


def test_of_several_families_only_what_they_share_is_linked() -> None:
    broken = finding(check="secret-value-malformed")
    reported = notice(findings=(broken,), dependents=(definition("web", 7), definition("api")))
    assert set(json.loads(compose(reported, "json").text)["links"]) == {"Secret"}


# --- Links ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("partition", "region", "domain"),
    [
        ("aws", "eu-west-1", "https://console.aws.amazon.com/"),
        ("aws-cn", "cn-north-1", "https://console.amazonaws.cn/"),
        ("aws-us-gov", "us-gov-west-1", "https://console.amazonaws-us-gov.com/"),
        ("aws-iso", "us-iso-east-1", None),
    ],
)
def test_links_go_to_the_console_of_the_partition(partition: str, region: str, domain: str | None) -> None:
    def there(text: str) -> str:
        return text.replace("arn:aws:", f"arn:{partition}:").replace("eu-west-1", region)

    reported = finding(task_definition=there(WEB), secret=there(SECRET), role=there(ROLE), key=there(KEY))
    links = json.loads(compose(notice(findings=(reported,)), "json").text)["links"]
    assert set(links) == ({"Task definition", "Secret", "Role", "Key"} if domain else set())
    assert all(link.startswith(domain) for link in links.values())


@pytest.mark.parametrize(
    "secret",
    ["registry/ghcr", "arn:aws:s3:::bucket", f"{SECRET}\nhttps://evil.example/", "arn:aws:secretsmanager:x", None],
)
def test_what_is_not_proved_gets_no_link(secret: str | None) -> None:
    links = json.loads(compose(notice(findings=(finding(secret=secret),)), "json").text)["links"]
    assert "Secret" not in links


# --- For chats ------------------------------------------------------------------------------------------------------


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
def test_what_could_not_be_looked_at_is_a_question_and_no_error(reported: Notice, sign: str) -> None:
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
def test_a_long_command_stands_in_the_description(snippet: str | None, steps: list[str], in_description: bool) -> None:
    reported = notice(findings=(finding(remedy=Remedy(text="Do it.", snippet=snippet)),))
    content = json.loads(compose(reported, "chat").text)["content"]
    assert [step for step in content["nextSteps"] if "https://" not in step] == steps
    assert ("```" in content["description"]) is in_description


def test_opening_and_resolution_share_a_thread() -> None:
    threads = [
        json.loads(compose(each, "chat").text)["metadata"]["threadId"]
        for each in (notice(cause="c1", findings=(finding(id="f1"),)), notice("Finding Resolved", cause="c1"))
    ]
    assert threads == ["c1"] * 2
