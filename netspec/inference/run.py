"""A run folder as a predictor: the best weights behind the fitted preprocessing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from netspec.training.batches import on_device
from netspec.training.checkpoint import weights_of
from netspec.training.folder import MANIFEST, RunFolder, damaged
from netspec.training.seal import hash_of

if TYPE_CHECKING:
    from netspec.verbs.finish import Finished

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
        data_changed: bool = False,
    ) -> None:
        self.folder = RunFolder(Path(path))
        self.manifest: Mapping[str, Any] = self.folder.manifest()
        if self.manifest["version"] == 1:
            self.notices = ("this run is an earlier version's: what it lists no hash for cannot be checked",)
        self.spec, self.program, self.fitted = self.folder.program()
        self.given = (root, data_root)
        self.data_changed = data_changed
        self.losses = losses_by_output(self.spec, self.program.main)
        self.part_name, self.output_name = part, output
        self.shipped = self._shipment(part, output)
        self.graph, self.preprocess, self.plans = self.shipped.graph, self.shipped.preprocess, self.shipped.plans
        self.network = Functional(self.graph)
        self._forward = exactly(self._outputs)
        self._forward_on = exactly(self._carried)

    finished: Finished | None = None
    """What stood at the end of its training, where that was asked for: the test score, the file, promises."""
    epochs: int | None = None
    """How many epochs it has behind it, where it was trained just now."""
    fallback: str = ""
    """What is said where the newest checkpoint is damaged, and older weights answer."""

    def asked(self, *, part: str = "", output: str = "") -> Run:
        """The same run, asked by another part or for another value. Raises SpecError NS303."""
        return Run(self.folder.path, *self.given, part=part, output=output, data_changed=self.data_changed)

    def _shipment(self, part: str, output: str) -> Shipment:
        try:
            return shipment(self.spec, self.program, self.fitted, part, output, self.manifest.get("threshold"))
        except Problem as problem:
            raise SpecError(Diagnostic(problem.code, problem.message, help=problem.help, exit_code=2)) from None

    @cached_property
    def roots(self) -> Roots:  # type: ignore[override]
        """Where the data was when the run began, unless told otherwise.

        Raises SpecError NS006 where that is no place that whoever asks has named, or stands in: a run may be a stranger's.
        """
        root, data_root = self.given
        kept = {name: Path(path).resolve() if path else None for name, path in self.manifest["roots"].items()}
        folder, own = kept.get("folder") or self.folder.path, root or kept.get("root") or self.folder.path
        remembered = kept.get("data_root")
        if root is None and not self._is_at_home(own, folder):
            if data_root is None:
                help = f"name it yourself: `--root {own}`, or where its data are: `--data-root DIR`"
                raise self._outside(f"the data of this run lie below `{own}`, which is not here", help)
            folder = own = data_root.resolve()
        if data_root is None and remembered is not None and not remembered.is_relative_to(own.resolve()):
            raise self._outside(f"the data of this run lie in `{remembered}`", f"name it yourself: `--data-root {remembered}`")
        return Roots(folder, own.resolve(), data_root.resolve() if data_root else remembered)

    @property
    def data_sha256(self) -> str | None:
        return None if self.data_changed or self.part_name else str(self.manifest["data_sha256"])

    def _outside(self, message: str, help: str) -> SpecError:
        return SpecError(Diagnostic("NS006", message, help=(help,), exit_code=2))

    def _is_at_home(self, root: Path, folder: Path) -> bool:
        """Whether a run remembers the project that it stands in, or that it is asked from, or its spec is there still."""
        run = self.folder.path.resolve()
        here = {Roots.of(run / MANIFEST).root, Roots.of(Path.cwd() / MANIFEST).root, Path.cwd().resolve(), run.parent}
        if run.parent.name == self.manifest["name"]:
            here.add(run.parent.parent.parent)  # ROOT/runs/NAME/TIME
        if not folder.is_relative_to(root):
            return False
        return root in here or self._has_the_spec(folder)

    def _has_the_spec(self, folder: Path) -> bool:
        """Whether the spec that the run began with stands where it was: nobody else can have put it there."""
        own = next((name for name in ("spec.yaml", "spec.json") if name in self.manifest.get("files", {})), None)
        name = Path(str(self.manifest.get("spec_file", ""))).name
        if own is None or not name:
            return False
        try:
            return hash_of(folder / name) == self.manifest["files"][own]
        except OSError:
            return False

    @cached_property
    def weights(self) -> dict[str, Array]:
        """The best weights by name. Raises SpecError NS531 before the first checkpoint, NS530 for damage."""
        saved, damage = self.folder.newest()
        if saved is None:
            raise SpecError(
                Diagnostic("NS531", f"`{self.folder.path}` has no checkpoint yet", help=("train it first",), exit_code=2)
            )
        if damage:
            self.fallback = f"{damage[0]}; what answers is the checkpoint of epoch {saved.notes['progress']['epoch']} instead"
            self.notices += (self.fallback,)
        found = weights_of(saved)
        self._check(found)
        own = {name for name, _ in self.graph.weights()}
        return {name: array for name, array in found.items() if name in own}

    def _check(self, found: Mapping[str, Array]) -> None:
        """The weights are the network's, and numbers. Raises SpecError NS530."""
        for name, weight in self.graph.weights():
            if name not in found or found[name].shape != tuple(weight.shape):
                raise damaged(f"the checkpoint in `{self.folder.checkpoints}` does not fit the spec: `{name}`")
            if not np.isfinite(found[name]).all():
                raise damaged(f"the weights `{name}` in `{self.folder.checkpoints}` are not all numbers")

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
