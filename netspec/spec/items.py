"""The model of a spec as a tree of items: what is left when every shorthand is expanded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from netspec.components.layers import Layer, Merge
from netspec.diagnostics import Path
from netspec.tensor import TensorType


class Origin(NamedTuple):
    """Where a node was written, and for what a block holds, where it was called from (outermost first)."""

    path: Path
    calls: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class LayerItem:
    """One layer. `layer` is None where its fields were wrong: its output is unknown then."""

    path: Path
    type: str
    layer: Layer | None
    name: str | None = None
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class ResidualItem:
    """`y = x + f(x)`; the shortcut is nothing, a projection where shapes differ, or layers."""

    path: Path
    body: tuple[Item, ...]
    shortcut: Literal["identity", "project"] | tuple[Item, ...] = "identity"
    name: str | None = None
    sources: tuple[str, ...] | None = None
    type: str = "residual"


@dataclass(frozen=True, eq=False)
class ParallelItem:
    """Several named paths from one tensor, merged."""

    path: Path
    paths: tuple[tuple[str, tuple[Item, ...]], ...]
    merge: Merge
    name: str | None = None
    sources: tuple[str, ...] | None = None
    type: str = "parallel"


@dataclass(frozen=True, eq=False)
class BlockItem:
    """Layers as a scope of their own: a call of a block of the file, whose name is `type`, or a `block` in place.

    `inputs` are the names that the call's sources have inside; without them the first layer reads the source.
    """

    path: Path
    type: str
    body: tuple[Item, ...]
    inputs: tuple[str, ...] = ()
    remat: bool = False
    called: bool = False
    name: str | None = None
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class RepeatItem:
    """Layers several times over, each round with its own weights; `uniform` where the rounds are the same layers."""

    path: Path
    rounds: tuple[tuple[Item, ...], ...]
    uniform: bool
    name: str | None = None
    sources: tuple[str, ...] | None = None
    type: str = "repeat"


@dataclass(frozen=True, eq=False)
class ShareItem:
    """The item called `target` once more: the same weights and statistics on another input."""

    path: Path
    target: str
    name: str | None = None
    sources: tuple[str, ...] | None = None
    type: str = "share"


@dataclass(frozen=True, eq=False)
class Net:
    """One network of the model: what goes in, its items, and the names of what comes out (by default its last item).

    `prefix` is the scope that all its names begin with, where there are several networks.
    """

    inputs: Mapping[str, TensorType]
    items: tuple[Item, ...]
    path: Path
    outputs: tuple[str, ...] | None = None
    prefix: str = ""


Item: TypeAlias = LayerItem | ResidualItem | ParallelItem | BlockItem | RepeatItem | ShareItem
