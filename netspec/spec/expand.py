"""The canonical form of a spec: every shorthand expanded, every default written; a fixed point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netspec.components.base import Component
from netspec.components.canonical import canonical, fields, ordered_fields
from netspec.components.layers import Merge
from netspec.spec.fields import layer_fields
from netspec.spec.items import Item, ScopeItem
from netspec.spec.load import Spec
from netspec.spec.networks import Model
from netspec.spec.scopes import Block, Scope
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
    document |= {key: _section(section) for key, section in spec.sections.items()}
    return {key: value if key == "description" else _escaped(value) for key, value in document.items()}


def _model(model: Model) -> dict[str, Any]:
    """The network with its lists of layers; families have become layers."""
    found = _worded(model.network.canonical(model.networks))
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
    """An item with its siblings."""
    merges = False
    if isinstance(item, ScopeItem):
        found = _worded(_without_variables(item))
    else:
        assert item.layer is not None, "only a spec without errors has a canonical form"
        merges = isinstance(item.layer, Merge)
        found = dict(canonical(item.layer))
    if item.name:
        found["name"] = item.name
    if item.sources and not merges:
        found["from"] = item.sources[0] if len(item.sources) == 1 else list(item.sources)
    return found


def _worded(holder: Component) -> dict[str, Any]:
    """What holds layers: its word with its fields; a field that is all there is stands alone."""
    own = ordered_fields(type(holder))
    found = {info.alias or name: _plain(name, getattr(holder, name), holder) for name, info in own.items()}
    # What a scope leaves empty stays out, as it always did: resolved specs of older runs compare equal.
    found = {name: value for name, value in found.items() if value or not (value is None or isinstance(holder, Scope))}
    return {holder.type: found[holder.short] if holder.short and list(own) == [holder.short] else found}


def _without_variables(item: ScopeItem) -> Scope:
    """The scope; rounds that differ in their variables become blocks, which give the same names."""
    if item.scope.rounds() is None:
        return item.scope
    layers = [getattr(scope, name) for scope in item.rounds for name in layer_fields(type(scope))]
    rounds = tuple(ScopeItem(item.path, (Block.called("round", body),)) for body in layers)
    return Block.called(item.type, rounds)


def _plain(name: str, value: Any, holder: Component) -> Any:
    """A field's value as plain data."""
    if name in layer_fields(type(holder)) and not isinstance(value, str | None):
        return {key: _items(body) for key, body in value.items()} if isinstance(value, Mapping) else _items(value)
    if isinstance(value, Merge):
        merge = {key: each for key, each in fields(value).items() if key != value.short}
        return {value.type: merge} if merge else value.type
    return canonical(value)


def _items(items: Sequence[Item]) -> list[dict[str, Any]]:
    return [_item(item) for item in items]


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
