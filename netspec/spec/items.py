"""The model of a spec as a tree of items: what is left when every shorthand is expanded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from netspec.components.layers import Layer, Merge
from netspec.diagnostics import Path


class Origin(NamedTuple):
    """Where an item was written, and for what a block holds, where it was called from."""

    path: Path
    calls: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class LayerItem:
    """One layer. `layer` is None where its fields were wrong: its output is unknown then."""

    origin: Origin
    type: str
    layer: Layer | None
    name: str | None = None
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class ResidualItem:
    """`y = x + f(x)`; the shortcut is nothing, a projection where shapes differ, or layers."""

    origin: Origin
    body: tuple[Item, ...]
    shortcut: Literal["identity", "project"] | tuple[Item, ...] = "identity"
    name: str | None = None
    sources: tuple[str, ...] | None = None
    type: str = "residual"


@dataclass(frozen=True, eq=False)
class ParallelItem:
    """Several named paths from one tensor, merged."""

    origin: Origin
    paths: tuple[tuple[str, tuple[Item, ...]], ...]
    merge: Merge
    name: str | None = None
    sources: tuple[str, ...] | None = None
    type: str = "parallel"


Item: TypeAlias = LayerItem | ResidualItem | ParallelItem
