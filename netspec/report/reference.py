"""The reference of the language, generated from the models: `python -m netspec.report.reference`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from netspec.components.augment import AUGMENTS
from netspec.components.canonical import canonical, ordered_fields
from netspec.components.initializers import INITIALIZERS
from netspec.components.layers import activation, attention, conv, core, latent, merge, norm, pool, recurrent
from netspec.components.objectives import LOSSES, METRICS, OPTIMIZERS, SCHEDULES
from netspec.components.sources import SOURCES
from netspec.components.transforms import TRANSFORMS
from netspec.report.canonical import as_yaml
from netspec.spec.families import FAMILIES
from netspec.spec.load import SECTIONS
from netspec.spec.section import Section

_LAYER_FAMILIES = {
    "Core": core.LAYERS,
    "Activations and element-wise functions": activation.LAYERS,
    "Convolution": conv.LAYERS,
    "Pooling and resizing": pool.LAYERS,
    "Normalisation": norm.LAYERS,
    "Merging": merge.LAYERS,
    "Recurrence": recurrent.LAYERS,
    "Attention": attention.LAYERS,
    "Latent codes": latent.LAYERS,
}
_CATALOGUES: dict[str, tuple[str, Mapping[str, type[BaseModel]]]] = {
    "Sources": ("`data.source` is one of these.", SOURCES),
    "Preprocessing steps": (
        "Under `data.preprocess`, by input, column or kind.",
        TRANSFORMS,
    ),
    "Augmentations": ("`data.augment` lists them; they change training batches inside the compiled step.", AUGMENTS),
    "Losses": ("`train.loss`, or one for each output by name.", LOSSES),
    "Optimizers": ("`train.optimizer`: optax's names and defaults.", OPTIMIZERS),
    "Schedules": ("`train.schedule`; lengths are epochs.", SCHEDULES),
    "Metrics": ("`train.metrics`; their figures are called `<part>_<metric>`.", METRICS),
    "Initializers": ("For every field that ends in `_initializer`.", INITIALIZERS),
}
_HEAD = """# The netspec language, version 1

Generated from the models by `python -m netspec.report.reference`; do not edit by hand.

A spec is one YAML or JSON file. `netspec: 1`, `name`, `input` (or `inputs`) and `model` are required; `data` and
`train` make it trainable. Sizes are whole numbers (`8k`, `2M`), or names that the data bind. `$name` is a
variable of `vars`, `$(width * 2)` is arithmetic. Where a field has a *short form*, its value may stand alone:
`dense: 10` is `dense: {units: 10}`. Anything chosen by name is a name, or one key with its value:
`activation: relu`, `activation: {leaky_relu: 0.2}`.

## Layers

Each item of `model.layers` is a layer's name, or its name with its value; beside it may stand `name` and `from`
(a layer or input that stands above; `above` is the layer above). `residual: [layers]` adds its input to its
result (`{layers: ..., shortcut: project}` where shapes differ), `parallel: {paths: {a: [...], b: [...]}, merge: concat}`
sends one tensor down several paths.

`repeat: {times: 3, layers: [...]}` stands for the layers three times over, `repeat: {over: {width: [64, 128]}, layers: [...]}`
once for each value of `$width`. A block of `blocks:` has `vars`, perhaps `inputs`, and `layers`; it is called by its name,
`- bottleneck: {filters: 64}`, and `remat: true` in it computes its inner values again in the backward pass instead of
keeping them. `share: NAME` runs another layer or block again with the same weights.

A size may be a name: `input: [time, 12]` takes sequences of any length, `dense: classes` takes the number from the data.
`dims` bounds them (`dims: {time: {min: 4, max: 512, multiple_of: 8}}`). Sequences of unequal lengths are filled up in each
batch; their lengths travel along, so that no layer, loss or metric sees the filling, in training and in the exported file.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD]
    for title, layers in _LAYER_FAMILIES.items():
        parts += [f"### {title}\n", *(_component(layer) for layer in layers)]
    parts += [
        "## Families\n",
        "Short forms under `model:` that expand to layers.\n",
        *(_component(f) for f in FAMILIES.values()),
    ]
    parts += ["## Sections\n", *(_section(name, section) for name, section in SECTIONS.items())]
    for title, (words, catalogue) in _CATALOGUES.items():
        parts += [f"## {title}\n", words + "\n", *(_component(each) for each in catalogue.values())]
    return "\n".join(parts)


def _component(component: type[BaseModel]) -> str:
    prose, example = _documentation(component)
    short = getattr(component, "short", None)
    lines = [f"#### `{getattr(component, 'type', component.__name__)}`\n", prose + "\n"]
    lines += _table(component, short)
    if example:
        lines += ["```yaml", example, "```\n"]
    return "\n".join(lines)


def _section(name: str, section: type[Section]) -> str:
    prose, _ = _documentation(section)
    lines = [f"### `{name}`\n", prose + "\n", *_table(section, None)]
    for field, info in section.model_fields.items():
        inner = _inner(info)
        if inner is not None:
            lines += [f"#### `{name}.{field}`\n", _documentation(inner)[0] + "\n", *_table(inner, None)]
    return "\n".join(lines)


def _inner(info: FieldInfo) -> type[Section] | None:
    candidates = [info.annotation, *getattr(info.annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, Section)), None)


def _documentation(component: type[BaseModel]) -> tuple[str, str]:
    """A docstring's prose, and its YAML example."""
    text = inspect.cleandoc(component.__doc__ or "")
    match = re.search(r"```yaml\n(.*?)\n```", text, re.DOTALL)
    return re.sub(r"\n*```yaml\n.*?\n```", "", text, flags=re.DOTALL).strip(), match[1] if match else ""


def _table(component: type[BaseModel], short: str | None) -> Iterable[str]:
    if not component.model_fields:
        return
    yield "| field | default | |"
    yield "|---|---|---|"
    for name, info in ordered_fields(component).items():
        shown = f"`{info.alias or name}`" + (" *(short form)*" if name == short else "")
        yield f"| {shown} | {_default(info)} | {info.description or ''} |"
    yield ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value: Any = info.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined or value == ():
        return ""
    plain = canonical(value)
    if isinstance(plain, dict) and len(plain) == 1 and isinstance(next(iter(plain.values())), dict):
        return f"`{next(iter(plain))}`"
    if isinstance(plain, dict):
        return "see below"
    return f"`{as_yaml([plain]).strip().removeprefix('- ')}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
