"""Whether both owners consent to a grant, according to the current facts: checked before a write and again after it.

Pure. The two opt-ins are those of docs/adr/0002.
"""

import shlex
from dataclasses import dataclass
from typing import Final

from pullguard.domain.aws_cli import STDIN, command, on_secret, tags_option
from pullguard.domain.errors import Malformed
from pullguard.domain.facts import Facts
from pullguard.domain.image import ImageReference
from pullguard.domain.lookup import Tags
from pullguard.domain.opt_in import (
    ATTACH_TAG,
    MANAGED_TAG,
    OBSERVE_ONLY,
    REGISTRY_TAG,
    ROLES_TAG,
    effective_mode,
    has_required_boundary,
    has_unreadable_registry_tag,
    intended_hosts,
    intended_roles,
    is_managed,
    is_meant_for,
    may_be_granted,
    registry_hosts,
    role_may_use,
    wants_attachment,
)
from pullguard.domain.role import Role
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import Container, TaskDefinition


def why_not(
    secret: Secret, role: Role, *, container: Container | None = None, definition: TaskDefinition | None = None
) -> "MissingConsent | None":
    """Return why nothing of ``secret`` may be granted to ``role``: a mode tag, or an owner's missing consent.

    For a person who is about to write, as in a rollback. The paths that grant by themselves ask ``missing_opt_in`` and
    ``is_observed`` one by one: a mode tag keeps a confirmed grant as it is, and a missing consent ends it.
    ``container`` and its task ``definition`` are the ones that need the grant; without them the secret may be for any
    registry.
    """
    if is_observed(secret, role, definition.tags if definition else {}):
        return MissingConsent(why=OBSERVE_ONLY, remedy="Remove that tag.")
    if container is None or definition is None:
        return missing_opt_in(container, secret, role)
    return missing_consent(definition, container, secret, role)


def is_observed(secret: Secret, role: Role, *more: Tags) -> bool:
    """Whether a tag forbids writes for the secret or the role."""
    return effective_mode("remediate", role.tags, secret.tags, *more) == "observe"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingConsent:
    """The consent that is missing: ``why``, what the owner can do, and the command for it, if there is one.

    ``said_no``: the secret's owner named other roles or registries, or the deployment excludes the secret. ``unasked``:
    no owner asked for the change that lacks consent.
    """

    why: str
    remedy: str
    snippet: str | None = None
    said_no: bool = False
    unasked: bool = False


def missing_of(facts: Facts, container: Container, secret: Secret | None) -> MissingConsent | None:
    """Return the consent missing for ``container`` to use ``secret``, or to name none; None if all owners agree.

    The role's owner is always asked, the secret's owner if there is a secret. Modes are not considered: ``tags_of`` the
    facts contains them.
    """
    if not isinstance(facts.role, Role):
        return MissingConsent(
            why="it has no execution role that could be read, so no owner of it has consented",
            remedy="Give it an execution role, or change the task definition by hand.",
        )
    if secret is None:
        return missing_role_opt_in(facts.role)
    return missing_consent(facts.task_definition, container, secret, facts.role)


def missing_consent(
    definition: TaskDefinition, container: Container, secret: Secret, role: Role
) -> MissingConsent | None:
    """Return why ``container`` may not get ``secret`` through ``role``; None if every owner agrees.

    Adding a secret to a container that does not name one takes a third consent, and a secret that is meant for the
    role.
    """
    attachment = _missing_attachment(definition, secret, role) if container.reference is None else None
    return attachment or missing_opt_in(container, secret, role)


def _missing_attachment(definition: TaskDefinition, secret: Secret, role: Role) -> MissingConsent | None:
    if not wants_attachment(definition):
        at = (("--region", definition.arn.region), ("--resource-arn", str(definition.arn)))
        return MissingConsent(
            why=f"the task definition names no secret, and has no tag {ATTACH_TAG}=true",
            remedy=f"If Pullguard is to attach the secret {secret.name}, the task definition's owner tags it.",
            snippet=command("ecs", "tag-resource", *at, ("--tags", f"key={ATTACH_TAG},value=true")),
            unasked=True,
        )
    if role_may_use(secret, role.name) and not is_meant_for(secret, role.name):
        return MissingConsent(
            why=(
                f"no tag {ROLES_TAG} of the secret {secret.name} names the role {role.name}, "
                "and a pattern of wildcards only names no role"
            ),
            remedy=(
                "If this role is to read the secret, the secret's owner names it in the tag, with every other role "
                f"that is to be granted it. {_NEEDS_JQ}"
            ),
            snippet=_naming(secret, role),
        )
    return None


def missing_opt_in(container: Container | None, secret: Secret, role: Role) -> MissingConsent | None:
    """Return the opt-in missing for ``role`` to read ``secret`` for ``container`` (None: any); None if both exist."""
    return _missing_secret_opt_in(container, secret, role) or missing_role_opt_in(role)


def missing_role_opt_in(role: Role) -> MissingConsent | None:
    """Return why the role's owner has not consented; None if it is opted in and has the required boundary."""
    if not is_managed(role):
        return MissingConsent(
            why=f"the role {role.name} is not opted in: it has no tag {MANAGED_TAG}=true",
            remedy="If Pullguard is to keep this role's pulls in order, the role's owner tags it.",
            snippet=command("iam", "tag-role", ("--role-name", role.name), tags_option({MANAGED_TAG: "true"})),
        )
    if not has_required_boundary(role):
        return MissingConsent(
            why=(
                f"the role {role.name} lacks the permissions boundary {role.required_boundary}, which the deployment "
                "requires (parameter RequireRoleBoundary)"
            ),
            remedy="If the boundary allows what the role's tasks do, the role's owner sets it.",
            snippet=command(
                "iam",
                "put-role-permissions-boundary",
                ("--role-name", role.name),
                ("--permissions-boundary", role.required_boundary),
            ),
        )
    return None


