"""Warnings that depend on how long a training is: how many rows there are, and so how many steps and updates.

`validate` gives them where the source's rows are known without reading it, the start of a training where they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netspec.components.layers.norm import BatchNorm
from netspec.diagnostics import Severity
from netspec.graph.ir import Graph, Node, Program
from netspec.graph.lints import Lint
from netspec.spec.load import Spec
from netspec.spec.reader import Reader
from netspec.spec.training import AdversarialSection, TrainSection

_COLD = 0.1
"""The share of their start that running statistics may still hold in the end."""


@dataclass(frozen=True)
class Length:
    """How long a training is: rows of its training part, steps of an epoch."""

    rows: int
    batch: int
    """Rows of a step: `batch_size`, or all where there are fewer."""
    epochs: int

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; the last one may be smaller."""
        return -(-self.rows // self.batch)

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.steps_per_epoch * self.epochs


def known_length(spec: Spec) -> Length | None:
    """The length of a training whose rows are known before the data are read."""
    rows = spec.data.source.known().rows if spec.data is not None else None
    if spec.data is None or rows is None or spec.training is None or spec.data.series is not None:
        return None
    split = spec.data.split
    cut = sum(round(rows * share) if isinstance(share, float) else share for share in (split.validation, split.test))
    return length_of(spec, rows - cut) if rows > cut else None


def length_of(spec: Spec, rows: int) -> Length:
    """The length of a training on so many rows."""
    assert spec.training is not None
    return Length(rows, min(spec.training.batch_size, rows), spec.training.epochs)


def lint_length(reader: Reader, spec: Spec, program: Program, length: Length) -> None:
    """Report every warning that the length of a training gives."""
    for rule in RULES:
        for graph in program.graphs.values():
            for found in rule(spec, graph, length):
                reader.report(found.code, found.message, found.at, help=found.help, key=found.key, severity=Severity.warning)


def batch_above_data(spec: Spec, graph: Graph, length: Length) -> Iterator[Lint]:
    """A batch larger than the training part is one step an epoch."""
    assert spec.training is not None
    if spec.training.batch_size > length.rows:
        message = f"`batch_size` is {spec.training.batch_size}, but there are {length.rows} training rows"
        yield Lint("NS543", message, ("train", "batch_size"), "every epoch is then a single step: make it smaller")


def cold_statistics(spec: Spec, graph: Graph, length: Length) -> Iterator[Lint]:
    """Running statistics start at mean 0 and variance 1, and forget that with each step as their momentum says."""
    if spec.adversarial is not None and graph.name != "generator":
        return  # a discriminator is never shipped
    for node in _norms(graph):
        assert isinstance(node.op, BatchNorm)
        left = node.op.momentum**length.steps
        if left > _COLD:
            momentum = max(0.0, 1 - 3 / length.steps)
            message = f"after {length.steps} steps the running statistics of this `batch_norm` are still {left:.0%} their start"
            help = f"train longer, in smaller batches, or write `batch_norm: {{momentum: {momentum:.2g}}}`"
            yield Lint("NS548", message, node.origin.path, help, key=True)
            return


def long_average(spec: Spec, graph: Graph, length: Length) -> Iterator[Lint]:
    """An average over more updates than there are is the mean of the whole training, its beginning included."""
    train = spec.training
    side = train.generator if isinstance(train, AdversarialSection) else train
    keep = getattr(side, "ema", None)
    if keep is None or (spec.adversarial is not None and graph.name != "generator"):
        return
    updates = length.steps
    if isinstance(train, TrainSection):
        updates = -(-length.steps_per_epoch // train.gradient.accumulate) * length.epochs
    span = 1 / (1 - keep)
    if span > updates:
        message = f"`ema: {keep:g}` averages over some {span:,.0f} updates, but there are {updates:,}"
        help = f"what is shipped is the mean of the whole training: train longer, or write `ema: {_rounded(updates)}`"
        at = ("train", "generator", "ema") if spec.adversarial is not None else ("train", "ema")
        yield Lint("NS549", message, at, help)


def _rounded(updates: int) -> str:
    """A decay whose average covers a tenth of the updates."""
    return f"{max(0.5, 1 - 10 / max(updates, 1)):.3g}"


def long_accumulation(spec: Spec, graph: Graph, length: Length) -> Iterator[Lint]:
    """More batches to an update than an epoch has: each epoch is one update, of what there is."""
    if spec.train is None or spec.train.gradient.accumulate <= length.steps_per_epoch:
        return
    wanted = spec.train.gradient.accumulate
    what = "one batch" if length.steps_per_epoch == 1 else f"{length.steps_per_epoch} batches"
    message = f"`accumulate: {wanted}`, but an epoch has {what}: each epoch is one update"
    yield Lint("NS550", message, ("train", "gradient", "accumulate"), "lower it, or lower `batch_size`")


def batch_of_one(spec: Spec, graph: Graph, length: Length) -> Iterator[Lint]:
    """A last batch of one example is its own mean: batch norm makes zeros of it."""
    left = length.rows % length.batch
    if spec.adversarial is not None or left != 1 or length.batch == 1:
        return
    for node in _norms(graph):
        if node.input_types[0].rank == 1:
            message = f"the last batch of each epoch holds one row of the {length.rows:,}, of which `batch_norm` leaves nothing"
            help = f"write another `batch_size` than {length.batch}"
            yield Lint("NS551", message, node.origin.path, help, key=True)
            return


def _norms(graph: Graph) -> Iterator[Node]:
    """Every batch norm that learns its statistics."""
    return (node for node in graph.nodes if isinstance(node.op, BatchNorm) and node.op.trainable)


RULES: tuple[Callable[[Spec, Graph, Length], Iterator[Lint]], ...] = (
    batch_above_data,
    cold_statistics,
    long_average,
    long_accumulation,
    batch_of_one,
)
