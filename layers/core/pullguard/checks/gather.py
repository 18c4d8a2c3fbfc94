"""Gather all the facts that the checks decide on, given the name of a task definition.

``Readers`` is the core's interface to AWS: each question is asked at most once for each resource (the readers cache the
answers). An unanswered question is a fact of its own; see ``domain/lookup.py``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from pullguard.access.gathered import concerns_organization
from pullguard.domain import secret_resolution
from pullguard.domain.arn import SECRET_NAME_MAX_CHARS, Arn, SecretReference
from pullguard.domain.errors import Malformed
from pullguard.domain.facts import Facts
from pullguard.domain.image import ImageReference
from pullguard.domain.lookup import USAGE_NOT_ASKED, Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.near_names import nearest
from pullguard.domain.opt_in import registry_hosts, secrets_for
from pullguard.domain.role import Role, Simulated
from pullguard.domain.secret import Secret, ValueShape
from pullguard.domain.task_definition import Container, TaskDefinition, lacks_credentials, role_arn_of, shares_its_role
from pullguard.domain.usage import Usage
from pullguard.domain.verification import Accepted, Verification

# The limit exists because each one costs a login with a value that others chose: a tag opts any secret in, for any
# host.
SECRETS_ASKED_MAX: Final = 3


class Readers(Protocol):
    """The questions that the core asks AWS. Regions are those of the resource in question."""

    def task_definition(self, reference: str) -> Lookup[TaskDefinition]:
        """Describe a revision (by ARN) or the newest ACTIVE revision of a family (by name)."""

    def role(self, arn: Arn) -> Lookup[Role]:
        """Read a role: tags, trust, boundary, and every policy that is attached to it or embedded in it."""

    def secret(self, secret_id: str, region: str) -> Lookup[Secret]:
        """Describe a secret by ARN, partial ARN or name, with its resource policy, its key and its value's shape."""

    def registry_secrets(self, region: str) -> Lookup[tuple[Secret, ...]]:
        """List the opted-in secrets of the account and Region, in the detail of DescribeSecret."""

    def every_secret(self, region: str) -> Lookup[tuple[Secret, ...]]:
        """List all secrets of the account and Region, if they may be listed."""

    def every_role(self) -> Lookup[tuple[Role, ...]]:
        """Return the account's roles, if they may be listed."""

    def expect(self, families: Iterable[str]) -> None:
        """Name the families of the batch, so that questions about them may share calls."""

    def usage(self, task_definition: TaskDefinition, *, tasks: bool = False) -> Lookup[Usage]:
        """Find what runs a revision, and whether it is the newest of its family.

        ``tasks`` also lists its tasks and failed starts; else they are listed if they decide whether it is in use or
        needs credentials.
        """

    def organization(self) -> Lookup[str]:
        """Return the id of the account's organization, Missing if it has none. Asked only if a policy needs it."""

    def simulation(self, role: Role, secret: Secret, reference: str) -> Lookup[tuple[Simulated, ...]]:
        """Ask AWS's policy simulator for a second opinion, if that is switched on."""

    def anonymous_pull(self, image: ImageReference, hosts: frozenset[str]) -> Lookup[Verification]:
        """Ask the registry, one of ``hosts``, whether it serves the image anonymously, if that is switched on."""

    def verification(self, secret: Secret, image: ImageReference) -> Lookup[Verification]:
        """Ask the registry whether the secret's credentials pull the image, if that is switched on."""


def gather(
    reference: str, readers: Readers, *, now: datetime, usage: bool = False
) -> Facts | Missing | Unreadable | NotAsked:
    """Gather the facts about one task definition, named by ARN or family."""
    found = readers.task_definition(reference)
    return gather_about(found, readers, now=now, usage=usage) if isinstance(found, TaskDefinition) else found


