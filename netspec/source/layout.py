"""The canonical layout of a spec's text: what `netspec fmt` writes. Comments stay, and so does the meaning.

1. Blocks are indented by two, lists inside mappings too; comments and continued lines move along.
2. One space after `-`, `:` and `,`; none inside brackets, and no comma before a closing one.
3. Numbers are written so that every YAML parser reads them as numbers (`1.0e-3`); `true`, `false`, `null`.
4. A layer without fields loses its colon: `- flatten:` becomes `- flatten`.
5. No blanks at line ends, one newline at the end, at most one empty line in a row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple, cast

import yaml

from netspec.source.document import Document, Plain
from netspec.source.read import read_text
from netspec.source.yaml import Event, Mark, is_a, resolve

_WIDTH = 100
_FLOAT = re.compile(r"([-+]?)([0-9]*)(\.[0-9]*)?(?:[eE]([-+]?)([0-9]+))\Z")
_WORDS = {
    **dict.fromkeys(("True", "TRUE"), "true"),
    **dict.fromkeys(("False", "FALSE"), "false"),
    **dict.fromkeys(("~", "Null", "NULL"), "null"),
}


def formatted(document: Document) -> str:
    """The document's text in the canonical layout. Raises SpecError for text that cannot be read."""
    if document.is_json:
        return "\n".join(_json(document.data, "", 0)) + "\n"
    text = _tidied(document.text.removeprefix("\ufeff"))
    text = _tidied(_Layout(text).text())
    assert _meaning(read_text(text, document.file).data) == _meaning(document.data), "layout never changes meaning"
    return text


def _tidied(text: str) -> str:
    """Line ends, blanks and empty lines; not inside block scalars, whose blanks are content."""
    lines = re.split(r"\r\n|\n|\r", text)
    kept: list[str] = []
    content = _content_lines("\n".join(lines))
    for number, line in enumerate(lines):
        if number in content:
            kept.append(line)
        elif line.strip() or (kept and kept[-1].strip()):
            kept.append(line.rstrip())
    while kept and not kept[-1].strip():
        kept.pop()
    return "\n".join(kept) + "\n"


def _content_lines(text: str) -> set[int]:
    """The lines whose blanks are content: those of scalars over several lines."""
    found: set[int] = set()
    for event in _events(text):
        if is_a(event, yaml.ScalarEvent) and event.end_mark.line > event.start_mark.line:
            last = event.end_mark.line + (event.end_mark.column > 0)
            found.update(range(event.start_mark.line + 1, last))
    return found


def _events(text: str) -> list[Event]:
    loader = yaml.CLoader(text)
    found: list[Event] = []
    try:
        while loader.check_event():
            found.append(cast(Event, loader.get_event()))
    finally:
        loader.dispose()
    return found


def _dashes(text: str) -> Iterator[Mark]:
    """Where each item of a block list has its dash, in order."""
    loader = yaml.CLoader(text)
    while loader.check_token():
        token = loader.get_token()
        if is_a(token, yaml.BlockEntryToken):
            yield cast(Event, token).start_mark
    loader.dispose()


def _meaning(data: Plain) -> object:
    """Data as the language understands it: `{flatten: null}` in a list is `flatten`."""
    if isinstance(data, dict):
        return {key: _meaning(value) for key, value in data.items()}
    if isinstance(data, list):
        return [next(iter(item)) if _is_bare(item) and isinstance(item, dict) else _meaning(item) for item in data]
    return data if data == data else "nan"


def _is_bare(item: Plain) -> bool:
    return isinstance(item, dict) and list(item.values()) == [None]


class Edit(NamedTuple):
    """A stretch of text and what stands there instead."""

    start: int
    end: int
    text: str


