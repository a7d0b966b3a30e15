"""Reading lists of layers: one item at a time, each validated with its own class.

What holds layers, a scope or a network, is read by its fields: their kinds say where lists of layers stand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from pydantic_core import PydanticCustomError

from netspec.components.base import Component, describe
from netspec.components.layers import ACTIVATIONS, LAYERS, Merge
from netspec.diagnostics import Path, suggest
from netspec.source import Plain
from netspec.spec.arguments import arguments
from netspec.spec.blocks import Definition
from netspec.spec.fields import HoldsLayers, binding_fields, fields_with_words, layer_fields
from netspec.spec.frames import Frame, FrameReader, unknown
from netspec.spec.items import Item, LayerItem, ScopeItem
from netspec.spec.reader import MAX_LAYERS, Skip, TooLarge, too_many_layers
from netspec.spec.scopes import SCOPES, Block, Scope

_DEEPEST = 32
C = TypeVar("C", bound=Component)


class Held(NamedTuple):
    """The lists of layers that a component's value holds, by field: one or several by name, each with its place."""

    lists: Mapping[str, tuple[HoldsLayers, Plain, Path]]

    @classmethod
    def of(cls, component: type[Component], value: Plain, at: Path) -> Held:
        """Those of a value that stands for a component."""
        try:
            fields = component.fields_from(value)
        except PydanticCustomError:
            return cls({})  # told when the component is made
        assert isinstance(fields, Mapping)
        found = {}
        for name, mark in layer_fields(component).items():
            each = fields.get(name)
            if value is None and name == component.short:
                found[name] = mark, None, at  # told as no list of layers
            elif isinstance(each, dict if mark.form == "named" else list) or (mark.form == "list" and name in fields):
                found[name] = mark, each, (*at, name) if fields is value else at
        return cls(found)


