"""Notices with the names of docs/alerts.md: about another finding, its dependents and an action."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pullguard.alerts import Notice, NoticeKind, describe
from pullguard.domain.actions import Grant, Refusal
from pullguard.domain.arn import Arn
from pullguard.domain.findings import Finding, Remedy
from pullguard.domain.remediation import Deed, WrittenGrant
from pullguard.incidents import Dependent
from sandbox.showcase import samples
from sandbox.showcase.samples import ACCOUNT, HOME, SECRET, task_definition

WEB = task_definition("web", 7)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/apps/web-execution"
KEY = f"arn:aws:kms:{HOME}:key/1234abcd-12ab"
OPENED = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
FINDING = replace(
    samples.FINDING,
    id="0123456789abcdef",
    check="secret-access-missing",
    task_definition=WEB,
    image="ghcr.io/acme/web",
    role=ROLE,
    cause="The role web-execution may not read the secret registry/ghcr.",
    evidence="No policy of the role allows secretsmanager:GetSecretValue.",
    remedy=Remedy(action="grant", text="Let the role read the secret.", snippet="aws iam put-role-policy\n  --more"),
)


def finding(**changes: Any) -> Finding:
    return replace(FINDING, **changes)


def notice(kind: NoticeKind = "Finding Opened", **changes: Any) -> Notice:
    return samples.notice(kind, **{"findings": (FINDING,), "opened_at": OPENED, **changes})


GRANT = Grant(
    task_definition=Arn.parse(WEB),
    role=Arn.parse(ROLE),
    secret=Arn.parse(SECRET),
    key=Arn.parse(KEY),
    findings=("0123456789abcdef",),
)
MANY_GRANTS = replace(
    describe(GRANT),
    grants=tuple(
        WrittenGrant(
            secret=f"arn:aws:secretsmanager:{HOME}:secret:registry/{'s' * 40}-{number % 2}",
            task_definition=task_definition(f"f{number % 2}", number),
        )
        for number in range(90)
    ),
    grants_count=100,
)


def service(name: str, runs: str = WEB, **changes: Any) -> Dependent:
    return samples.service(name, runs, **changes)


def definition(family: str, revision: int = 1, **changes: Any) -> Dependent:
    arn = task_definition(family, revision)
    return Dependent(arn=arn, task_definition=arn, **changes)


def about_a_deed(kind: NoticeKind, deed: Deed) -> Notice:
    return notice(kind, findings=(), deed=deed, opened_at=None)


REFUSAL = Refusal(
    kind="grant",
    task_definition=Arn.parse(WEB),
    target=ROLE,
    why="the secret is not opted in",
    remedy="Tag the secret pullguard:registry=ghcr.io.",
    snippet="aws secretsmanager tag-resource",
    findings=("f1",),
)