def _missing_secret_opt_in(container: Container | None, secret: Secret, role: Role) -> MissingConsent | None:
    image = None if container is None else container.image
    if isinstance(image, Malformed):
        return MissingConsent(
            why="the image name is invalid, so its registry is unknown",
            remedy="Correct the image's name.",
        )
    if secret.outside:
        return MissingConsent(
            why=(
                f"the secret {secret.name} does not match the deployment's pattern {secret.outside} "
                "(parameter RegistrySecretPattern)"
            ),
            remedy="Name a secret that matches, or ask the deployer of Pullguard to widen the pattern.",
            said_no=True,
        )
    hosts = registry_hosts(secret)
    if has_unreadable_registry_tag(secret):
        return MissingConsent(
            why=f"the secret {secret.name} is not opted in: its tag {REGISTRY_TAG} does not parse",
            remedy=(
                "If this secret holds registry credentials, its owner corrects the tag: registry hosts, separated by "
                "spaces, without paths."
            ),
            snippet=intended_tag(secret),
        )
    if not hosts:
        return MissingConsent(
            why=f"the secret {secret.name} is not opted in: no tag {REGISTRY_TAG} says which registry it is for",
            remedy=(
                "If this secret holds registry credentials, its owner tags it with the host and the role. "
                f"{'' if image is None or ROLES_TAG in secret.tags else _NEEDS_JQ}"
            ).strip(),
            snippet=None if image is None else _opting_in(secret, image, role),
        )
    if image is not None and image.host not in hosts:
        # No command: adding the image's host would expose the credentials to the operator of that host.
        return MissingConsent(
            why=f"the secret {secret.name} is for {' and '.join(sorted(hosts))}, the image is on {image.host}",
            remedy=(
                "Name the secret that is for this registry. Only if the same credentials are meant for both, the "
                f"secret's owner adds the host to its tag {REGISTRY_TAG}."
            ),
            said_no=True,
        )
    if not role_may_use(secret, role.name):
        return _for_other_roles(secret, role)
    return None if may_be_granted(secret, role) else _for_containers_too(secret, role)


def _for_containers_too(secret: Secret, role: Role) -> MissingConsent:
    return MissingConsent(
        why=(
            f"the role {role.name} is also the task role, so the containers could read the secret "
            f"{secret.name}, and the secret's tag {ROLES_TAG} does not name the role (wildcards alone name none)"
        ),
        remedy=(
            "Give the task definition another task role. Only if the containers may read the secret, its owner names "
            f"this role in the tag, with every other role that is to read it. {_NEEDS_JQ}"
        ),
        snippet=_naming(secret, role),
    )


def _for_other_roles(secret: Secret, role: Role) -> MissingConsent:
    why = f"the tag {ROLES_TAG} of the secret {secret.name} does not name the role {role.name}"
    if patterns := intended_roles(secret, role.name):
        return MissingConsent(
            why=f"{why}: its patterns have to be separated by spaces, and a comma is part of a name",
            remedy="If the tag is meant for this role, the secret's owner separates its patterns by spaces.",
            snippet=tagging(secret, ROLES_TAG, " ".join(patterns)),
            said_no=True,
        )
    return MissingConsent(
        why=why,
        remedy=f"If this role is to read the secret, the secret's owner adds it to the tag. {_NEEDS_JQ}",
        snippet=_naming(secret, role),
        said_no=True,
    )


def intended_tag(secret: Secret) -> str | None:
    """Return the command that corrects an invalid registry tag; None if the intended value is unclear.

    The command never contains an image's host: that would expose the credentials to anyone who registers a task
    definition.
    """
    hosts = intended_hosts(secret)
    return tagging(secret, REGISTRY_TAG, " ".join(hosts)) if hosts else None


def _opting_in(secret: Secret, image: ImageReference, role: Role) -> str:
    """Return the command that opts the secret in for this registry, and for this role unless roles are named."""
    if ROLES_TAG in secret.tags:
        return tagging(secret, REGISTRY_TAG, image.host)
    return _naming(secret, role, image.host)


_NEEDS_JQ: Final = "The command (it needs jq) keeps the roles that the tag names when you paste it."
_ROLES_AND: Final = (
    f'([.Tags[]? | select(.Key == "{ROLES_TAG}").Value | splits(" +")] - ["", $role] + [$role] | join(" ")) as $roles'
    f' | [{{Key: "{ROLES_TAG}", Value: $roles}}, ($host | select(. != "") | {{Key: "{REGISTRY_TAG}", Value: .}})]'
)


def _naming(secret: Secret, role: Role, host: str = "") -> str:
    """Return commands that, when pasted, add ``role`` to the roles that the secret's tag already names.

    So two such commands for two roles do not undo each other. ``host`` is the registry to opt in for, if any.
    """
    jq = shlex.join(("jq", "-c", "--arg", "role", role.name, "--arg", "host", host, _ROLES_AND))
    read = on_secret(secret, "describe-secret", ("--output", "json"))
    return f"{read} |\n{jq} |\n{on_secret(secret, 'tag-resource', ('--tags', STDIN))}"


def tagging(secret: Secret, key: str, value: str) -> str:
    """Return the command that sets a tag of the secret."""
    return on_secret(secret, "tag-resource", tags_option({key: value.strip()}))
