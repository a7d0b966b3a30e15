"""Reading `model`: a list of layers, or a family that expands to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netspec.components.base import describe, written
from netspec.diagnostics import Path, Problem, suggest
from netspec.source import Plain
from netspec.spec.composites import COMPOSITES, Autoencoder, Composite, Model
from netspec.spec.families import FAMILIES, family_items
from netspec.spec.items import Item, Net
from netspec.spec.reader import Reader, Skip
from netspec.spec.scopes import ItemReader
from netspec.tensor import TensorType

AT: Path = ("model",)
KINDS = ("layers", *FAMILIES, *COMPOSITES)
_WITH_OUTPUTS = ("layers", Autoencoder.type)


class ModelReader:
    """Reads the one kind of network that `model` holds; what is wrong is reported."""

    def __init__(self, layers: ItemReader, inputs: Mapping[str, TensorType]) -> None:
        self.reader: Reader = layers.reader
        self.layers, self.inputs = layers, inputs

    def read(self, model: Plain) -> Model | None:
        """The networks of the model; None where they cannot be told."""
        if not isinstance(model, dict):
            help = "write `model:` with `layers:`, `mlp:` or `cnn:` below it"
            if isinstance(model, list):
                help = "write `layers:` below `model:`, and the list below that"
            self.reader.report("NS204", f"`model` takes one kind of network, found {describe(model)}", AT, help=help)
            return None
        chosen = [key for key in model if key in KINDS]
        unknown = [
            key for key in model if key not in KINDS and not (key == "outputs" and any(kind in model for kind in _WITH_OUTPUTS))
        ]
        for key in unknown:
            help = suggest(key, KINDS)
            if key == "outputs":
                help = "`outputs` stands beside `layers` or `autoencoder` only: what else there is has one output"
            self.reader.report("NS203", f"unknown kind of model `{key}`", (*AT, key), key=True, help=help)
        if len(chosen) != 1:
            if chosen or not unknown:
                told = " and ".join(f"`{key}`" for key in chosen) or "none"
                message = f"`model` holds exactly one kind of network, found {told}"
                help = f"keep one of {told}" if chosen else suggest("", KINDS)
                self.reader.report("NS211", message, AT, key=True, help=help)
            return None
        kind = chosen[0]
        if kind in COMPOSITES:
            return self._composite(kind, model[kind], model.get("outputs") if kind in _WITH_OUTPUTS else None)
        if kind == "layers":
            items: tuple[Item, ...] | None = self.layers.items(model[kind], (*AT, kind))
            items = items if isinstance(model[kind], list) else None
            outputs = self._outputs(model.get("outputs"))
        else:
            items, outputs = self._family(kind, model[kind]), None
        return None if items is None else Model({"network": Net(self.inputs, items, AT, outputs)}, outputs=outputs)

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

    def _composite(self, kind: str, value: Plain, outputs: Plain) -> Model | None:
        """An autoencoder or a GAN pair: its fields, and each of its lists of layers."""
        at, cls = (*AT, kind), COMPOSITES[kind]
        named = self._outputs(outputs)
        if not isinstance(value, dict):
            help = f"write {' and '.join(f'`{part}:`' for part in cls.parts)} below it, each with a list of layers"
            self.reader.report("NS204", f"`{kind}` takes fields, found {describe(value)}", at, help=help)
            return None
        bodies = {part: self.layers.items(value[part], (*at, part)) for part in cls.parts if part in value}
        try:
            fields = {key: each for key, each in value.items() if key not in bodies}
            fields = self.reader.substituted(fields, self.layers.variables, at)  # type: ignore[assignment]
        except Skip:
            return None
        composite = self.reader.component(cls, {**fields, **dict.fromkeys(bodies, ())}, at)
        if composite is None or not self.inputs:
            return None
        try:
            networks = composite.networks(bodies, self.inputs, at)
        except Problem as problem:
            self.reader.problem(problem, at, key=True)
            return None
        if named is not None:
            networks = self._with_outputs(composite, networks, named)
        return Model(networks, composite, bodies, named)

    def _with_outputs(self, composite: Composite, networks: dict[str, Net], named: tuple[str, ...]) -> dict[str, Net]:
        """An autoencoder's outputs as they were given; what it is trained on has to be among them."""
        ((name, net),) = networks.items()
        missing = [output for output in net.outputs or () if output not in named]
        if missing:
            help = f"write `outputs: {written([*missing, *named])}`"
            message = f"an {composite.type} gives `{missing[0]}`, but `outputs` leaves it out"
            self.reader.report("NS202", message, (*AT, "outputs"), help=help)
        return {name: replace(net, outputs=(*missing, *named))}

    def _family(self, kind: str, value: Plain) -> tuple[Item, ...] | None:
        at = (*AT, kind)
        try:
            fields = self.reader.substituted(value, self.layers.variables, at)
            lists = [each for each in fields.values() if isinstance(each, list)] if isinstance(fields, dict) else []
            self.layers.shared.budget.spend(at, sum(len(each) for each in lists))
            family = self.reader.component(FAMILIES[kind], fields, at)
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
