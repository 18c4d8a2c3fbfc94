"""Is there an execution role at all?"""

from collections.abc import Iterable

from pullguard.checks.check import Check, referring, skipped, subject_of, unreadable
from pullguard.findings import Answer, Failed, Passed, Remedy
from pullguard.model import Facts, Missing, NotLooked, Role, Unreadable

_EXECUTION_ROLE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html"


def _missing(facts: Facts) -> Iterable[Answer]:
    if not any(referring(facts)):
        return
    subject = subject_of(facts)
    if facts.task_definition.execution_role is not None:
        yield Passed(subject=subject)
        return
    yield Failed(
        subject=subject,
        cause=f"The task definition {facts.task_definition.arn.resource_name} has no execution role to read secrets.",
        evidence="DescribeTaskDefinition: no executionRoleArn",
        remedy=Remedy(
            text="Register a revision with an execution role that may read the secret.",
            snippet='"executionRoleArn": "arn:aws:iam::ACCOUNT:role/ecsTaskExecutionRole"',
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
            yield Failed(
                subject=subject,
                cause=f"The execution role of {facts.task_definition.arn.resource_name} does not exist.",
                evidence=f"GetRole of {resource}: NoSuchEntity",
                remedy=Remedy(text="Create the role, or register a revision that names the one that is meant."),
            )
        case Unreadable() as unread:
            yield unreadable(subject, "The execution role", unread)
        case NotLooked() as not_looked:
            yield skipped(subject, not_looked)


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
