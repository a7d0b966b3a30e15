"""What stands around an item of a list of layers: the key that says what it is, and `name` and `from` beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Self

from netspec.components.base import describe, quoted, written
from netspec.components.fields import NAME, name_help
from netspec.components.layers import LAYERS
from netspec.diagnostics import Path, closest, suggest
from netspec.source import Plain
from netspec.spec.blocks import Definition
from netspec.spec.fields import fields_with_words
from netspec.spec.items import Item, LayerItem
from netspec.spec.language import items
from netspec.spec.reader import Budget, Reader, Skip
from netspec.spec.scopes import SCOPES
from netspec.spec.variables import Variables

SIBLINGS = ("name", "from")
RESERVED = {
    "above": "the layer above",
    "input": "the input of the network",
    "latent": "the input of a generator",
    "condition": "the class that a GAN pair is given",
    "code": "the code layer of an autoencoder",
}
_SOURCE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\Z")


class Frame(NamedTuple):
    """What stands around an item's value: its name, its sources, the item's place and its key's."""

    name: str | None
    sources: tuple[str, ...] | None
    item: Path
    at: Path


@dataclass(eq=False)
class Shared:
    """What one reading of a file has in common."""

    blocks: Mapping[str, Definition]
    bodies: dict[tuple[str, str], tuple[Item, ...]] = field(default_factory=dict)
    calling: tuple[str, ...] = ()
    refused: set[str] = field(default_factory=set)

    budget: Budget = field(default_factory=Budget)

    @cached_property
    def known(self) -> Mapping[str, object]:
        """Everything that an item can be: the language's own before the file's."""
        return dict.fromkeys((*items(), *self.blocks))


