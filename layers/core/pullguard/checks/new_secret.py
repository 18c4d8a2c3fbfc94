"""How to create a secret that a task definition names and that does not exist, complete and without further faults.

Known are the registries of the images that it is for, and the key, if a policy of the role allowed decrypting the
secret of that name. The tags opt it in, if its creator has the right to.
"""

import re
from collections.abc import Iterator
from typing import Final

from pullguard.checks.check import image_of, is_ecr
from pullguard.checks.manual_policies import Future
from pullguard.domain.arn import Arn, SecretReference
from pullguard.domain.aws_cli import command, tags_option
from pullguard.domain.facts import Facts
from pullguard.domain.opt_in import REGISTRY_TAG, ROLES_TAG
from pullguard.domain.policy_document import granted_for, parse_own
from pullguard.domain.references import reference_text
from pullguard.domain.role import Role
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import shares_its_role

# AWS advises against such names: it takes their end for the six characters of an ARN.
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
_LIKE_A_SUFFIX: Final = re.compile(r"-[A-Za-z0-9]{6}$")
_SUFFIX_CHARS: Final = 7  # a hyphen, and the six characters that Secrets Manager adds to a name


def future_of(facts: Facts, reference: SecretReference) -> Future:
    """Return the secret that ``reference`` would name, under the likelier of the two names that an ARN may contain."""
    is_taken = isinstance(facts.replacements.get(reference.text), Secret)
    shorter = None if reference.ends_in_a_word or is_taken else reference.name_without_suffix
    name = shorter or reference.name
    home = reference.arn or facts.task_definition.arn
    return Future(home=home, name=name, tags=_tags(facts, reference), key=_known_key(facts, home, name))


def create_command(future: Future) -> str:
    """Return the command that creates it from ``credentials.json`` and prints its ARN."""
    return command(
        "secretsmanager",
        "create-secret",
        ("--region", future.home.region),
        ("--name", future.name),
        *((("--kms-key-id", str(future.key)),) if future.key else ()),
        *((tags_option(future.tags),) if future.tags else ()),
        ("--secret-string", "file://credentials.json"),
        ("--query", "ARN"),
        ("--output", "text"),
    )


def beside(facts: Facts, secret: Secret, name: str) -> Future:
    """Return a new secret ``name`` for the same registry and roles, under the same key.

    It replaces another account's secret with one in the account of the task; the other secret stays with its owner.
    """
    if _LIKE_A_SUFFIX.search(name):
        name = f"{name}/pull"
    tags = {key: secret.tags[key] for key in (REGISTRY_TAG, ROLES_TAG) if key in secret.tags}
    if secret.arn.account != facts.task_definition.arn.account:
        return Future(home=facts.task_definition.arn, name=name, tags=tags)
    return Future(home=secret.arn, name=name, tags=tags, key=granted_for(secret).key)


def _tags(facts: Facts, reference: SecretReference) -> dict[str, str]:
    """Return the tags that opt the secret in for the images that it is for.

    If the role is also the task role, containers can read the same secrets: then the tag names the role.
    """
    definition = facts.task_definition
    named = [each for each in definition.containers if reference_text(each) == reference.text and not is_ecr(each)]
    hosts = sorted({image.host for each in named if (image := image_of(each)) is not None})
    if not hosts:
        return {}
    role = definition.execution_role
    roles = {ROLES_TAG: role.rpartition("/")[2]} if role is not None and shares_its_role(definition) else {}
    return {REGISTRY_TAG: " ".join(hosts), **roles}


def _known_key(facts: Facts, home: Arn, name: str) -> Arn | None:
    """Return the customer managed key that a secret of this name was granted with; None if unknown."""
    return next((key for secret, key in _granted(facts) if key is not None and _is_of(secret, home, name)), None)


def _granted(facts: Facts) -> Iterator[tuple[Arn, Arn | None]]:
    """Yield the grants of the role: from this stack's grant records, and from policies of that shape on it."""
    yield from facts.granted_keys.items()
    policies = facts.role.inline_policies if isinstance(facts.role, Role) else ()
    for policy in policies if isinstance(policies, tuple) else ():
        for granted in parse_own(policy.document)[0]:
            yield granted.secret, granted.key


def _is_of(secret: Arn, home: Arn, name: str) -> bool:
    place = (home.partition, home.account, home.region)
    return (secret.partition, secret.account, secret.region) == place and secret.resource_name[:-_SUFFIX_CHARS] == name
