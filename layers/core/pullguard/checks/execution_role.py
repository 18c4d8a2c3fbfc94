"""Is there an execution role at all?"""

import json
import shlex
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pullguard.arn import Arn
from pullguard.checks import near
from pullguard.checks.check import (
    NEEDS_DEFINITION,
    NEEDS_ROLE,
    Check,
    gives_credentials,
    skipped,
    subject_of,
    unreadable,
)
from pullguard.errors import Malformed
from pullguard.findings import Answer, Failed, Passed, Remedy
from pullguard.model import Facts, Missing, NotLooked, Role, Unreadable
from pullguard.task_definition import role_arn_of

_EXECUTION_ROLE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html"

_NO_ACCOUNT: Final = "000000000000"  # what stands for the account where a file is checked and nothing tells it


def trust_statement(account: str) -> str:
    """Return the statement by which a role of ``account`` lets ECS assume it for tasks of that account.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
    return json.dumps(statement, separators=(",", ":"))


def _missing(facts: Facts) -> Iterable[Answer]:
    if not gives_credentials(facts):
        return
    subject = subject_of(facts)
    if facts.task_definition.execution_role is not None:
        yield Passed(subject=subject)
        return
    yield Failed(
        subject=subject,
        cause=f"The task definition {facts.task_definition.arn.resource_name} has no execution role to read secrets.",
        evidence="no executionRoleArn in the task definition",
        remedy=Remedy(
            text="Register a revision with an execution role that may read the secret.",
            snippet=_member(_some_role(facts.task_definition.arn)),
        ),
    )


def _member(role: str) -> str:
    return f'"executionRoleArn": {json.dumps(role)}'


def _some_role(home: Arn) -> str:
    """Return a role's ARN to fill in; what is checked before it is registered may have no account yet."""
    account = "ACCOUNT-ID" if home.account == _NO_ACCOUNT else home.account
    return f"arn:{home.partition}:iam::{account}:role/ecsTaskExecutionRole"


def _not_found(facts: Facts) -> Iterable[Answer]:
    if facts.role is None or not gives_credentials(facts):
        return
    subject = subject_of(facts)
    wrong = _names_no_role(facts) or _is_elsewhere(facts)
    if wrong is not None:
        yield replace(wrong, subject=subject)
        return
    match facts.role:
        case Role():
            yield Passed(subject=subject)
        case Missing() as missing:
            yield replace(_is_gone(facts, missing), subject=subject)
        case Unreadable() as unread:
            yield unreadable(subject, "The execution role", unread)
        case NotLooked() as not_looked:
            yield skipped(subject, "Does the execution role exist, and may it read the secret?", not_looked)


def _names_no_role(facts: Facts) -> Failed | None:
    """Say what is wrong with a text that names no role: IAM is not asked for such a one."""
    if not isinstance(facts.role, Missing):
        return None
    try:
        role_arn_of(facts.task_definition)
    except Malformed as malformed:
        return Failed(
            subject=subject_of(facts),
            cause=f"The executionRoleArn of {facts.task_definition.arn.resource_name} is not the ARN of a role.",
            evidence=f"executionRoleArn: {malformed}",
            remedy=Remedy(text="Register a revision that names the role by its ARN."),
        )
    return None


def _is_elsewhere(facts: Facts) -> Failed | None:
    """Say that the role is another account's or partition's: nobody can pass it to ECS, whether it exists or not.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    arn, home = _proved_arn(facts), facts.task_definition.arn
    if arn is None or home.account == _NO_ACCOUNT or isinstance(facts.role, Role):  # IAM found it by its whole ARN
        return None
    if arn.partition != home.partition:
        where, here = f"partition {arn.partition}", f"partition {home.partition}"
    elif arn.account != home.account:
        where, here = f"account {arn.account}", f"account {home.account}"
    else:
        return None
    found = facts.role.instead if isinstance(facts.role, Missing) else None
    return Failed(
        subject=subject_of(facts),
        cause=f"The execution role of {home.resource_name} is one of {where}, and its tasks run in {here}.",
        evidence=f"executionRoleArn is {arn}; a task takes a role of its own account only",
        remedy=Remedy(
            text=f"Register a revision that names a role of {here}"
            + (f": the one of the same name there is {found}, if that is meant." if found else "."),
            snippet=_member(found or _some_role(home)),
        ),
    )


def _proved_arn(facts: Facts) -> Arn | None:
    """Return the role's ARN; None where none stands there, or one that only a deployment puts in."""
    try:
        return role_arn_of(facts.task_definition)
    except Malformed:
        return None


def _is_gone(facts: Facts, missing: Missing) -> Failed:
    definition = facts.task_definition.arn.resource_name
    if missing.instead is not None:
        return Failed(
            subject=subject_of(facts),
            cause=f"The execution role of {definition} is named by another path than it has.",
            evidence=f"executionRoleArn is {missing.resource}; GetRole of that name answers {missing.instead}",
            remedy=Remedy(
                text="Register a revision that names the role by its ARN, path included.",
                snippet=_member(missing.instead),
            ),
        )
    return Failed(
        subject=subject_of(facts),
        cause=f"The execution role of {definition} does not exist.",
        evidence=f"GetRole of {missing.resource}: NoSuchEntity",
        remedy=near.of_role(
            facts,
            Remedy(
                text="Create the role, or register a revision that names the one that is meant.",
                snippet=_create_role(facts),
            ),
        ),
    )


def _create_role(facts: Facts) -> str | None:
    """Return the command that creates the role under its name and path."""
    arn = role_arn_of(facts.task_definition)
    if arn is None:
        return None
    path, _, name = arn.resource.removeprefix("role").rpartition("/")
    return shlex.join(
        (
            *("aws", "iam", "create-role", "--role-name", name),
            *(("--path", f"{path}/") if path else ()),
            *(
                "--assume-role-policy-document",
                f'{{"Version":"2012-10-17","Statement":[{trust_statement(arn.account)}]}}',
            ),
        )
    )


CHECKS = (
    Check(
        id="execution-role-missing",
        gate="role",
        severity="error",
        fails_when="the task definition gives no executionRoleArn",
        needs=NEEDS_DEFINITION,
        remedy="register a revision with an executionRoleArn",
        source=_EXECUTION_ROLE,
        ask=_missing,
    ),
    Check(
        id="execution-role-not-found",
        gate="role",
        severity="error",
        fails_when="the role does not exist, or is one of another account",
        needs=NEEDS_ROLE,
        remedy="register a revision that names a role of its own account, or aws iam create-role",
        source=_EXECUTION_ROLE,
        ask=_not_found,
    ),
)
