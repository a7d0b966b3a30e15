"""JSON by the standard library, within the same limits as YAML.

libyaml misreads surrogate pairs, so it gives positions only, and only when something is to be reported.
"""

from __future__ import annotations

import json
import re
from collections import Counter

from netspec.diagnostics import Diagnostic, Span, SpecError
from netspec.source.document import (
    MAX_DEPTH,
    MAX_NODES,
    MAX_SCALAR,
    Document,
    Plain,
    Spans,
    refused,
    too_deep,
    too_long,
    too_many,
)
from netspec.source.json_slips import json_slip, not_finite
from netspec.source.yaml import Builder

_LONE = re.compile("[\ud800-\udfff]")


def read_json(text: str, file: str) -> Document:
    """JSON by the standard library; libyaml gives the spans, and only when something is to be reported."""
    found: list[Diagnostic] = []
    try:
        data: Plain = json.loads(
            text, object_pairs_hook=lambda pairs: _object(pairs, file, found), parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        slip = json_slip(error.msg, text, error.pos)
        raise refused(slip.code, slip.message, file, slip.span, *slip.help) from None
    except RecursionError:
        raise too_deep(file, Span(1, 1, 1, 1)) from None
    except ValueError:
        slip = not_finite(text)
        raise refused(slip.code, slip.message, file, slip.span, *slip.help) from None
    _check_limits(data, file)
    if found:
        raise SpecError(_with_places(found, text, file))
    return Document(file, text, data, True, _spans=lambda: _json_spans(text, file))


def _object(pairs: list[tuple[str, Plain]], file: str, found: list[Diagnostic]) -> dict[str, Plain]:
    """A mapping; keys that stand twice are noted."""
    data = dict(pairs)
    if len(data) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
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
            raise too_many(file, Span(1, 1, 1, 1))
        if depth > MAX_DEPTH:
            raise too_deep(file, Span(1, 1, 1, 1))
        if isinstance(value, str) and len(value) > MAX_SCALAR:
            raise too_long(file, Span(1, 1, 1, 1))
        if isinstance(value, str) and _LONE.search(value):
            raise refused("NS101", "a text holds one half of a surrogate pair, which is no character", file, Span(1, 1, 1, 1))
        if isinstance(value, dict) and any(_LONE.search(key) for key in value):
            raise refused("NS101", "a key holds one half of a surrogate pair, which is no character", file, Span(1, 1, 1, 1))
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting.extend((item, depth + 1) for item in inner)


def _json_spans(text: str, file: str) -> Spans:
    """Positions by libyaml, to whom surrogate pairs are strange: same-length stand-ins keep the columns."""
    builder = Builder(re.sub(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}", "\\\\u0041", text), file)
    try:
        builder.build()
    except SpecError:
        builder.spans.values.setdefault((), Span(1, 1, 1, 1))
    return builder.spans


def _with_places(found: list[Diagnostic], text: str, file: str) -> list[Diagnostic]:
    """Duplicate keys with the places that the event pass finds."""
    builder = Builder(text, file)
    try:
        builder.build()
    except SpecError as error:
        placed = [d for d in error.diagnostics if d.code == "NS102"]
        return placed or found
    return found
