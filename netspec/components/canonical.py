"""Components as plain data: every default spelled out, the same for every way of writing a spec."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from netspec.components.base import Component
from netspec.tensor import Formula


def canonical(value: object) -> Any:
    """Plain data for a component (`{type: fields}`), a section (its fields) or a value."""
    if isinstance(value, Component) and value.type:
        return {value.type: fields(value)}
    if isinstance(value, BaseModel):
        return fields(value)
    if isinstance(value, Mapping):
        return {key: canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    if isinstance(value, Formula):
        return str(value)
    return value.value if isinstance(value, Enum) else value


def fields(model: BaseModel) -> dict[str, Any]:
    """A model's fields under the names that a spec uses; what is not set stays out."""
    return {
        info.alias or name: canonical(value)
        for name, info in ordered_fields(type(model)).items()
        if (value := getattr(model, name)) is not None
    }


def ordered_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields as people think of them: its own first, then what it shares with others."""
    found: dict[str, FieldInfo] = {}
    for cls in model.__mro__:
        own = inspect.get_annotations(cls)
        found |= {name: info for name, info in model.model_fields.items() if name in own and name not in found}
    return found
