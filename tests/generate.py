"""Random specs, valid by construction: layers and fields are drawn from the registry, and a draft whose shapes
do not hold is drawn again. A new layer is covered the day it is registered.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from netspec.components.base import Component
from netspec.components.initializers import INITIALIZERS
from netspec.components.layers import ACTIVATIONS, LAYERS, MERGES, Merge
from netspec.components.layers.norm import LAYERS as NORMS
from netspec.graph.validate import checked
from netspec.source.document import Document
from netspec.spec.fields import binding_fields, layer_fields
from netspec.spec.schema.fields import Schema
from netspec.spec.scopes import SCOPES

MOST_ELEMENTS = 4096
STEPS = 5
"""How long a free axis is taken for while a draft is judged."""
RECURRENT = ("tanh", "sigmoid", "relu", "softsign", "softplus", "elu", "hard_sigmoid", "leaky_relu", "linear")
NAMES = ("stem", "trunk", "left", "right", "head", "body", "skip", "deep", "wide", "tail")
INPUTS: tuple[Any, ...] = (
    [6], [12], [7, 3], ["time", 4], [8, 4], [6, 6, 2], [8, 8, 3], [7, 9, 1], [4, 4, 4, 2], {"shape": [5], "vocabulary": 9},
)  # fmt: skip


class Generator:
    """Draws specs; the same seed gives the same specs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def spec(self, *, most_layers: int = 8) -> dict[str, Any]:
        """A document that validates without an error."""
        while True:
            document = self._draft(most_layers)
            if document is not None:
                return document

    def _draft(self, most: int) -> dict[str, Any] | None:
        input = self.random.choice(INPUTS)
        document: dict[str, Any] = {"netspec": 1, "name": "drawn", "input": input, "model": {"layers": []}}
        blocks = {"unit": self._block()} if self.random.random() < 0.4 else {}
        if blocks:
            document["blocks"] = blocks
        layers: list[Any] = document["model"]["layers"]
        wanted = self.random.randint(1, most)
        for _ in range(8 * wanted):
            if len(layers) >= wanted:
                break
            layers.append(self._item(layers, depth=0, blocks=bool(blocks)))
            if not self._holds(document):
                layers.pop()
        if not layers or not self._holds(document):
            return None
        more = self._wrapped(document) if self.random.random() < 0.15 else self._several(document)
        return more if more is not document and self._holds(more) else document

    def _several(self, document: dict[str, Any]) -> dict[str, Any]:
        """With a second input that is joined at the end, or with a second output."""
        layers, draw = document["model"]["layers"], self.random.random()
        if draw < 0.12:
            layers = [self._from(layers[0], "input"), *layers[1:], {"flatten": None, "name": "all"}]
            side = [self._from({"dense": self.random.randint(1, 4)}, "second", name="beside"), {"concat": ["all", "beside"]}]
            inputs = {"input": document["input"], "second": [self.random.randint(1, 5)]}
            rest = {key: value for key, value in document.items() if key != "input"}
            return {**rest, "inputs": inputs, "model": {"layers": [*layers, *side]}}
        if draw < 0.24:
            layers = [*layers[:-1], self._from(layers[-1], None, name="main"), {"dense": 2, "from": "main", "name": "other"}]
            return {**document, "model": {"layers": layers, "outputs": ["main", "other"]}}
        return document

    def _from(self, item: Any, source: str | None, **more: str) -> dict[str, Any]:
        item = dict(item) if isinstance(item, dict) else {item: None}
        return {**item, **({"from": source} if source else {}), **more}

    def _wrapped(self, document: dict[str, Any]) -> dict[str, Any]:
        """The layers as the encoder of an autoencoder, or as the discriminator of a pair."""
        shape, layers = document["input"], document["model"]["layers"]
        if isinstance(shape, dict):
            return document
        makes = [{"dense": prod(shape)}, {"reshape": shape}]
        if self.random.random() < 0.5:
            variational = self.random.random() < 0.5
            body = {"encoder": [*layers, "flatten"], "decoder": makes, "latent": 3, "variational": variational}
            return {**document, "model": {"autoencoder": body}}
        pair = {"latent": 4, "generator": makes, "discriminator": [*layers, "flatten", {"dense": 1}]}
        return {**document, "model": {"gan": pair}}

    def _holds(self, document: Mapping[str, Any]) -> bool:
        free = "time" in str(document.get("input", document.get("inputs")))
        found = checked(Document("drawn", "", dict(document)), lengths={"time": STEPS} if free else {})
        if found.program is None or not found.is_valid:
            return False
        graph = found.program.main
        weights = sum(int(weight.elements) for _, weight in graph.weights() if isinstance(weight.elements, int))
        outputs = [node.output.elements for node in graph.nodes]
        return weights < 10 * MOST_ELEMENTS and all(isinstance(size, int) and size <= MOST_ELEMENTS for size in outputs)

    def _block(self) -> dict[str, Any]:
        return {
            "vars": {"size": self.random.choice(["required", 3]), "act": "relu"},
            "layers": [{"dense": {"units": "$(size + 1)", "activation": "$act"}}, {"dense": "$size"}],
        }

    def _item(self, above: list[Any], *, depth: int, blocks: bool) -> Any:
        draw = self.random.random()
        if depth < 2 and draw < 0.28:
            found = self._scope(self.random.choice(list(SCOPES)), above, depth=depth, blocks=blocks)
            if found is not None:
                return found
        if blocks and draw < 0.36:
            return self._named({"unit": {"size": self.random.randint(1, 4)}}, above)
        names = _names(above)
        if names and depth == 0 and draw < 0.42:
            merging = [name for name, layer in LAYERS.items() if issubclass(layer, Merge)]
            return {self.random.choice(merging): ["above", self.random.choice(names)]}
        return self._layer(above)

    def _scope(self, name: str, above: list[Any], *, depth: int, blocks: bool) -> Any:
        """A scope by the kinds of its fields; None where it needs a name and there is none, or reads several layers."""
        cls, fields = SCOPES[name], {}
        left_out = self.random.choice(cls.alternatives or ("",))
        binds = [field for field in binding_fields(cls) if field != left_out]
        for field, info in cls.model_fields.items():
            mark = layer_fields(cls).get(field)
            optional = not info.is_required() and field not in cls.alternatives and self.random.random() < 0.6
            if field == left_out or optional or field == "inputs":
                continue
            if field in binds:
                fields[field] = {"n": [2, 3]}
            elif mark is not None and mark.form == "named":
                fields[field] = {each: [self._item([], depth=depth + 1, blocks=blocks)] for each in ("a", "b")}
            elif mark is not None and (mark.form == "list" or self.random.random() < 0.3):
                fields[field] = [{"dense": "$n"} if binds else self._item([], depth=depth + 1, blocks=blocks)]
            else:
                value = self._frame_value(cls, field, above)
                if value is None:
                    return None
                fields[info.alias or field] = value
        item = {name: fields[cls.short] if cls.short and list(fields) == [cls.short] else fields}
        return {**item, "from": "input"} if cls.needs_from else self._named(item, above)

    def _frame_value(self, cls: type[Component], field: str, above: list[Any]) -> Any:
        """A value for a field of a scope that holds no layers."""
        mark = cls.model_json_schema(by_alias=False)["properties"][field].get("x-netspec")
        if mark == "reference":
            names = _names(above)
            return self.random.choice(names) if names else None
        given = {"merge": lambda: self.random.choice(list(MERGES)), "shortcut": lambda: "project", "word": lambda: "piece"}
        return given[mark]() if mark in given else self._value(cls, field)

    def _named(self, item: dict[str, Any], above: list[Any]) -> dict[str, Any]:
        used = {each.get("name") for each in above if isinstance(each, dict)}
        free = [name for name in NAMES if name not in used]
        if free and self.random.random() < 0.4:
            item["name"] = self.random.choice(free)
        return item

    def _layer(self, above: list[Any]) -> Any:
        name = self.random.choice([name for name, layer in LAYERS.items() if not issubclass(layer, Merge)])
        fields = self.fields(LAYERS[name])
        if not fields and self.random.random() < 0.7:
            return name
        return self._named({name: fields or None}, above)

    def fields(self, component: type[Component]) -> dict[str, Any]:
        """Values for the required fields of a component, and for some of the others."""
        found: dict[str, Any] = {}
        for name, info in component.model_fields.items():
            if info.is_required() or self.random.random() < 0.25:
                value = self._value(component, name)
                if value is not None:
                    found[info.alias or name] = value
        return found

    def component(self, catalogue: Mapping[str, type[Component]]) -> Any:
        """One of a catalogue, by its name or with fields of its own."""
        name = self.random.choice(list(catalogue))
        fields = self.fields(catalogue[name])
        return {name: fields} if fields else name

    def _value(self, component: type[Component], name: str) -> Any:
        recurrent = "return_sequences" in component.model_fields
        given: dict[str, Callable[[], Any]] = {
            "activation": lambda: self.random.choice(RECURRENT) if recurrent else self.component(ACTIVATIONS),
            "recurrent_activation": lambda: self.random.choice(RECURRENT),
            "normalization": lambda: self.random.choice([norm.type for norm in NORMS]),
            "kernel_regularizer": lambda: {self.random.choice(["l1", "l2"]): 0.01},
            "axis": lambda: self.random.choice([-1, 1]),
            "shape": lambda: self.random.choice([[-1], [2, -1], [-1, 3], [4, 4, -1]]),
            "axes": lambda: self.random.choice([[2, 1], [1], [2, 3, 1]]),
        }
        if name in given:
            return given[name]()
        if name.endswith("_initializer"):
            return self.component({name: each for name, each in INITIALIZERS.items() if name != "constant"})
        schema: Schema = component.model_json_schema(by_alias=False)["properties"][name]
        return self._drawn(schema)

    def _drawn(self, schema: Schema) -> Any:
        """A value of the kind that a field's schema says."""
        if "anyOf" in schema:
            return self._drawn(self.random.choice([s for s in schema["anyOf"] if s != {"type": "null"}]))
        mark = schema.get("x-netspec")
        if mark in ("size", "count", "window", "amounts"):
            return self.random.randint(max(1, int(schema.get("minimum", 1))), 4)
        if mark == "padding":
            return self.random.choice([*schema["enum"], 1])
        if mark == "number":
            low, high = (
                schema.get("minimum", schema.get("exclusiveMinimum", -2.0)),
                schema.get("maximum", schema.get("exclusiveMaximum", 2.0)),
            )
            return round(low + (0.1 + 0.8 * self.random.random()) * (high - low), 3)
        if schema.get("type") == "boolean":
            return self.random.random() < 0.5
        if "enum" in schema and "x-netspec-catalogue" not in schema:
            return self.random.choice(schema["enum"])
        if schema.get("type") == "array" and "items" in schema:
            return [self._drawn(schema["items"])]
        return None


