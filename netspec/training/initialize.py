"""Weights that come from an earlier run, matched by name and shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from netspec.data import Roots
from netspec.diagnostics import Diagnostic, Path, Problem, SpecError
from netspec.graph.ir import Program
from netspec.spec import Spec
from netspec.spec.reader import dotted
from netspec.tensor import Shape
from netspec.training.checkpoint import weights_of
from netspec.training.references import referred

Array = np.ndarray[Any, Any]
_MOST_TOLD = 4


def initial_weights(spec: Spec, program: Program, roots: Roots) -> dict[str, Array]:
    """What `initialize` asks for, by the names that the weights have here. Raises SpecError NS531, NS537."""
    section = spec.initialize
    if section is None:
        return {}
    try:
        folder = referred(roots.runs, section.run)
    except Problem as problem:
        raise _refused(spec, problem.code, problem.message, ("initialize", "from"), *problem.help) from None
    saved, _ = folder.newest()
    there = {} if saved is None else weights_of(saved)
    if saved is None:
        raise _refused(spec, "NS531", f"`{folder.path}` has no checkpoint yet", ("initialize", "from"), "train it first")
    shapes = {name: weight.shape for graph in program.graphs.values() for name, weight in graph.weights()}
    found: dict[str, Array] = {}
    for mine, theirs in section.layers.items():
        own, other = _under(shapes, mine), _under(there, theirs)
        at: Path = ("initialize", "layers", mine)
        if not other:
            having = ", ".join(
                f"`{name}`" for name in dict.fromkeys(name.partition("/")[0].partition(".")[0] for name in there)
            )
            raise _refused(spec, "NS537", f"the run has no weights in `{theirs}`", at, f"it has {having}")
        wrong = list(_mismatches(own, {name: array.shape for name, array in other.items()}))
        if wrong:
            told = "; ".join(wrong[:_MOST_TOLD]) + (f"; and {len(wrong) - _MOST_TOLD} more" if len(wrong) > _MOST_TOLD else "")
            help = f"give `{mine}` the layers that `{theirs}` has in {folder.path}"
            raise _refused(spec, "NS537", f"`{mine}` is not what `{theirs}` was: {told}", at, help)
        found |= {mine + rest: array for rest, array in other.items()}
    return found


def _under(weights: dict[str, Any], holder: str) -> dict[str, Any]:
    """The weights of a layer, or of all that a holder holds, by what follows its name."""
    return {name.removeprefix(holder): each for name, each in weights.items() if name.startswith((f"{holder}/", f"{holder}."))}


def _mismatches(mine: dict[str, Shape], theirs: dict[str, Shape]) -> list[str]:
    names = dict.fromkeys([*mine, *theirs])
    return [_told(name.lstrip("./"), mine.get(name), theirs.get(name)) for name in names if mine.get(name) != theirs.get(name)]


def _told(name: str, mine: Shape | None, theirs: Shape | None) -> str:
    if mine is None:
        return f"`{name}` is only there"
    if theirs is None:
        return f"`{name}` is only here"
    return f"`{name}` is {list(mine)} here and {list(theirs)} there"


def _refused(spec: Spec, code: str, message: str, at: Path, *help: str) -> SpecError:
    span = spec.document.span(at)
    return SpecError(Diagnostic(code, message, file=spec.document.file, span=span, path=dotted(at), help=help))
