"""What a spec alone tells of an autoencoder or a GAN pair: its parts meet, in shape, type and range."""

from __future__ import annotations

from typing import NamedTuple

from netspec.components.transforms.numbers import MinMax, Rescale, Standardize
from netspec.diagnostics import Label, Path, Severity, suggest
from netspec.graph.ir import Graph, Node, Program
from netspec.graph.way import way_to
from netspec.source import Document
from netspec.spec.load import Spec
from netspec.spec.reader import Reader
from netspec.spec.training import AdversarialSection
from netspec.tensor import TensorType


class Range(NamedTuple):
    """Where values lie; None for an end that is open."""

    low: float | None
    high: float | None

    def __str__(self) -> str:
        low = "minus infinity" if self.low is None else f"{self.low:g}"
        return f"{low} to {'infinity' if self.high is None else f'{self.high:g}'}"

    def holds(self, low: float, high: float) -> bool:
        """Whether all from `low` to `high` lies inside."""
        return (self.low is None or low >= self.low) and (self.high is None or high <= self.high)


_RANGES = {
    "tanh": Range(-1.0, 1.0),
    "softsign": Range(-1.0, 1.0),
    "sigmoid": Range(0.0, 1.0),
    "hard_sigmoid": Range(0.0, 1.0),
    "softmax": Range(0.0, 1.0),
    "relu": Range(0.0, None),
    "softplus": Range(0.0, None),
}
_SQUEEZES = ("sigmoid", "hard_sigmoid", "tanh", "softsign", "relu", "binary_step")


def range_of(graph: Graph, output: str) -> Range | None:
    """What an output's last activation leaves possible; None where that is everything."""
    node = _maker(graph, output)
    return None if node is None else _RANGES.get(node.op.type)


def _maker(graph: Graph, output: str) -> Node | None:
    """The last layer that computes something: what only moves values is passed over."""
    node = graph.node.get(graph.outputs[output].node)
    while node is not None and node.op.type in ("reshape", "flatten", "identity", "permute", "crop", "upsample"):
        node = graph.node.get(node.inputs[0].node)
    return node


def check_composite(reader: Reader, spec: Spec, program: Program) -> None:
    """Report what cannot work (NS415, NS416, NS417), whatever the data hold."""
    (name, real), *_ = spec.inputs.items()
    if spec.autoencoder is not None:
        decoder: Path = ("model", "autoencoder", "decoder")
        _meets(reader, spec, program.main, "decoder", real, decoder, "the decoder makes", "the input is")
        _range(reader, spec, program.main, "decoder", name)
    elif spec.gan is not None:
        _Pair(reader, spec, program, name).check(real)


def _meets(reader: Reader, spec: Spec, graph: Graph, output: str, real: TensorType, at: Path, made: str, wanted: str) -> None:
    """What is made is of the input's shape and type."""
    type = graph.output_types[output]
    if (type.shape, type.dtype) == (real.shape, real.dtype):
        return
    node = graph.node.get(graph.outputs[output].node)
    place = node.origin.path if node else at
    help = f"change the last layers so that they give {real}"
    if type.elements == real.elements:
        help = f"add `- reshape: {real}` at its end"
    if real.vocabulary is not None:
        help = "ids cannot be made by a network of numbers: make one number for each of them, or use vectors"
    labels = (*way_to(spec.document, graph.node, graph.outputs[output], place), *_input_label(spec.document))
    reader.report("NS415", f"{made} {type}, but {wanted} {real}", place, key=True, help=help, labels=labels)


def _input_label(document: Document) -> tuple[Label, ...]:
    span = document.span(("input",)) or document.span(("inputs",))
    return (Label(span, "what the data hold"),) if span else ()


def _range(reader: Reader, spec: Spec, graph: Graph, output: str, input: str) -> None:
    """What is made can be all that the data hold, as far as preprocessing tells."""
    bound, node = range_of(graph, output), _maker(graph, output)
    if bound is None or node is None or spec.data is None:
        return
    maker = f"`{node.op.type}`"
    wanted = "[-1, 1]" if bound.low == -1.0 else "[0, 1]"
    keys = [key for key in spec.data.preprocess if key in (input, "numbers", "images")]
    steps = [(key, step) for key in keys for step in spec.data.preprocess[key]]
    help = f"write `rescale: {{from: ..., to: {wanted}}}` or `min_max: {wanted}`, or end in another activation"
    key, last = steps[-1] if steps else ("", None)
    at: Path = ("data", "preprocess", key) if key else ("data", "source")
    if isinstance(last, Standardize):
        message = f"{maker} makes {bound}, but standardized data go beyond"
        reader.report("NS416", message, at, help=help, labels=_made(spec.document, node))
        return
    largest = spec.data.source.known().largest
    low, high = (0.0, largest) if largest is not None and not steps else (None, None)
    if isinstance(last, Rescale | MinMax):
        low, high = last.to
    if low is None or high is None:
        return
    if not bound.holds(low, high):
        message = f"{maker} makes {bound}, but the data lie from {low:g} to {high:g}"
        reader.report("NS416", message, at, help=help, labels=_made(spec.document, node))
    elif bound.low is not None and bound.high is not None and (low, high) != (bound.low, bound.high):
        message = f"{maker} makes {bound}, but the data lie only from {low:g} to {high:g}"
        reader.report("NS416", message, at, help=help, severity=Severity.warning, labels=_made(spec.document, node))


