"""From items to a graph: names are resolved, shapes inferred, every problem placed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from netspec.components.layers import LAYERS, Merge
from netspec.diagnostics import Diagnostic, Label, Problem, Severity, suggest
from netspec.graph.ir import Graph, Port, Program
from netspec.graph.names import check_sizes, check_used
from netspec.graph.nodes import UNKNOWN, Nodes
from netspec.graph.projection import projection_layers
from netspec.graph.resolve import Resolver
from netspec.graph.scope import Place, Placed, Scope
from netspec.graph.way import way_to
from netspec.spec.items import BlockItem, Item, LayerItem, Net, ParallelItem, RepeatItem, ResidualItem, ShareItem
from netspec.spec.load import Spec
from netspec.spec.reader import Budget, Reader, TooLarge, TooMany, too_many_layers

_SHARED = "name the layer, block, residual or parallel whose weights are meant"


def build(spec: Spec) -> tuple[Program | None, tuple[Diagnostic, ...]]:
    """The program of a spec and what is wrong with it; no program where something is."""
    reader = Reader(spec.document)
    graphs: dict[str, Graph] = {}
    budget = Budget()
    with suppress(TooMany):
        for name, net in spec.networks.items():
            try:
                graph = _Builder(spec, net, reader, budget).graph(name)
            except TooLarge as stop:
                reader.report(stop.code, str(stop), stop.at, key=True, help=stop.help)
                break
            if graph is not None:
                graphs[name] = graph
    found = tuple(reader.diagnostics)
    if len(graphs) < len(spec.networks) or any(d.severity is Severity.error for d in found):
        return None, found
    return Program(graphs, next(iter(graphs)), reader=next(reversed(graphs))), found


class _Builder:
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
        scope = Scope(later=_names(net.items))
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
        port, inner = self._put(item, place, scope, sources) if sources else (UNKNOWN, None)
        self.failed |= port is UNKNOWN
        if item.name:
            scope.ports[item.name] = port
            scope.placed[item.name] = Placed(item, place, scope, inner)
        return port

    def _put(self, item: Item, place: Place, scope: Scope, sources: tuple[Port, ...]) -> tuple[Port, Scope | None]:
        """The nodes of an item that reads `sources`; its port, and the scope that others may look into."""
        if isinstance(item, LayerItem):
            return self._layer(item, place, scope, sources), None
        self.scopes[place.name] = item.type
        if isinstance(item, BlockItem):
            return self._block(item, place, scope, sources)
        if isinstance(item, ShareItem):
            return self._share(item, place, scope, sources)
        if len(sources) > 1:
            self._too_many(item)
            return UNKNOWN, None
        if isinstance(item, ResidualItem):
            return self._residual(item, place, scope, sources[0])
        if isinstance(item, ParallelItem):
            return self._parallel(item, place, scope, sources[0])
        return self._repeat(item, place, scope, sources[0]), None

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
            self._too_many(item)
            return UNKNOWN
        for reference in item.layer.reference_fields:
            target = getattr(item.layer, reference)
            if target is not None:
                inputs = (*inputs, self.resolve.port(target, scope, inputs[0], (*item.path, reference)))
        if UNKNOWN in inputs:
            return UNKNOWN
        return self.nodes.put(place, item.layer, inputs, item.path)

    def _too_many(self, item: Item) -> None:
        """A list of sources where one tensor is due."""
        sources = item.sources or ()
        help = f"join them above it: `- concat: [{', '.join(sources)}]`"
        at = (*item.path[:-1], "from")
        self.reader.report("NS213", f"`{item.type}` reads one layer, found {len(sources)}", at, help=help)

    def _residual(self, item: ResidualItem, place: Place, scope: Scope, start: Port) -> tuple[Port, Scope]:
        inner = scope.inner(place, _names(item.body))
        end = self.place(item.body, inner, start)
        if start is UNKNOWN or end is UNKNOWN:
            return UNKNOWN, inner
        shortcut = self._shortcut(item, place, inner, start, end)
        if shortcut is UNKNOWN:
            return UNKNOWN, inner
        if item.shortcut == "identity" and self.nodes.types[shortcut].shape != self.nodes.types[end].shape:
            self._residual_problem(item, shortcut, end)
            return UNKNOWN, inner
        return self.nodes.put(place, LAYERS["add"](), (end, shortcut), item.path), inner

    def _residual_problem(self, item: ResidualItem, start: Port, end: Port) -> None:
        """The body of a residual gives another shape than it reads."""
        source, target = self.nodes.types[start], self.nodes.types[end]
        help = "keep the shape: the last layer has the channels of the input, and `padding: same` keeps the axes"
        try:
            projection_layers(source, target)
            help = "add `shortcut: project`, or keep the shape"
        except Problem:
            pass
        self.reader.report(
            "NS404",
            f"`residual` adds {source} and {target}",
            item.path,
            key=True,
            caption="its layers change the shape",
            help=help,
            labels=way_to(self.spec.document, self.nodes.by_name, end, item.path),
        )

    def _shortcut(self, item: ResidualItem, place: Place, scope: Scope, start: Port, end: Port) -> Port:
        """What is added to the body's result: the input, its projection, or layers of its own."""
        at = place.inside("shortcut")
        self.scopes[at.name] = "shortcut"
        if isinstance(item.shortcut, tuple):
            return self.place(item.shortcut, scope.inner(at, _names(item.shortcut)), start)
        source, target = self.nodes.types[start], self.nodes.types[end]
        if item.shortcut == "identity" or source.shape == target.shape:
            return start
        try:
            projection = projection_layers(source, target)
        except Problem as problem:
            self.reader.problem(problem, item.path, key=True)
            return UNKNOWN
        items = tuple(LayerItem(item.path, layer.type, layer) for layer in projection)
        return self.place(items, scope.inner(at), start)

    def _parallel(self, item: ParallelItem, place: Place, scope: Scope, start: Port) -> tuple[Port, Scope]:
        outer = scope.inner(place)
        ends = []
        for path, items in item.paths:
            inner = outer.inner(outer.place(path), _names(items))
            self.scopes[outer.place(path).name] = "path"
            end = self.place(items, inner, start)
            outer.ports[path] = end
            outer.placed[path] = Placed(item, outer.place(path), outer, inner)
            ends.append(end)
        if start is UNKNOWN or UNKNOWN in ends:
            return UNKNOWN, outer
        return self.nodes.put(place, item.merge, tuple(ends), item.path), outer

    def _repeat(self, item: RepeatItem, place: Place, scope: Scope, above: Port) -> Port:
        """Round after round, each in a scope of its own; nobody looks inside."""
        outer = scope.inner(place)
        for body in item.rounds:
            inner = outer.inner(outer.place(outer.automatic("round")), _names(body))
            self.scopes[inner.at.name] = "round"
            try:
                self.budget.spend(item.path)
                above = self.place(body, inner, above)
            except TooLarge:
                raise too_many_layers(item.path) from None  # the outermost repeat is what has too many rounds
        return above

    def _block(self, item: BlockItem, place: Place, scope: Scope, sources: tuple[Port, ...]) -> tuple[Port, Scope]:
        inner = scope.inner(place._replace(remat=place.remat or (place.name if item.remat else None)), _names(item.body))
        expected = len(item.inputs) or 1
        if UNKNOWN in sources:
            return UNKNOWN, inner
        if len(sources) != expected:
            names = ", ".join(item.inputs)
            told = f"reads {expected} layer{'s' * (expected > 1)} ({names})" if item.inputs else "reads one layer"
            help = f"write `from: [{names}]` with the layers in that order" if item.inputs else ""
            at = (*item.path[:-1], "from") if item.sources else item.path
            self.reader.report("NS213", f"`{item.type}` {told}, found {len(sources)}", at, key=not item.sources, help=help)
            return UNKNOWN, inner
        inner.ports.update(zip(item.inputs, sources, strict=False))
        above = sources[0] if expected == 1 else None
        if item.called:
            with self.reader.calling(item.path):
                end = self.place(item.body, inner, above)
        else:
            end = self.place(item.body, inner, above)
        return (end if item.body else UNKNOWN), inner

    def _share(self, item: ShareItem, place: Place, scope: Scope, sources: tuple[Port, ...]) -> tuple[Port, Scope | None]:
        """The nodes of the item called `target` once more, under the weights of the first."""
        target = scope.find_placed(item.target)
        if target is None:
            if item.target in self.spec.refused:
                return UNKNOWN, None
            if scope.find(item.target) is not None:
                message = f"`{item.target}` is an input, and an input has no weights to share"
                self.reader.report("NS314", message, item.path, help=_SHARED)
            else:
                self.resolve.port(item.target, scope, None, item.path)
            return UNKNOWN, None
        merges = isinstance(target.item, LayerItem) and isinstance(target.item.layer, Merge)
        if merges or isinstance(target.item, RepeatItem | ShareItem):
            self.reader.report("NS314", f"`{target.item.type}` cannot be shared", item.path, help=_SHARED)
            return UNKNOWN, None
        if target.scope.ports[item.target.rpartition(".")[2]] is UNKNOWN or UNKNOWN in sources:
            return UNKNOWN, None
        shared = place._replace(weights=target.place.weights, share=item.path)
        with self.reader.calling(item.path):
            return self._put(target.item, shared, target.scope, sources)

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


def _names(items: Iterable[Item]) -> frozenset[str]:
    return frozenset(item.name for item in items if item.name)
