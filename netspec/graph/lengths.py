"""What a spec says of named dims, held against the lengths that they get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from netspec.diagnostics import Diagnostic, Label, Problem, placed, suggest
from netspec.graph.ir import Graph, Node, Program
from netspec.spec.load import Spec
from netspec.spec.reader import dotted


def unknown_lengths(program: Program, lengths: Mapping[str, int]) -> list[Diagnostic]:
    """NS410 for each length of a name that the network does not have."""
    names = frozenset().union(*(graph.names for graph in program.graphs.values()))
    return [
        Diagnostic(
            "NS410", f"no size is named `{name}`", help=(suggest(name, names) or "every size has its length",), exit_code=2
        )
        for name in lengths
        if name not in names
    ]


def wrong_lengths(spec: Spec, lengths: Mapping[str, int]) -> list[Diagnostic]:
    """NS412 for each length that `dims` does not allow."""
    found = []
    for name, dim in spec.dims.items():
        due = dim.refuses(lengths[name]) if name in lengths else ""
        if due:
            help = "change `dims`, or the lengths: `pad_sequence` cuts what is too long"
            problem = Problem("NS412", f"`{name}` is {lengths[name]}, but `dims` says {due}", help=help)
            at = ("dims", name)
            found.append(placed(problem, file=spec.document.file, span=spec.document.span(at), path=dotted(at)))
    return found


def at_the_limits(spec: Spec, program: Program) -> list[Diagnostic]:
    """What breaks at the least or the greatest lengths that `dims` promises: a window that is longer, say."""
    least = {name: dim.least for name, dim in spec.dims.items() if dim.least is not None}
    most = {name: dim.most for name, dim in spec.dims.items() if dim.most is not None}
    return _broken_at(spec, program, least, "raise `min`") or _broken_at(spec, program, most, "lower `max`")


def _broken_at(spec: Spec, program: Program, lengths: Mapping[str, int], way_out: str) -> list[Diagnostic]:
    try:
        program.bind(lengths)
    except Problem as problem:
        told = ", ".join(f"`{name}` is {length}" for name, length in lengths.items())
        at = ("dims", next(iter(lengths)))
        help = (*problem.help, f"or {way_out}") if problem.help else (way_out,)
        worse = Problem(problem.code, f"where {told}: {problem.message}", help=help)
        found = placed(worse, file=spec.document.file, span=spec.document.span(at), path=dotted(at))
        spans = [spec.document.span(node.origin.path, key=True) for node in _breaking(program, lengths)]
        return [replace(found, labels=tuple(Label(span, "this layer") for span in spans if span))]
    return []


def broken_by_data(spec: Spec, program: Program, lengths: Mapping[str, int], longest: Mapping[str, int]) -> list[Diagnostic]:
    """What breaks at the lengths of the longest examples, at the layer that cannot have them."""
    try:
        program.bind({**lengths, **longest})
    except Problem as problem:
        told = ", ".join(f"{length} steps of `{dim}`" for dim, length in longest.items())
        message = f"the longest example has {told}: {problem.message}" if told else problem.message
        at = next((node.origin.path for node in _breaking(program, {**lengths, **longest})), ("model",))
        worse = Problem(
            problem.code, message, help=(*problem.help, *(("or cut the sequences: `pad_sequence`",) if told else ()))
        )
        return [placed(worse, file=spec.document.file, span=spec.document.span(at, key=True), path=dotted(at))]
    return []


def _breaking(program: Program, lengths: Mapping[str, int]) -> Iterator[Node]:
    """The first layer of each graph that cannot have those lengths."""
    for graph in program.graphs.values():
        sound, broken = 0, len(graph.nodes) + 1
        while broken - sound > 1:
            middle = (sound + broken) // 2
            if _stands(replace(graph, nodes=graph.nodes[:middle]), lengths):
                sound = middle
            else:
                broken = middle
        if sound < len(graph.nodes):
            yield graph.nodes[sound]


def _stands(graph: Graph, lengths: Mapping[str, int]) -> bool:
    try:
        graph.bind(lengths)
    except Problem:
        return False
    return True