def gather_about(task_definition: TaskDefinition, readers: Readers, *, now: datetime, usage: bool = False) -> Facts:
    """Gather the facts about a task definition that has already been described."""
    region = task_definition.arn.region
    role = _role(task_definition, readers)
    secrets = {
        reference.text: _secret(reference, region, readers)
        for reference in (_usable_reference(container) for container in task_definition.containers)
        if reference is not None
    }
    registry_secrets = _registry_secrets(task_definition, readers)
    namesakes, replacements = _other_readings(task_definition, secrets, readers)
    listed = registry_secrets if isinstance(registry_secrets, tuple) else ()
    anonymous = _anonymous_pulls(task_definition, registry_secrets, readers)
    everything = (*secrets.values(), *namesakes.values(), *replacements.values(), *listed)
    facts = Facts(
        task_definition=task_definition,
        now=now,
        role=role,
        organization=(
            readers.organization() if isinstance(role, Role) and concerns_organization(role, everything) else None
        ),
        secrets=secrets,
        namesakes=namesakes,
        replacements=replacements,
        registry_secrets=registry_secrets,
        usage=readers.usage(task_definition) if usage else USAGE_NOT_ASKED,
        verifications={**_verifications(task_definition, secrets, readers), **anonymous},
        accepted=_accepted(task_definition, listed, anonymous, readers, now),
        simulations=_simulations(task_definition, role, secrets, readers),
    )
    return _with_near_names(facts, readers)


def _usable_reference(container: Container) -> SecretReference | None:
    """Return the reference to look up: the given one, or what a malformed one must have meant."""
    match container.reference:
        case SecretReference():
            return container.reference
        case None:
            return None
        case malformed:
            return malformed.meant


def _role(task_definition: TaskDefinition, readers: Readers) -> Lookup[Role] | None:
    try:
        arn = role_arn_of(task_definition)
    except Malformed:
        return Missing(resource=str(task_definition.execution_role))
    if arn is None:
        return None
    role = readers.role(arn)
    shared = isinstance(role, Role) and shares_its_role(task_definition)
    return replace(role, is_task_role=True) if isinstance(role, Role) and shared else role


def _secret(reference: SecretReference, region: str, readers: Readers) -> Lookup[Secret]:
    return readers.secret(reference.text, reference.arn.region if reference.arn else region)


def _registry_secrets(task_definition: TaskDefinition, readers: Readers) -> Lookup[tuple[Secret, ...]]:
    """Find the opted-in secrets that containers without credentials may be missing, and describe each of them.

    A list of secrets does not include their keys and resource policies, which decide whether the role can read them.
    """
    hosts = {
        getattr(container.image, "host", "") for container in filter(lacks_credentials, task_definition.containers)
    }
    region = task_definition.arn.region
    listed = readers.registry_secrets(region) if hosts else ()
    if not isinstance(listed, tuple):
        return listed
    found = [readers.secret(str(each.arn), region) for each in listed if hosts & registry_hosts(each)]
    unread = next((each for each in found if isinstance(each, Unreadable | NotAsked)), None)
    return unread or tuple(each for each in found if isinstance(each, Secret))


def _other_readings(
    task_definition: TaskDefinition, secrets: Mapping[str, Lookup[Secret]], readers: Readers
) -> tuple[dict[str, Lookup[Secret]], dict[str, Lookup[Secret]]]:
    """Run the two queries that decide what an unknown ARN means: ``Facts.namesakes, replacements``.

    Names are looked up in our own account only: DescribeSecret accepts another account's secret only by its ARN.
    """
    namesakes: dict[str, Lookup[Secret]] = {}
    replacements: dict[str, Lookup[Secret]] = {}
    for reference in filter(None, map(_usable_reference, task_definition.containers)):
        arn, shorter = reference.arn, reference.name_without_suffix
        if arn is None or shorter is None or not isinstance(secrets.get(reference.text), Missing):
            continue
        if arn.account != task_definition.arn.account:
            continue
        namesakes[reference.text] = (
            readers.secret(reference.name, arn.region)
            if len(reference.name) <= SECRET_NAME_MAX_CHARS
            else Missing(resource=reference.name)
        )
        if isinstance(namesakes[reference.text], Missing):
            replacements[reference.text] = readers.secret(shorter, arn.region)
    return namesakes, replacements


