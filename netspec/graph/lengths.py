"""What a spec says of named dims, held against the lengths that they get."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.diagnostics import Diagnostic, Problem, placed
from netspec.graph.ir import Program
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
        worse = Problem(problem.code, f"where {told}: {problem.message}", help=problem.help)
        return [placed(worse, file=spec.document.file, span=spec.document.span(at), path=dotted(at))]
    return []
