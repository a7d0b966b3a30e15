"""From items to a graph: names are resolved, shapes inferred, every problem placed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netspec.components.layers import LAYERS, KernelLayer, Layer, Merge, WeightedLayer
from netspec.diagnostics import Diagnostic, Label, Path, Problem, Severity, closest, suggest
from netspec.graph.ir import Graph, Node, Port, Program
from netspec.graph.names import check_sizes, check_used
from netspec.graph.scope import Place, Placed, Scope
from netspec.graph.way import lost_axes, way_to, ways_to
from netspec.spec.items import BlockItem, Item, LayerItem, Net, Origin, ParallelItem, RepeatItem, ResidualItem, ShareItem
from netspec.spec.layers import MAX_LAYERS, is_source
from netspec.spec.load import Spec
from netspec.spec.reader import Reader, TooLarge
from netspec.tensor import TensorType, named

UNKNOWN = Port("?")
"""The value of a layer that failed: it absorbs what follows, so one mistake is one diagnostic."""


_SHARED = "name the layer, block, residual or parallel whose weights are meant"


def build(spec: Spec) -> tuple[Program | None, tuple[Diagnostic, ...]]:
    """The program of a spec and what is wrong with it; no program where something is."""
    reader = Reader(spec.document)
    graphs: dict[str, Graph] = {}
    for name, net in spec.networks.items():
        try:
            graph = _Builder(spec, net, reader).graph(name)
        except TooLarge as stop:
            reader.report("NS004", str(stop), stop.at, key=True, help=stop.help)
            graph = None
        if graph is not None:
            graphs[name] = graph
    found = tuple(reader.diagnostics)
    if len(graphs) < len(spec.networks) or any(d.severity is Severity.error for d in found):
        return None, found
    return Program(graphs, next(iter(graphs)), reader=next(reversed(graphs))), found


class _Builder:
    """Builds the graph of one network."""

    def __init__(self, spec: Spec, net: Net, reader: Reader) -> None:
        self.spec, self.net, self.reader = spec, net, reader
        self.types: dict[Port, TensorType] = {}
        self.nodes: list[Node] = []
        self.node: dict[str, Node] = {}
        self.scopes: dict[str, str] = {}
        self.promised = {name: named(name, dim.multiple_of) for name, dim in spec.dims.items() if dim.multiple_of > 1}
        self.remat: str | None = None
        self.failed = False
        self.shares: list[Path] = []

    def graph(self, name: str) -> Graph | None:
        """The graph; None where something is wrong, which has been reported. Raises TooLarge."""
        net = self.net
        scope = Scope(later=_names(net.items))
        if net.prefix:
            self.scopes[net.prefix] = net.prefix
            scope = scope.inner(Place(net.prefix, net.prefix), scope.later)
        for input_name, tensor in net.inputs.items():
            scope.ports[input_name] = Port(input_name)
            self.types[Port(input_name)] = tensor
        # The sides of a pair read `latent` and `input` unless they say otherwise; a `condition` is always asked for.
        above = Port(next(iter(net.inputs))) if len(net.inputs) == 1 or net.prefix else None
        last = self.place(net.items, scope, above)
        outputs = self._outputs(scope, last)
        if outputs is None or UNKNOWN in outputs.values():
            return None
        graph = Graph(name, net.inputs, tuple(self.nodes), outputs, self.scopes)
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
        """One item in its place; its port and what is inside are known by its name from here on."""
        place = scope.place(self._claim(item, scope))
        sources = self._sources(item, scope, above)
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
                inputs = (*inputs, self._resolve(target, scope, inputs[0], (*item.path, reference)))
        if UNKNOWN in inputs:
            return UNKNOWN
        return self._add_activated(place, item.layer, inputs, item.path)

    def _too_many(self, item: Item) -> None:
        """A list of sources where one tensor is due."""
        sources = item.sources or ()
        help = f"join them above it: `- concat: [{', '.join(sources)}]`"
        at = (*item.path[:-1], "from")
        self.reader.report("NS213", f"`{item.type}` reads one layer, found {len(sources)}", at, help=help)

    def _add_activated(self, place: Place, layer: Layer, inputs: tuple[Port, ...], at: Path) -> Port:
        """A node, and a node of its own for the layer's activation: the IR does one thing a node."""
        activation = layer.activation if isinstance(layer, KernelLayer) else None
        if activation is None:
            return self._add(place, layer, inputs, at, place.name)
        port = self._add(place, layer.model_copy(update={"activation": None}), inputs, at, place.name)
        if port is UNKNOWN:
            return UNKNOWN
        after = Place(f"{place.name}.{activation.type}", f"{place.weights}.{activation.type}")
        return self._add(after, activation, (port,), at, place.name)

    def _add(self, place: Place, op: Layer, inputs: tuple[Port, ...], at: Path, item: str) -> Port:
        if len(self.nodes) >= MAX_LAYERS:
            raise TooLarge(at, f"more than {MAX_LAYERS:,} layers when everything is expanded")
        types = tuple(self.types[port] for port in inputs)
        most = op.most_inputs
        op = op.bound(self.promised) if self.promised else op
        if self._is_frozen(place.weights) and isinstance(op, WeightedLayer):
            op = op.model_copy(update={"trainable": False})
        try:
            if len(inputs) < op.least_inputs or (most is not None and len(inputs) > most):
                raise Problem("NS213", f"`{op.type}` reads {most or 'more'} input, found {len(inputs)}")
            outputs = op.infer(types)
        except Problem as problem:
            self._shape_problem(problem, at, inputs, op.short)
            return UNKNOWN
        node = Node(place.name, op, inputs, types, outputs, item, Origin(at, self.reader.calls), place.weights, self.remat)
        if not self._fits_weights(node):
            return UNKNOWN
        self.nodes.append(node)
        self.node[node.name] = node
        for index, output in enumerate(outputs):
            self.types[Port(place.name, index)] = output
        return Port(place.name)

    def _is_frozen(self, scope: str) -> bool:
        """Whether the weights of a scope come from an earlier run and stay as they were."""
        section = self.spec.initialize
        if section is None or not section.freeze:
            return False
        return any(scope == name or scope.startswith(f"{name}.") for name in section.layers)

    def _fits_weights(self, node: Node) -> bool:
        """Whether shared weights fit this use of them; where not, that is told at the `share`."""
        if node.name == node.weight_scope:
            return True
        first = self.node[node.weight_scope]
        if all(first.weights[name].shape == weight.shape for name, weight in node.weights.items()):
            return True
        span = self.spec.document.span(node.origin.path, key=True)
        self.reader.report(
            "NS411",
            f"`{node.weight_scope}` was made for {first.input_types[0]}, but here it reads {node.input_types[0]}",
            self.shares[-1],
            key=True,
            caption=f"reads {node.input_types[0]}",
            help="shared layers read tensors of the same channels: bring both inputs to one size first",
            labels=(Label(span, f"made for {first.input_types[0]}"),) if span else (),
        )
        return False

    def _shape_problem(self, problem: Problem, path: Path, inputs: tuple[Port, ...], short: str | None) -> None:
        """Reports a shape error with the layers on the way to it and the shapes they gave."""
        values = self.spec.document.spans.values
        place = (*path, problem.field) if problem.field else path
        if problem.field and problem.field == short and place not in values:
            place = path  # the field's value stands alone beside the layer
        spelled = bool(problem.field) and place in values
        self.reader.report(
            problem.code,
            problem.message,
            place if spelled else path,
            help=self._rank_help(problem, inputs) or problem.help,
            caption=problem.caption or ("" if spelled else f"gets {self.types[inputs[0]]}" if inputs else ""),
            key=not spelled,
            labels=ways_to(self.spec.document, self.node, inputs, path),
        )

    def _rank_help(self, problem: Problem, inputs: tuple[Port, ...]) -> str:
        """Where axes are missing: which layer took them away."""
        lost = lost_axes(self.node, inputs[0]) if problem.code == "NS402" and inputs else None
        span = self.spec.document.span(lost.origin.path, key=True) if lost else None
        if lost is None or span is None:
            return ""
        if lost.op.keeps_axes:
            return f"add `{lost.op.keeps_axes}` to `{lost.op.type}` on line {span.line}: it leaves {lost.output}"
        return f"`{lost.op.type}` on line {span.line} leaves {lost.output}: move it below the layers that need more axes"

    def _sources(self, item: Item, scope: Scope, above: Port | None) -> tuple[Port, ...]:
        """The ports that an item reads; none where that cannot be told."""
        if item.sources is None:
            if above is None:
                if isinstance(item, LayerItem) and item.layer is None:
                    return ()  # it may have been a merging layer, and has been told
                help = f"add `from:` with one of {_told(scope.visible())}"
                self.reader.report("NS306", "there is nothing above this layer", item.path, key=True, help=help)
            return () if above is None else (above,)
        return tuple(
            self._resolve(name, scope, above, self._source_place(item, index), item.name)
            for index, name in enumerate(item.sources)
        )

    def _source_place(self, item: Item, index: int) -> Path:
        """Where a source is written: below `from`, or for a merging layer in its value."""
        holders = ((*item.path[:-1], "from"), (*item.path, "inputs"), item.path)
        places = (*((*holder, index) for holder in holders), *holders)
        return next((place for place in places if place in self.spec.document.spans.values), item.path)

    def _resolve(self, name: str, scope: Scope, above: Port | None, at: Path, reader: str | None = None) -> Port:
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
        elif name in self.node or scope.prefix + name in self.node:
            holder, _, own = name.rpartition(".")
            help = f"give `{holder}` a name: its layer is then called `NAME.{own}`" if holder else "give that layer a name"
            self.reader.report("NS303", f"`{name}` is an automatic name, which nothing can refer to", at, help=help)
        elif (repeat := scope.find_placed(name.partition(".")[0])) and isinstance(repeat.item, RepeatItem):
            help = f"`{repeat.item.name}` alone is what its last round gives"
            self.reader.report("NS303", f"nothing can refer to a layer inside the repeat `{repeat.item.name}`", at, help=help)
        else:
            help = suggest(name, [*scope.visible(), "above"])
            self.reader.report("NS303", f"no layer or input is named `{name}`", at, help=help)
        return UNKNOWN

    def _residual(self, item: ResidualItem, place: Place, scope: Scope, start: Port) -> tuple[Port, Scope]:
        inner = scope.inner(place, _names(item.body))
        end = self.place(item.body, inner, start)
        if start is UNKNOWN or end is UNKNOWN:
            return UNKNOWN, inner
        shortcut = self._shortcut(item, place, inner, start, end)
        if shortcut is UNKNOWN:
            return UNKNOWN, inner
        if item.shortcut == "identity" and self.types[shortcut].shape != self.types[end].shape:
            self._residual_problem(item, shortcut, end)
            return UNKNOWN, inner
        return self._add(place, LAYERS["add"](), (end, shortcut), item.path, place.name), inner

    def _residual_problem(self, item: ResidualItem, start: Port, end: Port) -> None:
        """The body of a residual gives another shape than it reads."""
        source, target = self.types[start], self.types[end]
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
            labels=way_to(self.spec.document, self.node, end, item.path),
        )

    def _shortcut(self, item: ResidualItem, place: Place, scope: Scope, start: Port, end: Port) -> Port:
        """What is added to the body's result: the input, its projection, or layers of its own."""
        at = Place(f"{place.name}.shortcut", f"{place.weights}.shortcut")
        self.scopes[at.name] = "shortcut"
        if isinstance(item.shortcut, tuple):
            return self.place(item.shortcut, scope.inner(at, _names(item.shortcut)), start)
        source, target = self.types[start], self.types[end]
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
        return self._add(place, item.merge, tuple(ends), item.path, place.name), outer

    def _repeat(self, item: RepeatItem, place: Place, scope: Scope, above: Port) -> Port:
        """Round after round, each in a scope of its own; nobody looks inside."""
        outer = scope.inner(place)
        for body in item.rounds:
            inner = outer.inner(outer.place(outer.automatic("round")), _names(body))
            self.scopes[inner.prefix[:-1]] = "round"
            try:
                above = self.place(body, inner, above)
            except TooLarge as stop:
                raise TooLarge(item.path, str(stop)) from None  # the outermost repeat is what has too many rounds
        return above

    def _block(self, item: BlockItem, place: Place, scope: Scope, sources: tuple[Port, ...]) -> tuple[Port, Scope]:
        inner = scope.inner(place, _names(item.body))
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
        before = self.remat
        self.remat = before or (place.name if item.remat else None)
        above = sources[0] if expected == 1 else None
        if item.called:
            with self.reader.calling(item.path):
                end = self.place(item.body, inner, above)
        else:
            end = self.place(item.body, inner, above)
        self.remat = before
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
                self._resolve(item.target, scope, None, item.path)
            return UNKNOWN, None
        merges = isinstance(target.item, LayerItem) and isinstance(target.item.layer, Merge)
        if merges or isinstance(target.item, RepeatItem | ShareItem):
            self.reader.report("NS314", f"`{target.item.type}` cannot be shared", item.path, help=_SHARED)
            return UNKNOWN, None
        if target.scope.ports[item.target.rpartition(".")[2]] is UNKNOWN or UNKNOWN in sources:
            return UNKNOWN, None
        self.shares.append(item.path)
        with self.reader.calling(item.path):
            port, inner = self._put(target.item, Place(place.name, target.place.weights), target.scope, sources)
        self.shares.pop()
        return port, inner

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


