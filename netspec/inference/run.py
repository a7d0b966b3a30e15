"""A run folder as a predictor: the best weights behind the fitted preprocessing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netspec.compiler.exact import exactly
from netspec.compiler.network import Functional, Network
from netspec.components.sources.base import Column
from netspec.data import Part, Roots
from netspec.data.scores import readable
from netspec.data.shipment import Shipment, shipment
from netspec.data.stream import in_lanes
from netspec.diagnostics import Diagnostic, Problem, SpecError
from netspec.graph.objective import losses_by_output
from netspec.inference.predictor import Predictor
from netspec.training import checkpoint
from netspec.training.batches import on_device
from netspec.training.folder import RunFolder

Array = np.ndarray[Any, Any]


class Run(Predictor):
    """A finished (or paused) training."""

    def __init__(
        self,
        path: str | Path,
        root: Path | None = None,
        data_root: Path | None = None,
        *,
        part: str = "",
        output: str = "",
    ) -> None:
        self.folder = RunFolder(Path(path))
        self.manifest: Mapping[str, Any] = self.folder.read_json("manifest.json")
        self.spec, self.program, self.fitted = self.folder.program()
        self.roots = self._roots(root, data_root)
        self.losses = losses_by_output(self.spec, self.program.main)
        self.part_name, self.output_name = part, output
        self.shipped = self._shipment(part, output)
        self.graph, self.preprocess, self.plans = self.shipped.graph, self.shipped.preprocess, self.shipped.plans
        self.network = Functional(self.graph)
        self._forward = exactly(self._outputs)
        self._forward_on = exactly(self._carried)

    def asked(self, *, part: str = "", output: str = "") -> Run:
        """The same run, asked by another part or for another value. Raises SpecError NS303."""
        return Run(self.folder.path, self.roots.root, self.roots.data_root, part=part, output=output)

    def _shipment(self, part: str, output: str) -> Shipment:
        try:
            return shipment(self.spec, self.program, self.fitted, part, output, self.manifest.get("threshold"))
        except Problem as problem:
            raise SpecError(Diagnostic(problem.code, problem.message, help=problem.help, exit_code=2)) from None

    def _roots(self, root: Path | None, data_root: Path | None) -> Roots:
        """Where the data was when the run began, unless told otherwise."""
        kept = self.manifest["roots"]
        given = data_root or (Path(kept["data_root"]) if kept["data_root"] else None)
        return Roots(Path(kept["folder"]), root or Path(kept["root"]), given and given.resolve())

    @cached_property
    def weights(self) -> dict[str, Array]:
        """The best weights by name. Raises SpecError NS531 before the first checkpoint, NS530 for damage."""
        found = checkpoint.best_weights(self.folder.checkpoints)
        if found is None:
            raise SpecError(
                Diagnostic("NS531", f"`{self.folder.path}` has no checkpoint yet", help=("train it first",), exit_code=2)
            )
        own = {name for name, _ in self.graph.weights()}
        return {name: array for name, array in found.items() if name in own}

    @cached_property
    def module(self) -> Network:
        """The network as a flax.nnx module, in evaluation mode."""
        return self.network.module({name: jnp.asarray(array) for name, array in self.weights.items()})

    def _outputs(
        self, weights: dict[str, jax.Array], inputs: tuple[jax.Array, ...], lengths: Mapping[str, jax.Array]
    ) -> dict[str, jax.Array]:
        values, _ = self.network.values(weights, inputs, lengths=lengths)
        return {name: values[port] for name, port in self.graph.outputs.items()}

    def judged(self, part: Part) -> Iterator[tuple[Array, dict[str, Array]]]:
        """Which rows of a part, and their readable outputs; along one long text the states go on."""
        if part.stream is None:
            yield from super().judged(part)
            return
        (windows,), carry = part.inputs.values(), None
        for rows, goes_on in in_lanes(part.rows):
            found, carry = self._forward_on(self.weights, windows[rows], carry if goes_on else None)
            yield rows, {name: readable(np.asarray(value), self.plans[name], {}) for name, value in found.items()}

    def _carried(
        self, weights: dict[str, jax.Array], windows: jax.Array, carry: dict[str, Any] | None
    ) -> tuple[dict[str, jax.Array], dict[str, Any]]:
        values, after = self.network.onward(weights, (windows,), carry)
        return {name: values[port] for name, port in self.graph.outputs.items()}, after

    def batch(self, raw: Mapping[str, Column]) -> dict[str, Array]:
        values = {name: column.values for name, column in raw.items()}
        inputs, lengths = self.preprocess.prepare(values)
        batch = on_device(inputs, {}, lengths)
        found = self._forward(self.weights, batch.inputs, batch.lengths)
        # In the order in which the spec names them: what is compiled gives them sorted.
        return {name: readable(np.asarray(found[name]), self.plans[name], values) for name in self.graph.outputs}
