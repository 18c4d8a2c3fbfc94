"""Is there an execution role at all?"""

import shlex
from collections.abc import Iterable
from typing import Final

from pullguard.checks.check import Check, referring, skipped, subject_of, unreadable
from pullguard.errors import Malformed
from pullguard.findings import Answer, Failed, Passed, Remedy
from pullguard.model import Facts, Missing, NotLooked, Role, Unreadable
from pullguard.task_definition import role_arn_of

_EXECUTION_ROLE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html"

TRUST_STATEMENT: Final = (
    '{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}'
)


def _missing(facts: Facts) -> Iterable[Answer]:
    if not any(referring(facts)):
        return
    subject = subject_of(facts)
    home = facts.task_definition.arn
    if facts.task_definition.execution_role is not None:
        yield Passed(subject=subject)
        return
    yield Failed(
        subject=subject,
        cause=f"The task definition {facts.task_definition.arn.resource_name} has no execution role to read secrets.",
        evidence="no executionRoleArn in the task definition",
        remedy=Remedy(
            text="Register a revision with an execution role that may read the secret.",
            snippet=f'"executionRoleArn": "arn:{home.partition}:iam::{home.account}:role/ecsTaskExecutionRole"',
        ),
    )


def _not_found(facts: Facts) -> Iterable[Answer]:
    if facts.role is None or not any(referring(facts)):
        return
    subject = subject_of(facts)
    match facts.role:
        case Role():
            yield Passed(subject=subject)
        case Missing(resource=resource):
            definition = facts.task_definition.arn.resource_name
            malformed = _malformed(facts)
            yield Failed(
                subject=subject,
                cause=f"The execution role of {definition} does not exist."
                if malformed is None
                else f"The executionRoleArn of {definition} is not the ARN of a role.",
                evidence=f"GetRole of {resource}: NoSuchEntity"
                if malformed is None
                else f"executionRoleArn: {malformed}",
                remedy=Remedy(
                    text="Create the role, or register a revision that names the one that is meant."
                    if malformed is None
                    else "Register a revision that names the role by its ARN.",
                    snippet=_create_role(facts),
                ),
            )
        case Unreadable() as unread:
            yield unreadable(subject, "The execution role", unread)
        case NotLooked() as not_looked:
            yield skipped(subject, not_looked)


def _malformed(facts: Facts) -> Malformed | None:
    """Return what is wrong with a text that names no role: IAM is not asked for such a one."""
    try:
        role_arn_of(facts.task_definition)
    except Malformed as malformed:
        return malformed
    return None


def _create_role(facts: Facts) -> str | None:
    """Return the command that creates the role under its name and path; None where the text names no role."""
    try:
        arn = role_arn_of(facts.task_definition)
    except Malformed:
        return None
    if arn is None:
        return None
    path, _, name = arn.resource.removeprefix("role").rpartition("/")
    return shlex.join(
        (
            *("aws", "iam", "create-role", "--role-name", name),
            *(("--path", f"{path}/") if path else ()),
            *("--assume-role-policy-document", f'{{"Version":"2012-10-17","Statement":[{TRUST_STATEMENT}]}}'),
        )
    )


CHECKS = (
    Check(
        id="execution-role-missing",
        group="execution role",
        severity="error",
        fails_when="the task definition gives no executionRoleArn",
        fix="none",
        source=_EXECUTION_ROLE,
        ask=_missing,
    ),
    Check(
        id="execution-role-not-found",
        group="execution role",
        severity="error",
        fails_when="the role does not exist",
        fix="none",
        source=_EXECUTION_ROLE,
        ask=_not_found,
    ),
)