def _names(items: list[Any]) -> list[str]:
    """The names that a list of layers gives."""
    return [item["name"] for item in items if isinstance(item, dict) and "name" in item]


def yaml_text(data: Any, random: random.Random, indent: int = 0) -> str:
    """A document as somebody might have typed it: flow and block, odd indents, comments, blanks."""
    pad = " " * indent
    if isinstance(data, dict) and data and random.random() < 0.75:
        step = random.choice([2, 2, 3, 4])
        out = ""
        for key, value in data.items():
            out += f"{pad}# about {key}\n" if random.random() < 0.08 else ""
            out += f"{pad}{key}:" + _yaml_value(value, random, indent, step)
        return out
    if isinstance(data, list) and data and random.random() < 0.75:
        return "".join(f"{pad}-" + _yaml_item(item, random, indent) for item in data)
    return f"{pad}{_flow(data, random)}\n"


def _yaml_value(value: Any, random: random.Random, indent: int, step: int) -> str:
    if isinstance(value, (dict, list)) and value and random.random() < 0.7:
        if isinstance(value, list) and random.random() < 0.3:
            step = 0
        block = yaml_text(value, random, indent + step)
        inner = isinstance(value, list) or ":" in block.split("{")[0]
        if inner and block.lstrip()[:1] not in "{[" and (step or block.lstrip().startswith("-")):
            return "\n" + block
    comment = "   # so" if random.random() < 0.1 else ""
    return f"{random.choice([' ', '  '])}{_flow(value, random)}{comment}\n"


def _yaml_item(item: Any, random: random.Random, indent: int) -> str:
    gap = random.choice([1, 1, 3])
    if isinstance(item, dict) and item and random.random() < 0.6:
        block = yaml_text(item, random, indent + 1 + gap)
        if block.lstrip()[:1] not in "{[#" and not block.lstrip().startswith("-"):
            return " " * gap + block.lstrip(" ")
    return " " * gap + _flow(item, random) + "\n"


def _flow(value: Any, random: random.Random) -> str:
    if value is None:
        return "null" if random.random() < 0.5 else "~"
    if isinstance(value, bool):
        return random.choice([str(value), str(value).lower()])
    if isinstance(value, dict):
        comma = random.choice([", ", ",", " , "])
        return (
            random.choice(["{", "{ "])
            + comma.join(f"{k}: {_flow(v, random)}" for k, v in value.items())
            + random.choice(["}", " }"])
        )
    if isinstance(value, list):
        return (
            "["
            + random.choice([", ", ","]).join(_flow(item, random) for item in value)
            + random.choice(["]", " ]", ",]"] if value else ["]"])
        )
    return str(value)
