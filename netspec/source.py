"""From text to plain data with a span for every node: the first stage.

YAML 1.2 (core schema) and JSON are one language. The events of libyaml are bounded before anything
is built from them, so a hostile file costs no more than it weighs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as FilePath
from typing import NamedTuple, Protocol, TypeAlias, cast

import yaml

from netspec.diagnostics import Diagnostic, Path, Span, SpecError

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_SCALAR = 64 << 10

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


@dataclass(frozen=True, eq=False)
class Document:
    """A file as data: `data` is plain, `key_spans` and `value_spans` say where each node stands."""

    file: str
    text: str
    data: Plain
    is_json: bool = False
    _spans: Callable[[], Spans] = field(default=lambda: Spans(), repr=False)

    @cached_property
    def spans(self) -> Spans:
        """Positions of all nodes; for JSON they are read only when something is to be reported."""
        return self._spans()

    def span(self, path: Path, *, key: bool = False) -> Span | None:
        """Where the value (or the key) at `path` stands; the nearest holder's place if it has none."""
        while path:
            if key and path in self.spans.keys:
                return self.spans.keys[path]
            if path in self.spans.values:
                return self.spans.values[path]
            path = path[:-1]
        return self.spans.values.get(())

    def line(self, number: int) -> str:
        """The text of a 1-based line, '' past the end."""
        lines = self._lines
        return lines[number - 1] if 0 < number <= len(lines) else ""

    @cached_property
    def _lines(self) -> list[str]:
        return re.split(r"\r\n|\n|\r", self.text)


@dataclass(eq=False)
class Spans:
    """Positions by path, of keys and of values."""

    keys: dict[Path, Span] = field(default_factory=dict)
    values: dict[Path, Span] = field(default_factory=dict)


def read_file(path: FilePath) -> Document:
    """Read a spec file. Raises SpecError (NS001, NS002, NS005 and the syntax codes)."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "cannot be opened"
        raise SpecError(Diagnostic("NS001", f"cannot read `{file}`: {reason.lower()}", file=file, exit_code=2)) from None
    return read_bytes(raw, file)


def read_bytes(raw: bytes, file: str) -> Document:
    """Read a spec from bytes; `file` is what diagnostics call it."""
    if len(raw) > MAX_BYTES:
        raise _refused("NS002", f"file is larger than {MAX_BYTES} bytes", file, Span(1, 1, 1, 1))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise _refused("NS005", f"line {line} is not UTF-8", file, Span(line, 1, line, 1), "save the file as UTF-8") from None
    return read_text(text, file)


def read_text(text: str, file: str = "<text>") -> Document:
    """Read a spec from text. Raises SpecError with every syntax problem found."""
    if file.endswith(".json") or (text.lstrip()[:1] == "{" and _looks_like_json(text)):
        return _read_json(text, file)
    builder = _Builder(text, file)
    data = builder.build()
    return Document(file, text, data, False, lambda: builder.spans)


def _looks_like_json(text: str) -> bool:
    """Flow YAML also starts with a brace; JSON goes on with a double quote or ends at once."""
    return text.lstrip()[1:].lstrip()[:1] in ('"', "}")


def _refused(code: str, message: str, file: str, span: Span, *help: str) -> SpecError:
    return SpecError(Diagnostic(code, message, file=file, span=span, help=help))


def _read_json(text: str, file: str) -> Document:
    """JSON by the standard library; libyaml gives the spans, and only when something is to be reported."""
    found: list[Diagnostic] = []
    try:
        data: Plain = json.loads(
            text, object_pairs_hook=lambda pairs: _object(pairs, file, found), parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        span = Span(error.lineno, error.colno, error.lineno, error.colno + 1)
        raise _refused("NS101", f"this is not JSON: {error.msg.lower()}", file, span) from None
    except RecursionError:
        raise _refused("NS003", f"nested deeper than {MAX_DEPTH} levels", file, Span(1, 1, 1, 1)) from None
    except ValueError as error:
        raise _refused("NS101", f"this is not JSON: {error}", file, Span(1, 1, 1, 1)) from None
    _check_limits(data, file)
    if found:
        raise SpecError(_with_places(found, text, file))
    return Document(file, text, data, True, lambda: _json_spans(text, file))


def _object(pairs: list[tuple[str, Plain]], file: str, found: list[Diagnostic]) -> dict[str, Plain]:
    """A mapping; keys that stand twice are noted."""
    data = dict(pairs)
    if len(data) < len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        message = f"`{twice}` stands twice in one mapping"
        found.append(Diagnostic("NS102", message, file=file, span=Span(1, 1, 1, 1), help=("keep one of the two",)))
    return data


def _refuse_constant(name: str) -> Plain:
    raise ValueError(f"`{name}` is not a number of JSON")


def _check_limits(data: Plain, file: str) -> None:
    """The same bounds as for YAML. Raises SpecError NS002, NS003, NS004."""
    waiting: list[tuple[Plain, int]] = [(data, 0)]
    nodes = 0
    while waiting:
        value, depth = waiting.pop()
        nodes += 1
        if nodes > MAX_NODES:
            raise _refused("NS004", f"more than {MAX_NODES} values", file, Span(1, 1, 1, 1))
        if depth > MAX_DEPTH:
            raise _refused("NS003", f"nested deeper than {MAX_DEPTH} levels", file, Span(1, 1, 1, 1))
        if isinstance(value, str) and len(value) > MAX_SCALAR:
            raise _refused("NS002", f"a text longer than {MAX_SCALAR} characters", file, Span(1, 1, 1, 1))
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting.extend((item, depth + 1) for item in inner)


def _json_spans(text: str, file: str) -> Spans:
    """Positions by libyaml, to whom surrogate pairs are strange: same-length stand-ins keep the columns."""
    builder = _Builder(re.sub(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}", "\\\\u0041", text), file)
    try:
        builder.build()
    except SpecError:
        builder.spans.values.setdefault((), Span(1, 1, 1, 1))
    return builder.spans


def _with_places(found: list[Diagnostic], text: str, file: str) -> list[Diagnostic]:
    """Duplicate keys with the places that the event pass finds."""
    builder = _Builder(text, file)
    try:
        builder.build()
    except SpecError as error:
        placed = [d for d in error.diagnostics if d.code == "NS102"]
        return placed or found
    return found


class _Mark(Protocol):
    line: int
    column: int


class _Event(Protocol):
    """What libyaml's events have between them; which kind one is, its class says (`_is`)."""

    start_mark: _Mark
    end_mark: _Mark
    anchor: str | None
    tag: str | None
    value: str
    style: str | None
    flow_style: bool


