"""Diagnostics: what is wrong, where, and the way out; one renderer per format."""

from netspec.diagnostics.model import (
    Diagnostic,
    Fix,
    Label,
    Path,
    Problem,
    Severity,
    Span,
    SpecError,
    as_warning,
    in_order,
    placed,
)
from netspec.diagnostics.suggest import closest, suggest

__all__ = [
    "Diagnostic",
    "Fix",
    "Label",
    "Path",
    "Problem",
    "Severity",
    "Span",
    "SpecError",
    "as_warning",
    "closest",
    "in_order",
    "placed",
    "suggest",
]
