"""The form for programs: every member of the contract, and as much as one message holds."""

import json
from datetime import timedelta

import pytest

from pullguard.alerts import compose, describe
from pullguard.alerts.structured import MESSAGE_MAX_BYTES, as_json
from pullguard.domain.findings import Remedy
from tests.unit.alerts.notices import (
    MANY_GRANTS,
    OPENED,
    REFUSAL,
    WEB,
    about_a_deed,
    finding,
    notice,
    service,
)


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


def test_every_member_is_there_and_absent_things_are_null() -> None:
    message = json.loads(as_json(about_a_deed("Remediation Refused", describe(REFUSAL))))
    assert message["findings"] == []
    assert message["deed"]["why"] == "the secret is not opted in"
    assert message["deed"]["snippet"] == "aws secretsmanager tag-resource"
    assert {name for name, value in message.items() if value is None} == {
        "cause",
        "opened_at",
        "resolved_at",
        "lasted_s",
    }
    assert message["reminder"] is False
    assert set(json.loads(as_json(notice()))) == set(message)


def test_only_pages_of_aws_stay_links() -> None:
    page = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html"
    sources = [page, "https://docs.aws.amazon.com.evil.example/", "https://evil.example/", f"{page}\u202e"]
    reported = notice(findings=tuple(finding(source=each) for each in sources))
    found = [each["source"] for each in json.loads(as_json(reported))["findings"]]
    assert found[:3] == [page, "https[:]//docs.aws.amazon.com.evil.example/", "https[:]//evil.example/"]
    assert "\u202e" not in found[3]


def test_a_snippet_is_null_where_it_is_too_long() -> None:
    reported = notice(findings=(finding(remedy=Remedy(text="Do it.", snippet="x" * 6_001)),))
    assert json.loads(as_json(reported))["findings"][0]["remedy"]["snippet"] is None


def test_entries_that_do_not_fit_are_counted_and_left_out() -> None:
    services = tuple(service(f"{number:04}{'s' * 200}") for number in range(2_000))
    text = as_json(notice(findings=(finding(),) * 30, dependents=services))
    message = json.loads(text)
    assert len(text) <= MESSAGE_MAX_BYTES
    assert (message["findings_count"], message["dependents_count"]) == (30, 2_000)
    assert (len(message["findings"]), len(message["dependents"])) == (1, 1_000)


def test_a_few_hundred_dependents_leave_room_for_twenty_findings() -> None:
    message = json.loads(as_json(notice(findings=(finding(),) * 30, dependents=(service("web"),))))
    assert (len(message["findings"]), message["findings_count"]) == (20, 30)


@pytest.mark.parametrize(("resolved_s", "lasted_s"), [(180, 180), (0, 0), (-5, 0)])
def test_how_long_it_lasted_is_never_negative(resolved_s: int, lasted_s: int) -> None:
    reported = notice("Finding Resolved", resolved_at=OPENED + timedelta(seconds=resolved_s))
    assert json.loads(as_json(reported))["lasted_s"] == lasted_s


def test_all_grants_of_a_write_are_in_the_form_for_programs() -> None:
    deed = json.loads(as_json(about_a_deed("Remediation Completed", MANY_GRANTS)))["deed"]
    assert (len(deed["grants"]), deed["grants_count"]) == (90, 100)
    assert deed["grants"][3]["task_definition"].endswith(":task-definition/f1:3")
