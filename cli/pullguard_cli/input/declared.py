"""Find the task definitions in a file, in the format of the ECS API or of CloudFormation.

Values that CloudFormation sets on deployment (``!Ref``, ``!Sub``, ``{{resolve:…}}``) are marked as such, since the file
does not contain them.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-taskdefinition.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

import yaml

from pullguard.domain.errors import shown
from pullguard_cli.input.located import STANDARD_INPUT, Located, Other, Unusable
from pullguard_cli.input.members import Level, meant, problem_of, spelt

RESOURCE_TYPE: Final = "AWS::ECS::TaskDefinition"
_NO_VALUE: Final = "AWS::NoValue"
_NAME_MAX_CHARS: Final = 255  # of a family and of a container
_NAME_CHARS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_SHOWN_CHARS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployTime:
    """A value that is set on deployment, as written in the template (``!Ref RegistrySecret``)."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredContainer:
    """A container in a file. ``reference`` is its secret reference, if any; findings point to ``line``."""

    name: str
    image: str | DeployTime
    reference: str | DeployTime | None
    line: int
    image_line: int
    not_text: bool = False

    @property
    def raw(self) -> dict[str, Any]:
        """Return the container as DescribeTaskDefinition would. Deploy-time values keep the file's spelling."""
        raw: dict[str, Any] = {"name": self.name, "image": _written(self.image)}
        if self.reference is not None:
            written = _written(self.reference)
            raw["repositoryCredentials"] = {"credentialsParameter": _plain(written) if self.not_text else written}
        return raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One task definition in a file. An unregistered one has no ``arn``. Lines count from 1.

    ``resource`` is the logical id in a template, otherwise the file's name.
    """

    file: str
    line: int
    family: str
    containers: tuple[DeclaredContainer, ...]
    execution_role: str | DeployTime | None
    role_line: int
    arn: str | None = None
    resource: str = ""
    compatibilities: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


def _plain(written: str) -> object:
    """Parse the number or boolean that the file has where a string belongs."""
    value = yaml.safe_load(written)
    return value if isinstance(value, bool | int | float) else 0


def _written(value: str | DeployTime) -> str:
    return value.text if isinstance(value, DeployTime) else value


def declared_in(file: str, root: Located) -> tuple[Declared, ...]:
    """Return the task definitions in a parsed file. A template may have none. Raises ``Unusable``."""
    if not isinstance(root.value, Mapping):
        raise Unusable(file, "is not a task definition: expected an object", line=root.line)
    return tuple(_Reader(file).all_in(root))


class _Reader:
    """Reads one file, in either spelling: ``containerDefinitions``, or CloudFormation's ``ContainerDefinitions``."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._pascal = False

    def all_in(self, root: Located) -> Iterator[Declared]:
        """Detect the format by the top-level members, and yield the task definitions."""
        stem = "stdin" if self._file == STANDARD_INPUT else PurePath(self._file).name.split(".")[0]
        family = "".join(c if c in _NAME_CHARS else "-" for c in stem) or "unnamed"
        if (resources := root.get("Resources")) is not None:
            yield from self._template(resources)
        elif (properties := root.get("Properties")) is not None:
            yield self._properties(properties, family)
        elif (wrapped := root.get("taskDefinition")) is not None:
            yield self._task_definition(wrapped, family, tags=root.get("tags"))
        elif root.get("ContainerDefinitions") is not None:
            yield self._properties(root, family)
        else:
            yield self._task_definition(root, family, tags=root.get("tags"))

    def _template(self, resources: Located) -> Iterator[Declared]:
        for logical_id, resource in self._members(resources, "Resources").items():
            kind = resource.get("Type")
            if kind is not None and kind.value == RESOURCE_TYPE:
                yield self._properties(self._required(resource, "Properties"), logical_id)

    def _properties(self, properties: Located, family: str) -> Declared:
        self._pascal = True
        return self._task_definition(properties, family, tags=self._get(properties, "tags"))

    def _task_definition(self, found: Located, family: str, *, tags: Located | None) -> Declared:
        self._members(found, "the task definition")
        containers = self._required(found, "containerDefinitions")
        self._known(found, "task definition")
        named = self._text_or_later(found, "family")
        role = self._text_or_later(found, "executionRoleArn")
        arn = self._text_or_later(found, "taskDefinitionArn")
        return Declared(
            file=self._file,
            resource=family,
            line=found.line,
            family=self._name(named if isinstance(named, str) else family, found),
            containers=self._containers(containers),
            execution_role=role,
            role_line=(self._get(found, "executionRoleArn") or found).line,
            arn=arn if isinstance(arn, str) else None,
            compatibilities=self._texts(self._get(found, "requiresCompatibilities")),
            tags=self._tags(tags),
        )

    def _containers(self, containers: Located) -> tuple[DeclaredContainer, ...]:
        if (later := self._later(containers)) is not None:
            return (_unknown_container(0, later, containers),)
        if not isinstance(containers.value, tuple):
            raise self._wrong(containers, f"{self._spelt('containerDefinitions')} is not a list")
        if not containers.value:
            raise self._wrong(containers, f"{self._spelt('containerDefinitions')} is empty")
        read = tuple(self._container(index, item) for index, item in enumerate(containers.value))
        seen: set[str] = set()
        for container in read:
            if container.name in seen:
                raise Unusable(self._file, f"two containers have the name {shown(container.name)}", line=container.line)
            seen.add(container.name)
        return read

    def _container(self, index: int, item: Located) -> DeclaredContainer:
        where = f"{self._spelt('containerDefinitions')}[{index}]"
        if (later := self._later(item)) is not None:
            return _unknown_container(index, later, item)
        self._members(item, where)
        self._known(item, "container")
        name, image = self._text_or_later(item, "name"), self._text_or_later(item, "image")
        if image is None:
            raise self._wrong(item, f"{where} has no {self._spelt('image')}")
        image_line = (self._get(item, "image") or item).line
        reference, line = self._reference(item, where)
        return DeclaredContainer(
            name=self._name(name, item) if isinstance(name, str) else f"#{index}",
            image=image,
            reference=reference.text if isinstance(reference, Other) else reference,
            not_text=isinstance(reference, Other),
            line=line or image_line,
            image_line=image_line,
        )

    def _reference(self, item: Located, where: str) -> tuple[str | Other | DeployTime | None, int | None]:
        credentials = self._get(item, "repositoryCredentials")
        if credentials is None:
            return None, None
        if (later := self._later(credentials)) is not None:
            return later, credentials.line
        self._members(credentials, f"{where}.{self._spelt('repositoryCredentials')}")
        self._known(credentials, "credentials")
        parameter = self._required(credentials, "credentialsParameter")
        if isinstance(parameter.value, Other):
            return parameter.value, parameter.line
        return self._text_or_later(credentials, "credentialsParameter"), parameter.line

    # --- members, in either spelling ---

    def _spelt(self, name: str) -> str:
        return spelt(name, pascal=self._pascal)

    def _known(self, item: Located, level: Level) -> None:
        """Raise ``Unusable`` for unknown members, as AWS does. A misspelt member would otherwise look absent."""
        members = self._members(item, level)
        if (problem := problem_of(members, level, pascal=self._pascal)) is not None:
            name, why = problem
            at = members[name]
            line, column = at.key or (at.line, at.column)
            raise Unusable(self._file, why, line=line, column=column)

    def _get(self, item: Located, name: str) -> Located | None:
        """Return a member, or None if it is absent, null, or ``!Ref AWS::NoValue``."""
        found = item.get(self._spelt(name))
        return None if found is None or _is_no_value(found) else found

    def _required(self, item: Located, name: str) -> Located:
        found = self._get(item, name)
        if found is None:
            raise self._wrong(item, f"has no {self._spelt(name)}{self._hint(item, name)}")
        return found

    def _hint(self, item: Located, name: str) -> str:
        for other in self._members(item, "the task definition"):
            if meant(other, (self._spelt(name),)) is not None:
                return f"; did you mean {shown(other)}?"
        return ": is this a task definition?" if name == "containerDefinitions" else ""

    def _members(self, item: Located, what: str) -> Mapping[str, Located]:
        if not isinstance(item.value, Mapping):
            raise self._wrong(item, f"{what} is not an object")
        return item.value

    def _text_or_later(self, item: Located, name: str) -> str | DeployTime | None:
        found = self._get(item, name)
        if found is None or (later := self._later(found)) is not None:
            return None if found is None else later
        if not isinstance(found.value, str):
            raise self._wrong(found, f"{self._spelt(name)} is not a string")
        return found.value

    def _texts(self, item: Located | None) -> tuple[str, ...]:
        items = item.value if item is not None and isinstance(item.value, tuple) else ()
        return tuple(each.value for each in items if isinstance(each.value, str) and each.tag is None)

    def _tags(self, item: Located | None) -> dict[str, str]:
        items = item.value if item is not None and isinstance(item.value, tuple) else ()
        pairs = [(self._get(each, "key"), self._get(each, "value")) for each in items]
        return {
            key.value: value.value
            for key, value in pairs
            if key is not None and value is not None and isinstance(key.value, str) and isinstance(value.value, str)
        }

    def _name(self, name: str, item: Located) -> str:
        if not name or len(name) > _NAME_MAX_CHARS or not _NAME_CHARS.issuperset(name):
            raise self._wrong(item, f"{shown(name)} is not a valid ECS name (up to 255 letters, digits, - and _)")
        return name

    def _later(self, item: Located) -> DeployTime | None:
        later = _later(item)
        if later is not None and item.tag is not None and not self._pascal:
            raise self._wrong(item, f"{item.tag} is supported only in CloudFormation (ContainerDefinitions)")
        return later if self._pascal else None

    def _wrong(self, item: Located, why: str) -> Unusable:
        return Unusable(self._file, why, line=item.line, column=item.column)


