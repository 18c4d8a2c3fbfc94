"""The notice that a limit is reached, and the summary of the alerts that were held back, in three forms."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from pullguard.alerts import MESSAGE_MAX_BYTES, Notice, compose, describe
from pullguard.alerts.chat import as_chat
from pullguard.alerts.headline import FAMILIES_MAX_BYTES, SUBJECT_MAX_CHARS, subject_of
from pullguard.checks.catalogue import CHECKS
from pullguard.domain.alert_format import FORMATS, Format
from pullguard.incidents.alert_limits import STACK, UNUSED
from sandbox.showcase.samples import ACCOUNT, REGION, task_definition
from tests.unit.alerts.notices import OPENED, REFUSAL, about_a_deed, definition, finding, notice, service

EVIL = "x\nhttps://evil.example/ \u202e @here [click](https://evil.example) <!channel>"


def failing(family: str = "web", **changes: Any) -> Notice:
    return notice(findings=(finding(task_definition=task_definition(family, 7), **changes),))


def summary(*alerts: Notice) -> Notice:
    return Notice(kind="Alerts Summary", account=ACCOUNT, region=REGION, held_back=alerts)


def full(limit: str, count: int = 4, first: Notice | None = None) -> Notice:
    return Notice(
        kind="Alerts Held Back",
        account=ACCOUNT,
        region=REGION,
        held_back=(first or failing(),),
        limit=limit,
        limit_count=count,
    )


MIXED = summary(
    replace(failing("api"), reminder=True, now=OPENED),
    replace(failing("old"), kind="Finding Resolved", resolved_at=OPENED),
    about_a_deed("Remediation Refused", describe(REFUSAL)),
    failing("maybe", status="unknown"),
    failing("shop", severity="warning"),
    failing("web"),
    failing("app"),
)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("web", "4 alerts about web in an hour: more follow in a summary"),
        (STACK, "4 alerts in an hour: more follow in a summary"),
        (UNUSED, "4 alerts about what no service runs in an hour: more follow in a summary"),
        ("f" * 255, f"4 alerts about {'f' * 30}.. in an hour: more follow in a summary"),
    ],
    ids=["family", "stack", "unused", "long-name"],
)
def test_a_notice_names_the_limit(limit: str, words: str) -> None:
    assert subject_of(full(limit)) == f"[Pullguard] {words}"
    assert len(subject_of(full(limit, 1_000))) <= SUBJECT_MAX_CHARS


def test_a_notice_names_the_first_alert_and_where_to_see_all() -> None:
    text = compose(full("web")).text
    assert "\nFirst: error: web cannot pull ghcr.io/acme/web: The role web-execution may not read the secret" in text
    assert "pullguard audit" in text


def test_a_summary_counts_and_names_the_most_urgent_first() -> None:
    alert = compose(MIXED)
    assert alert.subject.startswith("[Pullguard] summary of 7 alerts: 2 errors, 1 unknown, 1 warning, 1 refused, ")
    assert alert.text.startswith(
        "summary of 7 alerts: 2 errors, 1 unknown, 1 warning, 1 refused, 1 resolved, 1 reminder (account 123456789012"
    )
    lines = [line for line in alert.text.splitlines() if line.startswith("- ")]
    assert [line[:26] for line in lines] == [
        "- error: app cannot pull g",
        "- error: web cannot pull g",
        "- could not verify maybe, ",
        "- warning: shop may fail t",
        "- refused to grant role we",
        "- resolved: old, ghcr.io/a",
        "- reminder, error: api can",
    ]
    assert lines[4].endswith(": the secret is not opted in")
    assert all(line.endswith(": The role web-execution may not read the secret registry/ghcr.") for line in lines[5:])


def test_a_summary_of_several_families_names_their_number() -> None:
    shared = notice(dependents=(service("web"), definition("api")))
    assert "- error: 1 service and 1 task definition cannot pull: role" in compose(summary(shared)).text


def long_ones(count: int) -> Notice:
    return summary(*(failing(f"{number % 30:02}-{'x' * 250}", cause="c" * 1_000) for number in range(count)))


@pytest.mark.parametrize("form", FORMATS)
def test_a_summary_of_thousands_fits_into_one_message(form: Format) -> None:
    alert = compose(long_ones(3_000), form)
    assert len(alert.text.encode()) <= MESSAGE_MAX_BYTES
    assert len(json.dumps(alert.attributes)) <= 4_096


@pytest.mark.parametrize(("form", "least"), [("text", 300), ("chat", 5)])
def test_those_that_do_not_fit_are_counted_by_family(form: Format, least: int) -> None:
    text = compose(long_ones(3_000), form).text
    lines = text.splitlines() if form == "text" else json.loads(text)["content"]["description"].splitlines()
    named = sum(line.startswith("- error: ") for line in lines)
    (rest,) = [line for line in lines if line.startswith("- and ")]
    assert named >= least
    assert rest.startswith(f"- and {3_000 - named} more: ")
    assert re.search(r", and [0-9]+ other families$", rest)


def test_a_program_gets_as_many_as_fit_and_the_number_of_all() -> None:
    message = json.loads(compose(long_ones(3_000), "json").text)
    assert message["held_back_count"] == 3_000
    assert 100 < len(message["held_back"]) < 3_000


def test_forty_alerts_are_all_named_in_a_mail() -> None:
    text = compose(summary(*(failing(cause=f"The secret gone-{number} is gone.") for number in range(40)))).text
    assert all(f"gone-{number} " in text for number in range(40))


def test_a_summary_has_the_attributes_of_all_its_alerts() -> None:
    assert compose(MIXED).attributes == {
        "kind": "Alerts Summary",
        "check": ("secret-access-missing", "none"),
        "severity": ("error", "none", "warning"),
        "status": ("fail", "resolved", "refused", "unknown"),
        "family": ("several", "api", "old", "web", "maybe", "shop", "app"),
    }
    assert compose(summary(failing())).attributes["family"] == "web"


def test_a_notice_passes_each_filter_on_severity_and_status() -> None:
    attributes = compose(full("web")).attributes
    assert attributes["severity"] == ("error", "warning", "none")
    assert set(attributes["status"]) == {"fail", "unknown", "resolved", "planned", "completed", "failed", "refused"}
    assert (attributes["kind"], attributes["family"]) == ("Alerts Held Back", "web")


def test_the_attributes_of_a_summary_fit_into_four_kilobytes() -> None:
    alerts = [failing(f"family-{number}", check=check.id) for number, check in enumerate(CHECKS)]
    assert len(json.dumps(compose(summary(*alerts)).attributes)) <= 4_096 - 200
    assert FAMILIES_MAX_BYTES < 4_096


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("make", [summary, lambda alert: full("web", first=alert)], ids=["summary", "notice"])
def test_the_words_of_others_are_harmless_in_a_summary(form: Format, make: Any) -> None:
    text = compose(make(failing(cause=EVIL, image=EVIL)), form).text
    assert "https://evil" not in text
    assert "\u202e" not in text
    assert form == "chat" or "x https[:]//evil.example/" in text
    assert form != "chat" or ("@here" not in text and "<!channel>" not in text)


def test_a_chat_gets_the_lines_and_no_steps_but_where_to_look() -> None:
    message = as_chat(MIXED)
    assert message["content"]["title"].startswith(":warning: summary of 7 alerts")
    assert "- error: app cannot pull" in message["content"]["description"]
    assert [each[:15] for each in message["content"]["nextSteps"]] == ["pullguard audit"]


def test_programs_get_the_members_of_each_alert() -> None:
    message = json.loads(compose(MIXED, "json").text)
    assert (message["kind"], message["findings"], message["deed"]) == ("Alerts Summary", [], None)
    first = message["held_back"][0]
    assert first == {
        "kind": "Finding Opened",
        "headline": "error: app cannot pull ghcr.io/acme/web",
        "reason": "The role web-execution may not read the secret registry/ghcr.",
        "check": "secret-access-missing",
        "severity": "error",
        "status": "fail",
        "family": "app",
        "task_definition": task_definition("app", 7),
        "cause": None,
        "reminder": False,
    }
