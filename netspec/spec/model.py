"""Reading `model`: a list of layers, or a family that expands to one."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.components.base import describe
from netspec.diagnostics import Path, Problem, suggest
from netspec.source import Plain
from netspec.spec.families import FAMILIES, family_items
from netspec.spec.items import Item
from netspec.spec.reader import Reader, Skip
from netspec.spec.scopes import ItemReader
from netspec.tensor import TensorType

AT: Path = ("model",)
KINDS = ("layers", *FAMILIES)


class ModelReader:
    """Reads the one kind of network that `model` holds; what is wrong is reported."""

    def __init__(self, layers: ItemReader, inputs: Mapping[str, TensorType]) -> None:
        self.reader: Reader = layers.reader
        self.layers, self.inputs = layers, inputs

    def read(self, model: Plain) -> tuple[tuple[Item, ...] | None, tuple[str, ...] | None]:
        """The items and the names of the outputs; no items where they cannot be told."""
        if not isinstance(model, dict):
            help = "write `model:` with `layers:`, `mlp:` or `cnn:` below it"
            if isinstance(model, list):
                help = "write `layers:` below `model:`, and the list below that"
            self.reader.report("NS204", f"`model` takes one kind of network, found {describe(model)}", AT, help=help)
            return None, None
        chosen = [key for key in model if key in KINDS]
        unknown = [key for key in model if key not in KINDS and not (key == "outputs" and "layers" in model)]
        for key in unknown:
            help = suggest(key, KINDS)
            if key == "outputs":
                help = "`outputs` stands beside `layers` only: a family has one output"
            self.reader.report("NS203", f"unknown kind of model `{key}`", (*AT, key), key=True, help=help)
        if len(chosen) != 1:
            if chosen or not unknown:
                told = " and ".join(f"`{key}`" for key in chosen) or "none"
                message = f"`model` holds exactly one kind of network, found {told}"
                help = f"keep one of {told}" if chosen else suggest("", KINDS)
                self.reader.report("NS211", message, AT, key=True, help=help)
            return None, None
        kind = chosen[0]
        if kind == "layers":
            items = self.layers.items(model[kind], (*AT, kind))
            return (items if isinstance(model[kind], list) else None), self._outputs(model.get("outputs"))
        return self._family(kind, model[kind]), None

    def _outputs(self, given: Plain) -> tuple[str, ...] | None:
        at = (*AT, "outputs")
        value = self.layers.substituted(given, at)
        if value is None:
            return None
        if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
            help = f"write `outputs: [{value}]`" if isinstance(value, str) else "for example `outputs: [kind, price]`"
            self.reader.report("NS204", f"`outputs` takes a list of layer names, found {describe(value)}", at, help=help)
            return _meant(value)
        return tuple(str(name) for name in value)

    def _family(self, kind: str, value: Plain) -> tuple[Item, ...] | None:
        at = (*AT, kind)
        try:
            family = self.reader.component(FAMILIES[kind], self.reader.substituted(value, self.layers.variables, at), at)
        except Skip:
            return None
        if family is None or not self.inputs:
            return None
        try:
            return family_items(family, self.inputs, at)
        except Problem as problem:
            self.reader.problem(problem, at, key=True)
            return None


def _meant(outputs: Plain) -> tuple[str, ...] | None:
    """The layers that refused `outputs` name all the same, so that none of them is told as unused."""
    found = list(outputs.values()) if isinstance(outputs, Mapping) else [outputs]
    return tuple(str(name) for name in found) if all(isinstance(name, str) for name in found) and found else None
