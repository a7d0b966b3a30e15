"""The reference of the language, generated from its registry: `python -m netspec.report.reference`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from netspec.components.base import Component
from netspec.components.canonical import canonical, ordered_fields
from netspec.components.layers import GROUPS
from netspec.report.canonical import as_yaml
from netspec.spec.language import KINDS, SECTIONS, Kind, SpecFile, sections_in, top_level
from netspec.spec.networks import NETWORKS

_HEAD = """# The netspec language, version 1

Generated from the models by `python -m netspec.report.reference`; do not edit by hand.

A spec is one YAML or JSON file. `netspec: 1`, `name`, `input` (or `inputs`) and `model` are required; `data` and
`train` make it trainable. Sizes are whole numbers (`8k`, `2M`), or names that the data bind. `$name` is a
variable of `vars`, `$(width * 2)` is arithmetic. Where a field has a *short form*, its value may stand alone:
`dense: 10` is `dense: {units: 10}`. Anything chosen by name is a name, or one key with its value:
`activation: relu`, `activation: {leaky_relu: 0.2}`.

Each item of a list of layers is a layer's name, or its name with its value; beside it may stand `name` and `from`
(a layer or input that stands above; `above` is the layer above; several are a list). A block of `blocks` is called by
its name: `- bottleneck: {filters: 64}`.

A size may be a name: `input: [time, 12]` takes sequences of any length, `dense: classes` takes the number from the data.
`dims` bounds them (`dims: {time: {min: 4, max: 512, multiple_of: 8}}`). Sequences of unequal lengths are filled up in each
batch; their lengths travel along, so that no layer, loss or metric sees the filling, in training and in the exported file.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    parts = [_HEAD, "## The keys of a file\n", *_table(SpecFile, None, more=_section_rows())]
    for key in ("dims", "input", "blocks", "model"):
        parts += _section(key, top_level()[key][0], "###")
    for kind in KINDS.values():
        parts += _kind(kind)
    parts.append("## Sections\n")
    for key in SECTIONS:
        common, *others = top_level()[key]
        parts += _section(key, common, "###")
        for other in others:
            kinds = " or ".join(f"`{word}`" for word, network in NETWORKS.items() if network.training is other)
            parts += _section(key, other, "###", f" of a {kinds}")
    return "\n".join(parts).rstrip("\n") + "\n"


def _section_rows() -> Iterator[str]:
    for key, section in SECTIONS.items():
        yield f"| `{key}` |  | {_documentation(section)[0].splitlines()[0]} |"


def _kind(kind: Kind) -> Iterator[str]:
    yield f"## {kind.title}\n"
    yield kind.where + "\n"
    if kind.of_layers:
        yield ", ".join(f"`{word}`" for word in kind.catalogue) + "\n"
    elif kind.name == "layer":
        for title, layers in GROUPS.items():
            yield f"### {title}\n"
            for layer in layers:
                yield from _component(layer)
    else:
        for component in kind.catalogue.values():
            yield from _component(component)
    inside = {} if kind.of_layers else {each: at for at, each in _inside(kind)}
    for section, path in inside.items():
        yield from _section(path, section, "####")


def _inside(kind: Kind) -> Iterator[tuple[str, type[BaseModel]]]:
    """The sections that stand in fields of components; one that many layers share goes by the field alone."""
    for word, component in kind.catalogue.items():
        for field, section in sections_in(component):
            yield (field if kind.name == "layer" else f"{word}.{field}"), section


def _component(component: type[Component]) -> Iterator[str]:
    prose, example = _documentation(component)
    yield f"#### `{component.type}`\n"
    yield prose + "\n"
    yield from _table(component, component.short)
    if example:
        yield f"```yaml\n{example}\n```\n"


def _section(path: str, section: type[BaseModel], level: str, suffix: str = "") -> Iterator[str]:
    """A section, and those inside it."""
    prose, example = _documentation(section)
    yield f"{level} `{path}`{suffix}\n"
    yield prose + "\n"
    yield from _table(section, getattr(section, "short", None))
    if example:
        yield f"```yaml\n{example}\n```\n"
    for field, inner in sections_in(section):
        yield from _section(f"{path}.{field}", inner, "####", suffix)


def _documentation(component: type[BaseModel]) -> tuple[str, str]:
    """A docstring's prose, and its YAML example."""
    text = inspect.cleandoc(component.__doc__ or "")
    match = re.search(r"```yaml\n(.*?)\n```", text, re.DOTALL)
    return re.sub(r"\n*```yaml\n.*?\n```", "", text, flags=re.DOTALL).strip(), match[1] if match else ""


def _table(component: type[BaseModel], short: str | None, more: Iterable[str] = ()) -> Iterator[str]:
    if not component.model_fields:
        return
    yield "| field | default | |"
    yield "|---|---|---|"
    for name, info in ordered_fields(component).items():
        shown = f"`{info.alias or name}`" + (" *(short form)*" if name == short else "")
        yield f"| {shown} | {_default(info)} | {info.description or ''} |"
    yield from more
    yield ""


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value: Any = info.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined or value in ((), {}):
        return ""
    plain = canonical(value)
    if isinstance(plain, dict) and len(plain) == 1 and isinstance(next(iter(plain.values())), dict):
        return f"`{next(iter(plain))}`"
    if isinstance(plain, dict):
        return "see below"
    return f"`{as_yaml([plain]).strip().removeprefix('- ')}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
