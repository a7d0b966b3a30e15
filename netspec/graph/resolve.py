"""What an item reads: the names of its sources become ports, and a name that means nothing is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netspec.diagnostics import Path, closest, suggest
from netspec.graph.ir import Node, Port
from netspec.graph.nodes import UNKNOWN
from netspec.graph.scope import Scope
from netspec.spec.frames import is_source
from netspec.spec.items import Item, LayerItem, ScopeItem
from netspec.spec.load import Spec
from netspec.spec.reader import Reader


class Resolver:
    """Finds the ports that names mean, in the scope where they are written."""

    def __init__(self, spec: Spec, reader: Reader, by_name: Mapping[str, Node]) -> None:
        self.spec, self.reader, self.by_name = spec, reader, by_name

    def sources(self, item: Item, scope: Scope, above: Port | None) -> tuple[Port, ...]:
        """The ports that an item reads; none where that cannot be told."""
        if item.sources is None:
            if above is None:
                if isinstance(item, LayerItem) and item.layer is None:
                    return ()  # it may have been a merging layer, and has been told
                help = f"add `from:` with one of {_told(scope.visible())}"
                self.reader.report("NS306", "there is nothing above this layer", item.path, key=True, help=help)
            return () if above is None else (above,)
        return tuple(
            self.port(name, scope, above, self._source_place(item, index), item.name) for index, name in enumerate(item.sources)
        )

    def _source_place(self, item: Item, index: int) -> Path:
        """Where a source is written: below `from`, or for a merging layer in its value."""
        holders = ((*item.path[:-1], "from"), (*item.path, "inputs"), item.path)
        places = (*((*holder, index) for holder in holders), *holders)
        return next((place for place in places if place in self.spec.document.spans.values), item.path)

    def port(self, name: str, scope: Scope, above: Port | None, at: Path, reader: str | None = None) -> Port:
        """The port that a name means; UNKNOWN for one that means nothing, which is reported unless it has been."""
        if name == "?" or name in self.spec.refused:
            return UNKNOWN
        if name == "above":
            if above is None:
                help = f"write one of {_told(scope.visible())}"
                self.reader.report("NS306", "there is no layer above", at, help=help)
            return above or UNKNOWN
        port = scope.find(name)
        if port is not None:
            return port
        if not is_source(name):
            likely = closest(name, [*scope.visible(), "above"])
            help = f"did you mean `{likely}`?" if likely else "what stands inside a named block is called `block.layer`"
            self.reader.report("NS210", f"a layer's name cannot be `{name}`", at, help=help)
        elif scope.is_later(name):
            message = f"`{name}` would read itself" if name == reader else f"`{name}` stands further below"
            self.reader.report("NS307", message, at, help="a layer reads only from layers above it")
        elif name in self.by_name or scope.at.inside(name).name in self.by_name:
            holder, _, own = name.rpartition(".")
            help = f"give `{holder}` a name: its layer is then called `NAME.{own}`" if holder else "give that layer a name"
            self.reader.report("NS303", f"`{name}` is an automatic name, which nothing can refer to", at, help=help)
        elif (repeat := scope.find_placed(name.partition(".")[0])) and isinstance(repeat.item, ScopeItem) and not repeat.inner:
            help = f"`{repeat.item.name}` alone is what its last round gives"
            self.reader.report("NS303", f"nothing can refer to a layer inside the repeat `{repeat.item.name}`", at, help=help)
        else:
            help = suggest(name, [*scope.visible(), "above"])
            self.reader.report("NS303", f"no layer or input is named `{name}`", at, help=help)
        return UNKNOWN


def _told(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "`input`"