@dataclass(frozen=True, eq=False)
class FrameReader:
    """Reads an item's frame, reporting what is wrong with it; what it frames is left as it was written."""

    reader: Reader
    variables: Variables
    file_variables: Variables
    shared: Shared

    def seeing(self, variables: Variables) -> Self:
        """The same reader with other variables."""
        return replace(self, variables=variables)

    def frame(self, key: str, value: Mapping[str, Plain], at: Path) -> tuple[Plain, Frame]:
        """The value below an item's key, and its frame."""
        inside = self._misplaced(key, value[key], (*at, key))
        placed = {sibling: (*at, key, sibling) for sibling in inside} | {key: (*at, key) for key in SIBLINGS if key in value}
        beside = {**inside, **{sibling: value[sibling] for sibling in SIBLINGS if sibling in value}}
        name = self._name(beside["name"], placed["name"]) if "name" in beside else None
        sources = self._sources(beside["from"], placed["from"]) if "from" in beside else None
        fields = value[key]
        if isinstance(fields, dict) and inside:
            fields = {k: v for k, v in fields.items() if k not in inside}
        return fields, Frame(name, sources, at, (*at, key))

    def known(self) -> Mapping[str, object]:
        """Everything that an item can be."""
        return self.shared.known

    def key_of(self, value: dict[str, Plain], at: Path) -> str | None:
        """The key that names the layer, or None with the usual slips explained."""
        keys = [key for key in value if key not in SIBLINGS]
        if len(keys) == 1:
            return keys[0]
        if not keys:
            first = next(iter(value))
            help = "remove the dash, so that it belongs to the layer above"
            self.reader.report("NS207", f"`{first}` stands without a layer", (*at, first), key=True, help=help)
            return None
        known = self.known()
        for key in self.shared.blocks.keys() & set(keys):
            self.shared.blocks[key].used = True
        layers = [key for key in keys if key in known]
        owner = next(
            (key for key in layers if set(keys) <= {key, *self.fields_of(key)}), layers[0] if len(layers) == 1 else None
        )
        if owner is not None:
            self._beside(owner, value, [key for key in keys if key != owner], at)
            return None
        found = " and ".join(f"`{key}`" for key in keys)
        help = "start each layer with its own `- `"
        meant = next((value[key] for key in ("type", "class_name") if isinstance(value.get(key), str)), None)
        if meant is not None:
            likely = closest(str(meant), known) or meant
            help = f"write `- {likely}: {{...}}`: the layer's name is the key, its fields are the value"
        self.reader.report("NS207", f"a layer item holds one layer, found {found}", (*at, keys[1]), key=True, help=help)
        return None

    def fields_of(self, key: str) -> tuple[str, ...]:
        """The fields of a layer, a scope or a block."""
        if key in self.shared.blocks:
            return tuple(self.shared.blocks[key].variables)
        component = LAYERS.get(key) or SCOPES.get(key)
        return tuple(fields_with_words(component)) if component else ()

    def _beside(self, layer: str, item: dict[str, Plain], keys: list[str], at: Path) -> None:
        """Keys next to a layer's: its fields want to be indented, others do not exist."""
        fields = self.fields_of(layer)
        own = [key for key in keys if key in fields]
        if own:
            names = " and ".join(f"`{key}`" for key in own)
            verb, them = ("stands", "it") if len(own) == 1 else ("stand", "them")
            help = f"{names} {'belongs' if len(own) == 1 else 'belong'} to `{layer}`: indent {them} by two more"
            short = LAYERS[layer].short if layer in LAYERS else None
            if item[layer] is not None and not isinstance(item[layer], dict) and short:
                value = written({short: item[layer], **{key: item[key] for key in own}})
                help = f"write `- {layer}: {value}`"
            self.reader.report("NS209", f"{names} {verb} beside `{layer}`", (*at, own[0]), key=True, help=help)
        for key in keys:
            if key not in fields:
                if closest(key, SIBLINGS) == "name":
                    self.shared.refused.add(str(item[key]))
                help = suggest(key, [*fields, *SIBLINGS], list_up_to=0)
                help = help or f"only `name` and `from` stand beside a layer; the fields of `{layer}` are its value"
                self.reader.report("NS203", f"unknown field `{key}` beside `{layer}`", (*at, key), key=True, help=help)

    def _misplaced(self, key: str, value: Plain, at: Path) -> dict[str, Plain]:
        """`name` and `from` among a layer's fields: they stand beside the layer, which is reported."""
        if not isinstance(value, dict) or key not in self.known():
            return {}
        misplaced = {k: v for k, v in value.items() if k in SIBLINGS and k not in self.fields_of(key)}
        for sibling, meant in misplaced.items():
            help = f"move it beside `{key}`: `- {key}: ...` and below it `{sibling}: {written(meant)}`"
            self.reader.report("NS208", f"`{sibling}` stands inside `{key}`", (*at, sibling), key=True, help=help)
        return misplaced

    def _name(self, given: Plain, at: Path, *, what: str = "a layer", key: bool = False) -> str | None:
        """A name, or None where it is none; what refers to a refused name is not told again."""
        value = given if key else self.substituted(given, at)
        if not isinstance(value, str) or not NAME.match(value):
            if given is None:
                self.reader.report("NS210", "the name is empty", at, help="write a name, or remove `name:`")
            elif value is not None:
                message = f"{what} cannot be called {quoted(value)}"
                self.reader.report("NS210", message, at, key=key, help=name_help(value))
        elif value in RESERVED:
            message = f"the name `{value}` is reserved: it is {RESERVED[value]}"
            self.reader.report("NS305", message, at, key=key, help="choose another name")
        else:
            return value
        if isinstance(value, str):
            self.shared.refused.add(value)
        return None

    def _sources(self, given: Plain, at: Path) -> tuple[str, ...] | None:
        value = self.substituted(given, at)
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) for name in names):
            if value is not None or given is None:
                message = f"`from` takes a layer's name or a list of names, found {describe(value)}"
                help = "give the layer that is meant a `name`, and write that"
                self.reader.report("NS204", message, at, help=help)
            return ("?",)
        return tuple(str(name) for name in names)

    def substituted(self, value: Plain, at: Path) -> Plain:
        """`value` with its variables replaced; None where that fails, which has been reported."""
        try:
            return self.reader.substituted(value, self.variables, at)
        except Skip:
            return None

    def path_name(self, value: str, at: Path) -> str | None:
        """The name of a path in `parallel`."""
        return self._name(value, at, what="a path", key=True)


def unknown(value: Plain, at: Path) -> LayerItem:
    """What stands for an item that could not be read: its name is known, its value absorbs what follows."""
    name = value.get("name") if isinstance(value, dict) else None
    named = isinstance(name, str) and NAME.match(name) and name not in RESERVED
    return LayerItem(at, "?", None, str(name) if named else None, ("?",))


def is_source(name: str) -> bool:
    """Whether a text can name a layer: `stem`, or `conv4.trunk` inside a named block."""
    return _SOURCE.match(name) is not None
