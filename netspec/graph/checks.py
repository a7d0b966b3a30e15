"""What `validate` can say beyond shapes: objectives that do not fit, promises broken, likely mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from netspec.components.layers.activation import Activation
from netspec.components.layers.core import Dense
from netspec.components.objectives import METRICS, Loss
from netspec.components.sources.base import KINDS
from netspec.components.sources.images import Idx, Images
from netspec.components.sources.tabular import Csv, Sklearn
from netspec.diagnostics import Diagnostic, Path, Problem, Severity, suggest
from netspec.graph.composites import check_composite
from netspec.graph.costs import training_memory
from netspec.graph.figures import figures, fits, metrics_by_output
from netspec.graph.ir import Graph, Node, Program
from netspec.graph.limits import too_large_for_a_file
from netspec.graph.lints import lint
from netspec.graph.objective import losses_by_output
from netspec.graph.run_lints import known_length, lint_length
from netspec.graph.sequences import check_sequences
from netspec.graph.shipping import no_chances, no_free_axis
from netspec.graph.way import way_to
from netspec.spec.load import Spec
from netspec.spec.reader import Reader, TooMany
from netspec.spec.sections import Bound, DataSection
from netspec.spec.unused import unused_variables
from netspec.tensor import INTEGERS, Dim, Formula, TensorType, names_in, total

SCALAR_TARGETS = (Csv, Sklearn, Idx, Images)
"""Sources whose target is one value a row."""


def check(spec: Spec, program: Program) -> tuple[Diagnostic, ...]:
    """Every static check of a spec whose graph stands."""
    checker = _Checker(spec, program)
    with suppress(TooMany):
        checker.objectives()
        checker.data(program.fed)
        checker.promises()
        checker.exports()
        checker.initial_weights()
        checker.variables()
        check_sequences(checker.reader, spec, program.fed)
        check_composite(checker.reader, spec, program)
        checker.batches_of_one()
        checker.file_size()
        for graph in program.graphs.values():
            lint(checker.reader, spec, graph)
        length = known_length(spec)
        if length is not None:
            lint_length(checker.reader, spec, program, length)
    return tuple(checker.reader.diagnostics)


class _Checker:
    def __init__(self, spec: Spec, program: Program) -> None:
        self.spec, self.program, self.graph, self.reader = spec, program, program.main, Reader(spec.document)
        self.figured = True
        """Whether it is known which output has which loss, and so which figures there are."""

    def objectives(self) -> None:
        """Losses, metrics and what is monitored."""
        train = self.spec.train
        if train is None:
            return
        if isinstance(train.loss, Mapping):
            for name in train.loss.keys() - self.graph.outputs.keys():
                self.reader.report(
                    "NS303",
                    f"the model has no output `{name}`",
                    ("train", "loss", name),
                    key=True,
                    help=suggest(name, self.graph.outputs),
                )
            self.figured = not train.loss.keys() - self.graph.outputs.keys()
        elif len(self.graph.outputs) > 1 and self.spec.autoencoder is None:
            self.figured = False
            names = ", ".join(f"`{name}`" for name in self.graph.outputs)
            self.reader.report(
                "NS505",
                f"there are several outputs ({names}), but one loss",
                ("train", "loss"),
                help=f"write `loss: {{{', '.join(f'{name}: ...' for name in self.graph.outputs)}}}`",
            )
            return
        for output, loss in losses_by_output(self.spec, self.graph).items():
            at: Path = ("train", "loss", output) if isinstance(train.loss, Mapping) else ("train", "loss")
            type = self.graph.output_types[output]
            if loss.target == "classes" and type.rank > 1 and self._scalar_target():
                self._acts_on_last_axis(output, type, loss.type)
                continue
            if self.spec.autoencoder is not None and loss.target == "classes":
                message = f"`{loss.type}` needs classes, but what an autoencoder aims at is its input"
                help = "use `mean_squared_error`, or `binary_cross_entropy` for values from 0 to 1"
                self.reader.report("NS505", message, at, help=help)
                continue
            self._guarded(partial(_check_loss, loss, output, type), at)
        losses = losses_by_output(self.spec, self.graph).values()
        if train.class_weights is not None and losses and all(loss.target == "numbers" for loss in losses):
            message = "`class_weights` weighs nothing: no loss here is one of classes"
            help = "remove it, or train classes: `cross_entropy`, `binary_cross_entropy`"
            self.reader.report("NS519", message, ("train", "class_weights"), key=True, help=help)
        if self.figured:
            self._metrics()
            self._monitor()

    def _metrics(self) -> None:
        """Metrics that judge some output, each listed once."""
        assert self.spec.train is not None
        losses = losses_by_output(self.spec, self.graph)
        seen: set[str] = set()
        for index, metric in enumerate(self.spec.train.metrics):
            at: Path = ("train", "metrics", index)
            if metric.label in seen:
                self.reader.report("NS304", f"`{metric.label}` is listed twice", at, help="remove one of the two")
            seen.add(metric.label)
            if losses and not any(metric in found for found in metrics_by_output(self.graph, losses, [metric]).values()):
                told = ", ".join(sorted({loss.type for loss in losses.values()}))
                fitting = [each for each in METRICS.values() if any(fits(each, self.graph, *pair) for pair in losses.items())]
                other = ", ".join(each.type for each in fitting[:4])
                judged = "the chances of classes" if metric.needs == "chances" else metric.needs
                message = f"`{metric.type}` judges {judged}, but `loss: {told}` trains something else"
                self.reader.report("NS515", message, at, help=f"metrics that fit are {other}")

    def exports(self) -> None:
        """What the file is asked for can be given: the training need not be waited for."""
        section = self.spec.export
        if section is None:
            return
        margins = [loss for loss in losses_by_output(self.spec, self.graph).values() if loss.type == "hinge"]
        if section.outputs == "probabilities" and margins:
            self.reader.problem(no_chances(), ("export", "outputs"))
        for index, name in enumerate(section.dynamic or ()):
            problem = no_free_axis(name, self.graph)
            if problem is not None:
                self.reader.report(problem.code, problem.message, ("export", "dynamic", index), help=problem.help)

    def _scalar_target(self) -> bool:
        return self.spec.data is not None and isinstance(self.spec.data.source, SCALAR_TARGETS)

    def _acts_on_last_axis(self, output: str, type: TensorType, loss: str) -> None:
        """An image where one vector of classes was due: nearly always a flatten that is missing."""
        node = last = self.graph.node.get(self.graph.outputs[output].node)
        acts = False
        while last is not None and (isinstance(last.op, (Dense, Activation)) or last.op.elementwise):
            if isinstance(last.op, Dense):
                node, acts = last, True  # the first of them is where the image should have ended
            last = self.graph.node.get(last.inputs[0].node)
        at = node.origin.path if node else ("model",)
        message = (
            "`dense` would act on the last axis of an image" if acts else f"the output {type} is not one vector of classes"
        )
        self.reader.report(
            "NS401",
            message,
            at,
            key=True,
            labels=way_to(self.spec.document, self.graph.node, node.inputs[0] if node else None, at),
            caption=f"gives {node.output if node else type}, but `loss: {loss}` needs [classes]",
            help="add `- flatten` or `- global_avg_pool` above this line"
            if acts
            else "end with `- global_avg_pool` or `- flatten`, and `- dense: classes`",
        )

    def _guarded(self, work: Callable[[], None], at: Path) -> None:
        try:
            work()
        except Problem as problem:
            self.reader.problem(problem, at)

    def _monitor(self) -> None:
        train = self.spec.train
        if train is None or train.early_stopping is None:
            return
        monitor = train.early_stopping.monitor
        parts = ["train_loss"]
        if self._validates():
            parts += ["validation_loss", *self._metric_names("validation")]
        if monitor not in parts:
            at: Path = ("train", "early_stopping", "monitor")
            help = suggest(monitor, parts)
            metric = monitor.removeprefix("validation_")
            if metric != monitor and not self._validates():
                help = "add `split: {validation: 0.15}` to `data`"
            elif metric != monitor and metric in METRICS:
                help = f"add `{metric}` to `metrics`"
            self.reader.report("NS508", f"`{monitor}` is not computed, so it cannot be watched", at, help=help)

    def _validates(self) -> bool:
        data = self.spec.data
        return data is not None and (bool(data.split.validation) or getattr(data.source, "validation", None) is not None)

    def _metric_names(self, part: str) -> list[str]:
        assert self.spec.train is not None
        return figures(self.graph, losses_by_output(self.spec, self.graph), self.spec.train.metrics, part)

    def data(self, graph: Graph) -> None:
        """Inputs and targets by name, and augmentations that fit the input."""
        data = self.spec.data
        if data is None:
            return
        self._targets()
        for name in (data.inputs or {}).keys() - graph.inputs.keys():
            self.reader.report(
                "NS303",
                f"the model has no input `{name}`",
                ("data", "inputs", name),
                key=True,
                help=suggest(name, graph.inputs),
            )
        self._ambiguous(data, graph)
        first = next(iter(graph.inputs.values()))
        for index, augment in enumerate(data.augment):
            self._guarded(partial(augment.check, first), ("data", "augment", index))

    def _ambiguous(self, data: DataSection, graph: Graph) -> None:
        """A key of `preprocess` means an input, a column or a kind, and only one of them."""
        given = data.inputs or {}
        targets = data.target.values() if isinstance(data.target, Mapping) else (data.target,)
        columns = {name for names in given.values() for name in names if name != "all"} | {name for name in targets if name}
        for key in data.preprocess:
            is_column = key in columns and given.get(key) != (key,)
            if (key in graph.inputs) + is_column + (key in KINDS) > 1:
                message, at = f"`{key}` could mean an input, a column or a kind", ("data", "preprocess", key)
                self.reader.report("NS512", message, at, key=True, help="rename the input or the column")

    def _targets(self) -> None:
        """With targets by output, every output that has a loss has one."""
        data = self.spec.data
        if data is None:
            return
        self._classes(data)
        if not isinstance(data.target, Mapping):
            return
        for name in data.target.keys() - self.graph.outputs.keys():
            help = suggest(name, self.graph.outputs)
            self.reader.report("NS303", f"the model has no output `{name}`", ("data", "target", name), key=True, help=help)
        if data.target.keys() - self.graph.outputs.keys():
            return  # what was meant has been told
        for name in losses_by_output(self.spec, self.graph).keys() - data.target.keys():
            help = f"write `target: {{{name}: COLUMN}}`, or remove its loss"
            self.reader.report("NS202", f"the output `{name}` has a loss, but no target", ("data", "target"), help=help)

    def _classes(self, data: DataSection) -> None:
        """What is said of the target's classes is said of an output that has a target."""
        autoencoder = self.spec.autoencoder
        nothing = self.spec.gan is not None or (autoencoder is not None and autoencoder.anomaly is None)
        nothing = nothing or (data.series is not None and data.series.target == "next")
        for key, given in (("positive", data.positive), ("classes", data.classes)):
            if given is not None and nothing:
                message = f"`{key}` is about the classes of a target, and this network has none"
                self.reader.report("NS519", message, ("data", key), key=True, help="remove it")
            known = {"anomaly"} if autoencoder is not None else self.graph.outputs.keys()
            for name in given.keys() - known if isinstance(given, Mapping) and not nothing else ():
                message, help = f"the model has no output `{name}`", suggest(name, known)
                self.reader.report("NS303", message, ("data", key, name), key=True, help=help)

    def initial_weights(self) -> None:
        """What takes weights from an earlier run is there, and has some."""
        if self.spec.initialize is None:
            return
        weights = [name for graph in self.program.graphs.values() for name, _ in graph.weights()]
        holders = [name for graph in self.program.graphs.values() for name in (*graph.scopes, *graph.node)]
        named = [name for name in holders if not re.search(r"_[0-9]+(\.|\Z)", name)]
        for name in self.spec.initialize.layers:
            at: Path = ("initialize", "layers", name)
            if name not in holders:
                self.reader.report("NS303", f"no layer is named `{name}`", at, key=True, help=suggest(name, named))
            elif not any(weight.startswith((f"{name}/", f"{name}.")) for weight in weights):
                self.reader.report("NS303", f"`{name}` has no weights", at, key=True, help=suggest("", named))

    def file_size(self) -> None:
        """A network that fits into no file: an error where one is asked for, else good to know before it is trained."""
        problem = too_large_for_a_file(self.graph)
        if problem is not None:
            asked = self.spec.export is not None
            severity = Severity.error if asked else Severity.warning
            at: Path = ("export",) if asked else ("model",)
            self.reader.report(problem.code, problem.message, at, key=True, help=problem.help, severity=severity)

    def batches_of_one(self) -> None:
        """Batch norm of a single vector: every example is its own mean. A pair's is judged with the pair."""
        if self.spec.train is None or self.spec.train.batch_size > 1:
            return
        for node in self.graph.nodes:
            if node.op.type == "batch_norm" and node.input_types[0].rank == 1 and getattr(node.op, "trainable", True):
                message = "`batch_norm` of a batch of one: every example is its own mean, and nothing is left of it"
                help = "raise `batch_size`, or use `layer_norm`"
                self.reader.report("NS417", message, node.origin.path, key=True, help=help)

    def variables(self) -> None:
        """Variables that nothing uses."""
        data = self.spec.document.data
        for at in unused_variables(data) if isinstance(data, dict) else ():
            message, help = f"nothing uses the variable `{at[-1]}`", f"remove it, or write `${at[-1]}` where it is meant"
            self.reader.report("NS316", message, at, key=True, severity=Severity.warning, help=help)

    def promises(self) -> None:
        """`expect`, as far as shapes alone can tell."""
        expect = self.spec.expect
        if expect is None:
            return
        if expect.output is not None:
            self._output(expect.output)
        trainable, _ = self.graph.parameter_count()
        memory = total(training_memory(graph, self.spec.training) for graph in self.program.graphs.values())
        self._bound("parameters", expect.parameters, trainable, "NS702", "the network has {:,} parameters", _trainable)
        self._bound("flops", expect.flops, self.graph.flops, "NS703", "the network takes {:,} flops", lambda node: node.flops)
        self._bound("memory", expect.memory, memory, "NS704", "a training step takes {:,} bytes", None)
        if self.spec.training is None and expect.metrics:
            help = "add `train: {loss: ..., optimizer: ...}`, or remove the promise"
            self.reader.report("NS508", "no figure is computed: the spec has no `train`", ("expect", "metrics"), help=help)
        if self.spec.train is not None and self.figured:
            known = [f"{part}_loss" for part in ("train", "validation", "test")]
            known += [name for part in ("validation", "test") for name in self._metric_names(part)]
            for name in expect.metrics:
                if name not in known:
                    help = suggest(name, known)
                    self.reader.report("NS508", f"`{name}` is not computed", ("expect", "metrics", name), key=True, help=help)

    def _output(self, expected: Mapping[str, tuple[int | str, ...]] | tuple[int | str, ...]) -> None:
        named = expected if isinstance(expected, Mapping) else {next(iter(self.graph.outputs)): expected}
        for name, shape in named.items():
            at: Path = ("expect", "output", name) if isinstance(expected, Mapping) else ("expect", "output")
            if name not in self.graph.outputs:
                self.reader.report(
                    "NS303", f"the model has no output `{name}`", at, key=True, help=suggest(name, self.graph.outputs)
                )
                continue
            found = self.graph.output_types[name]
            if [str(dim) for dim in found.shape] != [str(dim) for dim in shape]:
                wanted = ", ".join(str(dim) for dim in shape)
                message = f"the output is {found}, the promise is [{wanted}]"
                help = "change the last layer, or the promise"
                if [str(dim) for dim in found.shape] == [str(dim) for dim in shape[1:]]:
                    help = "leave the batch axis out: it is always there"
                labels = way_to(self.spec.document, self.graph.node, self.graph.outputs[name], at)
                self.reader.report("NS701", message, at, caption="promised here", help=help, labels=labels)

    def _bound(
        self,
        field: str,
        bound: Bound | None,
        value: Dim,
        code: str,
        what: str,
        share: Callable[[Node], Dim] | None,
    ) -> None:
        """A promise about a figure; `share` is what one node adds to it."""
        if bound is None:
            return
        if isinstance(value, Formula):
            message = f"`expect.{field}` cannot be checked yet: it is {value}"
            help = "bind it by " + " ".join(f"`--dim {name}=N`" for name in sorted(names_in(value)))
            self.reader.report("NS410", message, ("expect", field), severity=Severity.note, help=help)
            return
        broken = bound.broken_by(value)
        if broken is not None:
            word, limit = broken
            batch = " or `batch_size`" if field == "memory" else ""
            relation = {"max": "at most", "min": "at least", "equal": "exactly"}[word]
            self.reader.report(
                code,
                f"{what.format(value)}, the promise is {relation} {limit:,.15g}",
                ("expect", field, word),
                caption="promised here",
                help=self._largest(share) if share and word == "max" else f"change the network{batch}, or the promise",
            )

    def _largest(self, share: Callable[[Node], Dim]) -> str:
        """Which layer a figure comes from most of all."""
        shares = [(count, node) for node in self.graph.nodes if isinstance(count := share(node), int)]
        count, node = max(shares, key=lambda pair: pair[0])
        span = self.spec.document.span(node.origin.path, key=True)
        where = f" on line {span.line}" if span else ""
        return f"{count:,} of them are those of `{node.op.type}`{where}: make it smaller, or change the promise"


def _trainable(node: Node) -> Dim:
    return total(weight.elements for weight in node.weights.values() if weight.trainable)


def _check_loss(loss: Loss, output: str, type: TensorType) -> None:
    """Raises Problem NS408, NS505 where a loss cannot be taken of an output."""
    if type.dtype in INTEGERS:
        message = f"`{loss.type}` needs numbers, but `{output}` gives ids"
        raise Problem("NS408", message, help="no layer computes anything yet: add `- embedding: 64`")
    loss.check(type)
