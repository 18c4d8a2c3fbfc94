"""The things that a task definition references, under the names by which events tell of them.

A secret has two: its ARN, and its name in its account and Region, since a secret that is deleted and created again
keeps only its name. A role has two as well, since IAM's events tell its name without the path.
"""

from pullguard.arn import Arn
from pullguard.checks.check import reference_text
from pullguard.model import Facts, Key, Role, Secret


def secret_name(region: str, account: str, name: str) -> str:
    """Return the key of a secret's name."""
    return f"secret {region} {account} {name}"


def role_name(account: str, name: str) -> str:
    """Return the key of a role's name."""
    return f"role {account} {name}"


def references_of(facts: Facts) -> frozenset[str]:
    """Return the keys of everything that the task definition references."""
    home = facts.task_definition.arn
    things: set[str] = set()
    if isinstance(facts.role, Role):
        things |= {str(facts.role.arn), role_name(facts.role.arn.account, facts.role.name)}
    elif facts.task_definition.execution_role:
        things.add(role_name(home.account, facts.task_definition.execution_role.rsplit("/", 1)[-1]))
    for container in facts.task_definition.containers:
        secret = facts.secrets.get(reference_text(container))
        if isinstance(secret, Secret):
            things |= _of_secret(secret)
        elif container.reference is not None:
            things |= _of_text(reference_text(container), home)
    return frozenset(things)


def _of_secret(secret: Secret) -> set[str]:
    key = {str(secret.key.arn)} if isinstance(secret.key, Key) else set()
    return {str(secret.arn), secret_name(secret.arn.region, secret.arn.account, secret.name)} | key


def _of_text(text: str, home: Arn) -> set[str]:
    """A secret that could not be described is known by what the reference says, with and without a suffix."""
    if not text.startswith("arn:"):
        return {secret_name(home.region, home.account, text)}
    region, account, name = text.split(":", 6)[3], text.split(":", 6)[4], text.rsplit(":", 1)[-1]
    return {text, secret_name(region, account, name), secret_name(region, account, name[:-7])}
