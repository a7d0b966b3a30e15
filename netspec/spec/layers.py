"""Reading lists of layers: one item at a time, each validated with its own class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from netspec.components.base import describe
from netspec.components.fields import NAME
from netspec.components.layers import ACTIVATIONS, LAYERS, MERGES, Merge
from netspec.components.layers.merge import Add, Concat
from netspec.diagnostics import Path, suggest
from netspec.source import Plain
from netspec.spec.items import Item, LayerItem, Origin, ParallelItem, ResidualItem
from netspec.spec.reader import Reader, Skip
from netspec.spec.variables import Variables

SIBLINGS = ("name", "from")
SCOPES = ("residual", "parallel")
RESERVED = ("above", "input", "latent", "condition", "code")


class LayerReader:
    """Turns lists of layer items into the item tree, reporting what is wrong on the way."""

    def __init__(self, reader: Reader, variables: Variables) -> None:
        self.reader, self.variables = reader, variables

    def items(self, value: Plain, at: Path) -> tuple[Item, ...]:
        """The items of a list of layers."""
        if not isinstance(value, list):
            self.reader.report(
                "NS204", f"expected a list of layers, found {describe(value)}", at, help="start each layer with `- `"
            )
            return ()
        found = (self.item(item, (*at, index)) for index, item in enumerate(value))
        return tuple(item for item in found if item is not None)

    def item(self, value: Plain, at: Path) -> Item | None:
        """One item; None where it cannot even be told what it is."""
        if isinstance(value, str):
            return self._layer(value, None, None, None, at, at)
        if not isinstance(value, dict) or not value:
            self.reader.report(
                "NS207", f"expected a layer, found {describe(value)}", at, help="write a layer's name, or `name: fields`"
            )
            return None
        key = self._layer_key(value, at)
        if key is None:
            return None
        name = self._name(value.get("name"), (*at, "name")) if "name" in value else None
        sources = self._sources(value["from"], (*at, "from")) if "from" in value else None
        fields = self._without_siblings(key, value[key], (*at, key))
        if key == "residual":
            return self._residual(fields, name, sources, (*at, key))
        if key == "parallel":
            return self._parallel(fields, name, sources, (*at, key))
        return self._layer(key, fields, name, sources, at, (*at, key))

    def _layer_key(self, value: dict[str, Plain], at: Path) -> str | None:
        """The key that names the layer, or None with the usual slips explained."""
        keys = [key for key in value if key not in SIBLINGS]
        if len(keys) == 1:
            return keys[0]
        if not keys:
            first = next(iter(value))
            self.reader.report(
                "NS207",
                f"`{first}` stands without a layer",
                (*at, first),
                key=True,
                help="remove the dash, so that it belongs to the layer above",
            )
            return None
        layers = [key for key in keys if key in LAYERS or key in SCOPES]
        if len(layers) == 1 and layers[0] in LAYERS:
            self._beside(layers[0], [key for key in keys if key != layers[0]], at)
            return None
        self.reader.report(
            "NS207",
            "a layer item holds one layer, found " + " and ".join(f"`{key}`" for key in keys),
            (*at, keys[1]),
            key=True,
            help="start each layer with its own `- `",
        )
        return None

    def _beside(self, layer: str, keys: list[str], at: Path) -> None:
        """Keys next to a layer's: its fields want to be indented, others do not exist."""
        fields = LAYERS[layer].model_fields
        own = [key for key in keys if key in fields]
        if own:
            names = ", ".join(f"`{key}`" for key in own)
            verb, them = ("stands", "it") if len(own) == 1 else ("stand", "them")
            help = f"{names} {'belongs' if len(own) == 1 else 'belong'} to `{layer}`: indent {them} by two more"
            self.reader.report("NS209", f"{names} {verb} beside `{layer}`", (*at, own[0]), key=True, help=help)
        for key in keys:
            if key not in fields:
                help = suggest(key, [*fields, *SIBLINGS])
                self.reader.report("NS203", f"unknown field `{key}` beside `{layer}`", (*at, key), key=True, help=help)

    def _without_siblings(self, key: str, value: Plain, at: Path) -> Plain:
        """The layer's fields; `name` and `from` among them are reported: they stand beside the layer."""
        if not isinstance(value, dict) or key not in LAYERS:
            return value
        misplaced = [sibling for sibling in SIBLINGS if sibling in value and sibling not in LAYERS[key].model_fields]
        for sibling in misplaced:
            help = f"move it beside `{key}`: `- {key}: ...` and below it `{sibling}: {value[sibling]}`"
            self.reader.report("NS208", f"`{sibling}` stands inside `{key}`", (*at, sibling), key=True, help=help)
        return {k: v for k, v in value.items() if k not in misplaced}

    def _name(self, value: Plain, at: Path) -> str | None:
        if not isinstance(value, str) or not NAME.match(value):
            help = "use lower case letters, digits and `_`, and start with a letter"
            self.reader.report("NS210", f"a name cannot be {describe(value)}", at, help=help)
            return None
        if value in RESERVED:
            self.reader.report("NS305", f"the name `{value}` is reserved", at, help="choose another name")
            return None
        return value

    def _sources(self, value: Plain, at: Path) -> tuple[str, ...] | None:
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) for name in names):
            self.reader.report("NS204", f"`from` takes a layer's name or a list of names, found {describe(value)}", at)
            return None
        return tuple(str(name) for name in names)

    def _layer(
        self, key: str, value: Plain, name: str | None, sources: tuple[str, ...] | None, item: Path, at: Path
    ) -> LayerItem | None:
        origin = Origin(at)
        if key == "activation":
            return self._activation(value, name, sources, origin)
        if key not in LAYERS:
            known = [*LAYERS, *SCOPES, "activation"]
            self.reader.report("NS206", f"unknown layer `{key}`", at, key=True, help=suggest(key, known))
            return LayerItem(origin, key, None, name, sources)
        try:
            value = self.reader.substituted(value, self.variables, at)
        except Skip:
            return LayerItem(origin, key, None, name, sources)
        layer = self.reader.component(LAYERS[key], value, at)
        if isinstance(layer, Merge):
            return self._merge(layer, name, sources, origin, item)
        return LayerItem(origin, key, layer, name, sources)

    def _activation(self, value: Plain, name: str | None, sources: tuple[str, ...] | None, origin: Origin) -> LayerItem:
        """`activation: relu` is the layer `relu`."""
        try:
            value = self.reader.substituted(value, self.variables, origin.path)
        except Skip:
            return LayerItem(origin, "activation", None, name, sources)
        layer = self.reader.chosen(ACTIVATIONS, "activation", value, origin.path)
        return LayerItem(origin, layer.type if layer else "activation", layer, name, sources)

    def _merge(self, layer: Merge, name: str | None, sources: tuple[str, ...] | None, origin: Origin, item: Path) -> LayerItem:
        if sources is not None:
            help = f"write `{layer.type}: [{', '.join(sources)}, ...]`"
            self.reader.report(
                "NS213",
                f"the value of `{layer.type}` is its inputs, so it takes no `from`",
                (*item, "from"),
                key=True,
                help=help,
            )
        if len(layer.inputs) < layer.least_inputs or (layer.most_inputs and len(layer.inputs) > layer.most_inputs):
            due = "two" if layer.most_inputs == layer.least_inputs else "at least two"
            help = f"write `{layer.type}: [above, other]`"
            self.reader.report("NS202", f"`{layer.type}` joins {due} layers, found {len(layer.inputs)}", origin.path, help=help)
            return LayerItem(origin, layer.type, None, name, layer.inputs or None)
        return LayerItem(origin, layer.type, layer, name, layer.inputs)

    def _residual(self, value: Plain, name: str | None, sources: tuple[str, ...] | None, at: Path) -> Item | None:
        if isinstance(value, list):
            return ResidualItem(Origin(at), self.items(value, at), "identity", name, sources)
        fields = self._scope_fields(value, "residual", {"layers", "shortcut"}, "layers", at)
        if fields is None:
            return None
        body = self.items(fields["layers"], (*at, "layers"))
        shortcut: Literal["identity", "project"] | tuple[Item, ...] = "identity"
        given = fields.get("shortcut")
        if isinstance(given, list):
            shortcut = self.items(given, (*at, "shortcut"))
        elif given == "project":
            shortcut = "project"
        elif given is not None:
            self.reader.report(
                "NS205",
                f"`shortcut` cannot be {describe(given)}",
                (*at, "shortcut"),
                help="write `project`, or a list of layers",
            )
        return ResidualItem(Origin(at), body, shortcut, name, sources)

    def _parallel(self, value: Plain, name: str | None, sources: tuple[str, ...] | None, at: Path) -> Item | None:
        fields = self._scope_fields(value, "parallel", {"paths", "merge"}, "paths", at)
        if fields is None:
            return None
        raw = fields["paths"]
        if not isinstance(raw, dict) or len(raw) < 2:
            self.reader.report(
                "NS204", f"`paths` takes two or more named lists of layers, found {describe(raw)}", (*at, "paths")
            )
            return None
        paths = []
        for path, layers in raw.items():
            if self._name(path, (*at, "paths", path)) is not None:
                paths.append((path, self.items(layers, (*at, "paths", path))))
        merge = self._merge_choice(fields.get("merge", "concat"), (*at, "merge"))
        return ParallelItem(Origin(at), tuple(paths), merge, name, sources)

    def _merge_choice(self, value: Plain, at: Path) -> Merge:
        if isinstance(value, str) and value in MERGES:
            return MERGES[value]()
        if isinstance(value, dict) and list(value) == ["concat"]:
            found = self.reader.component(Concat, value["concat"], (*at, "concat"))
            return found or Concat()
        self.reader.report("NS206", f"unknown merge {describe(value)}", at, help=suggest(value, MERGES))
        return Add()

    def _scope_fields(self, value: Plain, scope: str, known: set[str], needed: str, at: Path) -> Mapping[str, Plain] | None:
        if not isinstance(value, dict):
            self.reader.report("NS204", f"`{scope}` takes {' and '.join(sorted(known))}, found {describe(value)}", at)
            return None
        for key in value.keys() - known:
            self.reader.report("NS203", f"unknown field `{key}` for `{scope}`", (*at, key), key=True, help=suggest(key, known))
        if needed not in value:
            self.reader.report("NS202", f"`{scope}` needs `{needed}`", at, key=True)
            return None
        return value
