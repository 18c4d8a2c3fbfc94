"""The page's sample: one broken secret with two hundred and seventy dependents, from its opening to its end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pullguard.alerts import Notice, NoticeKind
from pullguard.checks.catalogue import incident_of
from pullguard.checks.examine import unread_task_definition
from pullguard.domain.arn import Arn
from pullguard.domain.findings import Finding, Remedy
from pullguard.domain.lookup import Unreadable
from pullguard.domain.remediation import Deed
from pullguard.incidents import Dependent

ACCOUNT, REGION = "123456789012", "eu-west-1"
HOME = f"{REGION}:{ACCOUNT}"
SECRET = f"arn:aws:secretsmanager:{HOME}:secret:registry/ghcr-Ab3dEf"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop-execution"
AT = datetime(2025, 3, 14, 9, 26, 53, tzinfo=UTC)
_FAMILIES = ("checkout", "basket", "search", "invoices", "mail")
_TENANTS = tuple(f"tenant-{number:03}" for number in range(1, 266))
_EXAMINED = frozenset(_FAMILIES[:3])


def task_definition(family: str, revision: int) -> str:
    """Return the ARN of a revision in the sample account."""
    return f"arn:aws:ecs:{HOME}:task-definition/{family}:{revision}"


def service(name: str, runs: str, **members: Any) -> Dependent:
    """Return a service of the cluster prod that runs the revision with this ARN."""
    return Dependent(arn=f"arn:aws:ecs:{HOME}:service/prod/{name}", task_definition=runs, **members)


def notice(kind: NoticeKind, **members: Any) -> Notice:
    """Return a notice about the sample incident."""
    return Notice(kind=kind, **{"account": ACCOUNT, "region": REGION, **members})


FINDING = Finding(
    id="018728e52d3a5ee9",
    check="secret-value-empty-field",
    status="fail",
    severity="error",
    task_definition=task_definition("checkout", 41),
    container="app",
    image="ghcr.io/acme/checkout:2.7",
    secret=SECRET,
    role=ROLE,
    key=None,
    cause="The secret registry/ghcr of container app has no password.",
    evidence="GetSecretValue of version 5b1e6a0c-4a7e-4c0e-9f0e-2d1d3c5b7a99: password is missing",
    remedy=Remedy(
        text="Store both a username and a password.",
        snippet=f"aws secretsmanager put-secret-value --region eu-west-1 --secret-id {SECRET} "
        '--secret-string file://credentials.json  # {"username": "...", "password": "..."}',
    ),
    source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html",
)

_HIT = (
    *(
        service(family, task_definition(family, 41 - number), found=family in _EXAMINED)
        for number, family in enumerate(_FAMILIES)
    ),
    *(service(tenant, task_definition(tenant, 1), found=False) for tenant in _TENANTS),
)

OPENED = notice(
    "Finding Opened",
    findings=(FINDING,),
    incident_id=incident_of(FINDING),
    dependents=_HIT,
    opened_at=AT,
)
_ALL_FOUND = tuple(replace(each, found=True) for each in _HIT)
REMINDER = replace(OPENED, dependents=_ALL_FOUND, reminder=True, now=AT + timedelta(hours=24, minutes=31))
RESOLVED = replace(
    OPENED, kind="Finding Resolved", dependents=_ALL_FOUND, resolved_at=AT + timedelta(days=1, hours=2, minutes=7)
)
ONE_SERVICE = replace(OPENED, dependents=_ALL_FOUND[:1])
_UNREAD = unread_task_definition(
    Arn.parse(FINDING.task_definition),
    Unreadable(
        permission="ecs:DescribeTaskDefinition",
        resource=FINDING.task_definition,
        reason="denied",
        detail="AccessDeniedException",
    ),
)
UNKNOWN = replace(ONE_SERVICE, findings=(_UNREAD,), incident_id=incident_of(_UNREAD))
REFUSED = notice(
    "Remediation Refused",
    deed=Deed(
        kind="grant",
        what="grant role intruder-execution the access that intruder:1 needs",
        task_definition=task_definition("intruder", 1),
        target=f"arn:aws:iam::{ACCOUNT}:role/intruder-execution",
        why="the secret prod/db-password is not opted in: no tag pullguard:registry says which registry it is for",
        remedy="If this secret holds registry credentials, its owner tags it with the host and the role.",
        snippet="aws secretsmanager tag-resource --region eu-west-1 --secret-id "
        f"arn:aws:secretsmanager:{HOME}:secret:prod/db-password-Qw3rTy --tags "
        "Key=pullguard:registry,Value=docker.io Key=pullguard:roles,Value=intruder-execution",
        findings=("8eca2fdc2eddb3cb",),
    ),
)
_WRONG = tuple(
    replace(
        FINDING,
        id=f"{number:016x}",
        check="secret-not-found",
        task_definition=task_definition("checkout", number),
        secret=f"registry/ghrc-{number}",
        cause=f'The secret "registry/ghrc-{number}" that container app names does not exist.',
    )
    for number in range(42, 46)
)
_HELD = tuple(notice("Finding Opened", findings=(each,), opened_at=AT) for each in _WRONG)
HELD_BACK = notice("Alerts Held Back", held_back=_HELD[:1], limit="checkout", limit_count=4)
SUMMARY = notice(
    "Alerts Summary",
    held_back=(*_HELD[:2], replace(_HELD[2], kind="Finding Resolved", resolved_at=AT + timedelta(minutes=9)), REFUSED),
)
DONE = notice(
    "Remediation Completed",
    deed=Deed(
        kind="grant",
        what="grant role shop-execution access to secret registry/ghcr-Ab3dEf",
        task_definition=task_definition("checkout", 41),
        target=ROLE,
        role=ROLE,
        secret=SECRET,
        findings=("1233b092b6946e0e",),
    ),
)
