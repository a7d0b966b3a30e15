"""What a spec says of named dims, held against the lengths that they get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from netspec.diagnostics import Diagnostic, Label, Problem, placed
from netspec.graph.ir import Graph, Program
from netspec.spec.load import Spec
from netspec.spec.reader import dotted


def wrong_lengths(spec: Spec, lengths: Mapping[str, int]) -> list[Diagnostic]:
    """NS412 for each length that `dims` does not allow."""
    found = []
    for name, dim in spec.dims.items():
        due = dim.refuses(lengths[name]) if name in lengths else ""
        if due:
            problem = Problem("NS412", f"`{name}` is {lengths[name]}, but `dims` says {due}")
            at = ("dims", name)
            found.append(placed(problem, file=spec.document.file, span=spec.document.span(at), path=dotted(at)))
    return found


def at_the_shortest(spec: Spec, program: Program) -> list[Diagnostic]:
    """What breaks at the least lengths that `dims` promises: a window that is longer, say."""
    least = {name: dim.least for name, dim in spec.dims.items() if dim.least is not None}
    if not least:
        return []
    try:
        program.bind(least)
    except Problem as problem:
        told = ", ".join(f"`{name}` is {length}" for name, length in least.items())
        at = ("dims", next(iter(least)))
        worse = Problem(problem.code, f"where {told}: {problem.message}", help=(*problem.help, "or raise `min`"))
        found = placed(worse, file=spec.document.file, span=spec.document.span(at), path=dotted(at))
        return [replace(found, labels=tuple(_broken_by(spec, program, least)))]
    return []


def _broken_by(spec: Spec, program: Program, lengths: Mapping[str, int]) -> Iterator[Label]:
    """The line of the layer that cannot have those lengths."""
    for graph in program.graphs.values():
        sound, broken = 0, len(graph.nodes) + 1
        while broken - sound > 1:
            middle = (sound + broken) // 2
            if _stands(replace(graph, nodes=graph.nodes[:middle]), lengths):
                sound = middle
            else:
                broken = middle
        span = spec.document.span(graph.nodes[sound].origin.path, key=True) if sound < len(graph.nodes) else None
        if span:
            yield Label(span, "this layer")


def _stands(graph: Graph, lengths: Mapping[str, int]) -> bool:
    try:
        graph.bind(lengths)
    except Problem:
        return False
    return True
