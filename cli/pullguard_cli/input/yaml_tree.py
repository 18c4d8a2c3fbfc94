"""Parse YAML with line numbers, from PyYAML's events.

Safe for untrusted files: tags construct no objects, nesting is limited without recursion, and aliases share the
anchored value, so they cannot expand. Merge keys are applied, as in the AWS CLI. Duplicate keys are an error, since
parsers disagree on which one to keep.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import yaml

from pullguard.domain.errors import shown
from pullguard_cli.input.located import MAX_DEPTH, Located, Other, Problem, Value

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER = yaml.resolver.Resolver()
_MERGE: Final = Other("<<")


def yaml_tree(text: str, problem: Problem) -> Located:
    """Parse the single document in ``text``. Raises the error that ``problem`` builds if it is invalid."""
    events = _events(text, problem)
    next(events)  # start of the stream
    if isinstance(next(events), yaml.StreamEndEvent):
        raise problem("contains only comments", 1, 1)
    root = _tree(events, problem)
    next(events)  # end of the document
    if not isinstance(after := next(events), yaml.StreamEndEvent):
        raise problem("contains more than one document; use one file per document", *_start(after))
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
        raise problem("contains a control character", line, 1) from None


def _start(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (1, 1) if mark is None else (int(mark.line) + 1, int(mark.column) + 1)


@dataclass(slots=True)
class _Open:
    """A collection that is still open. ``key`` is the key whose value comes next."""

    event: yaml.MappingStartEvent | yaml.SequenceStartEvent
    items: list[Located] = field(default_factory=list)
    members: dict[str, Located] = field(default_factory=dict)
    merged: dict[str, Located] = field(default_factory=dict)
    key: Located | None = None

    def close(self) -> Located:
        is_mapping = isinstance(self.event, yaml.MappingStartEvent)
        return _located(self.event, self.merged | self.members if is_mapping else tuple(self.items))

    def take(self, item: Located, problem: Problem) -> None:
        if not isinstance(self.event, yaml.MappingStartEvent):
            self.items.append(item)
        elif self.key is None:
            self.key = item
            if isinstance(item.value, Mapping | tuple):
                raise problem("a key is not a string", item.line, item.column)
            if item.value != _MERGE and _text(item) in self.members:
                raise problem(f"duplicate key {shown(_text(item))}", item.line, item.column)
        elif self.key.value == _MERGE:
            self._merge(item, problem)
            self.key = None
        else:
            self.members[_text(self.key)] = replace(item, key=(self.key.line, self.key.column))
            self.key = None

    def _merge(self, item: Located, problem: Problem) -> None:
        """Apply a merge key. The mapping's own members take precedence, then the first of several merged mappings.

        Source: https://yaml.org/type/merge.html
        """
        for mapping in item.value if isinstance(item.value, tuple) else (item,):
            if not isinstance(mapping.value, Mapping):
                raise problem("the merge key << accepts mappings only", item.line, item.column)
            self.merged = dict(mapping.value) | self.merged


def _text(key: Located) -> str:
    return key.value if isinstance(key.value, str) else repr(key.value)


def _tree(events: Iterator[yaml.Event], problem: Problem) -> Located:
    """Build the tree of one document, without recursion."""
    stack: list[_Open] = []
    anchors: dict[str, Located] = {}
    for event in events:
        anchor = event.anchor if isinstance(event, yaml.ScalarEvent) else None
        match event:
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if len(stack) > MAX_DEPTH:
                    raise problem("is nested too deeply", *_start(event))
                stack.append(_Open(event))
                continue
            case yaml.AliasEvent():
                done = _named(event, anchors, problem)
            case yaml.ScalarEvent():
                done = _located(event, _scalar(event))
            case _:
                anchor = stack[-1].event.anchor
                done = stack.pop().close()
        if anchor is not None:
            anchors[anchor] = done
        if not stack:
            return done
        stack[-1].take(done, problem)
    raise AssertionError("PyYAML closes what it opens")


def _named(event: yaml.AliasEvent, anchors: Mapping[str, Located], problem: Problem) -> Located:
    name = str(event.anchor)
    if name not in anchors:
        raise problem(f"the alias *{name} refers to no earlier anchor", *_start(event))
    return anchors[name]


def _located(event: yaml.NodeEvent, value: Value) -> Located:
    line, column = _start(event)
    tag = getattr(event, "tag", None)
    tag = tag if tag and tag.startswith("!") and tag != "!" else None
    return Located(value=value, line=line, column=column, tag=tag)


def _scalar(event: yaml.ScalarEvent) -> str | Other | None:
    text = str(event.value)
    if event.tag is not None or not event.implicit[0]:
        return text
    kind = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if kind == "tag:yaml.org,2002:null":
        return None
    return text if kind == "tag:yaml.org,2002:str" else Other(text)
