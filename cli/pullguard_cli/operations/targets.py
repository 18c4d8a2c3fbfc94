"""What can be held by itself, a role or a family, so that stop and resume need not know which of the two it is."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from pullguard.aws.ecs import Ecs
from pullguard.domain.facts import TaskDefinition
from pullguard.domain.stop import Stop
from pullguard.store.ledger import Ledger
from pullguard_cli.deployment import Deployment
from pullguard_cli.failures import CannotRun

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
_FAMILY: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A role or a family: ``name`` is for sentences, ``option`` for the command line. Errors of AWS propagate.

    ``find`` raises ``CannotRun`` where there is no such thing. ``done`` is what was done in it and stays undone where
    somebody undid it. ``let_go`` ends the hold, and lets that be done again.
    """

    name: str
    option: tuple[str, ...]
    find: Callable[[], object]
    held: Callable[[], Stop | None]
    hold: Callable[[Stop], None]
    let_go: Callable[[], None]
    done: Callable[[], tuple[str, ...]] = tuple


def one_role(deployment: Deployment, name: str) -> Target:
    """Return the role of an ARN, or of a name with or without its path; raises ``CannotRun`` for what can be none."""
    arn, ledger = deployment.role_arn(name), deployment.ledger
    return Target(
        name=str(arn),
        option=(arn.resource_name,),
        find=partial(deployment.role, arn),
        held=partial(ledger.hold, arn),
        hold=partial(ledger.save_hold, arn),
        let_go=partial(ledger.end_hold, arn),
    )


def one_family(deployment: Deployment, name: str) -> Target:
    """Return the family of a name; raises ``CannotRun`` for what can be none."""
    if not _FAMILY.fullmatch(name):
        raise CannotRun("Give the name of a family: letters, digits, hyphens and underscores, without a revision.")
    ledger = deployment.ledger
    return Target(
        name=f"family {name}",
        option=("--family", name),
        find=partial(_find, deployment, name),
        held=partial(ledger.family_hold, name),
        hold=partial(ledger.save_family_hold, name),
        let_go=partial(_let_go, ledger, name),
        done=partial(ledger.done_in, name),
    )


def _find(deployment: Deployment, family: str) -> None:
    found = Ecs(deployment.connection.clients.get("ecs")).describe(family)
    if not isinstance(found, TaskDefinition):
        raise CannotRun(f"There is no family {family} with an active revision that could be described ({found}).")


def _let_go(ledger: Ledger, family: str) -> None:
    for each in ledger.done_in(family):
        ledger.let_again(family, each)
    ledger.end_family_hold(family)


def not_both(role: str | None, family: str | None) -> None:
    """Raise ``CannotRun`` where a role and a family are given."""
    if role is not None and family is not None:
        raise CannotRun("Give a role or a family, and not both: each is stopped for itself.")


def chosen(deployment: Deployment, role: str | None, family: str | None) -> Target | None:
    """Return the role or the family that was named; None is everything."""
    if family is not None:
        return one_family(deployment, family)
    return None if role is None else one_role(deployment, role)
