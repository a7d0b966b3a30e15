"""YAML 1.2 (core schema) from libyaml's events, with a span for every node.

Events are bounded before anything is built from them, so a hostile file costs no more than it weighs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol, cast

import yaml

from netspec.diagnostics import Diagnostic, Path, Span, SpecError
from netspec.source.document import (
    MAX_DEPTH,
    MAX_NODES,
    MAX_SCALAR,
    Document,
    Plain,
    Spans,
    too_deep,
    too_long,
    too_many,
)
from netspec.source.slips import yaml_slip

_INT = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_CONSTANTS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


def read_yaml(text: str, file: str) -> Document:
    """A YAML text as a document. Raises SpecError with every syntax problem found."""
    builder = Builder(text, file)
    data = builder.build()
    return Document(file, text, data, _spans=lambda: builder.spans)


class Mark(Protocol):
    """A place in a text, counted from 0."""

    index: int
    line: int
    column: int


class Event(Protocol):
    """What libyaml's events have between them; which kind one is, its class says (`is_a`)."""

    start_mark: Mark
    end_mark: Mark
    anchor: str | None
    tag: str | None
    value: str
    style: str | None
    flow_style: bool


_MOST_ERRORS = 200
_TOO_DEEP = "exceeded maximum nesting depth"


class _Anchored(NamedTuple):
    data: Plain
    nodes: int


class Builder:
    """Builds plain data from libyaml's events, noting a span for every key and value."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.spans = Spans()
        self.found: list[Diagnostic] = []
        self.anchors: dict[str, _Anchored] = {}
        self.nodes = 0

    def build(self) -> Plain:
        loader = yaml.CLoader(self.text)
        try:
            data = self._document(self._events(loader))
        except yaml.YAMLError as error:
            if getattr(error, "problem", None) == _TOO_DEEP:  # libyaml reads ahead, and gives up before we do
                mark = error.problem_mark  # type: ignore[attr-defined]
                raise too_deep(self.file, Span(mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)) from None
            self.found.append(self._syntax_error(error))
            data = None
        finally:
            loader.dispose()
        if self.found:
            raise SpecError(self.found)
        return data

    def _events(self, loader: yaml.CLoader) -> Iterator[Event]:
        while loader.check_event():
            yield cast(Event, loader.get_event())

    def _document(self, events: Iterator[Event]) -> Plain:
        documents = 0
        data: Plain = None
        for event in events:
            if is_a(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._report("NS105", "a spec file holds one document", event, "give each network a file of its own")
                    return data
                data = self._node(next(events), events, (), 0)
        return data

    def _node(self, event: Event, events: Iterator[Event], path: Path, depth: int) -> Plain:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise too_many(self.file, _span(event))
        if depth > MAX_DEPTH:
            raise too_deep(self.file, _span(event))
        if is_a(event, yaml.AliasEvent):
            return self._alias(event, path)
        if event.tag is not None and event.tag != "!":
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            help = "remove the tag, or quote what is meant as text"
            self._report("NS104", f"tags like `{tag}` are not part of the language", event, help)
        before = self.nodes
        data: Plain
        if is_a(event, yaml.ScalarEvent):
            data = self._scalar(event)
            self.spans.values[path] = _span(event)
        elif is_a(event, yaml.SequenceStartEvent):
            data = self._sequence(event, events, path, depth)
        else:
            data = self._mapping(event, events, path, depth)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(data, self.nodes - before + 1)
        return data

    def _alias(self, event: Event, path: Path) -> Plain:
        target = self.anchors.get(str(event.anchor))
        self.spans.values[path] = _span(event)
        if target is None:
            help = f"set it above by `&{event.anchor}`, or quote what is meant as text"
            self._report("NS101", f"no anchor `&{event.anchor}` stands above", event, help)
            return None
        self.nodes += target.nodes
        return target.data

    def _scalar(self, event: Event) -> Plain:
        if len(event.value) > MAX_SCALAR:
            raise too_long(self.file, _span(event))
        return event.value if event.style else resolve(event.value)

    def _sequence(self, start: Event, events: Iterator[Event], path: Path, depth: int) -> list[Plain]:
        items: list[Plain] = []
        for event in events:
            if is_a(event, yaml.SequenceEndEvent):
                self.spans.values[path] = _span(start, event)
                break
            items.append(self._node(event, events, (*path, len(items)), depth + 1))
        return items

    def _mapping(self, start: Event, events: Iterator[Event], path: Path, depth: int) -> dict[str, Plain]:
        items: dict[str, Plain] = {}
        for event in events:
            if is_a(event, yaml.MappingEndEvent):
                self.spans.values[path] = _span(start, event)
                break
            key = self._key(event, events, items, start, path, depth)
            value_event = next(events)
            value = self._node(value_event, events, (*path, key), depth + 1)
            plain = getattr(event, "style", None) not in ('"', "'")
            if value is None and plain and (missing := re.match(r"([A-Za-z_]\w*):(\S.*)", key)):
                name, rest = missing.groups()
                self._report("NS107", "a space is missing after `:`", event, f"write `{name}: {rest}`")
            items[key] = value
        return items

    def _key(self, event: Event, events: Iterator[Event], items: dict[str, Plain], start: Event, path: Path, depth: int) -> str:
        if not is_a(event, yaml.ScalarEvent):
            self._node(event, events, (*path, "?"), depth + 1)
            self._report("NS110", "a key must be text", event, "quote it if it is meant as text")
            return f"?{len(items)}"
        key = event.value
        plain = event.style is None or event.style == ""
        if plain and key == "<<":
            self._report("NS103", "merge keys are not part of the language", event, "use `vars` or `blocks` for what is shared")
        elif plain and not isinstance(resolve(key), str):
            self._report("NS110", f"the key `{key}` is not text", event, f'quote it: "{key}"')
        elif key in items:
            first = self.spans.keys.get((*path, key))
            where = f" (first on line {first.line})" if first else ""
            listed = ", or start each with `- ` if they are meant as a list" if path and not start.flow_style else ""
            self._report("NS102", f"`{key}` stands twice in one mapping{where}", event, f"keep one of the two{listed}")
        self.spans.keys[(*path, key)] = _span(event)
        return key

    def _report(self, code: str, message: str, event: Event, *help: str) -> None:
        self.found.append(Diagnostic(code, message, file=self.file, span=_span(event), help=help))
        if len(self.found) >= _MOST_ERRORS:
            raise SpecError(self.found)

    def _syntax_error(self, error: yaml.YAMLError) -> Diagnostic:
        slip = yaml_slip(error, self.text)
        return Diagnostic(slip.code, slip.message, file=self.file, span=slip.span, caption=slip.caption, help=slip.help)


def resolve(text: str) -> Plain:
    """A plain scalar by the YAML 1.2 core schema: `no` is text, `1e-3` is a number, `017` is 17."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if not (text[0].isdigit() or text[0] in "-+."):
        return text
    if _INT.match(text) and len(text) < 400:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.match(text):
        return float(text)
    return text


def is_a(event: object, kind: type) -> bool:
    """Whether an event is of a kind."""
    return isinstance(event, kind)


def _span(start: Event, end: Event | None = None) -> Span:
    first, last = start.start_mark, (end or start).end_mark
    return Span(first.line + 1, first.column + 1, last.line + 1, last.column + 1)
