"""Toy components: one of each kind, as somebody would add one, by its class and its catalogue's line.

`pytest -p tests.toys` installs them before anything else knows the catalogues; `tests/spec/toy_checks.py` then finds them
everywhere. What a kind needs beyond its class stands at `install`: it is the whole list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from netspec.components.layers import GROUPS, LAYERS, activation
from netspec.components.objectives.losses import LOSSES, Loss
from netspec.components.sources import SOURCES
from netspec.components.sources.base import Column, Known, Locator, Reading, Source, Table
from netspec.components.transforms import TRANSFORMS
from netspec.components.transforms.base import Array, State, Transform
from netspec.emit import Emitter, Value
from netspec.spec import scopes
from netspec.spec.fields import Layers
from netspec.spec.section import Section
from netspec.spec.sections import SECTIONS

if TYPE_CHECKING:
    import jax


class ToyLayer(activation.Activation):
    """Three times its input, or so. ONNX: Mul.

    ```yaml
    input: [4]
    model: {layers: [{toy_layer: 2.0}]}
    ```
    """

    type = "toy_layer"
    short = "factor"
    factor: float = Field(3.0, description="What each element is multiplied by.", examples=[2.0])

    def function(self) -> Any:
        return lambda x: self.factor * x

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Any) -> Value:
        return g.op("Mul", [inputs[0], g.constant(self.factor)])


class ToyLoss(Loss):
    """The mean of fourth powers of differences.

    ```yaml
    toy_loss
    ```
    """

    type = "toy_loss"

    def each(self, output: jax.Array, target: jax.Array) -> jax.Array:
        return (output - target) ** 4


class ToySource(Source):
    """Numbers from 0 up, and their halves.

    ```yaml
    toy_source: 40
    ```
    """

    type = "toy_source"
    short = "rows"
    external = False
    rows: int = Field(description="How many rows.", examples=[40])

    def known(self) -> Known:
        return Known(rows=self.rows)

    def read(self, roots: Locator) -> Reading:
        numbers = np.arange(self.rows, dtype=np.float64)
        columns = {"x": Column("number", numbers), "half": Column("number", numbers / 2)}
        return Reading({"all": Table(columns, ("x",), "half")})


class ToyTransform(Transform):
    """Divides by a number.

    ```yaml
    toy_transform: 10.0
    ```
    """

    type = "toy_transform"
    short = "by"
    by: float = Field(2.0, description="What numbers are divided by.")

    def numpy(self, state: State, values: Array) -> Array:
        return values / self.by

    def onnx(self, g: Emitter, state: State, x: Value) -> Value:
        return g.op("Div", [x, g.like(x, self.by)])


class ToySection(Section):
    """Who made it."""

    author: str = Field(description="A person.", examples=["Ada"])
    year: int = Field(2026, description="When.")


class ToyScope(scopes.Scope):
    """Layers whose result is doubled by adding it to itself.

    ```yaml
    input: [4]
    model: {layers: [{toy_scope: [{dense: 4}]}]}
    ```
    """

    type = "toy_scope"
    short = "layers"
    snippet = "\n    - $1"
    layers: Layers = Field(description="What is doubled.", examples=[[{"dense": 4}]])


def install() -> None:
    """Each toy's line in its catalogue; a scope has its rule in the graph beside it, a layer its rule in the third opinion."""
    LAYERS[ToyLayer.type] = ToyLayer
    GROUPS["Core"] = (*GROUPS["Core"], ToyLayer)  # type: ignore[index]
    LOSSES[ToyLoss.type] = ToyLoss
    SOURCES[ToySource.type] = ToySource
    TRANSFORMS[ToyTransform.type] = ToyTransform
    SECTIONS["toy_section"] = ToySection
    scopes.SCOPES[ToyScope.type] = ToyScope
    _rules()


def _rules() -> None:
    from netspec.graph import rules
    from netspec.graph.nodes import UNKNOWN
    from tests.reference import interpreter

    def doubled(builder: Any, scope: ToyScope, at: rules.Standing) -> rules.Placing:
        inner = at.around.inner(at.place)
        end = builder.place(scope.layers, inner, at.sources[0])
        return (end if end is UNKNOWN else builder.nodes.put(at.place, LAYERS["add"](), (end, end), at.item.path)), inner

    rules.RULES[ToyScope] = doubled  # type: ignore[index]
    interpreter.RULES[ToyLayer.type] = lambda op, inputs, _: op.factor * inputs[0]


install()
