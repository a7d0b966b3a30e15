"""The model of a spec as a tree of items: what is left when every shorthand is expanded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar

from netspec.components.layers import Layer
from netspec.diagnostics import Path
from netspec.spec.scopes import Scope
from netspec.tensor import TensorType

S = TypeVar("S", bound=Scope)


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
class ScopeItem:
    """A scope with its layers, once for every time that they were read: each round of variables has its own.

    `called` where it stands for the call of a block of the file.
    """

    path: Path
    rounds: tuple[Scope, ...]
    name: str | None = None
    sources: tuple[str, ...] | None = None
    called: bool = False

    @property
    def scope(self) -> Scope:
        """The scope, with the layers of its first round."""
        return self.rounds[0]

    def rounds_of(self, kind: type[S]) -> tuple[S, ...]:
        """The rounds of a scope of a kind."""
        return tuple(scope for scope in self.rounds if isinstance(scope, kind))

    @property
    def type(self) -> str:
        """What automatic names begin with."""
        return self.scope.word


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


Item: TypeAlias = LayerItem | ScopeItem
