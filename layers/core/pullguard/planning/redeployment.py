"""Plan redeployments after a verified rotation: of the services whose tasks started before it.

No running task needs it, since it already has its image. The redeployment shows at once, while the owners watch, that
the new credentials can pull, rather than on the night of the next scale-out.

Only the current state decides: a service whose newest deployment is younger than the secret's current version needs no
redeployment. Duplicate messages therefore redeploy nothing twice.
Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html (forceNewDeployment)
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from pullguard.domain.actions import Redeploy, Refusal
from pullguard.domain.arn import SecretReference
from pullguard.domain.consent import MissingConsent, missing_of
from pullguard.domain.errors import shown
from pullguard.domain.facts import Facts
from pullguard.domain.provenance import Provenance
from pullguard.domain.secret import Secret, ValueShape
from pullguard.domain.task_definition import Container
from pullguard.domain.usage import ServiceUse, Usage
from pullguard.domain.verification import Verification, Verified
from pullguard.events import is_rotation

# An event reports a version written just before it: a rotation completes all its steps within this time. A label that
# moves back to an old version is not a reason to redeploy services that were deployed with it long ago.
ROTATION_TAKES: Final = timedelta(minutes=15)
# Services are redeployed one after another, each after another validation; after this time a rotation no longer
# causes a redeployment. A message redriven from the dead-letter queue after days redeploys nothing.
REDEPLOYED_WITHIN: Final = timedelta(hours=6)
_EXCLUSIVE: Final = "does not let anything else start a deployment"
_ELSEWHERE: Final = "Deploy it the way it is deployed, if its tasks are to use the new credentials now."


def verified(facts: Facts) -> tuple[Verified, ...]:
    """Return what the registries accepted just now, for every container with credentials; empty if one is missing."""
    found = tuple(_verified(facts))
    needed = [container for container in facts.task_definition.containers if container.reference is not None]
    return found if len(found) == len(needed) else ()


def _verified(facts: Facts) -> Iterator[Verified]:
    for container in facts.task_definition.containers:
        reference = container.reference
        secret = facts.secrets.get(reference.text) if isinstance(reference, SecretReference) else None
        answer = facts.verifications.get(container.name)
        if not (isinstance(secret, Secret) and isinstance(answer, Verification) and answer.answer == "ok"):
            continue
        value = secret.value
        if isinstance(value, ValueShape) and value.version_id and value.created_at:
            yield Verified(
                container=container.name,
                image=container.image.text,
                secret=secret.arn,
                version=value.version_id,
                created_at=value.created_at,
            )


def redeployments(facts: Facts, proofs: Iterable[Verified], provenance: Provenance) -> tuple[Redeploy | Refusal, ...]:
    """Return the services to redeploy because of the rotation that ``provenance`` reports, in the order of their ARNs.

    ``proofs`` is the result of ``verified`` for the task definition. It must cover each of its secrets with the current
    version and the current image; otherwise nothing is redeployed. If an owner of the role or of one of the secrets
    does not consent, each service is refused.
    """
    proved = {proof.container: proof for proof in proofs}
    usage, needed = facts.usage, [each for each in facts.task_definition.containers if each.reference is not None]
    if not is_rotation(provenance) or not isinstance(usage, Usage) or not needed:
        return ()
    if any(not _still_holds(facts, proved.get(container.name), container) for container in needed):
        return ()
    newest = max((proved[container.name] for container in needed), key=lambda proof: proof.created_at)
    if newest.created_at < provenance.at - ROTATION_TAKES or facts.now - provenance.at > REDEPLOYED_WITHIN:
        return ()
    missing = next(filter(None, (_missing(facts, container) for container in needed)), None)
    return tuple(
        _step(facts, use, newest, missing)
        for use in sorted(usage.services, key=lambda use: use.service_arn)
        if not use.beside and use.desired_count and use.deployed_at is not None and use.deployed_at < newest.created_at
    )


def deployed_since(usage: Usage, proofs: Iterable[Verified]) -> frozenset[str]:
    """Return the ARNs of the services whose newest deployment is younger than all verified versions."""
    newest = max((proof.created_at for proof in proofs), default=None)
    return frozenset(
        use.service_arn
        for use in usage.services
        if newest is not None and use.deployed_at is not None and use.deployed_at >= newest
    )


def _still_holds(facts: Facts, proof: Verified | None, container: Container) -> bool:
    secret = facts.secrets.get(container.reference.text) if isinstance(container.reference, SecretReference) else None
    return (
        proof is not None
        and isinstance(secret, Secret)
        and (proof.secret, proof.version, proof.image) == (secret.arn, secret.current_version, container.image.text)
    )


def _missing(facts: Facts, container: Container) -> MissingConsent | None:
    """Return the consent that a redeployment of the container lacks; None if both owners consent."""
    secret = facts.secrets.get(container.reference.text) if isinstance(container.reference, SecretReference) else None
    return missing_of(facts, container, secret if isinstance(secret, Secret) else None)


def _step(facts: Facts, use: ServiceUse, newest: Verified, missing: MissingConsent | None) -> Redeploy | Refusal:
    if missing is None and use.controller == "ECS":
        return Redeploy(
            task_definition=facts.task_definition.arn,
            cluster=use.cluster_arn,
            service=use.service_arn,
            secret=newest.secret,
            version=newest.version,
        )
    return Refusal(
        kind="redeploy",
        task_definition=facts.task_definition.arn,
        target=use.service_arn,
        why=missing.why if missing else f"its deployment controller, {shown(use.controller)}, {_EXCLUSIVE}",
        remedy=missing.remedy if missing else _ELSEWHERE,
        snippet=missing.snippet if missing else None,
        findings=(),
    )
