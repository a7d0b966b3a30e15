"""From items to a graph: names are resolved, shapes inferred, every problem placed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from netspec.components.layers import LAYERS, KernelLayer, Layer
from netspec.diagnostics import Diagnostic, Path, Problem, Severity, suggest
from netspec.graph.ir import Graph, Node, Port, Program
from netspec.graph.way import way_to
from netspec.spec.items import Item, LayerItem, Origin, ParallelItem, ResidualItem
from netspec.spec.load import Spec
from netspec.spec.reader import Reader
from netspec.tensor import Formula, TensorType, names_in

UNKNOWN = Port("?")
"""The value of a layer that failed: it absorbs what follows, so one mistake is one diagnostic."""


@dataclass(eq=False)
class Scope:
    """The names that can be seen from one place; inside sees outward."""

    prefix: str = ""
    parent: Scope | None = None
    ports: dict[str, Port] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    later: frozenset[str] = frozenset()

    def find(self, name: str) -> Port | None:
        """The port called `name` here or further out."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.ports:
                return scope.ports[name]
            scope = scope.parent
        return None

    def visible(self) -> list[str]:
        """Every name that could have been meant."""
        return [*self.ports, *(self.parent.visible() if self.parent else [])]

    def is_later(self, name: str) -> bool:
        """Whether a layer of that name stands further below."""
        return name in self.later or (self.parent is not None and self.parent.is_later(name))

    def automatic(self, kind: str) -> str:
        """The next automatic name: `conv2d_2` is the second conv2d of the scope."""
        while True:
            self.counts[kind] += 1
            name = f"{kind}_{self.counts[kind]}"
            if name not in self.ports and name not in self.later:
                return self.prefix + name


def build(spec: Spec) -> tuple[Program | None, tuple[Diagnostic, ...]]:
    """The program of a spec and what is wrong with it; no program where something is."""
    builder = _Builder(spec)
    graph = builder.graph()
    found = tuple(builder.reader.diagnostics)
    if graph is None or any(d.severity is Severity.error for d in found):
        return None, found
    return Program({"network": graph}, "network"), found