def _made(document: Document, node: Node) -> tuple[Label, ...]:
    span = document.span(node.origin.path, key=True)
    return (Label(span, "made here"),) if span else ()


class _Pair:
    """A GAN pair: both sides, and how they are trained."""

    def __init__(self, reader: Reader, spec: Spec, program: Program, input: str) -> None:
        self.reader, self.spec, self.input = reader, spec, input
        self.generator, self.discriminator = program.graphs["generator"], program.graphs["discriminator"]

    def check(self, real: TensorType) -> None:
        (made,), (judged,) = self.generator.outputs, self.discriminator.outputs
        at: Path = ("model", "gan", "generator")
        _meets(self.reader, self.spec, self.generator, made, real, at, "the generator makes", "the discriminator reads")
        _range(self.reader, self.spec, self.generator, made, self.input)
        self._logit(judged)
        self._condition()
        if self.spec.adversarial is not None:
            self._training(self.spec.adversarial)

    def _logit(self, output: str) -> None:
        """The discriminator ends in one number that nothing squeezes."""
        type = self.discriminator.output_types[output]
        node = self.discriminator.node[self.discriminator.outputs[output].node]
        at = node.origin.path
        if node.op.type in ("softmax", "log_softmax"):
            message = f"`{node.op.type}` ends the discriminator, whose loss is computed from one number"
            self.reader.report("NS415", message, at, key=True, help="end with `- dense: 1`, without an activation")
        elif type.shape != (1,):
            message = f"the discriminator gives {type}, but one number is due: is it real?"
            help = "end with `- flatten` and `- dense: 1`" if type.rank > 1 else "end with `- dense: 1`"
            labels = way_to(self.spec.document, self.discriminator.node, self.discriminator.outputs[output], at)
            self.reader.report("NS415", message, at, key=True, help=help, labels=labels)
        elif self.spec.adversarial is not None and node.op.type in _SQUEEZES:
            loss = self.spec.adversarial.loss
            if node.op.type not in loss.link:
                message = f"`{node.op.type}` ends the discriminator, but `{loss.type}` works on a number of any size"
                self.reader.report("NS540", message, at, key=True, help="remove it", severity=Severity.warning)

    def _condition(self) -> None:
        """Both sides read the class that they are told."""
        for graph in (self.generator, self.discriminator):
            read = any(port.node == "condition" for node in graph.nodes for port in node.inputs)
            if "condition" in graph.inputs and not read:
                help = "add `- embedding: 16` with `from: condition` and `name: class`, and join it: `- concat: [above, class]`"
                at: Path = ("model", "gan", graph.name)
                self.reader.report("NS415", f"the {graph.name} never reads `condition`", at, key=True, help=help)

    def _monitor(self, train: AdversarialSection, name: str) -> None:
        """What is watched is computed: a pair has no loss that says how good it is."""
        known = ["diversity", "coverage", *(["frechet_distance"] if train.frechet is not None else [])]
        if name not in known:
            help = suggest(name, known, list_up_to=3)
            if train.frechet is None:
                help = "write `monitor: frechet_distance`, and `frechet: {classifier: NAME/best}` beside it"
            at: Path = ("train", "early_stopping", "monitor")
            at = at if self.reader.document.span(at) else at[:-1]
            self.reader.report("NS508", f"`{name}` says nothing of how good a pair is", at, help=help)

    def _training(self, train: AdversarialSection) -> None:
        """Batch norm that cannot work, and fields that do not go with the loss."""
        smoothing = train.discriminator.label_smoothing
        if smoothing and not train.loss.smooths:
            message = f"`{train.loss.type}` has no target for real examples, so there is nothing to smooth"
            at: Path = ("train", "discriminator", "label_smoothing")
            self.reader.report("NS205", message, at, key=True, help="remove it")
        if train.early_stopping is not None:
            self._monitor(train, train.early_stopping.monitor)
        for graph in (self.generator, self.discriminator):
            norm = next((node for node in graph.nodes if node.op.type == "batch_norm"), None)
            if norm is None:
                continue
            if train.batch_size == 1:
                message = "`batch_norm` of a batch of one: every example is its own mean, and nothing is left of it"
                help = "raise `batch_size`, or use `layer_norm` or `instance_norm`"
                self.reader.report("NS417", message, norm.origin.path, key=True, help=help)
            elif graph is self.discriminator and train.loss.gradient_penalty:
                message = "`batch_norm` in a critic under a gradient penalty: the penalty is for each example alone"
                help = "use `layer_norm` or `instance_norm`, or leave it out (Gulrajani et al. 2017, section 4)"
                self.reader.report("NS417", message, norm.origin.path, key=True, help=help)
