"""What there is to tell: notices about a finding, its dependents and a deed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pullguard.alerts import Deed, Notice, NoticeKind
from pullguard.arn import Arn
from pullguard.causes import Dependent
from pullguard.findings import Finding, Remedy
from pullguard.plan import Grant, Refusal

HOME = "eu-west-1:123456789012"


WEB = f"arn:aws:ecs:{HOME}:task-definition/web:7"


SECRET = f"arn:aws:secretsmanager:{HOME}:secret:registry/ghcr-AbCdEf"


ROLE = "arn:aws:iam::123456789012:role/apps/web-execution"


KEY = f"arn:aws:kms:{HOME}:key/1234abcd-12ab"


OPENED = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)


def finding(**changes: Any) -> Finding:
    whole = Finding(
        id="0123456789abcdef",
        check="secret-access-missing",
        status="fail",
        severity="error",
        task_definition=WEB,
        container="app",
        image="ghcr.io/acme/web",
        secret=SECRET,
        role=ROLE,
        key=None,
        cause="The role web-execution may not read the secret registry/ghcr.",
        evidence="No policy of the role allows secretsmanager:GetSecretValue.",
        remedy=Remedy(
            action="grant", text="Let the role read the secret.", snippet="aws iam put-role-policy\n  --more"
        ),
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html",
    )
    return replace(whole, **changes)


def notice(kind: NoticeKind = "Finding Opened", **changes: Any) -> Notice:
    whole = {"findings": (finding(),), "opened_at": OPENED, "account": "123456789012", "region": "eu-west-1"}
    return Notice(kind=kind, **{**whole, **changes})


GRANT = Grant(
    task_definition=Arn.parse(WEB),
    role=Arn.parse(ROLE),
    secret=Arn.parse(SECRET),
    key=Arn.parse(KEY),
    findings=("0123456789abcdef",),
)


def service(name: str, runs: str = WEB, **changes: Any) -> Dependent:
    return Dependent(arn=f"arn:aws:ecs:{HOME}:service/prod/{name}", task_definition=runs, **changes)


def definition(family: str, revision: int = 1, **changes: Any) -> Dependent:
    arn = f"arn:aws:ecs:{HOME}:task-definition/{family}:{revision}"
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
