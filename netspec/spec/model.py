"""Reading `model`: one kind of network, and perhaps its outputs."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.components.base import describe
from netspec.diagnostics import Path, Problem, suggest
from netspec.source import Plain
from netspec.spec.layers import LayerReader
from netspec.spec.networks import NETWORKS, Model
from netspec.spec.reader import Skip
from netspec.spec.top_level import ModelSection
from netspec.tensor import TensorType

AT: Path = ("model",)


class ModelReader:
    """Reads the one kind of network that `model` holds; what is wrong is reported."""

    def __init__(self, layers: LayerReader, inputs: Mapping[str, TensorType]) -> None:
        self.reader, self.layers, self.inputs = layers.reader, layers, inputs

    def read(self, model: Plain) -> Model | None:
        """The networks of the model; None where they cannot be told. Raises TooLarge."""
        if not isinstance(model, dict):
            help = "write `model:` with `layers:`, `mlp:` or `cnn:` below it"
            if isinstance(model, list):
                help = "write `layers:` below `model:`, and the list below that"
            self.reader.report("NS204", f"`model` takes one kind of network, found {describe(model)}", AT, help=help)
            return None
        kind = self._kind(model)
        if kind is None:
            return None
        named = self._outputs(model["outputs"]) if NETWORKS[kind].names_outputs and "outputs" in model else None
        at = (*AT, kind)
        network = self.layers.component(NETWORKS[kind], model[kind], at)
        if network is None or not self.inputs:
            return None
        try:
            nets = network.networks(self.inputs, at)
        except Problem as problem:
            self.reader.problem(problem, at, key=True)
            return None
        if named is not None:
            try:
                nets = network.with_outputs(nets, named)
            except Problem as problem:
                self.reader.problem(problem, (*AT, "outputs"))
                return None
        return Model(nets, network, named)

    def _kind(self, model: Mapping[str, Plain]) -> str | None:
        """The word of the one network; None where there is none or more than one."""
        chosen = [key for key in model if key in NETWORKS]
        with_outputs = [kind for kind, network in NETWORKS.items() if network.names_outputs]
        unknown = [key for key in model if key not in NETWORKS and not (key == "outputs" and set(with_outputs) & set(model))]
        for key in unknown:
            help = suggest(key, NETWORKS)
            if key == "outputs":
                told = " or ".join(f"`{kind}`" for kind in with_outputs)
                help = f"`outputs` stands beside {told} only: what else there is has one output"
            self.reader.report("NS203", f"unknown kind of model `{key}`", (*AT, key), key=True, help=help)
        if len(chosen) == 1:
            return chosen[0]
        if chosen or not unknown:
            told = " and ".join(f"`{key}`" for key in chosen) or "none"
            message = f"`model` holds exactly one kind of network, found {told}"
            help = f"keep one of {told}" if chosen else suggest("", NETWORKS)
            self.reader.report("NS211", message, AT, key=True, help=help)
        return None

    def _outputs(self, given: Plain) -> tuple[str, ...] | None:
        try:
            value = self.reader.substituted(given, self.layers.variables, (*AT, "outputs"))
        except Skip:
            return None
        section = self.reader.validated(ModelSection, {"outputs": value}, AT)
        return _meant(value) if section is None else section.outputs


def _meant(outputs: Plain) -> tuple[str, ...] | None:
    """The layers that refused `outputs` name all the same, so that none of them is told as unused."""
    found = list(outputs.values()) if isinstance(outputs, Mapping) else [outputs]
    return tuple(str(name) for name in found) if all(isinstance(name, str) for name in found) and found else None