def _with_near_names(facts: Facts, readers: Readers) -> Facts:
    """Return the facts with candidates for secrets and a role that do not exist."""
    near_roles = _near_roles(facts.task_definition, readers) if isinstance(facts.role, Missing) else ()
    return replace(facts, near_secrets=dict(_near_secrets(facts, readers)), near_roles=near_roles)


def _near_secrets(facts: Facts, readers: Readers) -> Iterator[tuple[str, Lookup[tuple[Secret, ...]]]]:
    """Find secrets of similar names in our own account, by the container's name.

    Opted-in ones for the image's registry come first. The others are offered only if no owner keeps them for another
    purpose, and only to people (``Readers.every_secret``): anyone who may register a task definition could otherwise
    learn the names of all secrets. Secrets that cannot be listed or described are not offered.
    """
    home = facts.task_definition.arn
    for container in facts.task_definition.containers:
        reference, image = container.reference, container.image
        if not isinstance(reference, SecretReference) or not isinstance(image, ImageReference) or image.is_ecr:
            continue
        place = reference.arn or home
        if place.account != home.account:
            continue
        if secret_resolution.replacement(facts, reference) is not None:
            yield container.name, _near_beside(reference, image, place.region, readers)
        elif secret_resolution.is_lost(facts, reference):
            beside = _of_another_region(facts, reference, image, place.region)
            near = _near(reference, image, place.region, readers)
            yield container.name, (*beside, *(near if isinstance(near, tuple) else ())) if beside else near


def _of_another_region(
    facts: Facts, reference: SecretReference, image: ImageReference, region: str
) -> tuple[Secret, ...]:
    """Return known secrets of exactly that name in other Regions; no other Region is queried.

    The candidates are the secrets that other containers name, and opted-in ones if containers give no credentials.
    """
    listed = facts.registry_secrets if isinstance(facts.registry_secrets, tuple) else ()
    named = (each for each in facts.secrets.values() if isinstance(each, Secret))
    known = {each.arn: each for each in (*named, *secrets_for(image, listed))}
    return tuple(
        each
        for each in known.values()
        if each.name in (reference.name, reference.name_without_suffix)
        and each.arn.account == facts.task_definition.arn.account
        and each.arn.region != region
        and each.deleted_at is None
        and each.type is None
    )


def _near_beside(
    reference: SecretReference, image: ImageReference, region: str, readers: Readers
) -> tuple[Secret, ...]:
    """Find opted-in secrets whose last word a stale-looking reference may misspell."""
    start = f"{reference.name_without_suffix}-"

    def fits(secret: Secret) -> bool:
        return secret.name.startswith(start) and bool(secrets_for(image, (secret,)))

    return _of_similar_names((reference.name,), region, readers.registry_secrets(region), fits, readers)


def _near(
    reference: SecretReference, image: ImageReference, region: str, readers: Readers
) -> Lookup[tuple[Secret, ...]]:
    wanted = tuple(filter(None, (reference.name, reference.name_without_suffix)))

    def is_opted_in(secret: Secret) -> bool:
        return bool(secrets_for(image, (secret,)))

    def is_kept_for_nothing(secret: Secret) -> bool:
        managed = secret.type is not None or secret.owning_service is not None
        return not (registry_hosts(secret) or secret.deleted_at is not None or managed)

    first = _of_similar_names(wanted, region, readers.registry_secrets(region), is_opted_in, readers)
    listed = readers.every_secret(region)
    others = _of_similar_names(wanted, region, listed, is_kept_for_nothing, readers)
    return listed if isinstance(listed, NotAsked) and not first else (*first, *others)


def _of_similar_names(
    wanted: tuple[str, ...],
    region: str,
    listed: Lookup[tuple[Secret, ...]],
    fits: Callable[[Secret], bool],
    readers: Readers,
) -> tuple[Secret, ...]:
    """Return those of ``listed`` with similar names that fit, checked again after describing them: the list may lag."""
    by_name = {each.name: each for each in (listed if isinstance(listed, tuple) else ()) if fits(each)}
    described = (readers.secret(str(by_name[name].arn), region) for name in nearest(wanted, by_name))
    return tuple(each for each in described if isinstance(each, Secret) and fits(each))


