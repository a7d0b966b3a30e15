"""Variables that nothing uses: a change of one of them would change nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from netspec.diagnostics import Path
from netspec.source import Plain
from netspec.spec.language import binders

_USE = re.compile(r"\$(?:\$|([A-Za-z_]\w*)|\(([^)]*(?:\([^)]*\)[^)]*)*)\))")
_NAME = re.compile(r"[A-Za-z_]\w*")


def unused_variables(data: Mapping[str, Plain]) -> Iterator[Path]:
    """Where each variable stands that nothing uses: those of the file, of its blocks, and of `repeat: {over: ...}`."""
    rest = {key: value for key, value in data.items() if key != "vars"}
    variables = data.get("vars")
    own = variables if isinstance(variables, dict) else {}
    used = set(_names([*own.values(), rest]))
    yield from (("vars", name) for name in own if name not in used)
    blocks = data.get("blocks")
    for block, value in blocks.items() if isinstance(blocks, dict) else ():
        given = value.get("vars") if isinstance(value, dict) else None
        if isinstance(value, dict) and isinstance(given, dict):
            used = set(_names([*given.values(), value.get("layers")]))
            yield from (("blocks", block, "vars", name) for name in given if name not in used)
    yield from _rounds(data, ())


def _rounds(value: Plain | Mapping[str, Plain], at: Path) -> Iterator[Path]:
    """The variables of rounds that no round uses."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _rounds(item, (*at, index))
    elif isinstance(value, Mapping):
        for binder in binders() - {"vars"}:
            bound = value.get(binder)
            if isinstance(bound, dict) and "layers" in value:
                used = set(_names(value["layers"]))
                yield from ((*at, binder, name) for name in bound if name not in used)
        for key, item in value.items():
            yield from _rounds(item, (*at, key))


def _names(value: Plain | Mapping[str, Plain]) -> Iterator[str]:
    """Every variable that a value refers to."""
    if isinstance(value, str):
        for match in _USE.finditer(value) if "$" in value else ():
            yield from _NAME.findall(match[1] or match[2] or "")
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _names(item)
