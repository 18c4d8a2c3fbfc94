"""Commands of the AWS CLI that people may copy: each argument quoted for a shell."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Final

from pullguard.domain.facts import Secret

_PLAIN: Final = re.compile(r"[A-Za-z0-9._:/ -]+")
"""What the shorthand syntax of the AWS CLI takes as it is; a comma or an equals sign means something in it.

Source: https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html
"""

STDIN: Final = "file:///dev/stdin"
"""The value of an option that takes what the command before it writes."""


def command(service: str, operation: str, *options: tuple[str, ...]) -> str:
    """Return one command; each of ``options`` is a name with its values.

    A value that begins with a hyphen is joined to its option, since the AWS CLI takes it for another option otherwise.
    """
    return shlex.join(("aws", service, operation)) + (f" {arguments(*options)}" if options else "")


def arguments(*options: tuple[str, ...]) -> str:
    """Return only the options of a command, for one that is written out around them."""
    return shlex.join(word for option in options for word in _joined(*option))


def _joined(name: str, *values: str) -> tuple[str, ...]:
    return (f"{name}={values[0]}", *values[1:]) if values and values[0].startswith("-") else (name, *values)


def in_order(*commands: str | None) -> str:
    """Return commands of which each runs only if those before it succeeded, one on each line."""
    return " &&\n".join(filter(None, commands))


def unless_there(look: str, make: str) -> str:
    """Return commands that ``make`` a thing only if ``look`` finds none, so that they can be pasted twice."""
    return f"{{ {look} 2>/dev/null || {make}; }}"


def tags_option(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return ``--tags`` with its values, in a form that the AWS CLI reads whatever the tags' values are."""
    if all(_PLAIN.fullmatch(text) for pair in tags.items() for text in pair):
        return ("--tags", *(f"Key={key},Value={value}" for key, value in tags.items()))
    return ("--tags", json.dumps([{"Key": key, "Value": value} for key, value in tags.items()]))


def on_secret(secret: Secret, operation: str, *options: tuple[str, ...]) -> str:
    """Return the AWS CLI command that does ``operation`` to a secret, in the Region that it lies in."""
    at = (("--region", secret.arn.region), ("--secret-id", str(secret.arn)))
    return command("secretsmanager", operation, *at, *options)


def redeploying(region: str, cluster: str, service: str) -> str:
    """Return the AWS CLI command that lets a service start its tasks anew."""
    at = (("--region", region), ("--cluster", cluster), ("--service", service))
    return command("ecs", "update-service", *at, ("--force-new-deployment",))