class _Layout:
    """Walks the events of a text once and gathers edits, and the indents of the lines that start an item."""

    def __init__(self, text: str) -> None:
        self.source = text
        self.lines = text.split("\n")
        self.edits: list[Edit] = []
        self.indents: dict[int, int] = {}
        self.dashes = _dashes(text)
        self.events = _events(text)
        self.position = 0

    def text(self) -> str:
        """The text in its new layout."""
        while self.position < len(self.events):
            if is_a(self._next(), yaml.DocumentStartEvent):
                self._node(self._next(), 0, bare=False)
        return self._reindented()

    def _next(self) -> Event:
        self.position += 1
        return self.events[self.position - 1]

    def _items(self, end: type) -> Iterator[Event]:
        """The events that start an item, up to the end of the collection."""
        while not is_a(self.events[self.position], end):
            yield self._next()
        self.position += 1

    def _node(self, event: Event, indent: int, *, bare: bool) -> None:
        """A value whose block items start at `indent`; `bare`: a list item, where a lone key may lose its colon."""
        if is_a(event, yaml.ScalarEvent):
            self._scalar(event)
        elif is_a(event, yaml.AliasEvent):
            return
        elif event.flow_style:
            self._flow(event)
        elif is_a(event, yaml.SequenceStartEvent):
            self._block_list(indent)
        else:
            self._block_mapping(indent, bare=bare)

    def _block_list(self, indent: int) -> None:
        for event in self._items(yaml.SequenceEndEvent):
            dash, start = next(self.dashes), event.start_mark
            self._placed(dash, indent)
            if start.line == dash.line and start.index > dash.index + 1:
                self.edits.append(Edit(dash.index + 1, start.index, " "))
            self._node(event, indent + 2, bare=True)

    def _block_mapping(self, indent: int, *, bare: bool) -> None:
        first = self.position
        for key in self._items(yaml.MappingEndEvent):
            self._placed(key.start_mark, indent)
            value = self._next()
            end = key.end_mark.index
            if _is_empty(value):
                # A list item that is one key without a value: the colon goes.
                alone = bare and self.position == first + 2 and is_a(self.events[self.position], yaml.MappingEndEvent)
                colon = self.source.index(":", end)
                self.edits.append(Edit(end, colon + 1, "" if alone else ":"))
            elif re.fullmatch(r"[ \t]*:[ \t]+", self.source[end : value.start_mark.index]):
                self.edits.append(Edit(end, value.start_mark.index, ": "))
            self._node(value, indent + 2, bare=False)

    def _flow(self, start: Event) -> int:
        """A collection in brackets: separators between what stands on one line; where it ends in the text."""
        mapping = is_a(start, yaml.MappingStartEvent)
        position = self.source.index("{" if mapping else "[", start.start_mark.index) + 1
        separator = ""
        for index, event in enumerate(self._items(yaml.MappingEndEvent if mapping else yaml.SequenceEndEvent)):
            self._separate(position, event.start_mark.index, separator)
            if is_a(event, yaml.ScalarEvent):
                self._scalar(event)
            nested = is_a(event, yaml.MappingStartEvent) or is_a(event, yaml.SequenceStartEvent)
            position = self._flow(event) if nested else event.end_mark.index
            separator = ", " if index % 2 or not mapping else ": "
        end = self.events[self.position - 1]
        self._separate(position, end.start_mark.index, "")
        return end.end_mark.index

    def _separate(self, start: int, end: int, separator: str) -> None:
        """The text between two parts, where it is nothing but blanks and the expected sign on one line."""
        gap = self.source[start:end]
        expected = (separator.strip(),) if separator else ("", ",")
        if "\n" not in gap and gap.strip() in expected:
            self.edits.append(Edit(start, end, separator))

    def _scalar(self, event: Event) -> None:
        if event.style or _is_empty(event) or event.anchor:
            return
        text = event.value
        better = _WORDS.get(text) or (_number(text) if isinstance(resolve(text), float) else text)
        if better != text:
            self.edits.append(Edit(event.start_mark.index, event.end_mark.index, better))

    def _placed(self, mark: Mark, indent: int) -> None:
        """An item starts here: if nothing stands before it, its line gets that indent."""
        if not self.lines[mark.line][: mark.column].strip():
            self.indents.setdefault(mark.line, indent)

    def _reindented(self) -> str:
        """The edited text with every line moved: items to their indent, all else along with what it belongs to."""
        lines = _with_edits(self.source, self.edits).split("\n")
        moved: list[str] = []
        shift = 0
        for number, line in enumerate(lines):
            if number in self.indents:
                shift = self.indents[number] - _indent(line)
            own = self._comment_shift(number, lines, shift) if line.lstrip().startswith("#") else shift
            moved.append(_shifted(line, own))
        return "\n".join(moved)

    def _comment_shift(self, number: int, lines: list[str], shift: int) -> int:
        """A comment on its own moves with the item below it if it stands level with that, else with the one above."""
        below = next((n for n in range(number + 1, len(lines)) if n in self.indents), None)
        if below is not None and _indent(lines[below]) == _indent(lines[number]):
            return self.indents[below] - _indent(lines[below])
        return shift


def _with_edits(text: str, edits: list[Edit]) -> str:
    """The text with all edits made; none of them adds or removes a line."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _is_empty(event: Event) -> bool:
    return is_a(event, yaml.ScalarEvent) and not event.value and not event.style


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _shifted(line: str, shift: int) -> str:
    if not line.strip():
        return line
    return " " * max(0, _indent(line) + shift) + line.lstrip(" ")


def _number(text: str) -> str:
    """`1e-3` as `1.0e-3`: YAML 1.1 wants a point in the mantissa and a sign in the exponent."""
    match = _FLOAT.match(text)
    if match is None:
        return text
    sign, whole, fraction, exponent_sign, exponent = match.groups()
    fraction = fraction if fraction and len(fraction) > 1 else ".0"
    return f"{sign}{whole or '0'}{fraction}e{exponent_sign or '+'}{exponent}"


def _json(value: Plain, head: str, indent: int) -> list[str]:
    """JSON with short collections on one line."""
    pad = " " * indent
    flow = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not value or (len(pad) + len(head) + len(flow) <= _WIDTH - 1 and indent):
        return [f"{pad}{head}{flow}"]
    if isinstance(value, dict):
        pairs = [(f"{json.dumps(key, ensure_ascii=False)}: ", item) for key, item in value.items()]
    else:
        pairs = [("", item) for item in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    lines = [f"{pad}{head}{opening}"]
    for number, (key, item) in enumerate(pairs):
        inner = _json(item, key, indent + 2)
        lines += [*inner[:-1], inner[-1] + ("," if number < len(pairs) - 1 else "")]
    return [*lines, f"{pad}{closing}"]
