"""Subjects and the form for people."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.alerts import Notice, NoticeKind, compose, describe
from pullguard.checks.examine import unread_task_definition
from pullguard.domain.actions import Action, MoveService, ReferenceChange, Refusal, Reregister
from pullguard.domain.arn import Arn
from pullguard.domain.facts import Unreadable
from pullguard.domain.findings import Remedy
from pullguard.domain.remediation import Deed
from sandbox.showcase.samples import HOME, SECRET
from tests.unit.alerts.notices import (
    GRANT,
    KEY,
    OPENED,
    REFUSAL,
    WEB,
    about_a_deed,
    definition,
    finding,
    notice,
    service,
)

UNREAD = unread_task_definition(
    Arn.parse(WEB), Unreadable(permission="ecs:DescribeTaskDefinition", resource=WEB, reason="denied")
)

# --- Subjects -------------------------------------------------------------------------------------------------------


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
            "[Pullguard] unknown: whether web can pull its image",
        ),
        (
            notice(findings=(UNREAD,)),
            "[Pullguard] unknown: whether web can pull its image - ecs:DescribeTaskDefinition denied",
        ),
        (
            notice(
                findings=(finding(status="unknown", unread="secretsmanager:GetResourcePolicy unanswered"),),
                reminder=True,
            ),
            "[Pullguard] reminder, unknown: whether web can pul... - secretsmanager:GetResourcePolicy unanswered",
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
            "[Pullguard] would let role apps/web-execution read secret registry/ghcr-Ab3dEf and decrypt with ...",
        ),
    ],
)
def test_a_subject_says_what_is_broken(reported: Notice, subject: str) -> None:
    assert compose(reported).subject == subject


# --- Text -----------------------------------------------------------------------------------------------------------


def test_an_opened_finding_as_a_person_reads_it() -> None:
    assert (
        compose(notice()).text
        == """\
error: web cannot pull ghcr.io/acme/web (account 123456789012, eu-west-1)

Container: app, image ghcr.io/acme/web

Why: The role web-execution may not read the secret registry/ghcr.

Evidence: No policy of the role allows secretsmanager:GetSecretValue.

Pullguard: will try to grant the access; the result follows in a separate alert, one for all that it concerns.

To do: Let the role read the secret.
    aws iam put-role-policy
      --more

