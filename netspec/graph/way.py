"""The way to a shape error: the layers above it with the shapes they gave."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.diagnostics import Label, Path
from netspec.graph.ir import Node, Port
from netspec.source import Document

_MOST = 3


def way_to(document: Document, by_name: Mapping[str, Node], port: Port | None, path: Path) -> tuple[Label, ...]:
    """Labels for the lines above `path` that led to `port`, nearest last: `[8, 8, 1] -> [8, 8, 32]`."""
    here = document.span(path, key=True)
    labels: dict[int, Label] = {}
    while port is not None and port.node in by_name and len(labels) < _MOST:
        node = by_name[port.node]
        span = document.span(node.origin.path, key=True)
        start = by_name.get(node.item, node)
        if span and here and span.line != here.line and span.line not in labels:
            labels[span.line] = Label(span, f"{start.input_types[0]} -> {node.output}")
        port = start.inputs[0] if start.inputs else None
    return tuple(labels[line] for line in sorted(labels))
