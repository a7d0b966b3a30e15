"""The way to a shape error: the layers above it with the shapes they gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netspec.diagnostics import Label, Path
from netspec.graph.ir import Node, Port
from netspec.source import Document

_MOST = 3


def ways_to(document: Document, by_name: Mapping[str, Node], ports: Sequence[Port], path: Path) -> tuple[Label, ...]:
    """The way to the first port, and where each of the others comes from."""
    labels: dict[int, Label] = {}
    for index, port in enumerate(ports):
        for label in way_to(document, by_name, port, path, _MOST if index == 0 else 1):
            labels.setdefault(label.span.line, label)
    return tuple(labels[line] for line in sorted(labels))


def way_to(
    document: Document, by_name: Mapping[str, Node], port: Port | None, path: Path, most: int = _MOST
) -> tuple[Label, ...]:
    """Labels for the lines above `path` that led to `port`, nearest last: `[8, 8, 1] -> [8, 8, 32]`."""
    here = document.span(path, key=True)
    labels: dict[int, Label] = {}
    while port is not None and port.node in by_name and len(labels) < most:
        node = by_name[port.node]
        span = document.span(node.origin.path, key=True)
        start = by_name.get(node.item, node)
        if span and here and span.line != here.line and span.line not in labels:
            labels[span.line] = Label(span, f"{start.input_types[0]} -> {node.output}")
        port = start.inputs[0] if start.inputs else None
    return tuple(labels[line] for line in sorted(labels))


def lost_axes(by_name: Mapping[str, Node], port: Port | None) -> Node | None:
    """The nearest layer on the way to `port` that took axes away, such as `flatten`."""
    while port is not None and port.node in by_name:
        node = by_name[port.node]
        if node.output.rank < node.input_types[0].rank:
            return node
        port = node.inputs[0]
    return None
