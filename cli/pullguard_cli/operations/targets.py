"""Targets of a hold: a role or a family, behind one interface for stop and resume."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from pullguard.aws.ecs import Ecs
from pullguard.domain.stop import Stop
from pullguard.domain.task_definition import TaskDefinition
from pullguard.store.ledger import Ledger
from pullguard_cli.deployment import Deployment
from pullguard_cli.failures import CannotRun

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
_FAMILY: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A role or a family. AWS errors propagate.

    - ``name``: its name for messages. ``option``: its arguments on the command line.
    - ``find``: raises ``CannotRun`` if it does not exist.
    - ``done``: actions of Pullguard in it. If undone, they are not repeated.
    - ``let_go``: ends the hold, and allows those actions to be repeated.
    """

    name: str
    option: tuple[str, ...]
    find: Callable[[], object]
    held: Callable[[], Stop | None]
    hold: Callable[[Stop], None]
    let_go: Callable[[], None]
    done: Callable[[], tuple[str, ...]] = tuple


def one_role(deployment: Deployment, name: str) -> Target:
    """Return the role for an ARN, or for a name with its path. Raises ``CannotRun`` if malformed."""
    arn, ledger = deployment.role_arn(name), deployment.ledger
    return Target(
        name=str(arn),
        option=(arn.resource_name,),
        find=partial(deployment.role, arn),
        held=partial(ledger.roles.hold, arn),
        hold=partial(ledger.roles.save_hold, arn),
        let_go=partial(ledger.roles.end_hold, arn),
    )


def one_family(deployment: Deployment, name: str) -> Target:
    """Return the family with this name. Raises ``CannotRun`` if the name is invalid."""
    if not _FAMILY.fullmatch(name):
        raise CannotRun("Invalid family name. Use letters, digits, hyphens and underscores, without a revision.")
    ledger = deployment.ledger
    return Target(
        name=f"family {name}",
        option=("--family", name),
        find=partial(_find, deployment, name),
        held=partial(ledger.families.hold, name),
        hold=partial(ledger.families.save_hold, name),
        let_go=partial(_let_go, ledger, name),
        done=partial(ledger.families.done_in, name),
    )


def _find(deployment: Deployment, family: str) -> None:
    found = Ecs(deployment.connection.clients.get("ecs")).describe(family)
    if not isinstance(found, TaskDefinition):
        raise CannotRun(f"Found no active revision of the family {family} ({found}).")


def _let_go(ledger: Ledger, family: str) -> None:
    for each in ledger.families.done_in(family):
        ledger.families.let_again(family, each)
    ledger.families.end_hold(family)


def not_both(role: str | None, family: str | None) -> None:
    """Raise ``CannotRun`` if both a role and a family are given."""
    if role is not None and family is not None:
        raise CannotRun("Pass a role or a family, not both.")


def chosen(deployment: Deployment, role: str | None, family: str | None) -> Target | None:
    """Return the role or family that was named, or None for the whole stack."""
    if family is not None:
        return one_family(deployment, family)
    return None if role is None else one_role(deployment, role)
