"""Valid specs made wrong: with a known code at a known place, as trees of anything, or byte by byte."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from netspec.components.layers import ACTIVATIONS, LAYERS
from netspec.components.objectives import LOSSES, METRICS, OPTIMIZERS, SCHEDULES
from netspec.components.sources import SOURCES
from netspec.components.transforms import TRANSFORMS
from netspec.spec.schema.fields import Schema
from tests.generate import yaml_text

Tree = dict[str, Any]
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Wrong:
    """A text that is no valid spec, with one of the codes that should be told, at a place that starts like `path`."""

    kind: str
    text: str
    codes: frozenset[str] = frozenset()
    path: str = ""
    file: str = "wrong.json"


def mutated(document: Tree, random: random.Random) -> Wrong | None:
    """A typed mistake in a valid document; None where the one that was drawn does not apply."""
    kind = random.choice(list(_MISTAKES))
    changed = copy.deepcopy(document)
    found = _MISTAKES[kind](changed, random)
    if found is None:
        return None
    codes, place = found
    return Wrong(kind, json.dumps(changed), frozenset(codes.split()), _told(place))


def _told(place: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def _items(document: Tree) -> Iterator[Spot]:
    """Every layer of a document: its place, itself, and where it stands."""
    waiting: list[tuple[Place, Any]] = [(("model",), document["model"])]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*place, key), each) for key, each in value.items() if isinstance(each, (dict, list))]
        elif isinstance(value, list):
            for index, each in enumerate(value):
                name = each if isinstance(each, str) else next(iter(each), "") if isinstance(each, dict) else ""
                if name in LAYERS or name in ("residual", "parallel", "repeat", "unit", "share"):
                    yield Spot((*place, index), each, value, index)
                    waiting.append(((*place, index), each))


class Spot(NamedTuple):
    """A layer in a document: its place, itself, the list that it stands in and where."""

    place: Place
    item: Any
    holder: list[Any]
    index: int

    @property
    def name(self) -> str:
        """The layer's name."""
        return _name(self.item)

    @property
    def fields(self) -> dict[str, Any]:
        """Its fields, to be changed."""
        return _fields(self.item)

    def at(self, field: str) -> Place:
        """The place of a field."""
        return (*self.place, self.name, field)


Due = tuple[str, Place]
"""The codes of which one is due, and where."""
Mistake = Callable[[Tree, random.Random], Due | None]


def in_a_layer(*, fields: bool = False) -> Callable[[Callable[[Spot, random.Random], Due | None]], Mistake]:
    """Makes a mistake in one of the layers, or of those with fields, out of a mistake in a given one."""

    def made(mistake: Callable[[Spot, random.Random], Due | None]) -> Mistake:
        def drawn(document: Tree, random: random.Random) -> Due | None:
            spots = [spot for spot in _items(document) if spot.name in LAYERS and (spot.fields or not fields)]
            return mistake(random.choice(spots), random) if spots else None

        return drawn

    return made


def _name(item: Any) -> str:
    return item if isinstance(item, str) else next(iter(item))


def _fields(item: Any) -> dict[str, Any]:
    inner = item[_name(item)] if isinstance(item, dict) else None
    return inner if isinstance(inner, dict) else {}


def _unknown_key(document: Tree, random: random.Random) -> Due | None:
    place: Place = random.choice([(), ("data",), ("train",), ("export",), ("data", "split")])
    inner = document
    for part in place:
        inner = inner[part]
    inner["zzz_qqq"] = 1
    return "NS203", (*place, "zzz_qqq")


@in_a_layer(fields=True)
def _unknown_field(spot: Spot, random: random.Random) -> Due | None:
    spot.fields["zzz_qqq"] = 1
    return "NS203", spot.at("zzz_qqq")


@in_a_layer()
def _unknown_layer(spot: Spot, random: random.Random) -> Due | None:
    wrong, item = f"{spot.name}_zzz", spot.item
    renamed = wrong if isinstance(item, str) else {wrong if key == spot.name else key: v for key, v in item.items()}
    spot.holder[spot.index] = renamed
    return "NS206 NS207", spot.place


@in_a_layer(fields=True)
def _wrong_kind(spot: Spot, random: random.Random) -> Due | None:
    field = random.choice(list(spot.fields))
    spot.fields[field] = {"no": {"such": "thing"}}
    return "NS203 NS204 NS205 NS206 NS516", spot.at(field)  # cells name what they may have


