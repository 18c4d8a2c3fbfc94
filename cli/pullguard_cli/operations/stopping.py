"""Set and end the stop and the holds, show what is held, and request a sweep after a resume."""

import json
import sys
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from pullguard.domain.lookup import Missing, NotAsked, Unreadable
from pullguard.domain.stop import REASON_MAX_CHARS, Stop
from pullguard_cli.asking import confirmed
from pullguard_cli.aws_failures import one_line
from pullguard_cli.contract import SCHEMA_VERSION
from pullguard_cli.deployment import Deployment, aws_errors
from pullguard_cli.failures import EXIT_FINDINGS, EXIT_OK, CannotRun
from pullguard_cli.operations.held import described, print_held, read_held, resume_command
from pullguard_cli.operations.targets import Target
from pullguard_cli.options import TextFormat
from pullguard_cli.printing import output, plain, says

_LEFT_AS_IT_IS: Final = "Nothing was changed."


def stop_everything(deployment: Deployment, reason: str, *, yes: bool) -> int:
    """Pause all remediation of the stack. Return the exit code."""
    with aws_errors():
        known = deployment.switch.read()
    if isinstance(known, Stop):
        return say(f"The stack {deployment.stack} is already stopped, {known}.")
    if not confirmed(f"Pause all remediation of the stack {deployment.stack}?", yes=yes):
        return say(_LEFT_AS_IT_IS, EXIT_FINDINGS)
    stop = stop_by(deployment, reason)
    with aws_errors():
        deployment.switch.write(stop)
    return say(
        f"The stack {deployment.stack} is stopped {stop}. It writes nothing until `{resume_command(deployment.stack)}`."
    )


def resume_everything(deployment: Deployment, *, yes: bool) -> int:
    """End the stop, and request a sweep. Return the exit code."""
    with aws_errors():
        known = deployment.switch.read()
    if isinstance(known, Missing | Unreadable | NotAsked):
        raise CannotRun(f"Cannot read the stop parameter ({known}). If it was deleted, deploy the stack again.")
    if known is None:
        return say(f"The stack {deployment.stack} is not stopped.")
    if not confirmed(f"The stack {deployment.stack} is stopped {known}. Resume it?", yes=yes):
        return say(_LEFT_AS_IT_IS, EXIT_FINDINGS)
    with aws_errors():
        deployment.switch.write(None)
    say(f"The stack {deployment.stack} is resumed.")
    return ask_for_a_sweep(deployment)


def stop_one(deployment: Deployment, target: Target, reason: str, *, yes: bool) -> int:
    """Hold a role or a family. Return the exit code."""
    with aws_errors():
        known = target.held()
        if known is None:
            target.find()  # fail on a misspelt name
    if known is not None:
        return say(f"{target.name} is already held, {known}.")
    if not confirmed(f"Pause changes to {target.name}?", yes=yes):
        return say(_LEFT_AS_IT_IS, EXIT_FINDINGS)
    hold = stop_by(deployment, reason)
    with aws_errors():
        target.hold(hold)
    ends = resume_command(deployment.stack, *target.option)
    return say(f"{target.name} is held {hold}. Nothing is written to it until `{ends}`.")


def resume_one(deployment: Deployment, target: Target, *, yes: bool) -> int:
    """End the hold on a role or a family, allow undone actions to be repeated, and request a sweep.

    Returns the exit code.
    """
    with aws_errors():
        known, done = target.held(), target.done()
    if known is None and not done:
        return say(f"{target.name} is not held, and has no undone actions.")
    held = "is not held" if known is None else f"is held {known}"
    again = " Actions that were undone are repeated if still needed." if done else ""
    if not confirmed(f"{target.name} {held}.{again} Resume it?", yes=yes):
        return say(_LEFT_AS_IT_IS, EXIT_FINDINGS)
    with aws_errors():
        target.let_go()
    say(f"{target.name} is resumed.{again}")
    return ask_for_a_sweep(deployment)


def ask_for_a_sweep(deployment: Deployment) -> int:
    """Request a sweep, which starts with refused actions. If this fails, the hourly run covers them."""
    try:
        deployment.queues.send(deployment.output("SweepQueueUrl"), {"sweep": f"asked-{uuid4()}", "token": None})
    except (BotoCoreError, ClientError) as error:
        return say(f"Could not request a sweep: refused actions are revalidated within the hour. ({one_line(error)})")
    return say("Requested a sweep: refused actions are revalidated first.")


def stop_by(deployment: Deployment, reason: str) -> Stop:
    """Return a stop by the current caller, as of now. ``reason`` is cut to its maximum length."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Stop(by=deployment.connection.caller, at=now.isoformat(), reason=plain(reason)[:REASON_MAX_CHARS])


def say(text: str, code: int = EXIT_OK) -> int:
    """Print a sentence. Return ``code``."""
    output(soft_wrap=True).print(says(text))
    return code


def show_what_is_held(deployment: Deployment, form: TextFormat) -> None:
    """Show the remaining stop and holds, as a table or as JSON.

    If they cannot be read, prints a sentence, or with JSON raises ``CannotRun``.
    """
    try:
        held = read_held(deployment)
    except (BotoCoreError, ClientError) as error:
        why = f"Could not read the remaining holds. ({one_line(error)})"
        if form is TextFormat.JSON:
            raise CannotRun(why) from error
        say(why)
        return
    if form is TextFormat.JSON:
        sys.stdout.write(json.dumps({"schema_version": SCHEMA_VERSION, **described(held)}, indent=2) + "\n")
        return
    print_held(held, output(), nothing="Nothing is held.")
