"""Whether what a network makes can be what the data hold."""

from __future__ import annotations

import numpy as np

from netspec.components.transforms.base import Array
from netspec.data.fitting import place_of_inputs
from netspec.data.place import Place
from netspec.graph.composites import range_of
from netspec.graph.ir import Program

_SLACK = 1e-3


def check_range(place: Place, program: Program, name: str, values: Array) -> None:
    """The training part of an input, against the end of the decoder or generator. Raises SpecError NS518."""
    spec = place.spec
    if spec.autoencoder is None and spec.gan is None:
        return
    output = "decoder" if spec.autoencoder is not None else next(iter(program.main.outputs))
    bound = range_of(program.main, output)
    if bound is None or values.dtype.kind != "f" or not values.size:
        return
    low, high = float(np.min(values)), float(np.max(values))
    if bound.holds(low + _SLACK, high - _SLACK):
        return
    wanted = "[-1, 1]" if bound.low == -1.0 else "[0, 1]"
    made = "decoder" if spec.autoencoder is not None else "generator"
    message = f"`{name}` lies from {low:g} to {high:g} after preprocessing, but the {made} makes {bound}"
    help = f"end its `preprocess` steps with `min_max: {wanted}` or `rescale: {{from: ..., to: {wanted}}}`"
    raise place.problem("NS518", message, place_of_inputs(place, name), help)
