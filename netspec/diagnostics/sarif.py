"""Diagnostics as SARIF 2.1.0 (OASIS), for code-scanning tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from netspec.diagnostics.codes import CODES
from netspec.diagnostics.model import Diagnostic, Severity, Span
from netspec.diagnostics.text import escaped

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.error: "error", Severity.warning: "warning", Severity.note: "note"}


def sarif(diagnostics: Sequence[Diagnostic], version: str) -> dict[str, Any]:
    """One run with a rule for each code that occurs."""
    codes = sorted({d.code for d in diagnostics})
    rules = [_rule(code) for code in codes]
    driver = {"name": "netspec", "version": version, "rules": rules}
    results = [_result(d, codes.index(d.code)) for d in diagnostics]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    known = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": known.why},
        "help": {"text": f"run `netspec explain {code}`"},
    }


def _result(d: Diagnostic, rule: int) -> dict[str, Any]:
    text = "; ".join([d.message, *d.help])
    found: dict[str, Any] = {
        "ruleId": d.code,
        "ruleIndex": rule,
        "level": _LEVELS[d.severity],
        "message": {"text": escaped(text)},
    }
    if d.file:
        found["locations"] = [_location(d.file, d.span)]
    if d.labels:
        found["relatedLocations"] = [
            {**_location(d.file, label.span), "message": {"text": escaped(label.text)}} for label in d.labels
        ]
    return found


def _location(file: str, span: Span | None) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": PurePath(file).as_posix()}}
    if span is not None:
        place["region"] = {
            "startLine": span.line,
            "startColumn": span.column,
            "endLine": span.end_line,
            "endColumn": span.end_column,
        }
    return {"physicalLocation": place}
