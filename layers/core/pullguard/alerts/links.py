"""The only links in a message: pages of the AWS console, built from validated ARNs."""

import re
from typing import Final
from urllib.parse import quote

from pullguard.alerts.affected import concerns_several, named, proved
from pullguard.alerts.notice import Notice
from pullguard.checks.catalogue import broken_by
from pullguard.domain.arn import Arn
from pullguard.incidents import about

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html for the partitions; others get no links.
_CONSOLES: Final = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def links_of(notice: Notice) -> tuple[tuple[str, str], ...]:
    """Return the pages of the AWS console for the resources that the notice names by a validated ARN.

    If an incident affects several families, only what they share is linked: one of their task definitions says nothing.
    """
    lead = next(iter(notice.findings), None) if concerns_several(notice) else None
    shared = None if lead is None else about(lead, broken_by(lead))
    things = (
        ("Task definition", "task_definition", _task_definition_link),
        ("Secret", "secret", _secret_link),
        ("Role", "role", _role_link),
        ("Key", "key", _key_link),
    )
    pages = ((title, named(notice, member), page) for title, member, page in things)
    return tuple(
        (title, link) for title, text, page in pages if (shared is None or text in shared) and (link := page(text))
    )


def _console(arn: Arn, page: str) -> str | None:
    domain = _CONSOLES.get(arn.partition)
    return f"https://{domain}/{page}" if domain else None


def _task_definition_link(text: str | None) -> str | None:
    if (arn := proved(text, "ecs", "task-definition")) is None:
        return None
    family, _, revision = arn.resource_name.rpartition(":")
    page = f"ecs/v2/task-definitions/{_quoted(family)}/{_quoted(revision)}"
    return _console(arn, f"{page}?region={_quoted(arn.region)}")


def _secret_link(text: str | None) -> str | None:
    if (arn := proved(text, "secretsmanager", "secret")) is None:
        return None
    name = re.sub(r"-[A-Za-z0-9]{6}$", "", arn.resource.partition(":")[2])
    return _console(arn, f"secretsmanager/secret?name={_quoted(name)}&region={_quoted(arn.region)}")


def _role_link(text: str | None) -> str | None:
    arn = proved(text, "iam", "role")
    return _console(arn, f"iam/home#/roles/details/{_quoted(arn.resource.rsplit('/', 1)[-1])}") if arn else None


def _key_link(text: str | None) -> str | None:
    arn = proved(text, "kms", "key")
    page = f"kms/home?region={_quoted(arn.region)}#/kms/keys/{_quoted(arn.resource_name)}" if arn else ""
    return _console(arn, page) if arn else None


def _quoted(text: str) -> str:
    return quote(text, safe="")
