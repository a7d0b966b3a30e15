"""What generators and decoders are asked by: latent vectors and codes, drawn from a seed, and classes for them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from netspec.components.transforms.categories import Label
from netspec.components.transforms.pipeline import InputPipe, Preprocess
from netspec.randomness import generator
from netspec.spec import Spec

Array = np.ndarray[Any, Any]
LATENT = ("latent", "code")


def drawn_input(preprocess: Preprocess) -> str | None:
    """The input that is drawn rather than read; None where all are read."""
    return next((name for name in LATENT if name in preprocess.inputs), None)


def codes(spec: Spec, preprocess: Preprocess, rows: int, seed: int, label: str | None = None) -> dict[str, Array] | None:
    """The raw columns of some draws; without `label` every class comes in turn. None where nothing is drawn."""
    name = drawn_input(preprocess)
    if name is None:
        return None
    distribution: Literal["normal", "uniform"] = spec.gan.latent.distribution if spec.gan is not None else "normal"
    size = [int(dim) for dim in preprocess.inputs[name].type.shape if isinstance(dim, int)]
    random = generator(seed, "latent")
    shape = (rows, *size)
    values = random.uniform(-1.0, 1.0, shape) if distribution == "uniform" else random.standard_normal(shape)
    found: dict[str, Array] = {name: values.astype(np.float32)}
    if "condition" in preprocess.inputs:
        found |= told(preprocess.inputs["condition"], rows, label)
    return found


def classes(pipe: InputPipe) -> list[Any]:
    """The classes of a condition, as the data have them."""
    step = next(step for step in pipe.columns[0].steps if isinstance(step.transform, Label))
    found: list[Any] = step.state["classes"]
    return found


def told(pipe: InputPipe, rows: int, label: str | None) -> dict[str, Array]:
    """The raw column of a condition."""
    (column,) = pipe.columns
    known = classes(pipe)
    values = [known[row % len(known)] if label is None else label for row in range(rows)]
    return {column.name: np.asarray(values, object if column.is_text else np.float64)}