def _unknown_container(index: int, later: DeployTime, item: Located) -> DeclaredContainer:
    return DeclaredContainer(name=f"#{index}", image=later, reference=None, line=item.line, image_line=item.line)


def _is_no_value(item: Located) -> bool:
    if item.tag == "!Ref":
        return item.value == _NO_VALUE
    return isinstance(item.value, Mapping) and len(item.value) == 1 and _value(item.get("Ref")) == _NO_VALUE


def _later(item: Located) -> DeployTime | None:
    """Return a deploy-time value: an intrinsic function in either syntax, or a dynamic reference."""
    if item.tag is not None:
        return _deploy_time(item.tag, item)
    if isinstance(item.value, str) and "{{resolve:" in item.value:
        return DeployTime(text=item.value[:_SHOWN_CHARS])
    if isinstance(item.value, Mapping) and len(item.value) == 1:
        name, argument = next(iter(item.value.items()))
        if name in {"Ref", "Condition"} or name.startswith("Fn::"):
            return _deploy_time(f"!{name.removeprefix('Fn::')}", argument)
    return None


def _deploy_time(function: str, argument: Located) -> DeployTime:
    first = argument.value[0] if isinstance(argument.value, tuple) and argument.value else argument
    text = first.value if isinstance(first.value, str) else "…"
    return DeployTime(text=f"{function} {text}"[:_SHOWN_CHARS])


def _value(item: Located | None) -> object:
    return None if item is None else item.value
