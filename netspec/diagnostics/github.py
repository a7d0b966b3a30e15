"""Diagnostics as GitHub workflow commands, errors first: GitHub shows only the first ten of each kind."""

from __future__ import annotations

from collections.abc import Iterable

from netspec.diagnostics.model import Diagnostic, Severity
from netspec.diagnostics.text import escaped

_COMMANDS = {Severity.error: "error", Severity.warning: "warning", Severity.note: "notice"}
_ORDER = list(_COMMANDS)


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """`::error file=...,line=...,col=...,title=NS203::message`, one line each."""
    ordered = sorted(diagnostics, key=lambda d: (_ORDER.index(d.severity), d.sort_key))
    return "".join(_one(d) + "\n" for d in ordered)


def _one(d: Diagnostic) -> str:
    place = {"file": d.file}
    if d.span is not None:
        place |= {"line": str(d.span.line), "col": str(d.span.column), "endLine": str(d.span.end_line)}
        if d.span.end_line == d.span.line:
            place["endColumn"] = str(d.span.end_column)
    place["title"] = d.code
    properties = ",".join(f"{key}={_property(value)}" for key, value in place.items() if value)
    text = "\n".join([d.message, *(f"help: {help}" for help in d.help)])
    return f"::{_COMMANDS[d.severity]} {properties}::{_message(text)}"


def _message(text: str) -> str:
    """GitHub's own escapes; what a stranger's file says cannot start a command of its own."""
    lines = [escaped(line) for line in text.split("\n")]
    return "%0A".join(line.replace("%", "%25") for line in lines)


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
