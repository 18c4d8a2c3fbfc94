"""Set and end the stop and the holds, show what is held, and ask for a look at what was wanted meanwhile."""

import json
import sys
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from pullguard.domain.facts import Missing, NotAsked, Unreadable
from pullguard.domain.stop import REASON_MAX_CHARS, Stop
from pullguard_cli.asking import confirmed
from pullguard_cli.contract import SCHEMA_VERSION
from pullguard_cli.deployment import Deployment, aws_errors
from pullguard_cli.failures import EXIT_FINDINGS, EXIT_OK, CannotRun, one_line
from pullguard_cli.operations.held import described, look, print_held, resume_command
from pullguard_cli.operations.targets import Target
from pullguard_cli.options import TextFormat
from pullguard_cli.printing import output, plain, says

_LEFT_AS_IT_IS: Final = "Nothing was changed."


def stop_everything(deployment: Deployment, reason: str, *, yes: bool) -> int:
    """Stop every write of the stack; return the exit code."""
    with aws_errors():
        known = deployment.switch.read()
    if isinstance(known, Stop):
        return say(f"The stack {deployment.stack} is stopped already, {known}.")
    if not confirmed(f"Stop every write of the stack {deployment.stack}?", yes=yes):
        return say(_LEFT_AS_IT_IS, EXIT_FINDINGS)
    stop = stop_by(deployment, reason)
    with aws_errors():
        deployment.switch.write(stop)
    return say(
        f"The stack {deployment.stack} is stopped {stop}. It writes nothing until `{resume_command(deployment.stack)}`."
    )


def resume_everything(deployment: Deployment, *, yes: bool) -> int:
    """Let the stack write again, and ask for a sweep; return the exit code."""
    with aws_errors():
        known = deployment.switch.read()
    if isinstance(known, Missing | Unreadable | NotAsked):
        raise CannotRun(f"The stop parameter cannot be read ({known}); where it is gone, deploy the stack again.")
    if known is None:
        return say(f"The stack {deployment.stack} is not stopped.")
    if not confirmed(f"The stack {deployment.stack} is stopped {known}. Let it write again?", yes=yes):
        return say(_LEFT_AS_IT_IS, EXIT_FINDINGS)
    with aws_errors():
        deployment.switch.write(None)
    say(f"The stack {deployment.stack} may write again.")
    return ask_for_a_sweep(deployment)


def stop_one(deployment: Deployment, target: Target, reason: str, *, yes: bool) -> int:
    """Hold a role or a family; return the exit code."""
    with aws_errors():
        known = target.held()
        if known is None:
            target.find()  # a name that is misspelt must not look as if it were held
    if known is not None:
        return say(f"{target.name} is held already, {known}.")
    if not confirmed(f"Let Pullguard write nothing to {target.name}?", yes=yes):
        return say(_LEFT_AS_IT_IS, EXIT_FINDINGS)
    hold = stop_by(deployment, reason)
    with aws_errors():
        target.hold(hold)
    ends = resume_command(deployment.stack, *target.option)
    return say(f"{target.name} is held {hold}. Nothing is written to it until `{ends}`.")


def resume_one(deployment: Deployment, target: Target, *, yes: bool) -> int:
    """End the hold on a role or a family, let be done again what was undone there, and ask for a sweep.

    Returns the exit code.
    """
    with aws_errors():
        known, done = target.held(), target.done()
    if known is None and not done:
        return say(f"{target.name} is not held, and nothing that Pullguard did there stays undone.")
    held = "is not held" if known is None else f"is held {known}"
    again = " What was undone in it is done again, where it is still needed." if done else ""
    if not confirmed(f"{target.name} {held}.{again} Let Pullguard write to it again?", yes=yes):
        return say(_LEFT_AS_IT_IS, EXIT_FINDINGS)
    with aws_errors():
        target.let_go()
    say(f"Pullguard may write to {target.name} again.{again}")
    return ask_for_a_sweep(deployment)


def ask_for_a_sweep(deployment: Deployment) -> int:
    """Request a sweep, which begins with what was refused; if that fails, the hourly run asks about it."""
    try:
        deployment.queues.send(deployment.output("SweepQueueUrl"), {"sweep": f"asked-{uuid4()}", "token": None})
    except (BotoCoreError, ClientError) as error:
        return say(f"No sweep could be requested: what was refused is revalidated within the hour. ({one_line(error)})")
    return say("A sweep was asked for: what was refused meanwhile is revalidated now, before everything else.")


def stop_by(deployment: Deployment, reason: str) -> Stop:
    """Return a stop by whoever runs the command, now."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Stop(by=deployment.connection.caller, at=now.isoformat(), reason=plain(reason)[:REASON_MAX_CHARS])


def say(text: str, code: int = EXIT_OK) -> int:
    """Print a sentence; return the exit code."""
    output(soft_wrap=True).print(says(text))
    return code


def show_what_is_held(deployment: Deployment, form: TextFormat) -> None:
    """Show what is held all the same: a table for people, JSON for programs.

    Raises ``CannotRun`` where a program asks and it cannot be read; people are told so in a sentence.
    """
    try:
        held = look(deployment)
    except (BotoCoreError, ClientError) as error:
        why = f"What is still held could not be read. ({one_line(error)})"
        if form is TextFormat.JSON:
            raise CannotRun(why) from error
        say(why)
        return
    if form is TextFormat.JSON:
        sys.stdout.write(json.dumps({"schema_version": SCHEMA_VERSION, **described(held)}, indent=2) + "\n")
        return
    print_held(held, output(), nothing="Nothing is held any more.")
