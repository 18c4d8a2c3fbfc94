"""AWS CLI commands that people may copy: each argument is quoted for a shell."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Final

from pullguard.domain.secret import Secret

_PLAIN: Final = re.compile(r"[A-Za-z0-9._:/ -]+")
"""Characters that the shorthand syntax of the AWS CLI takes literally; a comma or an equals sign has a meaning in it.

Source: https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html
"""

STDIN: Final = "file:///dev/stdin"
"""The value of an option that reads the output of the previous command."""


def command(service: str, operation: str, *options: tuple[str, ...]) -> str:
    """Return one command; each of ``options`` is a name with its values.

    A value that begins with a hyphen is joined to its option; otherwise the AWS CLI would read it as another option.
    """
    return shlex.join(("aws", service, operation)) + (f" {arguments(*options)}" if options else "")


def arguments(*options: tuple[str, ...]) -> str:
    """Return only the options, for a command whose beginning the caller writes."""
    return shlex.join(word for option in options for word in _joined(*option))


def _joined(name: str, *values: str) -> tuple[str, ...]:
    return (f"{name}={values[0]}", *values[1:]) if values and values[0].startswith("-") else (name, *values)


def in_order(*commands: str | None) -> str:
    """Return commands, one per line, each of which runs only if all previous ones succeeded."""
    return " &&\n".join(filter(None, commands))


def unless_there(find: str, make: str) -> str:
    """Return commands that run ``make`` only if ``find`` finds nothing, so that they are idempotent."""
    return f"{{ {find} 2>/dev/null || {make}; }}"


def tags_option(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return ``--tags`` with its values, in a form that the AWS CLI reads for any tag value."""
    if all(_PLAIN.fullmatch(text) for pair in tags.items() for text in pair):
        return ("--tags", *(f"Key={key},Value={value}" for key, value in tags.items()))
    return ("--tags", json.dumps([{"Key": key, "Value": value} for key, value in tags.items()]))


def on_secret(secret: Secret, operation: str, *options: tuple[str, ...]) -> str:
    """Return the AWS CLI command that performs ``operation`` on a secret, in the secret's Region."""
    at = (("--region", secret.arn.region), ("--secret-id", str(secret.arn)))
    return command("secretsmanager", operation, *at, *options)


def redeploying(region: str, cluster: str, service: str) -> str:
    """Return the AWS CLI command that forces a new deployment of a service."""
    at = (("--region", region), ("--cluster", cluster), ("--service", service))
    return command("ecs", "update-service", *at, ("--force-new-deployment",))
