"""Warnings of what makes a first network fail in silence: each is legal, and nearly always a slip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from netspec.components.layers import Layer
from netspec.components.layers.conv import Convolution, ConvTranspose1d, ConvTranspose2d
from netspec.components.layers.pool import Pool
from netspec.components.layers.window import per_axis
from netspec.components.objectives import Loss
from netspec.components.transforms.numbers import MinMax, Rescale, Standardize
from netspec.diagnostics import Path, Problem, Severity
from netspec.graph.ir import Graph, Node
from netspec.graph.objective import losses_by_output
from netspec.spec.load import Spec
from netspec.spec.reader import Reader
from netspec.tensor import TensorType

_SCALES = (Standardize, MinMax, Rescale)
_LARGE = 10.0
_SHARE_DROPPED = 0.1
_BOUNDED = {"relu", "relu6", "sigmoid", "hard_sigmoid", "tanh", "binary_step"}


class Lint(NamedTuple):
    """A warning: its code, what it says, where, and the way out."""

    code: str
    message: str
    at: Path
    help: str
    key: bool = False


def lint(reader: Reader, spec: Spec, graph: Graph) -> None:
    """Report every warning of a spec whose graph stands."""
    for rule in RULES:
        for found in rule(spec, graph):
            severity = Severity.warning
            reader.report(found.code, found.message, found.at, help=found.help, key=found.key, severity=severity)


def dropout_before_batch_norm(spec: Spec, graph: Graph) -> Iterator[Lint]:
    """Dropout changes the variance that batch norm then remembers (Li et al. 2019)."""
    for node in graph.nodes:
        if node.op.type != "batch_norm":
            continue
        above = graph.node.get(node.inputs[0].node)
        while above is not None and above.op.type == "activation":
            above = graph.node.get(above.inputs[0].node)
        if above is not None and above.op.type in ("dropout", "spatial_dropout"):
            help = "move the dropout below it, or behind the last batch norm"
            yield Lint("NS315", f"`{above.op.type}` right before `batch_norm`", above.origin.path, help, key=True)


def dropped_pixels(spec: Spec, graph: Graph) -> Iterator[Lint]:
    """A stride that does not come out leaves the last rows of an image unread."""
    told: set[Path] = set()
    for node in graph.nodes:
        lost = _lost(node.op, node)
        if lost is not None and node.origin.path not in told:
            told.add(node.origin.path)
            count, size = lost
            what = "element" if count == 1 else f"{count} elements"
            message = f"`{node.op.type}` never reads the last {what} of an axis of {size}"
            yield Lint("NS413", message, node.origin.path, "use `padding: same`, or sizes that the stride divides", key=True)


def _lost(op: Layer, node: Node) -> tuple[int, int] | None:
    """Elements at the end of an axis that no window reads, where they are a share worth telling."""
    if not isinstance(op, (Convolution, Pool)) or isinstance(op, (ConvTranspose1d, ConvTranspose2d)):
        return None
    rank = node.input_types[0].rank - 1
    pads = op.pads()
    if isinstance(pads, str):
        if pads != "valid":
            return None
        pads = ((0, 0),) * rank
    strides = per_axis(op, "strides", rank) if isinstance(op, Convolution) else op.steps()
    for size, window, stride, (before, after) in zip(node.input_types[0].shape, op.windows(), strides, pads, strict=False):
        if isinstance(size, int):
            lost = (size + before + after - window) % stride - after
            if lost > _SHARE_DROPPED * size:
                return lost, size
    return None


def loss_and_activation(spec: Spec, graph: Graph) -> Iterator[Lint]:
    """Cross-entropies are computed from logits; what squeezes them first makes training slow or stops it."""
    for output, loss in losses_by_output(spec, graph).items():
        node = graph.node.get(graph.outputs[output].node)
        if node is None or node.op.type in loss.link or not _fits(loss, graph.output_types[output]):
            continue
        final = node.op.type
        at = (*node.origin.path, "activation") if node.name != node.item else node.origin.path
        if node.origin.path[:-1] == ("model",):
            at = (*node.origin.path, "output_activation")  # a family says it there
        if loss.link and loss.target != "numbers" and final in _BOUNDED:
            message = f"`{final}` before `loss: {loss.type}` cuts the logits that the loss works on"
            yield Lint("NS540", message, at, f"remove it, or write `{loss.link[0]}`")
        elif loss.type == "binary_cross_entropy" and final == "softmax":
            help = "use `cross_entropy` where one class of several is true, or `sigmoid` where each is for itself"
            yield Lint("NS540", "`softmax` before `loss: binary_cross_entropy` is squeezed a second time", at, help)
        elif loss.target == "numbers" and not loss.link and final in ("softmax", "log_softmax"):
            help = "use `cross_entropy` for classes, or remove the activation for a regression"
            shares = "shares that add up to one" if final == "softmax" else "logarithms of shares that add up to one"
            yield Lint("NS540", f"`{final}` before `loss: {loss.type}` can only give {shares}", at, help)


def _fits(loss: Loss, output: TensorType) -> bool:
    try:
        loss.check(output)
    except Problem:
        return False  # that has been told
    return True


def learning_rate(spec: Spec, graph: Graph) -> Iterator[Lint]:
    """A learning rate a hundred times off trains nothing, or diverges."""
    if spec.train is None:
        return
    optimizer = spec.train.optimizer
    low, high = optimizer.usual
    if not low <= optimizer.learning_rate <= high:
        at: Path = ("train", "optimizer", optimizer.type, "learning_rate")
        message = f"a learning rate of {optimizer.learning_rate:g} is far from what `{optimizer.type}` usually takes"
        yield Lint("NS541", message, at, f"most trainings use {low:g} to {high:g}")


def unscaled_inputs(spec: Spec, graph: Graph) -> Iterator[Lint]:
    """Large inputs make the first gradients huge."""
    data = spec.data
    if data is None or spec.train is None:
        return
    largest = data.source.known().largest
    targets = data.target.values() if isinstance(data.target, dict) else (data.target or "target",)
    steps = (step for key, steps in data.preprocess.items() if key not in targets for step in steps)
    scaled = any(isinstance(step, _SCALES) for step in steps)
    normalises = graph.nodes and graph.nodes[0].op.type in ("batch_norm", "layer_norm")
    ids = all(tensor.vocabulary is not None for tensor in graph.inputs.values())
    if largest is not None and largest > _LARGE and not scaled and not normalises and not ids:
        name = next(iter(graph.inputs))
        help = f"add `preprocess: {{{name}: standardize}}`"
        if largest == 255:
            help = f"add `preprocess: {{{name}: {{rescale: {{from: [0, 255], to: [0, 1]}}}}}}`"
        message = f"the inputs reach up to {largest:g} and no step scales them"
        yield Lint("NS542", message, ("data", "source"), help, key=True)


def classes_and_outputs(spec: Spec, graph: Graph) -> Iterator[Lint]:
    """Outputs that no label ever names learn only to be silent."""
    if spec.data is None:
        return
    classes = spec.data.source.known().classes
    for output, loss in losses_by_output(spec, graph).items():
        size = graph.output_types[output].shape[-1]
        if loss.target == "classes" and classes is not None and isinstance(size, int) and size > classes:
            node = graph.node[graph.outputs[output].node]
            message = f"`{output}` tells {size} classes apart, but the data has {classes}"
            help = f"give the last layer {classes} units, or write `classes` for its size"
            yield Lint("NS544", message, node.origin.path, help, key=True)


RULES: tuple[Callable[[Spec, Graph], Iterator[Lint]], ...] = (
    dropout_before_batch_norm,
    dropped_pixels,
    loss_and_activation,
    learning_rate,
    unscaled_inputs,
    classes_and_outputs,
)
