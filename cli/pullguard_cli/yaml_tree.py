"""YAML with places, built from PyYAML's events.

No tag constructs anything, and nesting is counted, not recursed into. Aliases and merge keys are refused
(CloudFormation takes none either), and so is a key that stands twice, of which every parser keeps another one.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

from pullguard.errors import shown
from pullguard_cli.located import MAX_DEPTH, Located, Other, Problem, Value

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER = yaml.resolver.Resolver()
_MERGE: Final = "tag:yaml.org,2002:merge"


def yaml_tree(text: str, problem: Problem) -> Located:
    """Read the one document in ``text``; raises what ``problem`` makes."""
    events = _events(text, problem)
    next(events)  # the stream's start
    if isinstance(next(events), yaml.StreamEndEvent):
        raise problem("has nothing but comments in it", 1, 1)
    root = _tree(events, problem)
    next(events)  # the document's end
    if not isinstance(after := next(events), yaml.StreamEndEvent):
        raise problem("has a second document in it; put each into a file of its own", *_start(after))
    return root


def _events(text: str, problem: Problem) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(io.StringIO(text), Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = getattr(mark, "line", 0) + 1, getattr(mark, "column", 0) + 1
        raise problem(f"is neither JSON nor YAML: {error.problem or error.context}", line, column) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, max(error.position, 0)) + 1
        raise problem("has a control character in it", line, 1) from None


def _start(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (1, 1) if mark is None else (int(mark.line) + 1, int(mark.column) + 1)


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet; ``key`` is the key whose value is awaited."""

    event: yaml.MappingStartEvent | yaml.SequenceStartEvent
    items: list[Located] = field(default_factory=list)
    members: dict[str, Located] = field(default_factory=dict)
    key: str | None = None

    def close(self) -> Located:
        is_mapping = isinstance(self.event, yaml.MappingStartEvent)
        return _located(self.event, dict(self.members) if is_mapping else tuple(self.items))

    def take(self, item: Located, problem: Problem) -> None:
        if not isinstance(self.event, yaml.MappingStartEvent):
            self.items.append(item)
        elif self.key is not None:
            self.members[self.key] = item
            self.key = None
        else:
            self.key = self._as_key(item, problem)

    def _as_key(self, item: Located, problem: Problem) -> str:
        if isinstance(item.value, Mapping | tuple):
            raise problem("a key is no text", item.line, item.column)
        key = item.value if isinstance(item.value, str) else repr(item.value)
        if key in self.members:
            raise problem(f"the key {shown(key)} stands twice", item.line, item.column)
        return key


def _tree(events: Iterator[yaml.Event], problem: Problem) -> Located:
    """Build the tree of one document, without recursion."""
    stack: list[_Open] = []
    for event in events:
        match event:
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if len(stack) > MAX_DEPTH:
                    raise problem("is nested too deeply", *_start(event))
                stack.append(_Open(event))
                continue
            case yaml.AliasEvent():
                raise problem("has a YAML alias in it, which is not followed; write it out", *_start(event))
            case yaml.ScalarEvent():
                done = _located(event, _scalar(event, problem))
            case _:
                done = stack.pop().close()
        if not stack:
            return done
        stack[-1].take(done, problem)
    raise AssertionError("PyYAML closes what it opens")


def _located(event: yaml.NodeEvent, value: Value) -> Located:
    line, column = _start(event)
    tag = getattr(event, "tag", None)
    tag = tag if tag and tag.startswith("!") and tag != "!" else None
    return Located(value=value, line=line, column=column, tag=tag)


def _scalar(event: yaml.ScalarEvent, problem: Problem) -> str | Other | None:
    text = str(event.value)
    if event.tag is not None or not event.implicit[0]:
        return text
    kind = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if kind == _MERGE:
        raise problem("has a YAML merge key (<<) in it, which is not followed; write it out", *_start(event))
    if kind == "tag:yaml.org,2002:null":
        return None
    return text if kind == "tag:yaml.org,2002:str" else Other(text)