@in_a_layer(fields=True)
def _out_of_range(spot: Spot, random: random.Random) -> Due | None:
    schemas = LAYERS[spot.name].model_json_schema(by_alias=False)["properties"]
    least = {field: value for field in spot.fields if (value := _least(schemas.get(field, {}))) is not None}
    if not least:
        return None
    field = random.choice(list(least))
    spot.fields[field] = least[field] - 1
    return "NS205", spot.at(field)


def _least(schema: Schema) -> Any:
    if schema.get("x-netspec") in ("size", "window"):
        return 1
    return schema.get("minimum", schema.get("exclusiveMinimum"))


def _missing(document: Tree, random: random.Random) -> Due | None:
    place: Place = random.choice([("name",), ("model",), ("data", "source")])
    inner = document
    for part in place[:-1]:
        inner = inner[part]
    del inner[place[-1]]
    return "NS202", place[:-1]


def _ends_in_layers(document: Tree) -> list[Any] | None:
    model = document["model"]
    return model["layers"] if "layers" in model and "outputs" not in model else None


def _nowhere(document: Tree, random: random.Random) -> Due | None:
    layers = _ends_in_layers(document)
    if layers is None:
        return None
    layers.append({"add": ["above", "nowhere_at_all"]})
    return "NS303", ("model", "layers", len(layers) - 1)


def _twice(document: Tree, random: random.Random) -> Due | None:
    layers = _ends_in_layers(document)
    if layers is None:
        return None
    layers += [{"identity": None, "name": "same_name"}, {"identity": None, "name": "same_name"}]
    return "NS304", ("model", "layers", len(layers) - 1)


def _does_not_fit(document: Tree, random: random.Random) -> Due | None:
    layers = _ends_in_layers(document)
    if layers is None:
        return None
    layers.append({"reshape": [7919, 104729]})
    return "NS406 NS408", ("model", "layers", len(layers) - 1)


@in_a_layer(fields=True)
def _no_variable(spot: Spot, random: random.Random) -> Due | None:
    field = random.choice(list(spot.fields))
    spot.fields[field] = "$nobody_said"
    return "NS301", spot.at(field)


def _other_version(document: Tree, random: random.Random) -> Due | None:
    document["netspec"] = random.choice([2, 0, "1", 1.5, None, [], True])
    return "NS201", ()


@in_a_layer()
def _two_layers(spot: Spot, random: random.Random) -> Due | None:
    spot.holder[spot.index] = {spot.name: None, random.choice(["relu", "flatten", "dense"]): 3, "tanh": None}
    return "NS207 NS209", spot.place


def _no_such_choice(document: Tree, random: random.Random) -> Due | None:
    train = document["train"]
    key = random.choice([key for key in ("loss", "optimizer", "schedule", "metrics") if key in train] or ["epochs"])
    if key == "epochs" or (key == "loss" and isinstance(train["loss"], dict) and len(train["loss"]) > 1):
        return None
    train[key] = ["zzz_qqq"] if key == "metrics" else "zzz_qqq"
    return "NS206", ("train", key)


def _out_of_the_root(document: Tree, random: random.Random) -> Due | None:
    source = document["data"]["source"]
    kind = next(iter(source))
    source[kind] = random.choice(["../../rows.npz", "/etc/passwd", "~/rows.npz", "a/../../../b", "https://a.b/c", ""])
    return "NS006", ("data", "source", kind)


def _reserved(document: Tree, random: random.Random) -> Due | None:
    layers = _ends_in_layers(document)
    if layers is None:
        return None
    layers.append({"identity": None, "name": random.choice(["above", "input", "Not A Name", "9lives", "a b", ""])})
    return "NS305 NS210 NS304", ("model", "layers", len(layers) - 1)


@in_a_layer(fields=True)
def _starts_a_vector(spot: Spot, random: random.Random) -> Due | None:
    has_bias = "bias_initializer" in LAYERS[spot.name].model_fields and spot.name not in ("rms_norm", "scale")
    if not has_bias or spot.fields.get("use_bias", True) is not True:
        return None
    spot.fields["bias_initializer"] = "orthogonal"
    return "NS205", spot.at("bias_initializer")


_MISTAKES: dict[str, Mistake] = {
    "an unknown key": _unknown_key,
    "an unknown field": _unknown_field,
    "an unknown layer": _unknown_layer,
    "a value of another kind": _wrong_kind,
    "a number out of range": _out_of_range,
    "something missing": _missing,
    "a name that nothing has": _nowhere,
    "a name twice": _twice,
    "a shape that does not fit": _does_not_fit,
    "a variable that is not there": _no_variable,
    "another version": _other_version,
    "several layers in one": _two_layers,
    "no such choice": _no_such_choice,
    "a path out of the root": _out_of_the_root,
    "a name that may not be": _reserved,
    "a vector that starts as a matrix": _starts_a_vector,
}