def projection_layers(source: TensorType, target: TensorType) -> tuple[Layer, ...]:
    """A bias-free 1x1 convolution (dense for vectors) and batch norm. Raises NS404 where strides cannot do it."""
    if source.rank != target.rank:
        help = "give `shortcut` a list of layers"
        raise Problem("NS404", f"no projection leads from {source} to {target}", help=help)
    norm = LAYERS["batch_norm"]()
    filters = target.shape[-1]
    if source.rank == 1:
        return LAYERS["dense"].model_validate({"units": filters, "use_bias": False}), norm
    strides = []
    for before, after in zip(source.shape[:-1], target.shape[:-1], strict=True):
        stride = next((s for s in range(1, 9) if (before + s - 1) // s == after), None)
        if stride is None:
            help = "keep the axes by `padding: same`, or give `shortcut` a list of layers"
            raise Problem("NS404", f"no stride leads from {source} to {target}", help=help)
        strides.append(stride)
    fields: Mapping[str, object] = {
        "filters": filters,
        "kernel_size": 1,
        "strides": strides,
        "use_bias": False,
        "padding": "same",
    }
    return LAYERS[f"conv{source.rank - 1}d"].model_validate(fields), norm


def _told(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "`input`"


def _names(items: Iterable[Item]) -> frozenset[str]:
    return frozenset(item.name for item in items if item.name)
