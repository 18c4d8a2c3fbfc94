"""Does the task definition have a valid execution role?"""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pullguard.checks import misspellings
from pullguard.checks.check import (
    NEEDS_DEFINITION,
    NEEDS_ROLE,
    Check,
    gives_credentials,
    skipped,
    subject_of,
    unreadable,
)
from pullguard.checks.role_steps import new_role
from pullguard.domain.arn import Arn
from pullguard.domain.errors import Malformed
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Passed, Remedy
from pullguard.domain.lookup import Missing, NotAsked, Unreadable
from pullguard.domain.role import Role
from pullguard.domain.task_definition import proved_role_arn, role_arn_of

_EXECUTION_ROLE = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html"

_NO_ACCOUNT: Final = "000000000000"  # the account of a checked file that names none


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
        remedy=_give_a_role(facts),
    )


def _give_a_role(facts: Facts) -> Remedy:
    home = facts.task_definition.arn
    text = "Register a revision with an execution role that may read the secret."
    if home.account == _NO_ACCOUNT:
        return Remedy(text=text, snippet=_member(_some_role(home)))
    steps = new_role(facts)
    text = (
        "Create an execution role that may read the secret, and register a revision with it. If there is such a role "
        "already, register a revision with that one instead."
    )
    return Remedy(text=" ".join((text, *steps.remarks)), snippet=steps.snippet())


def _member(role: str) -> str:
    return f'"executionRoleArn": {json.dumps(role)}'


def _some_role(home: Arn) -> str:
    """Return a placeholder role ARN; a definition that is checked before registration may have no account yet."""
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
        case NotAsked() as not_asked:
            yield skipped(subject, "Does the execution role exist, and may it read the secret?", not_asked)


def _names_no_role(facts: Facts) -> Failed | None:
    """Describe a text that does not name a role; IAM is not asked about such a text."""
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
    """Report that the role is another account's or partition's: it cannot be passed to ECS, even if it exists.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    arn, home = proved_role_arn(facts.task_definition), facts.task_definition.arn
    if arn is None or home.account == _NO_ACCOUNT or isinstance(facts.role, Role):  # IAM found it by its whole ARN
        return None
    if arn.partition != home.partition:
        where, here = f"partition {arn.partition}", f"partition {home.partition}"
    elif arn.account != home.account:
        where, here = f"account {arn.account}", f"account {home.account}"
    else:
        return None
    found = facts.role.instead if isinstance(facts.role, Missing) else None
    create = new_role(facts).snippet() if isinstance(facts.role, Missing) and found is None else None
    return Failed(
        subject=subject_of(facts),
        cause=f"The execution role of {home.resource_name} is one of {where}, and its tasks run in {here}.",
        evidence=f"executionRoleArn is {arn}; a task takes a role of its own account only",
        remedy=Remedy(
            text=f"Register a revision that names a role of {here}"
            + (f": the one of the same name there is {found}, if that is meant." if found else "."),
            snippet=create or _member(found or _some_role(home)),
        ),
    )


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
        remedy=misspellings.of_role(facts, _create(facts)),
    )


def _create(facts: Facts) -> Remedy:
    arn = proved_role_arn(facts.task_definition)
    if arn is None:
        return Remedy(text="Register a revision that names the role that is meant.")
    steps = new_role(facts, arn=arn)
    text = (
        "Create the role again, with the trust and the access that this pull needs; what else it allowed is not known. "
        "If another role is meant, register a revision that names that one instead."
    )
    return Remedy(text=" ".join((text, *steps.remarks)), snippet=steps.snippet())


CHECKS = (
    Check(
        id="execution-role-missing",
        gate="role",
        severity="error",
        fails_when="the task definition gives no executionRoleArn",
        needs=NEEDS_DEFINITION,
        remedy="aws iam create-role with trust and access, and a revision with its ARN",
        source=_EXECUTION_ROLE,
        ask=_missing,
    ),
    Check(
        id="execution-role-not-found",
        gate="role",
        severity="error",
        fails_when="the role does not exist, or is one of another account",
        needs=NEEDS_ROLE,
        remedy=(
            "a revision that names a role of its own account (the command line offers similar names), or aws iam "
            "create-role with trust and access"
        ),
        source=_EXECUTION_ROLE,
        ask=_not_found,
    ),
)
