"""Convert the facts of a role, a secret and its key into policies that can be evaluated.

Unreadable content becomes a policy that answers Unknown with the missing permission, so that a certain deny elsewhere
still decides, and nothing passes.
"""

import json
from collections.abc import Iterable, Mapping

from pullguard.access.evaluate import Policies
from pullguard.access.policy import Layer, Policy, parse_policy, unreadable
from pullguard.domain.lookup import Document, Lookup, Missing, NotAsked, Unreadable, explained, vanished
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Key, KeyGrant, Secret

_ORGANIZATION = "orgid"  # aws:PrincipalOrgID, aws:ResourceOrgID, in any case
PolicyLevels = tuple[tuple[NamedPolicy, ...], ...]


def role_policies(role: Role, resource_control: PolicyLevels = ()) -> Policies:
    """Read every policy on the role's side; the resource's own policy is left out."""
    boundary = role.boundary
    bounds: tuple[Policy, ...] | None
    if boundary is None:
        bounds = None
    elif isinstance(boundary, NamedPolicy):
        bounds = (_parsed(boundary, Layer.BOUNDARY),)
    else:
        bounds = (_unreadable(Layer.BOUNDARY, _why(boundary)),)
    return Policies(
        identity=(
            *_identity(role.inline_policies, "inline", "the role's inline policies"),
            *_identity(role.attached_policies, "managed", "the role's attached policies"),
        ),
        boundary=bounds,
        service_control=_levels(role.control_policies, Layer.SERVICE_CONTROL),
        resource_control=_levels(resource_control, Layer.RESOURCE_CONTROL),
    )


def secret_policy(secret: Secret) -> Policy | None:
    """Read the secret's resource policy; None if it has no such policy."""
    return _resource(secret.resource_policy, Layer.RESOURCE)


def other_secret_policies(secret: Secret) -> tuple[Policy, ...]:
    """Read the secret's resource policies besides the default one."""
    others = secret.other_policies
    if isinstance(others, tuple):
        return tuple(parse_policy(each.document, layer=Layer.RESOURCE, name=each.name) for each in others)
    why = f"the resource policies of {vanished(others)}" if isinstance(others, Missing) else explained(others)
    return (_unreadable(Layer.RESOURCE, why),)


def key_policy(key: Key) -> Policy | None:
    """Read the key policy; every key has one."""
    return _resource(key.policy, Layer.KEY)


def key_grants(key: Key) -> tuple[KeyGrant, ...] | Policy:
    """Return the key's grants, or a policy that replaces them if they could not be read."""
    if isinstance(key.grants, tuple):
        return key.grants
    why = f"the grants of {vanished(key.grants)}" if isinstance(key.grants, Missing) else explained(key.grants)
    return _unreadable(Layer.GRANT, why)


def concerns_organization(role: Role, secrets: Iterable[Lookup[Secret]]) -> bool:
    """Whether any policy that applies to these pulls mentions the id of an organization."""
    found = [secret for secret in secrets if isinstance(secret, Secret)]
    named = (role.inline_policies, role.attached_policies, *(secret.other_policies for secret in found))
    listed = [policy for policies in named if isinstance(policies, tuple) for policy in policies]
    bounds = [role.boundary] if isinstance(role.boundary, NamedPolicy) else []
    keys = [key for secret in found for key in secret.keys if isinstance(key, Key)]
    documents = (
        *(policy.document for policy in (*listed, *bounds)),
        *(secret.resource_policy for secret in found),
        *(key.policy for key in keys),
    )
    return any(_ORGANIZATION in json.dumps(document).lower() for document in documents if _is_document(document))


def _is_document(document: object) -> bool:
    return isinstance(document, (str, Mapping))


def _identity(policies: Lookup[tuple[NamedPolicy, ...]], kind: str, name: str) -> tuple[Policy, ...]:
    if isinstance(policies, tuple):
        return tuple(_parsed(policy, Layer.IDENTITY) for policy in policies)
    return (unreadable(Policy(name=name, layer=Layer.IDENTITY, kind=kind), _why(policies)),)


def _levels(levels: PolicyLevels, layer: Layer) -> tuple[tuple[Policy, ...], ...]:
    return tuple(tuple(_parsed(policy, layer, place) for policy in level) for place, level in enumerate(levels))


def _parsed(policy: NamedPolicy, layer: Layer, level: int | None = None) -> Policy:
    return parse_policy(policy.document, layer=layer, name=policy.name, kind=policy.kind, arn=policy.arn, level=level)


def _resource(document: Lookup[Document | None], layer: Layer) -> Policy | None:
    if isinstance(document, Missing):  # for a secret or a key that another answer has just described
        return _unreadable(layer, f"the {layer} of {vanished(document)}")
    if isinstance(document, (Unreadable, NotAsked)):
        return _unreadable(layer, explained(document))
    return None if document is None else parse_policy(document, layer=layer)


def _why(lookup: Missing | Unreadable | NotAsked) -> str:
    """Return why a resource that another answer has just named has no content."""
    return vanished(lookup) if isinstance(lookup, Missing) else explained(lookup)


def _unreadable(layer: Layer, problem: str) -> Policy:
    return unreadable(Policy(name=layer, layer=layer, kind=layer), problem)