_WORDS = [
    "netspec", "name", "input", "inputs", "model", "layers", "data", "train", "export", "expect", "vars", "dims", "blocks",
    "residual", "parallel", "repeat", "share", "from", "times", "over", "paths", "merge", "source", "split", "preprocess",
    "loss", "optimizer", "metrics", "outputs", "encoder", "decoder", "gan", "autoencoder", "mlp", "hidden", "units", "above",
    *LAYERS, *ACTIVATIONS, *LOSSES, *METRICS, *OPTIMIZERS, *SCHEDULES, *SOURCES, *TRANSFORMS,
]  # fmt: skip
_SCALARS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, float("inf"), float("nan"), "", " ", "$x", "$(x + 1)",
    "$(", "8k", "1e3", "a" * 300, "\u0000", "\u202e", "é", "../x", "rows.csv", "classes", "time",
)  # fmt: skip


def tree(random: random.Random, depth: int = 0) -> Any:
    """Anything at all, in the words of the language."""
    draw = random.random()
    if depth > 5 or draw < 0.3:
        return random.choice(_SCALARS) if random.random() < 0.5 else random.choice(_WORDS)
    if draw < 0.55:
        return [tree(random, depth + 1) for _ in range(random.randint(0, 4))]
    return {random.choice(_WORDS): tree(random, depth + 1) for _ in range(random.randint(0, 5))}


def grown(document: Tree, random: random.Random) -> Wrong:
    """A valid document with one of its values replaced by anything."""
    changed = copy.deepcopy(document)
    inner: Any = changed
    for _ in range(random.randint(1, 7)):
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        key = random.choice(keys)
        if not (isinstance(inner[key], (dict, list)) and inner[key]) or random.random() < 0.2:
            inner[key] = tree(random, 2)
            break
        inner = inner[key]
    return Wrong("a value replaced", json.dumps(changed))


_TOKENS = (
    "{", "}", "[", "]", ":", ": ", ",", "- ", "'", '"', "\n", "\t", "  ", "#", "&a", "*a", "!!int ", "<<: ", "---\n", "|", ">",
    "$(", "$x", "\\", "\x00", "\x1b[31m", "\ufeff", "\u2028", "é", "0x1F", "1e999", ".nan", "~", "%",
)  # fmt: skip


def scrambled(document: Tree, random: random.Random) -> Wrong:
    """The text of a valid document with some of its letters changed."""
    yaml = random.random() < 0.7
    text = yaml_text(document, random) if yaml else json.dumps(document, indent=random.choice([None, 1]))
    for _ in range(random.randint(1, 4)):
        at, to = random.randint(0, len(text)), random.randint(0, len(text))
        way = random.random()
        if way < 0.4:
            text = text[:at] + random.choice(_TOKENS) + text[at:]
        elif way < 0.6:
            text = text[:at] + text[at + random.randint(1, 5) :]
        elif way < 0.75:
            text = text[:at] + chr(random.choice([0, 9, 31, 127, 255, 0x2028, 0xD7FF, 0x1F600])) + text[at + 1 :]
        elif way < 0.9:
            lines = text.split("\n")
            lines.insert(random.randint(0, len(lines)), random.choice(lines))
            text = "\n".join(lines)
        else:
            text = text[: min(at, to)] + text[max(at, to) :]
    return Wrong("letters changed", text, file="wrong.yaml" if yaml else "wrong.json")


def wrong(document: Tree, random: random.Random) -> Wrong:
    """Some mistake: half of them typed, the others anything."""
    draw = random.random()
    if draw < 0.5:
        found = mutated(document, random)
        if found is not None:
            return found
    if draw < 0.75:
        return scrambled(document, random)
    if draw < 0.9:
        return grown(document, random)
    root = {"netspec": 1, "name": "drawn", **tree_of_sections(random)}
    return Wrong("a tree of anything", json.dumps(root))


def tree_of_sections(random: random.Random) -> Tree:
    """Sections that hold anything."""
    keys = ("input", "inputs", "model", "data", "train", "export", "expect", "vars", "dims", "blocks", "initialize")
    return {key: tree(random, 1) for key in keys if random.random() < 0.6}
