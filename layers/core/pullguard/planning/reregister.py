"""Register a task definition again with corrected references and no other change.

Rules of this module:

- The registration copies the description, without the members that ECS itself adds. Nothing else is omitted: a member
  that the installed SDK does not know stops the re-registration.
- Only ``repositoryCredentials`` of the named containers changes, and only if the old reference is unchanged.
- ``compatibilities`` is never copied into ``requiresCompatibilities``: that would widen the owner's request.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias

from pullguard.domain.actions import ReferenceChange
from pullguard.domain.arn import Arn, reported
from pullguard.domain.aws_batch import OWNED, owned_by_batch, registering_job_definition
from pullguard.domain.errors import PullguardError, shown
from pullguard.domain.lookup import Tags

REREGISTERED_TAG: Final = "pullguard:reregistered-from"
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html
TAGS_MAX: Final = 50
TAG_VALUE_MAX_CHARS: Final = 256
# Members of a described task definition that ECS adds and that cannot be registered.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
DESCRIBE_ONLY: Final = frozenset(
    {
        "compatibilities",
        "deleteRequestedAt",
        "deregisteredAt",
        "registeredAt",
        "registeredBy",
        "requiresAttributes",
        "revision",
        "status",
        "taskDefinitionArn",
    }
)

ShapeKind: TypeAlias = Literal["structure", "list", "map", "scalar"]


class CannotReregister(PullguardError):
    """A task definition that must not be registered again: ``why``, and the owner's ``remedy``."""

    def __init__(self, what: str, why: str, remedy: str) -> None:
        self.what = what
        self.why = why
        self.remedy = remedy
        super().__init__(f"{what} cannot be registered again: {why}. {remedy}")


class UnknownMembers(CannotReregister):
    """AWS returned members that the installed SDK cannot register; ``members`` are their paths."""

    def __init__(self, what: str, members: tuple[str, ...]) -> None:
        self.members = members
        super().__init__(
            what,
            f"the installed AWS SDK does not know {', '.join(members)}, which would be lost",
            "Update Pullguard (its boto3), or register the new revision yourself.",
        )


class ReferenceMoved(CannotReregister):
    """The reference to change is not where it was seen, or the change has no effect."""


class NotTheNewest(CannotReregister):
    """A newer revision was registered meanwhile: a copy of the older one would become the newest and hide it."""


class OwnedByBatch(CannotReregister):
    """AWS Batch registered the task definition, and would never run another revision of it."""


class TagDoesNotFit(CannotReregister):
    """The tag that names the source revision does not fit."""


# --- What the API takes ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberTree:
    """An API's input as plain data: a structure's ``members``, the ``element`` of a list or of a map's values."""

    kind: ShapeKind
    members: Mapping[str, "MemberTree"] = field(default_factory=dict)
    element: "MemberTree | None" = None


_SCALAR: Final = MemberTree(kind="scalar")
_TAG: Final = MemberTree(kind="structure", members={"key": _SCALAR, "value": _SCALAR})
# The members of DescribeTaskDefinition's response that are copied beside the task definition itself.
_COPIED_BESIDE: Final = MemberTree(kind="structure", members={"tags": MemberTree(kind="list", element=_TAG)})


class Shape(Protocol):
    """The part of a botocore shape used here; lists have ``member``, maps ``value``, structures ``members``."""

    @property
    def name(self) -> str:
        """The shape's name in the service model."""

    @property
    def type_name(self) -> str:
        """``structure``, ``list``, ``map`` or the name of a scalar type."""


def member_tree(shape: Shape | None) -> MemberTree:
    """Describe an API's input from the SDK's model, such as RegisterTaskDefinition's input shape.

    None is the input shape of an API without input. Raises ``CannotReregister`` for a recursive shape, which no finite
    tree can describe.
    """
    return MemberTree(kind="structure") if shape is None else _tree(shape, ())


def _tree(shape: Any, above: tuple[str, ...]) -> MemberTree:
    if shape.name in above:
        raise CannotReregister(
            "Any task definition",
            f"the installed AWS SDK describes {shape.name} as a part of itself",
            "Report this to Pullguard's maintainers.",
        )
    below = (*above, shape.name)
    match shape.type_name:
        case "structure":
            members = {name: _tree(member, below) for name, member in shape.members.items()}
            return MemberTree(kind="structure", members=members)
        case "list":
            return MemberTree(kind="list", element=_tree(shape.member, below))
        case "map":
            return MemberTree(kind="map", element=_tree(shape.value, below))
        case _:
            return MemberTree(kind="scalar")


def unknown_members(raw_json: Mapping[str, Any], known: MemberTree) -> tuple[str, ...]:
    """Return the sorted paths of members that ``known`` lacks, such as ``containerDefinitions[0].newThing``.

    ``raw_json`` is the ``taskDefinition`` member of DescribeTaskDefinition's raw response: the SDK's parser drops
    members that it does not know. Members that ECS adds are expected, at the top level only. A member of the wrong kind
    (an object in place of a string) is unknown too, and so is an unknown member whose value is null.
    """
    registered = {name: value for name, value in raw_json.items() if name not in DESCRIBE_ONLY}
    return tuple(sorted(_unknown(registered, known, "")))


