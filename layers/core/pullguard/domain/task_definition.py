"""A described task definition, read into facts.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pullguard.domain.arn import Arn, MalformedReference, SecretReference, parse_reference
from pullguard.domain.errors import Malformed
from pullguard.domain.image import ImageReference, parse_image
from pullguard.domain.lookup import Tags
from pullguard.domain.pasted_credentials import hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The parts of a container definition that matter for the pull of its image.

    ``reference``: None if the container gives no repositoryCredentials. ``index`` is its position in
    containerDefinitions.
    """

    index: int
    name: str
    image: ImageReference | Malformed
    reference: SecretReference | MalformedReference | None


def lacks_credentials(container: Container) -> bool:
    """Whether the container pulls from a registry other than ECR and gives no credentials for it."""
    return container.reference is None and isinstance(container.image, ImageReference) and not container.image.is_ecr


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """One revision. ``raw`` is the whole described task definition, ``tags`` the tags beside it in the answer."""

    arn: Arn
    family: str
    revision: int
    status: str
    execution_role: str | None
    containers: tuple[Container, ...]
    requires_compatibilities: tuple[str, ...] = ()
    tags: Tags = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def read_task_definition(raw: Mapping[str, Any], tags: Tags) -> TaskDefinition:
    """Read the ``taskDefinition`` member of a DescribeTaskDefinition answer, and the tags beside it.

    Only ``containerDefinitions[].repositoryCredentials`` is read as a reference: other members of the same name (FSx
    for Windows File Server) mean something else. Raises ``Malformed`` if the answer has no ARN.
    """
    arn = Arn.parse(str(raw.get("taskDefinitionArn")), service="ecs", resource_type="task-definition")
    family, _, revision = arn.resource_name.rpartition(":")
    if not family or not (revision.isascii() and revision.isdigit()):
        raise Malformed("ARN", str(arn), "names no revision of a task definition (…:task-definition/FAMILY:REVISION)")
    return TaskDefinition(
        arn=arn,
        family=family,
        revision=int(revision),
        status=str(raw.get("status", "ACTIVE")),
        execution_role=raw.get("executionRoleArn") or None,
        containers=tuple(
            read_container(index, container, region=arn.region)
            for index, container in enumerate(raw.get("containerDefinitions") or ())
        ),
        requires_compatibilities=tuple(raw.get("requiresCompatibilities") or ()),
        tags=dict(tags),
        raw=raw,
    )


def read_container(index: int, raw: Mapping[str, Any], *, region: str) -> Container:
    """Read one container definition of a task definition in ``region``.

    A name that looks like a pasted token is dropped: no output repeats it, and nothing is registered for it.
    """
    credentials = raw.get("repositoryCredentials")
    name = str(raw.get("name", f"#{index}"))
    return Container(
        index=index,
        name=name if hidden(name) == name else f"#{index} {hidden(name)}",
        image=_image(raw.get("image")),
        reference=None if credentials is None else parse_reference(_parameter(credentials), region=region),
    )


def _parameter(credentials: object) -> object:
    return credentials.get("credentialsParameter", "") if isinstance(credentials, Mapping) else credentials


def _image(text: object) -> ImageReference | Malformed:
    if not isinstance(text, str):
        return Malformed("image", repr(text), "is not a string")
    try:
        return parse_image(text)
    except Malformed as malformed:
        return malformed


def role_arn_of(task_definition: TaskDefinition) -> Arn | None:
    """Return the execution role's ARN; None if the task definition gives no role.

    Raises ``Malformed`` for a text that is neither an ARN of a role nor a role name.
    """
    text = task_definition.execution_role
    return None if text is None else role_arn(text, task_definition.arn)


def role_arn(text: str, home: Arn) -> Arn:
    """Return the ARN of the role given by ARN or name; a name means a role in the account of ``home``.

    Raises ``Malformed`` for a text that is neither an ARN of a role nor a role name.
    """
    whole = text if text.startswith("arn:") else f"arn:{home.partition}:iam::{home.account}:role/{text}"
    return Arn.parse(whole, service="iam", resource_type="role")


def shares_its_role(task_definition: TaskDefinition) -> bool:
    """Whether the execution role is also the task role, so that containers can read the same secrets.

    Names are compared without case: an account has only one role of a name, regardless of path.
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
    """
    execution, task = task_definition.execution_role, task_definition.raw.get("taskRoleArn")
    if execution is None or not isinstance(task, str):
        return False
    return execution.rpartition("/")[2].lower() == task.rpartition("/")[2].lower()


def proved_role_arn(task_definition: TaskDefinition) -> Arn | None:
    """Return the execution role's ARN; None if there is no role, or a text that only a deployment completes."""
    try:
        return role_arn_of(task_definition)
    except Malformed:
        return None
