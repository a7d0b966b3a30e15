"""The names that can be seen from one place of a network, and what they stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from netspec.diagnostics import Path
from netspec.graph.ir import Port
from netspec.spec.items import Item


class Place(NamedTuple):
    """Where an item stands: its full name, the name that its weights go by, and what it stands inside of."""

    name: str = ""
    weights: str = ""
    """Another's name, where the item shares weights."""
    remat: str | None = None
    """The block that is computed again in the backward pass."""
    share: Path | None = None
    """The `share` that has put the item here."""

    def inside(self, own: str) -> Place:
        """The place of something of this item's own."""
        return self._replace(name=_below(self.name, own), weights=_below(self.weights, own))


ROOT = Place()
"""What the outermost items stand in."""


class Placed(NamedTuple):
    """A named item that stands in the network: where, and the scope inside that others may look into."""

    item: Item
    place: Place
    scope: Scope
    inner: Scope | None


@dataclass(eq=False)
class Scope:
    """The names of one scope; inside sees outward."""

    at: Place = ROOT
    parent: Scope | None = None
    ports: dict[str, Port] = field(default_factory=dict)
    placed: dict[str, Placed] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    later: frozenset[str] = frozenset()

    def inner(self, place: Place, later: frozenset[str] = frozenset()) -> Scope:
        """A scope inside this one, for the item at a place."""
        return Scope(place, self, later=later)

    def find(self, name: str) -> Port | None:
        """The port called `name` here or further out; `conv4.trunk` looks into the named block `conv4`."""
        head, *rest = name.split(".")
        scope: Scope | None = self._holding(head)
        if not rest:
            return scope.ports[head] if scope else None
        for step in rest:
            placed = scope.placed.get(head) if scope else None
            scope, head = (placed.inner if placed else None), step
        return scope.ports.get(head) if scope else None

    def find_placed(self, name: str) -> Placed | None:
        """The item called `name`, here or further out."""
        head, *rest = name.split(".")
        scope = self._holding(head)
        found = scope.placed.get(head) if scope else None
        for step in rest:
            found = found.inner.placed.get(step) if found and found.inner else None
        return found

    def _holding(self, name: str) -> Scope | None:
        scope: Scope | None = self
        while scope is not None and name not in scope.ports:
            scope = scope.parent
        return scope

    def visible(self) -> list[str]:
        """Every name that could have been meant."""
        inside = [f"{name}.{own}" for name, placed in self.placed.items() if placed.inner for own in placed.inner.ports]
        return [*self.ports, *inside, *(self.parent.visible() if self.parent else [])]

    def is_later(self, name: str) -> bool:
        """Whether a layer of that name stands further below."""
        return name in self.later or (self.parent is not None and self.parent.is_later(name))

    def automatic(self, kind: str) -> str:
        """The next automatic name: `conv2d_2` is the second conv2d of the scope."""
        while True:
            self.counts[kind] += 1
            name = f"{kind}_{self.counts[kind]}"
            if name not in self.ports and name not in self.later:
                return name

    def place(self, own: str) -> Place:
        """The place of an item of this scope."""
        return self.at.inside(own)


def _below(outer: str, own: str) -> str:
    return f"{outer}.{own}" if outer else own


def names_of(items: Iterable[Item]) -> frozenset[str]:
    """The names that a list of items gives."""
    return frozenset(item.name for item in items if item.name)
