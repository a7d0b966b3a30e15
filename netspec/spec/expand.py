"""The canonical form of a spec: every shorthand expanded, every default written; a fixed point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netspec.components.canonical import canonical, fields
from netspec.components.layers import Merge
from netspec.spec.composites import Model
from netspec.spec.items import BlockItem, Item, LayerItem, ParallelItem, RepeatItem, ResidualItem
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
    document["model"] = _model(spec.model)
    for key in SECTIONS:
        section = spec.training if key == "train" else getattr(spec, key)
        if section is not None:
            document[key] = _section(section)
    return {key: value if key == "description" else _escaped(value) for key, value in document.items()}


def _model(model: Model) -> dict[str, Any]:
    """The layers, or a composite with its lists of layers; families have become layers."""
    if model.composite is None:
        ((_, net),) = model.networks.items()
        found: dict[str, Any] = {"layers": _items(net.items)}
    else:
        own = fields(model.composite)
        found = {model.composite.type: {**own, **{part: _items(body) for part, body in (model.bodies or {}).items()}}}
    if model.outputs is not None:
        found["outputs"] = list(model.outputs)
    return found


def _input(tensor: TensorType) -> dict[str, Any]:
    shape = [str(dim) if isinstance(dim, Formula) else dim for dim in tensor.shape]
    found: dict[str, Any] = {"shape": shape, "dtype": tensor.dtype.value}
    if tensor.vocabulary is not None:
        found["vocabulary"] = canonical(tensor.vocabulary)
    return found


def _item(item: Item) -> dict[str, Any]:
    found = _framed(item)
    if item.name:
        found["name"] = item.name
    if item.sources and not (isinstance(item, LayerItem) and isinstance(item.layer, Merge)):
        found["from"] = item.sources[0] if len(item.sources) == 1 else list(item.sources)
    return found


def _items(items: Sequence[Item]) -> list[dict[str, Any]]:
    return [_item(item) for item in items]


def _framed(item: Item) -> dict[str, Any]:
    """An item without its siblings."""
    if isinstance(item, LayerItem):
        assert item.layer is not None, "only a spec without errors has a canonical form"
        found: dict[str, Any] = canonical(item.layer)
        return found
    if isinstance(item, ParallelItem):
        merge = fields(item.merge)
        merge.pop("inputs", None)
        paths = {name: _items(body) for name, body in item.paths}
        return {"parallel": {"paths": paths, "merge": {item.merge.type: merge} if merge else item.merge.type}}
    if isinstance(item, ResidualItem):
        residual: dict[str, Any] = {"layers": _items(item.body)}
        if item.shortcut != "identity":
            residual["shortcut"] = "project" if item.shortcut == "project" else _items(item.shortcut)
        return {"residual": residual}
    if isinstance(item, BlockItem):
        return _block(item.type, _items(item.body), item.inputs, item.remat)
    if isinstance(item, RepeatItem):
        return _repeat(item)
    return {"share": item.target}


def _block(kind: str, layers: list[Any], inputs: Sequence[str] = (), remat: bool = False) -> dict[str, Any]:
    """A call of a block is a block in place, without variables; its type keeps the automatic names."""
    block: dict[str, Any] = {"type": kind, "layers": layers}
    if inputs:
        block["inputs"] = list(inputs)
    if remat:
        block["remat"] = True
    return {"block": block}


def _repeat(item: RepeatItem) -> dict[str, Any]:
    """Equal rounds stay a `repeat`; those of `over` become blocks of the same names."""
    if item.uniform:
        return {"repeat": {"times": len(item.rounds), "layers": _items(item.rounds[0])}}
    return _block("repeat", [_block("round", _items(body)) for body in item.rounds])


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