def uncopied_members(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the sorted paths of members beside the task definition in a response that are not copied.

    ``answer`` is DescribeTaskDefinition's raw response. The task definition is copied, and the key and value of each
    tag. A member that AWS adds in the future may be the owner's as well.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
    """
    beside = {name: value for name, value in answer.items() if name != "taskDefinition"}
    return tuple(sorted(_unknown(beside, _COPIED_BESIDE, "")))


def _unknown(value: object, known: MemberTree, path: str) -> Iterator[str]:
    match known.kind, value:
        case _, None:
            return
        case "structure", Mapping():
            for name, each in value.items():
                below = f"{path}.{name}" if path else str(name)
                if name in known.members:
                    yield from _unknown(each, known.members[name], below)
                else:
                    yield below
        case "list", list() | tuple() if known.element:
            for index, each in enumerate(value):
                yield from _unknown(each, known.element, f"{path}[{index}]")
        case "map", Mapping() if known.element:
            for key, each in value.items():
                yield from _unknown(each, known.element, f"{path}.{key}")
        case "scalar", str() | int() | float():
            return
        case _:
            yield path


# --- The request -----------------------------------------------------------------------------------------------


def build_request(
    described: Mapping[str, Any], tags: Tags, changes: tuple[ReferenceChange, ...], known: MemberTree, source: Arn
) -> dict[str, Any]:
    """Build the RegisterTaskDefinition request that differs from a described revision only in ``changes``.

    ``described`` is the ``taskDefinition`` member as parsed by the SDK, ``tags`` its tags, ``known`` the tree of
    RegisterTaskDefinition's input, ``source`` the ARN of the described revision. The arguments are not modified, and
    the request shares no objects with them.

    Raises ``OwnedByBatch`` if AWS Batch registered the revision, ``UnknownMembers`` if a member would be lost,
    ``ReferenceMoved`` if a change does not match the current reference, and ``TagDoesNotFit`` if the tag that names
    ``source`` does not fit.
    """
    what = str(source)
    if described.get("taskDefinitionArn") != what:
        raise ReferenceMoved(what, f"{shown(str(described.get('taskDefinitionArn')))} was described", _REVALIDATE)
    if owned_by_batch(tags, described.get("registeredBy")):
        raise OwnedByBatch(what, OWNED, registering_job_definition(None))
    if unknown := unknown_members(described, known):
        raise UnknownMembers(what, unknown)
    request: dict[str, Any] = {
        name: _without_nulls(value)
        for name, value in described.items()
        if name not in DESCRIBE_ONLY and value is not None
    }
    _change_references(what, request.get("containerDefinitions", []), changes)
    request["tags"] = _new_tags(what, tags)
    return request


_REVALIDATE: Final = "Validate the task definition again; Pullguard does so by itself at the next sweep."


def _without_nulls(value: Any) -> Any:
    """Deep-copy a value without null members: the SDK accepts an absent member only by omission."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(each) for each in value]
    return deepcopy(value)


def _change_references(what: str, containers: list[dict[str, Any]], changes: tuple[ReferenceChange, ...]) -> None:
    if not changes:
        raise ReferenceMoved(what, "there is no reference to change", _REVALIDATE)
    counted = Counter(change.container for change in changes)
    if twice := sorted(name for name, times in counted.items() if times > 1):
        raise ReferenceMoved(what, f"two changes are requested for container {shown(twice[0])}", _REVALIDATE)
    for change in changes:
        _change_reference(what, containers, change)


def _change_reference(what: str, containers: list[dict[str, Any]], change: ReferenceChange) -> None:
    named = [container for container in containers if container.get("name") == change.container]
    if len(named) != 1:
        why = f"it has {len(named)} containers of the name {shown(change.container)}, not one"
        raise ReferenceMoved(what, why, _REVALIDATE)
    container = named[0]
    credentials = container.get("repositoryCredentials", {})
    stands = credentials.get("credentialsParameter")
    if stands != change.before:
        why = f"container {shown(change.container)} names {_named(stands)}, not {_named(change.before)} any more"
        raise ReferenceMoved(what, why, _REVALIDATE)
    if change.after is None and "repositoryCredentials" in container:
        del container["repositoryCredentials"]
    elif change.after is not None and str(change.after) != stands and _is_secret(change.after):
        container["repositoryCredentials"] = {**credentials, "credentialsParameter": str(change.after)}
    else:
        why = f"the new reference of container {shown(change.container)}, {_named(change.after)}, is invalid"
        raise ReferenceMoved(what, why, _REVALIDATE)


def _is_secret(arn: Arn) -> bool:
    return arn.service == "secretsmanager" and arn.resource.startswith("secret:")


def _named(reference: object) -> str:
    return "no secret" if reference is None else reported(str(reference))


def _new_tags(what: str, tags: Tags) -> list[dict[str, str]]:
    """Return the tags of the new revision: the copyable ones of the old revision, and the tag that names it.

    Tags whose key begins with ``aws:``, in any case, are AWS's own: they cannot be copied, and do not count.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html
    """
    copied = {
        key: value for key, value in tags.items() if not key.lower().startswith("aws:") and key != REREGISTERED_TAG
    }
    if len(copied) >= TAGS_MAX:
        raise TagDoesNotFit(
            what,
            f"it has {len(copied)} tags of {TAGS_MAX} possible, so that {REREGISTERED_TAG} finds no room",
            "Remove a tag from the task definition.",
        )
    if len(what) > TAG_VALUE_MAX_CHARS:
        raise TagDoesNotFit(
            what,
            f"its ARN has {len(what)} characters and a tag's value, which must name it, {TAG_VALUE_MAX_CHARS}",
            "Register the new revision yourself, or give the family a shorter name.",
        )
    return [{"key": key, "value": value} for key, value in {**copied, REREGISTERED_TAG: what}.items()]
