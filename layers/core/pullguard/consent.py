"""Whether both owners agree to a grant, judged from the facts as they stand: before a write, and once more after it.

Pure. The two keys are those of docs/adr/0002.
"""

from collections.abc import Iterator

from pullguard.arn import Arn, MalformedReference
from pullguard.checks.check import image_of
from pullguard.eligibility import MANAGED_TAG, REGISTRY_TAG, ROLES_TAG, is_managed, registry_hosts, role_may_use
from pullguard.errors import NotNow
from pullguard.model import Container, Facts, Role, Secret, Unreadable
from pullguard.plan import Refusal


def withdrawn(facts: Facts, secret: Arn) -> str | None:
    """Return why ``secret`` may not be granted to the role of ``facts`` any more; None where both owners still agree.

    Raises ``NotNow`` where AWS would not tell.
    """
    if isinstance(facts.role, Unreadable):
        raise NotNow(f"it could not be read whether the owners of {secret} and the role still agree: {facts.role}")
    if not isinstance(facts.role, Role):
        return "the role is gone"
    offered = facts.registry_secrets if isinstance(facts.registry_secrets, tuple) else (facts.registry_secrets,)
    looked = (*facts.secrets.values(), *facts.replacements.values(), *offered)
    found = next((each for each in looked if isinstance(each, Secret) and each.arn == secret), None)
    if found is None:
        unread = next((each for each in looked if isinstance(each, Unreadable)), None)
        if unread is not None:
            raise NotNow(f"it could not be read whether the owner of {secret} still agrees: {unread}")
        return f"the secret {secret.resource_name} is gone, or {facts.task_definition.arn.resource_name} needs another"
    refusals = [missing_key(facts, each, found, facts.role) for each in _containers_for(facts, found)]
    return None if None in refusals else next((each.why for each in refusals if each), "no container needs it")


def _containers_for(facts: Facts, secret: Secret) -> Iterator[Container]:
    """Yield the containers that name the secret, would name it, or name none and may be about to."""
    for container in facts.task_definition.containers:
        reference = container.reference
        if isinstance(reference, MalformedReference):
            reference = reference.meant
        if reference is None or any(
            isinstance(each, Secret) and each.arn == secret.arn
            for each in (facts.secrets.get(reference.text), facts.replacements.get(reference.text))
        ):
            yield container


def missing_key(
    facts: Facts, container: Container, secret: Secret, role: Role, findings: tuple[str, ...] = ()
) -> Refusal | None:
    """Return why the two keys do not open the grant of ``secret`` to ``role`` for ``container``; None where they do.

    ``findings`` are the ids that a refusal carries.
    """

    def refuse(why: str, remedy: str, snippet: str) -> Refusal:
        return Refusal(
            kind="grant",
            task_definition=facts.task_definition.arn,
            target=str(role.arn),
            why=why,
            remedy=remedy,
            snippet=snippet,
            findings=findings,
        )

    image = image_of(container)
    host = image.host if image else ""
    tag_secret = f"aws secretsmanager tag-resource --secret-id {secret.arn} --tags"
    if not registry_hosts(secret):
        return refuse(
            f"the secret {secret.name} is not opted in: its tag {REGISTRY_TAG} does not say which registry it is for",
            "If this secret holds registry credentials, its owner tags it with the registry's host.",
            f"{tag_secret} 'Key={REGISTRY_TAG},Value={host or 'REGISTRY-HOST'}'",
        )
    if host not in registry_hosts(secret):
        return refuse(
            f"the secret {secret.name} is for {' and '.join(sorted(registry_hosts(secret)))}, the image is on {host}",
            "Name the secret that is for this registry, or have the secret's owner add the host to its tag.",
            f"{tag_secret} 'Key={REGISTRY_TAG},Value={' '.join(sorted({*registry_hosts(secret), host}))}'",
        )
    if not role_may_use(secret, role.name):
        return refuse(
            f"the tag {ROLES_TAG} of the secret {secret.name} does not name the role {role.name}",
            "If this role is to read the secret, the secret's owner adds it to the tag.",
            f"{tag_secret} 'Key={ROLES_TAG},Value={secret.tags.get(ROLES_TAG, '')} {role.name}'",
        )
    if not is_managed(role):
        return refuse(
            f"the role {role.name} is not opted in: it has no tag {MANAGED_TAG}=true",
            "If Pullguard is to keep this role's grants, the role's owner tags it.",
            f"aws iam tag-role --role-name {role.name} --tags Key={MANAGED_TAG},Value=true",
        )
    return None
