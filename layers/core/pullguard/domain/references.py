"""Keys for the resources that a task definition references, as events name them.

A secret has two keys: its ARN, and its name in its account and Region, since a secret that is deleted and created again
keeps only its name. A role also has two, since IAM's events contain its name without the path. A managed policy has its
ARN.
"""

from pullguard.domain import secret_resolution
from pullguard.domain.arn import Arn, MalformedReference, SecretReference
from pullguard.domain.errors import Malformed
from pullguard.domain.facts import Facts
from pullguard.domain.image import ImageReference
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Key, Secret
from pullguard.domain.task_definition import Container, TaskDefinition, role_arn_of


def reference_text(container: Container | None) -> str:
    """Return the text under which the container's secret was looked up; empty if it was not looked up."""
    match container.reference if container else None:
        case SecretReference(text=text):
            return text
        case MalformedReference(meant=SecretReference(text=text)):
            return text
        case _:
            return ""


def secret_name(region: str, account: str, name: str) -> str:
    """Return the key of a secret's name."""
    return f"secret {region} {account} {name}"


def role_name(account: str, name: str) -> str:
    """Return the key of a role's name."""
    return f"role {account} {name}"


def pulls_with(secret: str, host: str) -> str:
    """Return the key of the use of a secret (its ARN) at one registry host: a refusal there affects no other use."""
    return f"registry {host} {secret}"


def references_of(facts: Facts) -> frozenset[str]:
    """Return the keys of everything that the task definition references.

    A malformed reference has no key: no change to a secret or a role could make it valid.
    """
    home = facts.task_definition.arn
    things: set[str] = set()
    if isinstance(facts.role, Role):
        things |= {str(facts.role.arn), role_name(facts.role.arn.account, facts.role.name), *_policies(facts.role)}
    else:
        things |= _of_role_text(facts.task_definition)
    for container in facts.task_definition.containers:
        secret = facts.secrets.get(reference_text(container))
        if isinstance(secret, Secret):
            things |= _of_secret(secret)
            if isinstance(container.image, ImageReference):
                things.add(pulls_with(str(secret.arn), container.image.host))
        elif (reference := _usable(container)) is not None:
            things |= _of_reference(reference, home)
            if (other := secret_resolution.meant(facts, reference)) is not None:
                things |= _of_secret(other)
    return frozenset(things)


def _policies(role: Role) -> set[str]:
    """The account's own managed policies that affect a role; AWS's policies change without an event."""
    attached = role.attached_policies if isinstance(role.attached_policies, tuple) else ()
    boundary = (role.boundary,) if isinstance(role.boundary, NamedPolicy) else ()
    arns = {policy.arn for policy in (*attached, *boundary) if policy.arn is not None}
    return {arn for arn in arns if f":iam::{role.arn.account}:policy/" in arn}


def _of_secret(secret: Secret) -> set[str]:
    keys = {str(key.arn) for key in secret.keys if isinstance(key, Key)}
    return {str(secret.arn), secret_name(secret.arn.region, secret.arn.account, secret.name)} | keys


def _of_role_text(task_definition: TaskDefinition) -> set[str]:
    """A role that could not be read has the keys that the task definition's text gives."""
    try:
        arn = role_arn_of(task_definition)
    except Malformed:
        return set()
    return set() if arn is None else {role_name(arn.account, arn.resource_name.rsplit("/", 1)[-1])}


def _usable(container: Container) -> SecretReference | None:
    reference = container.reference
    return reference.meant if isinstance(reference, MalformedReference) else reference


def _of_reference(reference: SecretReference, home: Arn) -> set[str]:
    """A secret that could not be described has both names that its ARN may contain, with and without a suffix."""
    if reference.arn is None:
        return {secret_name(home.region, home.account, reference.name)}
    region, account = reference.arn.region, reference.arn.account
    names = {reference.name, reference.name_without_suffix or reference.name}
    return {str(reference.arn)} | {secret_name(region, account, name) for name in names}