class _Anchored(NamedTuple):
    data: Plain
    nodes: int


class _Builder:
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
            self.found.append(self._syntax_error(error))
            data = None
        finally:
            loader.dispose()
        if self.found:
            raise SpecError(self.found)
        return data

    def _events(self, loader: yaml.CLoader) -> Iterator[_Event]:
        while loader.check_event():
            yield cast(_Event, loader.get_event())

    def _document(self, events: Iterator[_Event]) -> Plain:
        documents = 0
        data: Plain = None
        for event in events:
            if _is(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._report("NS105", "a spec file holds one document", event, "remove what follows `---`")
                    return data
                data = self._node(next(events), events, (), 0)
        return data

    def _node(self, event: _Event, events: Iterator[_Event], path: Path, depth: int) -> Plain:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _refused("NS004", f"more than {MAX_NODES} values", self.file, _span(event))
        if depth > MAX_DEPTH:
            raise _refused("NS003", f"nested deeper than {MAX_DEPTH} levels", self.file, _span(event))
        if _is(event, yaml.AliasEvent):
            return self._alias(event, path)
        if event.tag is not None and event.tag != "!":
            self._report("NS104", f"tags like `{event.tag}` are not part of the language", event, "remove the tag")
        before = self.nodes
        data: Plain
        if _is(event, yaml.ScalarEvent):
            data = self._scalar(event)
            self.spans.values[path] = _span(event)
        elif _is(event, yaml.SequenceStartEvent):
            data = self._sequence(event, events, path, depth)
        else:
            data = self._mapping(event, events, path, depth)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(data, self.nodes - before + 1)
        return data

    def _alias(self, event: _Event, path: Path) -> Plain:
        target = self.anchors.get(str(event.anchor))
        self.spans.values[path] = _span(event)
        if target is None:
            self._report("NS101", f"no anchor `&{event.anchor}` stands above", event)
            return None
        self.nodes += target.nodes
        return target.data

    def _scalar(self, event: _Event) -> Plain:
        if len(event.value) > MAX_SCALAR:
            raise _refused("NS002", f"a text longer than {MAX_SCALAR} characters", self.file, _span(event))
        return event.value if event.style else resolve(event.value)

    def _sequence(self, start: _Event, events: Iterator[_Event], path: Path, depth: int) -> list[Plain]:
        items: list[Plain] = []
        for event in events:
            if _is(event, yaml.SequenceEndEvent):
                self.spans.values[path] = _span(start, event)
                break
            items.append(self._node(event, events, (*path, len(items)), depth + 1))
        return items

    def _mapping(self, start: _Event, events: Iterator[_Event], path: Path, depth: int) -> dict[str, Plain]:
        items: dict[str, Plain] = {}
        for event in events:
            if _is(event, yaml.MappingEndEvent):
                self.spans.values[path] = _span(start, event)
                break
            key = self._key(event, events, items, path, depth)
            value_event = next(events)
            value = self._node(value_event, events, (*path, key), depth + 1)
            if value is None and (missing := re.match(r"([A-Za-z_]\w*):(\S.*)", key)):
                name, rest = missing.groups()
                self._report("NS107", "a space is missing after `:`", event, f"write `{name}: {rest}`")
            items[key] = value
        return items

    def _key(self, event: _Event, events: Iterator[_Event], items: dict[str, Plain], path: Path, depth: int) -> str:
        if not _is(event, yaml.ScalarEvent):
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
            self._report("NS102", f"`{key}` stands twice in one mapping{where}", event, "keep one of the two")
        self.spans.keys[(*path, key)] = _span(event)
        return key

    def _report(self, code: str, message: str, event: _Event, *help: str) -> None:
        self.found.append(Diagnostic(code, message, file=self.file, span=_span(event), help=help))

    def _syntax_error(self, error: yaml.YAMLError) -> Diagnostic:
        mark = getattr(error, "problem_mark", None)
        problem = str(getattr(error, "problem", None) or error)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        code, message, help = _explain_syntax(problem, self.text, line, column)
        return Diagnostic(code, message, file=self.file, span=Span(line, column, line, column + 1), help=help)


def _explain_syntax(problem: str, text: str, line: int, column: int) -> tuple[str, str, tuple[str, ...]]:
    """Code, message and help for what libyaml says; it knows the rule, this knows the usual slip."""
    lines = text.splitlines()
    here = lines[line - 1] if line <= len(lines) else ""
    above = lines[line - 2] if line > 1 else ""
    if "mapping values are not allowed" in problem:
        bare = re.match(r"\s*- ([a-z]\w*)\s*(#.*)?$", above)
        if bare:
            name = bare[1]
            return "NS106", f"`{name}` needs a colon before its siblings", (f"write `- {name}:` on line {line - 1}",)
        return "NS106", "a `:` stands where no key can be", ("quote the text if the colon belongs to it",)
    if "alphabetic or numeric character" in problem or re.search(r":\s+[*?&!%@`]([\s,}\]]|$)", here):
        sign = re.search(r"[:\[,]\s*([*?&!%@`])", here)
        shown = sign[1] if sign else "it"
        return "NS108", f"`{shown}` has a meaning of its own in YAML", (f'quote it: "{shown}"',)
    if "cannot start any token" in problem and "\t" in here:
        return "NS101", "a tab cannot indent YAML", ("use spaces",)
    if "did not find expected" in problem and here.count("$(") > here.count(")"):
        return "NS109", "`$(` is not closed on this line", ("close it, or quote the expression",)
    if "did not find expected ',' or" in problem:
        return "NS101", "a `,` or a closing bracket is missing", ("check the brackets on this line and the line above",)
    return "NS101", f"this is not YAML: {problem}", ()


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


def _is(event: object, kind: type) -> bool:
    return isinstance(event, kind)


def _span(start: _Event, end: _Event | None = None) -> Span:
    first, last = start.start_mark, (end or start).end_mark
    return Span(first.line + 1, first.column + 1, last.line + 1, last.column + 1)
