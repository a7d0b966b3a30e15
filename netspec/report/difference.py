"""What changes from one spec to another, as a reviewer wants to know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netspec.components.canonical import fields
from netspec.graph import Node, Program
from netspec.report.summary import shape, sums
from netspec.report.table import short, size
from netspec.spec import Spec
from netspec.spec.expand import expanded
from netspec.tensor import Dim

Pair = tuple[Any, Any]


@dataclass(frozen=True)
class Changed:
    """A layer that is in both: fields and outputs that differ, as (old, new)."""

    type: Pair
    fields: Mapping[str, Pair]
    inputs: Pair | None
    output: Pair | None


@dataclass(frozen=True)
class Difference:
    """Everything that differs between two specs."""

    names: Pair
    added: Mapping[str, Node]
    removed: Mapping[str, Node]
    changed: Mapping[str, Changed]
    costs: Mapping[str, Pair]
    weights: Mapping[str, list[str]]
    settings: Mapping[str, Pair]
    outputs: Pair = field(default=({}, {}))

    @property
    def is_empty(self) -> bool:
        """Whether the two are the same but for their text."""
        return not (self.added or self.removed or self.changed or self.settings or self.outputs[0] != self.outputs[1])

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": list(self.names),
            "layers": {
                "added": {name: node.op.type for name, node in self.added.items()},
                "removed": {name: node.op.type for name, node in self.removed.items()},
                "changed": {name: _changed_json(change) for name, change in self.changed.items()},
            },
            "outputs": list(self.outputs),
            **{name: list(pair) for name, pair in self.costs.items()},
            "weights": dict(self.weights),
            "settings": {name: list(pair) for name, pair in self.settings.items()},
        }


def _changed_json(change: Changed) -> dict[str, Any]:
    found: dict[str, Any] = {name: list(pair) for name, pair in change.fields.items()}
    return {
        "fields": found,
        **({"type": list(change.type)} if change.type[0] != change.type[1] else {}),
        **({"inputs": list(change.inputs)} if change.inputs else {}),
        **({"output": list(change.output)} if change.output else {}),
    }


def difference(old: tuple[Spec, Program], new: tuple[Spec, Program]) -> Difference:
    """What changes from `old` to `new`."""
    (old_spec, old_program), (new_spec, new_program) = old, new
    before, after = _nodes(old_program), _nodes(new_program)
    both = [name for name in after if name in before]
    changed = {name: change for name in both if (change := _compared(before[name], after[name])) is not None}
    return Difference(
        (old_spec.name, new_spec.name),
        {name: node for name, node in after.items() if name not in before},
        {name: node for name, node in before.items() if name not in after},
        changed,
        _costs(old, new),
        _weights(old_program, new_program),
        _settings(old_spec, new_spec),
        (_outputs(old_program), _outputs(new_program)),
    )


def _nodes(program: Program) -> dict[str, Node]:
    several = len(program.graphs) > 1
    return {
        f"{graph.name}.{node.name}" if several else node.name: node for graph in program.graphs.values() for node in graph.nodes
    }


def _outputs(program: Program) -> dict[str, Any]:
    return {name: shape(type.shape) for name, type in program.main.output_types.items()}


def _compared(old: Node, new: Node) -> Changed | None:
    before, after = fields(old.op), fields(new.op)
    changes = {key: (before.get(key), after.get(key)) for key in [*before, *after] if before.get(key) != after.get(key)}
    inputs = ([port.node for port in old.inputs], [port.node for port in new.inputs])
    output = (shape(old.output.shape), shape(new.output.shape))
    moved, reshaped = inputs[0] != inputs[1], output[0] != output[1]
    if not changes and not moved and not reshaped and old.op.type == new.op.type:
        return None
    types = (old.op.type, new.op.type)
    return Changed(types, changes, inputs if moved else None, output if reshaped else None)


def _costs(old: tuple[Spec, Program], new: tuple[Spec, Program]) -> dict[str, Pair]:
    before, after = sums(*old), sums(*new)
    trainable = (before["parameters"]["trainable"], after["parameters"]["trainable"])
    return {"parameters": trainable, **{name: (before[name], after[name]) for name in ("flops", "memory_bytes")}}


def _weights(old: Program, new: Program) -> dict[str, list[str]]:
    """Which trained weights would still load: those of the same name and shape."""
    before, after = (
        {name: shape(weight.shape) for graph in program.graphs.values() for name, weight in graph.weights()}
        for program in (old, new)
    )
    return {
        "load": [name for name, sizes in after.items() if before.get(name) == sizes],
        "reshaped": [name for name, sizes in after.items() if name in before and before[name] != sizes],
        "new": [name for name in after if name not in before],
        "gone": [name for name in before if name not in after],
    }


def _settings(old: Spec, new: Spec) -> dict[str, Pair]:
    """Every field outside of the model that differs, by its path."""
    before, after = (_flat({k: v for k, v in expanded(spec).items() if k != "model"}) for spec in (old, new))
    return {key: (before.get(key), after.get(key)) for key in [*before, *after] if before.get(key) != after.get(key)}


def _flat(data: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(data, dict) or not data:
        return {path: data}
    return {k: v for key, item in data.items() for k, v in _flat(item, f"{path}.{key}" if path else key).items()}


def as_text(found: Difference) -> str:
    """For a terminal: what was added `+`, removed `-` and changed `~`."""
    if found.is_empty:
        return "the two mean the same\n"
    lines = [f"+ {name}  {node.op.type} {node.output}" for name, node in found.added.items()]
    lines += [f"- {name}  {node.op.type} {node.output}" for name, node in found.removed.items()]
    lines += [f"~ {name}  {_told(change)}" for name, change in found.changed.items()]
    lines += [f"~ {path}  {_value(old)} -> {_value(new)}" for path, (old, new) in found.settings.items()]
    lines += ["", *(f"{name:<12}{told}" for name, told in _cost_lines(found)), f"{'weights':<12}{_weights_told(found)}"]
    return "\n".join(lines).lstrip("\n") + "\n"


def as_markdown(found: Difference) -> str:
    """For a pull request's comment."""
    if found.is_empty:
        return "The two specs mean the same.\n"
    rows = [f"| added | `{name}` | {node.op.type} {node.output} |" for name, node in found.added.items()]
    rows += [f"| removed | `{name}` | {node.op.type} {node.output} |" for name, node in found.removed.items()]
    rows += [f"| changed | `{name}` | {_cell(_told(change))} |" for name, change in found.changed.items()]
    rows += [f"| set | `{path}` | {_cell(f'{_value(old)} → {_value(new)}')} |" for path, (old, new) in found.settings.items()]
    costs = [f"| {name} | {told} |" for name, told in _cost_lines(found)]
    names = dict.fromkeys(f"`{name}`" for name in found.names)
    head = ["### " + " → ".join(names), "", "| | layer or field | |", "|---|---|---|"]
    return "\n".join([*head, *rows, "", "| | |", "|---|---|", *costs, f"| weights | {_weights_told(found)} |", ""])