def _near_roles(task_definition: TaskDefinition, readers: Readers) -> Lookup[tuple[Role, ...]]:
    """Find roles of similar names in the task definition's own account that ECS tasks may assume."""
    try:
        arn = role_arn_of(task_definition)
    except Malformed:
        return ()
    if arn is None or arn.account != task_definition.arn.account:
        return ()
    listed = readers.every_role()
    if not isinstance(listed, tuple):
        return listed
    by_name = {each.name: each for each in listed if "ecs-tasks.amazonaws.com" in str(each.trust_policy)}
    return tuple(by_name[name] for name in nearest((arn.resource.rsplit("/", 1)[-1],), by_name))


def _verifications(
    task_definition: TaskDefinition, secrets: Mapping[str, Lookup[Secret]], readers: Readers
) -> dict[str, Lookup[Verification]]:
    """Ask the registry of each container whose secret was found, by the container's name."""
    answers: dict[str, Lookup[Verification]] = {}
    for container in task_definition.containers:
        if not isinstance(container.reference, SecretReference) or not isinstance(container.image, ImageReference):
            continue
        secret = secrets.get(container.reference.text)
        if isinstance(secret, Secret) and not container.image.is_ecr:
            answers[container.name] = readers.verification(secret, container.image)
    return answers


def _anonymous_pulls(
    task_definition: TaskDefinition, registry_secrets: Lookup[tuple[Secret, ...]], readers: Readers
) -> dict[str, Lookup[Verification]]:
    """Ask the registry of each container that gives no credentials, if a secret is kept for it, by its name.

    A host is asked only if the tag of such a secret names it.
    """
    answers: dict[str, Lookup[Verification]] = {}
    for container in filter(lacks_credentials, task_definition.containers):
        if not isinstance(container.image, ImageReference) or not isinstance(registry_secrets, tuple):
            continue
        secrets = secrets_for(container.image, registry_secrets)
        if secrets:
            hosts = frozenset().union(*map(registry_hosts, secrets))
            answers[container.name] = readers.anonymous_pull(container.image, hosts)
    return answers


def _accepted(
    task_definition: TaskDefinition,
    registry_secrets: tuple[Secret, ...],
    anonymous: Mapping[str, Lookup[Verification]],
    readers: Readers,
    now: datetime,
) -> dict[str, Accepted]:
    """If the registry refused anonymous access, repeat the question with the credentials of opted-in secrets.

    The answer is the first secret whose credentials it accepts; only a few are tried.
    """
    accepted: dict[str, Accepted] = {}
    for container in task_definition.containers:
        refused, image = anonymous.get(container.name), container.image
        if not isinstance(image, ImageReference) or not is_refusal(refused):
            continue
        for secret in secrets_for(image, registry_secrets)[:SECRETS_ASKED_MAX]:
            said, value = readers.verification(secret, image), secret.value
            version = value.version_id if isinstance(value, ValueShape) else secret.current_version
            if isinstance(said, Verification) and said.answer == "ok" and not said.is_public and version:
                accepted[container.name] = Accepted(image=image.text, secret=secret.arn, version=version, at=now)
                break
    return accepted


def is_refusal(anonymous: Lookup[Verification] | None) -> bool:
    """Whether the registry refused the image to anonymous callers; a time-out, limit or server error does not count."""
    return isinstance(anonymous, Verification) and anonymous.answer == "rejected"


def _simulations(
    task_definition: TaskDefinition,
    role: Lookup[Role] | None,
    secrets: Mapping[str, Lookup[Secret]],
    readers: Readers,
) -> dict[str, Lookup[tuple[Simulated, ...]]]:
    """Run the simulator for each container whose secret was found, by the container's name."""
    answers: dict[str, Lookup[tuple[Simulated, ...]]] = {}
    for container in task_definition.containers:
        if isinstance(role, Role) and isinstance(container.reference, SecretReference):
            secret = secrets.get(container.reference.text)
            if isinstance(secret, Secret):
                answers[container.name] = readers.simulation(role, secret, container.reference.text)
    return answers
