"""Set and end the hold on a family, and let what somebody undid in it be done again."""

import re
from typing import Final

from pullguard.aws.ecs import Ecs
from pullguard.model import TaskDefinition
from pullguard_cli.asking import confirmed
from pullguard_cli.deployment import Deployment, aws_errors
from pullguard_cli.failures import EXIT_FINDINGS, CannotRun
from pullguard_cli.stopping import LEFT_AS_IT_IS, ask_for_a_sweep, say, stop_by

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
_FAMILY: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")


def stop_family(deployment: Deployment, family: str, reason: str, *, yes: bool) -> int:
    """Hold one family; return the exit code."""
    _prove(family)
    with aws_errors():
        known = deployment.ledger.family_hold(family)
        if known is None:
            _find(deployment, family)  # a name that is misspelt must not look as if it were held
    if known is not None:
        return say(f"The family {family} is held already, {known}.")
    if not confirmed(f"Let Pullguard register and move nothing of the family {family}?", yes=yes):
        return say(LEFT_AS_IT_IS, EXIT_FINDINGS)
    hold = stop_by(deployment, reason)
    with aws_errors():
        deployment.ledger.save_family_hold(family, hold)
    return say(f"The family {family} is held {hold}, until `pullguard resume --family {family}`.")


def resume_family(deployment: Deployment, family: str, *, yes: bool) -> int:
    """End the hold on one family, let be done again what was undone in it, and ask for a sweep; return the code."""
    _prove(family)
    with aws_errors():
        hold, done = deployment.ledger.family_hold(family), deployment.ledger.done_in(family)
    if hold is None and not done:
        return say(f"The family {family} is not held, and Pullguard has done nothing in it that could be undone.")
    held = "is not held" if hold is None else f"is held {hold}"
    again = " What was undone in it is done again, where it is still needed." if done else ""
    if not confirmed(f"The family {family} {held}.{again} Let Pullguard write to it?", yes=yes):
        return say(LEFT_AS_IT_IS, EXIT_FINDINGS)
    with aws_errors():
        for each in done:
            deployment.ledger.let_again(family, each)
        deployment.ledger.end_family_hold(family)
    say(f"Pullguard may write to the family {family} again.{again}")
    return ask_for_a_sweep(deployment)


def _prove(family: str) -> None:
    if not _FAMILY.fullmatch(family):
        raise CannotRun("Give the name of a family: letters, digits, hyphens and underscores, without a revision.")


def _find(deployment: Deployment, family: str) -> None:
    found = Ecs(deployment.connection.clients.get("ecs")).describe(family)
    if not isinstance(found, TaskDefinition):
        raise CannotRun(f"There is no family {family} with an active revision that could be described ({found}).")
