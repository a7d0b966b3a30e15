"""Diagnostics as one versioned JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netspec.diagnostics.model import Diagnostic, Severity, Span

VERSION = 1


def as_object(diagnostics: Sequence[Diagnostic], files: int, found: Sequence[Diagnostic] | None = None) -> dict[str, Any]:
    """`{version, diagnostics, summary}`; the summary counts all that was `found`, also what is not listed."""
    found = diagnostics if found is None else found
    return {
        "version": VERSION,
        "diagnostics": [_one(d) for d in diagnostics],
        "summary": {
            "files": files,
            "errors": sum(d.severity is Severity.error for d in found),
            "warnings": sum(d.severity is Severity.warning for d in found),
        },
    }


def _one(d: Diagnostic) -> dict[str, Any]:
    return {
        "code": d.code,
        "severity": d.severity.value,
        "message": d.message,
        "file": d.file,
        "span": _span(d.span),
        "path": d.path,
        "caption": d.caption,
        "labels": [{"span": _span(label.span), "text": label.text} for label in d.labels],
        "help": list(d.help),
        "fix": None if d.fix is None else {"span": _span(d.fix.span), "text": d.fix.text},
    }


def _span(span: Span | None) -> dict[str, int] | None:
    return None if span is None else span._asdict()
