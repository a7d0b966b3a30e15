"""From items to a graph: names are resolved, shapes inferred, every problem placed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from netspec.diagnostics import Diagnostic, Label, Severity, suggest
from netspec.graph.ir import Graph, Port, Program
from netspec.graph.names import check_sizes, check_used
from netspec.graph.nodes import UNKNOWN, Nodes
from netspec.graph.resolve import Resolver
from netspec.graph.rules import Standing, rule
from netspec.graph.scope import Place, Placed, Scope, names_of
from netspec.spec.items import Item, LayerItem, Net
from netspec.spec.load import Spec
from netspec.spec.reader import Budget, Reader, TooLarge, TooMany


def build(spec: Spec) -> tuple[Program | None, tuple[Diagnostic, ...]]:
    """The program of a spec and what is wrong with it; no program where something is."""
    reader = Reader(spec.document)
    graphs: dict[str, Graph] = {}
    budget = Budget()
    with suppress(TooMany):
        for name, net in spec.networks.items():
            try:
                graph = Builder(spec, net, reader, budget).graph(name)
            except TooLarge as stop:
                reader.report(stop.code, str(stop), stop.at, key=True, help=stop.help)
                break
            if graph is not None:
                graphs[name] = graph
    found = tuple(reader.diagnostics)
    if len(graphs) < len(spec.networks) or any(d.severity is Severity.error for d in found):
        return None, found
    return Program(graphs, next(iter(graphs)), reader=next(reversed(graphs))), found


class Builder:
    """Builds the graph of one network."""

    def __init__(self, spec: Spec, net: Net, reader: Reader, budget: Budget) -> None:
        self.spec, self.net, self.reader, self.budget = spec, net, reader, budget
        self.nodes = Nodes(spec, reader, net.inputs)
        self.resolve = Resolver(spec, reader, self.nodes.by_name)
        self.scopes: dict[str, str] = {}
        self.failed = False

    def graph(self, name: str) -> Graph | None:
        """The graph; None where something is wrong, which has been reported. Raises TooLarge."""
        net = self.net
        scope = Scope(later=names_of(net.items))
        if net.prefix:
            self.scopes[net.prefix] = net.prefix
            scope = scope.inner(Place(net.prefix, net.prefix), scope.later)
        scope.ports.update((name, Port(name)) for name in net.inputs)
        # The sides of a pair read `latent` and `input` unless they say otherwise; a `condition` is always asked for.
        above = Port(next(iter(net.inputs))) if len(net.inputs) == 1 or net.prefix else None
        last = self.place(net.items, scope, above)
        outputs = self._outputs(scope, last)
        if outputs is None or UNKNOWN in outputs.values():
            return None
        graph = Graph(name, net.inputs, tuple(self.nodes.order), outputs, self.scopes)
        check_sizes(self.reader, self.spec, graph)
        if not self.failed:  # what a failed layer reads is used
            check_used(self.reader, graph, net.path)
        return graph

    def place(self, items: Iterable[Item], scope: Scope, above: Port | None) -> Port:
        """Adds the nodes of a list of items; the port of its last one."""
        for item in items:
            above = self._item(item, scope, above)
        return UNKNOWN if above is None else above

    def _item(self, item: Item, scope: Scope, above: Port | None) -> Port:
        """One item in its place; its port and what is inside are known by its name from here on. Raises TooLarge."""
        self.budget.spend(item.path)
        place = scope.place(self._claim(item, scope))
        sources = self.resolve.sources(item, scope, above)
        port, inner = self.put(item, place, scope, sources) if sources else (UNKNOWN, None)
        self.failed |= port is UNKNOWN
        if item.name:
            scope.ports[item.name] = port
            scope.placed[item.name] = Placed(item, place, scope, inner)
        return port

    def put(self, item: Item, place: Place, scope: Scope, sources: tuple[Port, ...]) -> tuple[Port, Scope | None]:
        """The nodes of an item that reads `sources`; its port, and the scope that others may look into."""
        if isinstance(item, LayerItem):
            return self._layer(item, place, scope, sources), None
        self.scopes[place.name] = item.type
        return rule(item.scope)(self, item.scope, Standing(item, place, scope, sources))

    def _claim(self, item: Item, scope: Scope) -> str:
        """The item's own name in its scope; a name that is taken is reported."""
        if item.name is None:
            return scope.automatic(item.type)
        if item.name in scope.ports:
            other = scope.placed.get(item.name)
            span = self.spec.document.span((*other.item.path[:-1], "name")) if other else None
            labels = (Label(span, "named so first"),) if span else ()
            message = f"`{item.name}` is the name of {'another layer' if other else 'an input'} already"
            at = (*item.path[:-1], "name")
            self.reader.report("NS304", message, at, help="choose another name", labels=labels)
        return item.name

    def _layer(self, item: LayerItem, place: Place, scope: Scope, inputs: tuple[Port, ...]) -> Port:
        if item.layer is None or UNKNOWN in inputs:
            return UNKNOWN
        most = item.layer.most_inputs
        if most is not None and len(inputs) > max(1, most - len(item.layer.reference_fields)):
            return self.too_many(item, place, inputs)
        for reference in item.layer.reference_fields:
            target = getattr(item.layer, reference)
            if target is not None:
                inputs = (*inputs, self.resolve.port(target, scope, inputs[0], (*item.path, reference)))
        if UNKNOWN in inputs:
            return UNKNOWN
        return self.nodes.put(place, item.layer, inputs, item.path)

    def too_many(self, item: Item, place: Place, sources: tuple[Port, ...]) -> Port:
        """Reports a list of sources where one tensor is due; what comes out is unknown."""
        names = item.sources if item.sources and place.share is None else [port.node for port in sources]
        help = f"join them above it: `- concat: [{', '.join(names)}]`"
        at = (*(place.share or item.path)[:-1], "from")
        self.reader.report("NS213", f"`{item.type}` reads one layer, found {len(sources)}", at, help=help)
        return UNKNOWN

    def _outputs(self, scope: Scope, last: Port) -> dict[str, Port] | None:
        if self.net.outputs is None:
            if not self.net.items or last is UNKNOWN:
                return None
            return {self.net.items[-1].name or "output": last}
        outputs = {}
        for index, name in enumerate(self.net.outputs):
            at = ("model", "outputs", index)
            port = scope.ports.get(name)
            if name in self.spec.refused:
                continue
            if port is None:
                self.reader.report("NS303", f"no layer is named `{name}`", at, help=suggest(name, scope.ports))
            elif name in outputs:
                self.reader.report("NS304", f"`{name}` is an output twice", at, help="remove one of the two")
            elif name in self.net.inputs:
                self.reader.report("NS303", f"`{name}` is an input, not a layer", at, help=suggest("", scope.placed))
            else:
                outputs[name] = port
        return outputs if len(outputs) == len(self.net.outputs) else None