class LayerReader(FrameReader):
    """Turns lists of layers into the item tree, reporting what is wrong on the way."""

    def items(self, value: Plain, at: Path) -> tuple[Item, ...]:
        """The items of a list of layers. Raises TooLarge."""
        if not isinstance(value, list):
            help = "start each layer with `- `"
            self.reader.report("NS204", f"expected a list of layers, found {describe(value)}", at, help=help)
            return (unknown(value, at),)
        if not value:
            self.reader.report("NS202", f"`{at[-1]}` is an empty list of layers", at, help="write at least one layer")
            return (unknown(value, at),)
        return tuple(self.item(item, (*at, i)) or unknown(item, (*at, i)) for i, item in enumerate(value))

    def item(self, value: Plain, at: Path) -> Item | None:
        """One item; None where it cannot even be told what it is, which has been reported. Raises TooLarge."""
        self.shared.budget.spend(at)
        if isinstance(value, str):
            return self._read(value, None, Frame(None, None, at, at))
        if not isinstance(value, dict) or not value:
            help = "write a layer's name, or its name with its fields: `dense: {units: 8}`"
            if isinstance(value, list):
                help = "write its layers into the list outside: `- ` before each"
            self.reader.report("NS207", f"expected a layer, found {describe(value)}", at, help=help)
            return None
        key = self.key_of(value, at)
        return None if key is None else self._read(key, *self.frame(key, value, at))

    def _read(self, key: str, value: Plain, frame: Frame) -> Item | None:
        if key in self.shared.blocks:
            return self.call(self.shared.blocks[key], value, frame)
        if key in SCOPES:
            return self._scope(SCOPES[key], value, frame)
        return self._layer(key, value, frame)

    def _layer(self, key: str, value: Plain, frame: Frame) -> LayerItem:
        failed = LayerItem(frame.at, key, None, frame.name, frame.sources)
        self.reader.seen = self.variables
        if key not in LAYERS and key != "activation":
            help = suggest(key, self.known()) or "a layer, an activation or a block of this file stands here"
            self.reader.report("NS206", f"unknown layer `{key}`", frame.at, key=True, help=help)
            return failed
        try:
            value = self.reader.substituted(value, self.variables, frame.at)
        except Skip:
            return failed
        if key == "activation":
            # `activation: relu` is the layer `relu`.
            chosen = self.reader.chosen(ACTIVATIONS, "activation", value, frame.at)
            return LayerItem(frame.at, chosen.type, chosen, frame.name, frame.sources) if chosen else failed
        layer = self.reader.component(LAYERS[key], value, frame.at)
        if isinstance(layer, Merge):
            return self._merge(layer, frame)
        return LayerItem(frame.at, key, layer, frame.name, frame.sources)

    def _merge(self, layer: Merge, frame: Frame) -> LayerItem:
        if frame.sources is not None:
            help = f"write `{layer.type}: [{', '.join(frame.sources)}, ...]`"
            message = f"the value of `{layer.type}` is its inputs, so it takes no `from`"
            self.reader.report("NS213", message, (*frame.item, "from"), key=True, help=help)
        if len(layer.inputs) < layer.least_inputs or (layer.most_inputs and len(layer.inputs) > layer.most_inputs):
            due = "two" if layer.most_inputs == layer.least_inputs else "at least two"
            help = f"write `{layer.type}: [above, other]`"
            self.reader.report("NS202", f"`{layer.type}` joins {due} layers, found {len(layer.inputs)}", frame.at, help=help)
            return LayerItem(frame.at, layer.type, None, frame.name, layer.inputs or None)
        return LayerItem(frame.at, layer.type, layer, frame.name, layer.inputs)

    def _scope(self, cls: type[Scope], value: Plain, frame: Frame) -> Item:
        """A scope, its layers read once for each of its rounds."""
        failed = LayerItem(frame.at, cls.type, None, frame.name, frame.sources)
        if cls.needs_from and frame.sources is None:
            help = "say what it reads this time: `from: ...` below it"
            self.reader.report("NS202", f"`{cls.type}` needs `from`", frame.at, key=True, help=help)
            return failed
        held = Held.of(cls, value, frame.at)
        scope = self._unread(cls, value, held, frame.at)
        if scope is None:
            return failed
        if cls.multiplies and (getattr(scope, cls.multiplies) or 0) > MAX_LAYERS:
            raise too_many_layers((*frame.at, cls.multiplies))
        rounds = scope.rounds()
        if rounds is None:
            return ScopeItem(frame.at, (self._filled(scope, held),), frame.name, frame.sources)
        self.shared.budget.spend(frame.at, len(rounds))
        inside = (self.seeing({**self.variables, **variables}) for variables in rounds)
        return ScopeItem(frame.at, tuple(each._filled(scope, held) for each in inside), frame.name, frame.sources)

    def component(self, cls: type[C], value: Plain, at: Path) -> C | None:
        """A component with the layers that it holds; None where its fields are wrong. Raises TooLarge."""
        if isinstance(value, str) and not layer_fields(cls):
            try:
                value = self.reader.substituted(value, self.variables, at)
            except Skip:
                return None
        held = Held.of(cls, value, at)
        found = self._unread(cls, value, held, at)
        return None if found is None else self._filled(found, held)

    def _unread(self, cls: type[C], value: Plain, held: Held, at: Path) -> C | None:
        """A component whose layers are left as they were written; where it fails they are looked through all the same."""
        self.reader.seen = self.variables
        fields = {str(cls.short): None} if value is None and cls.short in held.lists else self.reader.fields(cls, value, at)
        if fields is None:
            return None
        if self._lies_bare(cls, fields, at):
            return None
        short = fields is not value and value is not None
        known = fields_with_words(cls)
        places = {name: at if short else (*at, name) for name in fields}
        try:
            plain = {
                name: each
                if name in held.lists or name not in known  # what is no field is told, whatever it holds
                else self.reader.substituted(each, self.variables, at if short else (*at, name))
                for name, each in fields.items()
            }
            if self._from_a_variable(cls, fields, plain, places):
                return None
            work = sum(len(each) for name, each in plain.items() if name not in held.lists and isinstance(each, list))
            self.shared.budget.spend(at, work)
            found = self.reader.made(cls, plain, at, short=short)
        except Skip:
            found = None
        if found is None and not binding_fields(cls):  # else what its layers say of variables may not be so
            self._read_held(held)
        return found

    def _from_a_variable(
        self, cls: type[Component], written: Mapping[str, Plain], fields: Mapping[str, Plain], places: Mapping[str, Path]
    ) -> bool:
        """Whether a variable holds what should be layers, which is reported: they are read where they stand."""
        texts = [name for name in layer_fields(cls) if isinstance(written.get(name), str)]
        wrong = [name for name in texts if isinstance(fields[name], (list, dict))]
        for name in wrong:
            help = "write the layers here; those that are used several times are a block of `blocks`"
            self.reader.report("NS205", f"`{name}` takes no layers from a variable", places[name], help=help)
        return bool(wrong)

    def _lies_bare(self, cls: type[Component], fields: Mapping[str, Plain], at: Path) -> bool:
        """Whether a layer stands among the fields, outside of the list that is to hold it, which is reported."""
        lists = [name for name, mark in layer_fields(cls).items() if mark.form == "list"]
        bare = [key for key in fields if key in self.known() and key not in fields_with_words(cls)]
        for key in bare if lists else ():
            help = f"write `{lists[0]}:` above it, and start each layer with `- `"
            if lists[0] in fields:
                help = f"write it into `{lists[0]}`: `- ` before each layer"
            caption = f"not a field of `{cls.type}`"
            self.reader.report(
                "NS203", f"unknown field `{key}` for `{cls.type}`", (*at, key), key=True, help=help, caption=caption
            )
        return bool(lists and bare)

    def _filled(self, unread: C, held: Held) -> C:
        """The component with its layers read."""
        return unread.model_copy(update=self._read_held(held))

    def _read_held(self, held: Held) -> dict[str, object]:
        return {name: self._held(mark, value, at) for name, (mark, value, at) in held.lists.items()}

    def _held(self, mark: HoldsLayers, value: Plain, at: Path) -> object:
        """What a field that holds layers has become."""
        if mark.form == "named" and isinstance(value, dict):
            return {name: self._path(name, body, (*at, name)) for name, body in value.items()}
        return self.items(value, at)

    def _path(self, name: str, body: Plain, at: Path) -> tuple[Item, ...]:
        return (unknown(body, at),) if self.path_name(name, at) is None else self.items(body, at)

    def call(self, block: Definition, value: Plain, frame: Frame) -> Item | None:
        """A call of a block of the file: its layers read with the call's values. Raises TooLarge."""
        block.used = True
        if block.broken:
            return None
        shared = self.shared
        if block.name in shared.calling:
            chain = " -> ".join(f"`{name}`" for name in (*shared.calling[shared.calling.index(block.name) :], block.name))
            message, help = f"the block `{block.name}` calls itself", "`repeat` is for several rounds of the same layers"
            self.reader.report("NS313", message, frame.at, key=True, caption=chain, help=help)
            return None
        if len(shared.calling) >= _DEEPEST:
            raise TooLarge(frame.at, f"blocks call each other more than {_DEEPEST} levels deep")
        try:
            given = arguments(self, block, value, frame.at)
        except Skip:
            return self._called(block, (), frame)
        return self._called(block, self._body(block, given, frame.at), frame)

    def _body(self, block: Definition, given: Mapping[str, Plain], at: Path) -> tuple[Item, ...]:
        """The block's layers with the values of one call, read once for each set of values."""
        shared = self.shared
        key = (block.name, json.dumps(given, sort_keys=True))
        if key not in shared.bodies:
            before = shared.calling
            shared.calling = (*before, block.name)
            with self.reader.calling(at):
                # They see the block's own variables and the file's, never the caller's.
                shared.bodies[key] = self.seeing({**self.file_variables, **given}).items(block.layers, block.at)
            shared.calling = before
        return shared.bodies[key]

    def _called(self, block: Definition, body: tuple[Item, ...], frame: Frame) -> ScopeItem:
        scope = Block.called(block.name, body, block.inputs, block.remat)
        return ScopeItem(frame.at, (scope,), frame.name, frame.sources, called=True)
