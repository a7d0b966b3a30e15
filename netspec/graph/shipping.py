"""What an exported file cannot be asked for: told by `validate`, and once more when the data have bound what they bind."""

from __future__ import annotations

from netspec.diagnostics import Problem, suggest
from netspec.graph.ir import Graph


def no_free_axis(name: str, graph: Graph) -> Problem | None:
    """NS303 where `dynamic` names what is no free axis."""
    known = {"batch", *graph.names}
    if name in known:
        return None
    return Problem("NS303", f"`dynamic` names `{name}`, which is no free axis", help=suggest(name, known), field="dynamic")


def no_chances() -> Problem:
    """NS602 for the probabilities of a network that gives margins."""
    help = "write `outputs: labels`, or train with `cross_entropy`"
    return Problem("NS602", "a network trained by `hinge` gives margins, not probabilities", help=help)