class _Builder:
    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.reader = Reader(spec.document)
        self.types: dict[Port, TensorType] = {}
        self.nodes: list[Node] = []

    def graph(self) -> Graph | None:
        scope = Scope(later=_names(self.spec.items))
        for name, tensor in self.spec.inputs.items():
            scope.ports[name] = Port(name)
            self.types[Port(name)] = tensor
        above = Port(next(iter(self.spec.inputs))) if len(self.spec.inputs) == 1 else None
        last = self.place(self.spec.items, scope, above)
        outputs = self._outputs(scope, last)
        if outputs is None or UNKNOWN in outputs.values():
            return None
        graph = Graph("network", self.spec.inputs, tuple(self.nodes), outputs)
        self._check_sizes(graph)
        self._check_used(graph)
        return graph

    def place(self, items: Iterable[Item], scope: Scope, above: Port | None) -> Port:
        """Adds the nodes of a list of items; the port of its last one."""
        for item in items:
            above = self._item(item, scope, above)
        return UNKNOWN if above is None else above

    def _item(self, item: Item, scope: Scope, above: Port | None) -> Port:
        name = self._claim(item, scope)
        if isinstance(item, LayerItem):
            port = self._layer(item, scope, above, name)
        elif isinstance(item, ResidualItem):
            port = self._residual(item, scope, above, name)
        else:
            port = self._parallel(item, scope, above, name)
        if item.name:
            scope.ports[item.name] = port
        return port

    def _claim(self, item: Item, scope: Scope) -> str:
        """The item's full name; a name that is taken is reported."""
        if item.name is None:
            return scope.automatic(item.type)
        if item.name in scope.ports:
            what = "an input" if item.name in self.spec.inputs and scope.parent is None else "another layer"
            at = (*item.origin.path[:-1], "name")
            self.reader.report("NS304", f"`{item.name}` is the name of {what} already", at, help="choose another name")
        return scope.prefix + item.name

    def _layer(self, item: LayerItem, scope: Scope, above: Port | None, name: str) -> Port:
        inputs = self._sources(item, scope, above)
        if item.layer is None or inputs is None or UNKNOWN in inputs:
            return UNKNOWN
        for reference in item.layer.reference_fields:
            target = getattr(item.layer, reference)
            if target is not None:
                port = self._resolve(target, scope, above, (*item.origin.path, reference))
                inputs = (*inputs, port)
        if UNKNOWN in inputs:
            return UNKNOWN
        return self._add_activated(name, item.layer, inputs, item.origin)

    def _add_activated(self, name: str, layer: Layer, inputs: tuple[Port, ...], origin: Origin) -> Port:
        """A node, and a node of its own for the layer's activation: the IR does one thing a node."""
        activation = layer.activation if isinstance(layer, KernelLayer) else None
        if activation is None:
            return self._add(name, layer, inputs, origin, name)
        port = self._add(name, layer.model_copy(update={"activation": None}), inputs, origin, name)
        if port is UNKNOWN:
            return UNKNOWN
        return self._add(f"{name}.{activation.type}", activation, (port,), origin, name)

    def _add(self, name: str, op: Layer, inputs: tuple[Port, ...], origin: Origin, item: str) -> Port:
        types = tuple(self.types[port] for port in inputs)
        most = op.most_inputs
        try:
            if len(inputs) < op.least_inputs or (most is not None and len(inputs) > most):
                raise Problem("NS213", f"`{op.type}` reads {most or 'more'} input, found {len(inputs)}", field="")
            outputs = op.infer(types)
        except Problem as problem:
            self._shape_problem(problem, origin, inputs)
            return UNKNOWN
        self.nodes.append(Node(name, op, inputs, types, outputs, item, origin, name))
        for index, output in enumerate(outputs):
            self.types[Port(name, index)] = output
        return Port(name)

    def _shape_problem(self, problem: Problem, origin: Origin, inputs: tuple[Port, ...]) -> None:
        """Reports a shape error with the layers on the way to it and the shapes they gave."""
        place = (*origin.path, problem.field) if problem.field else origin.path
        spelled = problem.field and self.spec.document.spans.values.get(place) is not None
        self.reader.report(
            problem.code,
            problem.message,
            place if spelled else origin.path,
            help=problem.help,
            caption=problem.caption or ("" if spelled else f"gets {self.types[inputs[0]]}" if inputs else ""),
            key=not spelled,
            labels=way_to(self.spec.document, self.nodes, inputs[0] if inputs else None, origin.path),
        )

    def _sources(self, item: Item, scope: Scope, above: Port | None) -> tuple[Port, ...] | None:
        """The ports that an item reads; None or UNKNOWN among them where that cannot be told."""
        if item.sources is None:
            if above is None:
                names = ", ".join(f"`{name}`" for name in self.spec.inputs)
                self.reader.report(
                    "NS306",
                    "there is nothing above this layer",
                    item.origin.path,
                    key=True,
                    help=f"add `from:` with one of {names}",
                )
            return None if above is None else (above,)
        at = (*item.origin.path[:-1], "from")
        if at not in self.spec.document.spans.values:
            at = item.origin.path  # a merging layer's inputs are its value
        return tuple(self._resolve(name, scope, above, at) for name in item.sources)

    def _resolve(self, name: str, scope: Scope, above: Port | None, at: Path) -> Port:
        if name == "above":
            if above is None:
                self.reader.report("NS306", "there is no layer above", at)
            return above or UNKNOWN
        port = scope.find(name)
        if port is not None:
            return port
        if scope.is_later(name):
            self.reader.report("NS307", f"`{name}` stands further below", at, help="a layer reads only from layers above it")
        elif any(node.name == name for node in self.nodes):
            help = f"give that layer `name: {name.rpartition('.')[2]}`, or another name"
            self.reader.report("NS303", f"`{name}` is an automatic name, which nothing can refer to", at, help=help)
        else:
            self.reader.report(
                "NS303", f"no layer or input is named `{name}`", at, help=suggest(name, [*scope.visible(), "above"])
            )
        return UNKNOWN

    def _one_source(self, item: Item, scope: Scope, above: Port | None) -> Port:
        sources = self._sources(item, scope, above)
        if sources is None:
            return UNKNOWN
        if len(sources) > 1:
            self.reader.report(
                "NS213", f"`{item.type}` reads one layer, found {len(sources)}", (*item.origin.path[:-1], "from")
            )
            return UNKNOWN
        return sources[0]

    def _inner(self, prefix: str, scope: Scope, items: tuple[Item, ...]) -> Scope:
        return Scope(prefix + ".", scope, later=_names(items))

    def _residual(self, item: ResidualItem, scope: Scope, above: Port | None, name: str) -> Port:
        start = self._one_source(item, scope, above)
        inner = self._inner(name, scope, item.body)
        end = self.place(item.body, inner, start)
        if start is UNKNOWN or end is UNKNOWN:
            return UNKNOWN
        shortcut = self._shortcut(item, inner, start, end, name)
        if shortcut is UNKNOWN:
            return UNKNOWN
        if item.shortcut == "identity" and self.types[shortcut].shape != self.types[end].shape:
            self.reader.report(
                "NS404",
                f"`residual` adds {self.types[shortcut]} and {self.types[end]}",
                item.origin.path,
                key=True,
                caption="its layers change the shape",
                help="add `shortcut: project`, or keep the shape",
            )
            return UNKNOWN
        return self._add(name, LAYERS["add"](), (end, shortcut), item.origin, name)

    def _shortcut(self, item: ResidualItem, scope: Scope, start: Port, end: Port, name: str) -> Port:
        """What is added to the body's result: the input, its projection, or layers of its own."""
        if isinstance(item.shortcut, tuple):
            return self.place(item.shortcut, self._inner(f"{name}.shortcut", scope, item.shortcut), start)
        source, target = self.types[start], self.types[end]
        if item.shortcut == "identity" or source.shape == target.shape:
            return start
        try:
            projection = projection_layers(source, target)
        except Problem as problem:
            self.reader.problem(problem, item.origin.path, key=True)
            return UNKNOWN
        items = tuple(LayerItem(item.origin, layer.type, layer) for layer in projection)
        return self.place(items, self._inner(f"{name}.shortcut", scope, items), start)

    def _parallel(self, item: ParallelItem, scope: Scope, above: Port | None, name: str) -> Port:
        start = self._one_source(item, scope, above)
        outer = self._inner(name, scope, ())
        ends = []
        for path, items in item.paths:
            end = self.place(items, self._inner(f"{name}.{path}", outer, items), start)
            outer.ports[path] = end
            ends.append(end)
        if start is UNKNOWN or UNKNOWN in ends:
            return UNKNOWN
        return self._add(name, item.merge, tuple(ends), item.origin, name)

    def _outputs(self, scope: Scope, last: Port) -> dict[str, Port] | None:
        if self.spec.outputs is None:
            if not self.spec.items or last is UNKNOWN:
                return None
            return {self.spec.items[-1].name or "output": last}
        outputs = {}
        for index, name in enumerate(self.spec.outputs):
            at = ("model", "outputs", index)
            port = scope.ports.get(name)
            if port is None:
                self.reader.report("NS303", f"no layer is named `{name}`", at, help=suggest(name, scope.ports))
            elif name in outputs:
                self.reader.report("NS304", f"`{name}` is an output twice", at)
            else:
                outputs[name] = port
        return outputs if len(outputs) == len(self.spec.outputs) else None

    def _check_sizes(self, graph: Graph) -> None:
        """A bare name is a size only if it stands in an input's shape or is an output's last axis."""
        known = frozenset().union(*(t.names for t in graph.inputs.values()))
        last = {t.shape[-1] for t in graph.output_types.values() if t.shape}
        for node in graph.nodes:
            for field_name in type(node.op).model_fields:
                value = getattr(node.op, field_name)
                if isinstance(value, Formula) and not names_in(value) <= known and value not in last:
                    self._unknown_size(str(value), node, field_name)

    def _unknown_size(self, name: str, node: Node, field_name: str) -> None:
        at = (*node.origin.path, field_name)
        if name in self.spec.variables:
            self.reader.report("NS309", f"`{name}` is a variable, and here it stands as a name", at, help=f"write `${name}`")
            return
        known = sorted(frozenset().union(*(t.names for t in self.spec.inputs.values())))
        help = suggest(name, known) or "a name is a size where an input has it, or as the size of an output"
        self.reader.report("NS309", f"nothing says how large `{name}` is", at, help=help)

    def _check_used(self, graph: Graph) -> None:
        """Warns of layers whose value reaches no output."""
        needed = {port.node for port in graph.outputs.values()}
        for node in reversed(graph.nodes):
            if node.name in needed:
                needed |= {port.node for port in node.inputs}
        unused = {node.item: node for node in graph.nodes if node.name not in needed}
        for node in unused.values():
            if any(n.name in needed for n in graph.nodes if n.item == node.item):
                continue
            self.reader.report(
                "NS310",
                f"nothing uses this `{node.op.type}`",
                node.origin.path,
                key=True,
                severity=Severity.warning,
                help="remove it, or let a layer read it by `from:`",
            )


def projection_layers(source: TensorType, target: TensorType) -> tuple[Layer, ...]:
    """A bias-free 1x1 convolution (dense for vectors) and batch norm. Raises NS404 where strides cannot do it."""
    if source.rank != target.rank:
        raise Problem("NS404", f"no projection leads from {source} to {target}")
    norm = LAYERS["batch_norm"]()
    filters = target.shape[-1]
    if source.rank == 1:
        return LAYERS["dense"].model_validate({"units": filters, "use_bias": False}), norm
    strides = []
    for before, after in zip(source.shape[:-1], target.shape[:-1], strict=True):
        stride = next((s for s in range(1, 9) if (before + s - 1) // s == after), None)
        if stride is None:
            raise Problem("NS404", f"no stride leads from {source} to {target}", help="give `shortcut` a list of layers")
        strides.append(stride)
    fields: Mapping[str, object] = {
        "filters": filters,
        "kernel_size": 1,
        "strides": strides,
        "use_bias": False,
        "padding": "same",
    }
    return LAYERS[f"conv{source.rank - 1}d"].model_validate(fields), norm


def _names(items: Iterable[Item]) -> frozenset[str]:
    return frozenset(item.name for item in items if item.name)
