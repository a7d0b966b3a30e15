"""The canonical form of a spec: every shorthand expanded, every default written; a fixed point."""

from __future__ import annotations

from typing import Any

from netspec.components.canonical import canonical, fields
from netspec.spec.items import Item, LayerItem, ParallelItem
from netspec.spec.load import SECTIONS, Spec
from netspec.tensor import Formula, TensorType


def expanded(spec: Spec) -> dict[str, Any]:
    """The spec as plain data that reads back to an equal spec."""
    document: dict[str, Any] = {"netspec": 1, "name": spec.name}
    if spec.description:
        document["description"] = spec.description
    if spec.dims:
        document["dims"] = {name: fields(dim) for name, dim in spec.dims.items()}
    document["inputs"] = {name: _input(tensor) for name, tensor in spec.inputs.items()}
    document["model"] = {"layers": [_item(item) for item in spec.items]}
    if spec.outputs is not None:
        document["model"]["outputs"] = list(spec.outputs)
    for key in SECTIONS:
        section = getattr(spec, key)
        if section is not None:
            document[key] = _section(section)
    return _escaped(document)


def _input(tensor: TensorType) -> dict[str, Any]:
    shape = [str(dim) if isinstance(dim, Formula) else dim for dim in tensor.shape]
    found: dict[str, Any] = {"shape": shape, "dtype": tensor.dtype.value}
    if tensor.vocabulary is not None:
        found["vocabulary"] = canonical(tensor.vocabulary)
    return found


def _item(item: Item) -> dict[str, Any]:
    found: dict[str, Any]
    if isinstance(item, LayerItem):
        assert item.layer is not None, "only a spec without errors has a canonical form"
        found = canonical(item.layer)
    elif isinstance(item, ParallelItem):
        paths = {name: [_item(inner) for inner in body] for name, body in item.paths}
        merge = fields(item.merge)
        merge.pop("inputs", None)
        found = {"parallel": {"paths": paths, "merge": {item.merge.type: merge} if merge else item.merge.type}}
    else:
        residual: dict[str, Any] = {"layers": [_item(inner) for inner in item.body]}
        if isinstance(item.shortcut, tuple):
            residual["shortcut"] = [_item(inner) for inner in item.shortcut]
        elif item.shortcut == "project":
            residual["shortcut"] = "project"
        found = {"residual": residual}
    if item.name:
        found["name"] = item.name
    if item.sources and not (
        isinstance(item, LayerItem) and item.layer is not None and "inputs" in type(item.layer).model_fields
    ):
        found["from"] = item.sources[0] if len(item.sources) == 1 else list(item.sources)
    return found


def _section(section: Any) -> dict[str, Any]:
    return {key: value for key, value in fields(section).items() if value != {} and value != []}


def _escaped(value: Any) -> Any:
    """A dollar in a text is written `$$`, for the text is read again."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return value
