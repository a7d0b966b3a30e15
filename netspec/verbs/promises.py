"""Promises that only a run can keep: metrics and the size of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netspec.diagnostics import Diagnostic, Path
from netspec.spec import Spec
from netspec.spec.reader import dotted
from netspec.spec.sections import Bound

_RELATIONS = {"max": "at most", "min": "at least", "equal": "exactly"}


def broken_metrics(spec: Spec, found: Mapping[str, float]) -> Iterator[Diagnostic]:
    """NS706 for each metric that was computed and breaks its bound."""
    for name, bound in (spec.expect.metrics if spec.expect else {}).items():
        if name in found:
            yield from _broken(spec, "NS706", ("expect", "metrics", name), bound, found[name], f"`{name}` is")


def broken_size(spec: Spec, bytes: int) -> Iterator[Diagnostic]:
    """NS705 where the file is larger (or smaller) than promised."""
    if spec.expect and spec.expect.onnx_size:
        yield from _broken(
            spec, "NS705", ("expect", "onnx_size"), spec.expect.onnx_size, bytes, "the exported file's bytes are"
        )


def _broken(spec: Spec, code: str, at: Path, bound: Bound, value: float, subject: str) -> Iterator[Diagnostic]:
    broken = bound.broken_by(value)
    if broken is not None:
        word, limit = broken
        message = f"{subject} {value:,.6g}, the promise is {_RELATIONS[word]} {limit:,.6g}"
        span = spec.document.span((*at, word))
        yield Diagnostic(code, message, file=spec.document.file, span=span, path=dotted(at), caption="promised here")