Task definition: https://console.aws.amazon.com/ecs/v2/task-definitions/web/7?region=eu-west-1
Secret: https://console.aws.amazon.com/secretsmanager/secret?name=registry%2Fghcr&region=eu-west-1
Role: https://console.aws.amazon.com/iam/home#/roles/details/web-execution
Check: secret-access-missing
Since: 2026-05-01T08:00:00Z
Finding: 0123456789abcdef
"""
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"remedy": Remedy(action="grant")}, "will try to grant the access; the result follows in a separate alert"),
        (
            {"remedy": Remedy(action="reregister")},
            "will try to register a corrected revision; the result follows in a separate alert",
        ),
        (
            {"remedy": Remedy(action="grant"), "observed": True},
            "only observes here: it would grant the access, and changes nothing. The plan follows in a separate alert",
        ),
        ({"remedy": Remedy(action="none"), "observed": True}, "cannot fix this by itself."),
        ({"remedy": Remedy(action="reregister"), "severity": "warning"}, "leaves this as it is, since it works today."),
    ],
    ids=["grants", "registers", "observes", "leaves to people", "leaves a warning"],
)
def test_what_pullguard_does_depends_on_its_mode(changes: dict[str, Any], words: str) -> None:
    assert f"\nPullguard: {words}" in compose(notice(findings=(finding(**changes),))).text


@pytest.mark.parametrize(
    ("lasted", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min"),
        (timedelta(days=3, hours=1, minutes=9), "3 d 1 h"),
        (timedelta(seconds=-3), "0 s"),
    ],
)
def test_a_resolution_says_how_long_it_lasted(lasted: timedelta, words: str) -> None:
    text = compose(notice("Finding Resolved", resolved_at=OPENED + lasted)).text
    assert f"(lasted {words})\n" in text
    assert "It was: The role" in text
    assert "To do" not in text
    assert "put-role-policy" not in text


def test_two_hundred_dependents_are_one_message_with_twenty_names() -> None:
    services = tuple(service(f"s{n}") for n in range(200))
    text = compose(notice(dependents=services)).text
    assert "Affected: 200 services\n- service/prod/s0 (web:7)\n" in text
    assert "- service/prod/s19 (web:7)\n- and 180 more\n" in text
    assert "s20" not in text


def test_who_only_references_it_is_marked() -> None:
    reported = notice(dependents=(service("web"), service("api", definition("api").arn, found=False)))
    text = compose(reported).text
    assert (
        "Affected: 2 services; 1 of them (marked *) reference it and have not been looked at since\n"
        "- service/prod/web (web:7)\n"
        "- service/prod/api (api:1) *\n"
    ) in text


def test_of_several_families_no_container_is_named() -> None:
    broken = finding(cause="The secret registry/ghcr of container app has no password.")
    text = compose(notice(findings=(broken,), dependents=(definition("web", 7), definition("api")))).text
    assert "Why: The secret registry/ghcr has no password.\n" in text
    assert "Container:" not in text


def test_findings_of_one_cause_are_dependents_without_being_told_so() -> None:
    api = finding(id="f2", task_definition=f"arn:aws:ecs:{HOME}:task-definition/api:1")
    text = compose(notice(findings=(finding(), api))).text
    assert "Affected: 2 task definitions\n- task-definition/web:7\n- task-definition/api:1\n" in text
    assert text.endswith("Finding: 0123456789abcdef, f2\n")


@pytest.mark.parametrize(
    ("kind", "deed", "lines"),
    [
        (
            "Remediation Planned",
            describe(GRANT),
            ("would let role apps/web-execution read", "Pullguard: would let role", "Key: https://console"),
        ),
        (
            "Remediation Completed",
            describe(GRANT),
            ("done: let role", "Pullguard: did this: let role apps/web-execution read secret", "0123456789abcdef"),
        ),
        (
            "Remediation Failed",
            describe(GRANT, "AWS throttled the call"),
            ("failed to let role", "and failed: AWS throttled the call"),
        ),
        (
            "Remediation Refused",
            describe(REFUSAL),
            (
                "refused to grant web-execution what web:7 needs",
                "Pullguard: will not grant web-execution what web:7 needs: the secret is not opted in",
                "To do: Tag the secret pullguard:registry=ghcr.io.\n    aws secretsmanager tag-resource\n",
                "Finding: f1\n",
            ),
        ),
    ],
)
def test_a_deed_is_told_as_what_it_is(kind: NoticeKind, deed: Deed, lines: tuple[str, ...]) -> None:
    text = compose(about_a_deed(kind, deed)).text
    for line in lines:
        assert line in text


@pytest.mark.parametrize(
    ("action", "what"),
    [
        (
            Reregister(
                task_definition=Arn.parse(WEB),
                changes=(
                    ReferenceChange(container="app", before="x", after=Arn.parse(SECRET)),
                    ReferenceChange(container="side", before="y", after=None),
                ),
                findings=(),
            ),
            "register web:7 once more with secret registry/ghcr-Ab3dEf for container app, "
            "no credentials for container side",
        ),
        (
            MoveService(
                cluster="c",
                service=f"arn:aws:ecs:{HOME}:service/prod/web",
                before=Arn.parse(WEB),
                after=Arn.parse(WEB.replace(":7", ":8")),
            ),
            "move service web from web:7 to web:8",
        ),
        (replace(REFUSAL, kind="reregister"), "register web:7 once more"),
        (replace(REFUSAL, kind="move-service", target="a/b/shop"), "move service shop away from web:7"),
    ],
)
def test_every_action_has_words(action: Action | Refusal, what: str) -> None:
    assert describe(action).what == what


def test_a_notice_about_nothing_is_no_notice() -> None:
    with pytest.raises(ValueError, match="neither"):
        notice(findings=())


def test_a_snippet_that_is_too_long_is_left_out_whole() -> None:
    text = compose(notice(findings=(finding(remedy=Remedy(text="Do it.", snippet="x" * 6_001)),))).text
    assert "xx" not in text
    assert "pullguard plan web prints it" in text