def _cell(text: str) -> str:
    """Text that cannot end its cell, nor start markup of its own."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _told(change: Changed) -> str:
    parts = [f"{change.type[0]} -> {change.type[1]}"] if change.type[0] != change.type[1] else []
    parts += [f"{name} {_value(old)} -> {_value(new)}" for name, (old, new) in change.fields.items()]
    if change.inputs:
        parts.append(f"reads {', '.join(change.inputs[0])} -> {', '.join(change.inputs[1])}")
    if change.output:
        parts.append(f"{_value(change.output[0])} -> {_value(change.output[1])}")
    return ", ".join(parts)


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cost_lines(found: Difference) -> list[tuple[str, str]]:
    lines = []
    for name, (old, new) in found.costs.items():
        text = size if name == "memory_bytes" else _figure
        told = text(old) if old == new else f"{text(old)} -> {text(new)}{_share(old, new)}"
        lines.append((name.removesuffix("_bytes"), told))
    return lines


def _figure(value: Dim | str) -> str:
    if isinstance(value, int):
        return f"{value:,}" if value < 10**6 else f"{value:,} ({short(value)})"
    return str(value)


def _share(old: Any, new: Any) -> str:
    if not isinstance(old, int) or not isinstance(new, int) or not old:
        return ""
    change = 100 * (new - old) / old
    return f" ({change:+.3g}%)"


def _weights_told(found: Difference) -> str:
    counts = {kind: len(names) for kind, names in found.weights.items()}
    total = counts["load"] + counts["reshaped"] + counts["new"]
    told = f"{counts['load']} of {total} still load"
    rest = [
        f"{counts[kind]} {word}" for kind, word in (("reshaped", "reshaped"), ("new", "new"), ("gone", "gone")) if counts[kind]
    ]
    return told + (f" ({', '.join(rest)})" if rest else "")
