"""Deeds: actions and refusals in words."""

from dataclasses import replace

import pytest

from pullguard.alerts import NoticeKind, compose, describe
from pullguard.alerts.deed import completed
from pullguard.domain.actions import Action, MoveService, Redeploy, ReferenceChange, Refusal, Reregister, Revoke
from pullguard.domain.arn import Arn
from pullguard.domain.remediation import Deed
from sandbox.showcase.samples import HOME, SECRET
from tests.unit.alerts.notices import (
    GRANT,
    KEY,
    REFUSAL,
    ROLE,
    WEB,
    about_a_deed,
)


@pytest.mark.parametrize(
    ("kind", "deed", "lines"),
    [
        (
            "Remediation Planned",
            describe(GRANT),
            ("planned: grant role apps/web-execution access", "Pullguard: would grant role", "Key: https://console"),
        ),
        (
            "Remediation Completed",
            describe(GRANT),
            ("granted role", "Pullguard: granted role apps/web-execution access to secret", "0123456789abcdef"),
        ),
        (
            "Remediation Failed",
            describe(GRANT, "AWS throttled the call"),
            ("failed to grant role", "Pullguard: failed to grant role", ": AWS throttled the call"),
        ),
        (
            "Remediation Refused",
            describe(REFUSAL),
            (
                "refused to grant role web-execution the access that web:7 needs",
                "Pullguard: will not grant role web-execution the access that web:7 needs: the secret is not opted in",
                "To do: Tag the secret pullguard:registry=ghcr.io.\n    aws secretsmanager tag-resource\n",
                "Finding: f1\n",
            ),
        ),
    ],
)
def test_a_deed_is_described_as_what_it_is(kind: NoticeKind, deed: Deed, lines: tuple[str, ...]) -> None:
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
            "register a new revision of web:7 with secret registry/ghcr-Ab3dEf for container app, "
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
        (replace(REFUSAL, kind="reregister"), "register a new revision of web:7"),
        (replace(REFUSAL, kind="move-service", target="a/b/shop"), "move service shop away from web:7"),
    ],
)
def test_every_action_has_words(action: Action | Refusal, what: str) -> None:
    assert describe(action).what == what


REVOKE = Revoke(
    task_definition=Arn.parse(WEB),
    role=Arn.parse(ROLE),
    secret=Arn.parse(SECRET),
    key=Arn.parse(KEY),
    unused_since="2026-05-01",
)
REDEPLOY = Redeploy(
    task_definition=Arn.parse(WEB),
    cluster="prod",
    service=f"arn:aws:ecs:{HOME}:service/prod/web",
    secret=Arn.parse(SECRET),
    version="v2",
)
MOVE = MoveService(
    cluster="prod", service=REDEPLOY.service, before=Arn.parse(WEB), after=Arn.parse(WEB.replace(":7", ":8"))
)
MEMBERS: dict[str, tuple[Action | Revoke | Refusal, dict[str, object]]] = {
    "grant": (
        GRANT,
        {
            "kind": "grant",
            "target": ROLE,
            "role": ROLE,
            "secret": SECRET,
            "key": KEY,
            "findings": ("0123456789abcdef",),
        },
    ),
    "grant-without-a-key": (replace(GRANT, key=None), {"kind": "grant", "key": None}),
    "redeploy": (REDEPLOY, {"kind": "redeploy", "target": REDEPLOY.service, "secret": SECRET, "findings": ()}),
    "revoke": (REVOKE, {"kind": "withdraw", "target": ROLE, "role": ROLE, "key": KEY}),
    "move": (MOVE, {"kind": "move-service", "task_definition": WEB, "target": REDEPLOY.service, "secret": None}),
    "refusal": (
        REFUSAL,
        {
            "kind": "grant",
            "why": REFUSAL.why,
            "remedy": REFUSAL.remedy,
            "snippet": REFUSAL.snippet,
            "findings": ("f1",),
        },
    ),
}


@pytest.mark.parametrize(("action", "members"), MEMBERS.values(), ids=MEMBERS)
def test_a_deed_names_what_the_action_is_about(action: Action | Revoke | Refusal, members: dict[str, object]) -> None:
    deed = describe(action)
    assert {name: getattr(deed, name) for name in members} == members
    assert deed.task_definition == WEB


@pytest.mark.parametrize(
    ("action", "what"),
    [
        pytest.param(
            replace(GRANT, key=None),
            "grant role apps/web-execution access to secret registry/ghcr-Ab3dEf",
            id="grant-without-a-key",
        ),
        pytest.param(
            REDEPLOY,
            "redeploy service web with version v2 of the rotated secret registry/ghcr-Ab3dEf",
            id="redeploy",
        ),
        pytest.param(
            replace(REFUSAL, kind="withdraw"), "revoke the access granted to role web-execution", id="no-revoke"
        ),
        pytest.param(
            replace(REFUSAL, kind="redeploy", target="a/b/shop"),
            "redeploy service shop (web:7)",
            id="no-redeploy",
        ),
        pytest.param(
            replace(REFUSAL, kind="move-service", target="rule nightly"),
            "move rule nightly away from web:7",
            id="no-move-of-a-rule",
        ),
    ],
)
def test_actions_and_refusals_have_descriptions(action: Action | Refusal, what: str) -> None:
    assert describe(action).what == what


def test_an_action_says_why_it_failed() -> None:
    for action in (GRANT, REVOKE, REDEPLOY, MOVE):
        assert describe(action, "AWS throttled the call").why == "AWS throttled the call"
        assert describe(action).why == ""


def test_a_completed_deed_is_in_the_past_tense_or_in_an_earlier_versions_words() -> None:
    assert completed("revoke the access of role web") == "revoked the access of role web"
    assert completed("let role web read secret registry/ghcr") == "done: let role web read secret registry/ghcr"
