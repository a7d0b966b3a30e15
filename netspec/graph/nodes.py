"""The nodes of one network, in order: where layers are put in their place, and shapes inferred or refused."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.components.layers import KernelLayer, Layer, WeightedLayer
from netspec.diagnostics import Label, Path, Problem
from netspec.graph.ir import Node, Port
from netspec.graph.scope import Place
from netspec.graph.way import lost_axes, ways_to
from netspec.spec.items import Origin
from netspec.spec.load import Spec
from netspec.spec.reader import Reader, TooLarge
from netspec.tensor import INTEGERS, TensorType, TooComplex, named

UNKNOWN = Port("?")
"""The value of a layer that failed: it absorbs what follows, so one mistake is one diagnostic."""


class Nodes:
    """The nodes that a network has so far, by name and in order, and the type of every port."""

    def __init__(self, spec: Spec, reader: Reader, inputs: Mapping[str, TensorType]) -> None:
        self.spec, self.reader = spec, reader
        self.order: list[Node] = []
        self.by_name: dict[str, Node] = {}
        self.types = {Port(name): tensor for name, tensor in inputs.items()}
        self.promised = {name: named(name, dim.multiple_of) for name, dim in spec.dims.items() if dim.multiple_of > 1}

    def put(self, place: Place, layer: Layer, inputs: tuple[Port, ...], at: Path) -> Port:
        """A node, and a node of its own for the layer's activation: the IR does one thing a node."""
        activation = layer.activation if isinstance(layer, KernelLayer) else None
        if activation is None:
            return self._add(place, layer, inputs, at, place.name)
        port = self._add(place, layer.model_copy(update={"activation": None}), inputs, at, place.name)
        if port is UNKNOWN:
            return UNKNOWN
        return self._add(place.inside(activation.type), activation, (port,), at, place.name)

    def _add(self, place: Place, op: Layer, inputs: tuple[Port, ...], at: Path, item: str) -> Port:
        types = tuple(self.types[port] for port in inputs)
        most = op.most_inputs
        op = op.bound(self.promised) if self.promised else op
        if self._is_frozen(place.weights) and isinstance(op, WeightedLayer):
            op = op.model_copy(update={"trainable": False})
        try:
            if len(inputs) < op.least_inputs or (most is not None and len(inputs) > most):
                raise Problem("NS213", f"`{op.type}` reads {most or 'more'} input, found {len(inputs)}")
            _refuse_ids(op, types)
            outputs = op.infer(types)
            origin = Origin(at, self.reader.calls)
            node = Node(place.name, op, inputs, types, outputs, item, origin, place.weights, place.remat)
            _multiplied_out(node)
            node.check_starts()
        except Problem as problem:
            self._shape_problem(problem, at, inputs, op.short)
            return UNKNOWN
        except TooComplex as stop:
            raise TooLarge(at, str(stop), help="give the free axes lengths, or fewer names") from None
        if not self._fits_weights(node, place.share or at):
            return UNKNOWN
        self.order.append(node)
        self.by_name[node.name] = node
        for index, output in enumerate(outputs):
            self.types[Port(place.name, index)] = output
        return Port(place.name)

    def _is_frozen(self, scope: str) -> bool:
        """Whether the weights of a scope come from an earlier run and stay as they were."""
        section = self.spec.initialize
        if section is None or not section.freeze:
            return False
        return any(scope == name or scope.startswith(f"{name}.") for name in section.layers)

    def _fits_weights(self, node: Node, share: Path) -> bool:
        """Whether shared weights fit this use of them; where not, that is told at the `share`."""
        if node.name == node.weight_scope:
            return True
        first = self.by_name[node.weight_scope]
        if all(first.weights[name].shape == weight.shape for name, weight in node.weights.items()):
            return True
        span = self.spec.document.span(node.origin.path, key=True)
        self.reader.report(
            "NS411",
            f"`{node.weight_scope}` was made for {first.input_types[0]}, but here it reads {node.input_types[0]}",
            share,
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
            labels=ways_to(self.spec.document, self.by_name, inputs, path),
        )

    def _rank_help(self, problem: Problem, inputs: tuple[Port, ...]) -> str:
        """Where axes are missing: which layer took them away."""
        lost = lost_axes(self.by_name, inputs[0]) if problem.code == "NS402" and inputs else None
        span = self.spec.document.span(lost.origin.path, key=True) if lost else None
        if lost is None or span is None:
            return ""
        if lost.op.keeps_axes:
            return f"add `{lost.op.keeps_axes}` to `{lost.op.type}` on line {span.line}: it leaves {lost.output}"
        return f"`{lost.op.type}` on line {span.line} leaves {lost.output}: move it below the layers that need more axes"


def _refuse_ids(op: Layer, types: tuple[TensorType, ...]) -> None:
    """Raises Problem NS408 where ids go into a layer that computes."""
    found = next((type for type in types if type.dtype in INTEGERS), None)
    if found is None or op.takes_ids:
        return
    help = "add `- embedding: 64` above this line" + ("" if found.vocabulary else ", or leave `dtype` out of the input")
    raise Problem("NS408", f"`{op.type}` needs numbers, but gets ids", help=help)


def _multiplied_out(node: Node) -> None:
    """Everything that is counted of a node later, once. Raises TooComplex."""
    _ = [output.elements for output in node.outputs], [weight.elements for weight in node.weights.values()], node.flops
