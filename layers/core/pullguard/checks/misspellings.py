"""Remedies for a probable misspelling: the near name comes first, and a new resource only if that is not meant.

Suggestions are for people. Nothing here is ever planned: a near name is an inference. The caller determines which
secrets are offered (``gather``).
"""

import json
from collections.abc import Iterable

from pullguard.checks.check import reference_snippet
from pullguard.checks.role_steps import steps_for, steps_of_role
from pullguard.domain.arn import SecretReference
from pullguard.domain.consent import tagging
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Remedy
from pullguard.domain.image import ImageReference, serves_the_public
from pullguard.domain.lookup import NotAsked
from pullguard.domain.near_names import differs_in_ending, is_near
from pullguard.domain.opt_in import REGISTRY_TAG, registry_hosts
from pullguard.domain.pasted_credentials import hidden
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import Container


def of_secret(facts: Facts, container: Container, name: str, otherwise: Remedy) -> Remedy:
    """Return the remedy that names the nearest secret; ``otherwise`` creates ``name`` if nothing is near."""
    secrets = facts.near_secrets.get(container.name, ())
    if isinstance(secrets, NotAsked):
        return Remedy(text=f"{otherwise.text} Secrets of similar names: {secrets.switch}.", snippet=otherwise.snippet)
    if not isinstance(secrets, tuple) or not secrets:
        return otherwise
    steps = steps_for(facts, container, secrets[0])
    then = steps.text(f"register a revision that names {secrets[0].name} by its full ARN.", first="Then ")
    region = _region_of(facts, container)
    right = "Region" if secrets[0].arn.region != region else "name"
    said = (
        _did_you_mean(
            each.name if each.arn.region == region else f"{each.name} of {each.arn.region}" for each in secrets
        ),
        *(_not_opted_in(each) for each in secrets if not registry_hosts(each)),
        then,
        f"If the {right} is right: create the secret {name}.",
    )
    return Remedy(text=" ".join(said), snippet=steps.snippet(reference_snippet(secrets[0])))


def _region_of(facts: Facts, container: Container) -> str:
    """Return the Region in which the container's reference names a secret."""
    reference = container.reference
    arn = reference.arn if isinstance(reference, SecretReference) else None
    return (arn or facts.task_definition.arn).region


def _not_opted_in(secret: Secret) -> str:
    return f"{secret.name} is not opted in: make sure that it holds credentials for this image's registry."


def of_role(facts: Facts, otherwise: Remedy) -> Remedy:
    """Return the remedy that names the nearest role; ``otherwise`` applies if none is meant."""
    roles = facts.near_roles
    if isinstance(roles, NotAsked):
        return Remedy(text=f"{otherwise.text} Roles of similar names: {roles.switch}.", snippet=otherwise.snippet)
    if not isinstance(roles, tuple) or not roles:
        return otherwise
    steps = steps_of_role(facts, roles[0])
    then = steps.text(f"register a revision with the role {roles[0].name}.", first="Then ")
    return Remedy(
        text=f"{_did_you_mean(each.name for each in roles)} {then} {_if_not(otherwise)}",
        snippet=steps.snippet(f'"executionRoleArn": {json.dumps(str(roles[0].arn))}'),
    )


def _did_you_mean(names: Iterable[str]) -> str:
    first, *more = names
    others = f" (or {' or '.join(more)})" if more else ""
    return f"Did you mean {first}{others}?"


def _if_not(otherwise: Remedy) -> str:
    """Describe the alternative if nothing near is meant, with its commands: they are not what is pasted first."""
    commands = f" `{' '.join(otherwise.snippet.splitlines())}`" if otherwise.snippet else ""
    return f"If not: {otherwise.text}{commands}"


def of_registry_host(image: ImageReference, secret: Secret) -> Remedy:
    """Return the remedy for a secret that is for other registries than the image's.

    No command adds the image's host to the tag, since that would expose the credentials to that host. Exception: the
    host is a public registry and the tag misspells it. Another ending (``ghcr.com``) may be another owner's host: it is
    only named.
    """
    hosts = registry_hosts(secret)
    misspelt = next((host for host in sorted(hosts) if is_near(host, image.host)), None)
    near = misspelt or next((host for host in sorted(hosts) if differs_in_ending(host, image.host)), None)
    other = (
        f"Name a secret that is for {image.host}. Only if the same credentials are meant for both, this one's owner "
        f"adds the host to its tag {REGISTRY_TAG}."
    )
    if near is None or (serves_the_public(near) and serves_the_public(image.host)):
        return Remedy(text=other)
    if serves_the_public(image.host) and misspelt is not None:
        return Remedy(
            text=(
                f"Did you mean {image.host} in the tag {REGISTRY_TAG}, which says {near}? Then the secret's owner "
                f"corrects it. Otherwise: {other}"
            ),
            snippet=tagging(secret, REGISTRY_TAG, " ".join(sorted((hosts - {near}) | {image.host}))),
        )
    if serves_the_public(near):
        return Remedy(
            text=f"Did you mean {near} in the image? Then register a revision with that image. Otherwise: {other}",
            snippet=f'"image": {json.dumps(_on_host(image, near))}',
        )
    return Remedy(
        text=(
            f"Did you mean {near} in the image, or {image.host} in the tag {REGISTRY_TAG}? Correct the one that is "
            f"misspelt, once you know which. Otherwise: {other}"
        )
    )


def _on_host(image: ImageReference, host: str) -> str:
    """Return the same image at another host; one with a misspelt host always names a host."""
    return f"{host}/{hidden(image.text).partition('/')[2]}"
