"""Fitting targets: what the training part says of the column that an output is held against."""

from __future__ import annotations

from typing import Any

import numpy as np

from netspec.components.objectives import Loss
from netspec.components.objectives.losses import BinaryCrossEntropy
from netspec.components.sources.base import Column, Table
from netspec.components.transforms.categories import Label
from netspec.components.transforms.fitted import Fitted, refuse_missing
from netspec.components.transforms.pipeline import TargetPipe
from netspec.data.fitting import Fitter
from netspec.data.series import AHEAD
from netspec.diagnostics import Path
from netspec.graph.objective import losses_by_output
from netspec.tensor import Dim, Formula, TensorType


class TargetFitter:
    """Fits the pipes of targets, once the inputs have bound what they bind."""

    def __init__(self, fitter: Fitter) -> None:
        self.fitter, self.place, self.graph = fitter, fitter.place, fitter.graph

    def pipe(self, output: str, name: str, table: Table) -> TargetPipe:
        """The pipe of an output's target column. Raises SpecError NS503, NS505, NS506, NS507."""
        column = self.fitter.raw[name]
        loss: Loss | None = losses_by_output(self.place.spec, self.graph).get(output)
        if output == "anomaly" and self.place.spec.autoencoder is not None:
            loss = BinaryCrossEntropy()  # not to be trained on: it says that two classes are told apart
        type = self.graph.output_types[output]
        base = name.removesuffix(AHEAD)
        transforms = self.fitter.transforms(base)
        wanted = loss.target if loss else "numbers"
        labelled = wanted in ("classes", "binary") and column.kind != "array"
        if labelled and not any(isinstance(step, Label) for step in transforms):
            transforms = (*transforms, Label())
        at: Path = ("data", "preprocess", base) if base in self.fitter.preprocess else ("data", "target")
        if column.kind == "category" and not labelled and not transforms:
            help = "use `cross_entropy` for classes, or a column of numbers"
            raise self.place.problem(
                "NS505", f"the target `{name}` holds text, but `{loss.type if loss else 'the loss'}` needs numbers", at, help
            )
        self.place.at(at, lambda: refuse_missing(column.values, f"the target `{base}`"))
        pipe, _ = self.fitter.fit_column(name, column.kind, column.values, transforms, at)
        classes = _class_names(pipe.steps, table.names if name == table.target else ())
        if classes is not None and loss is not None:
            self._check_classes(output, type, classes, loss, at)
        context = base if name.endswith(AHEAD) and pipe.steps and base in self.fitter.raw else None
        lag = sum(step.transform.lag for step in pipe.steps)
        if lag and context is None:
            help = f"add `{base}` to `series: {{columns: [...]}}`, or leave `difference` out"
            message = f"the difference of `{base}` is undone from its last steps, but `{base}` does not go in"
            raise self.place.problem("NS513", message, at, help)
        shape = self._target_shape(type, loss, column, lag, at)
        ids = wanted == "classes" and column.kind == "array" and shape == tuple(type.bound(self.fitter.dims()).shape[:-1])
        if ids:
            self._check_ids(output, type.bound(self.fitter.dims()).shape[-1], column, at)
        return TargetPipe(name, column.kind, pipe.steps, shape, classes, context, ids)

    def _check_classes(self, output: str, type: TensorType, classes: tuple[str, ...], loss: Loss, at: Path) -> None:
        size = type.shape[-1]
        if isinstance(size, Formula):
            self.fitter.lengths.setdefault(str(size), len(classes))
            size = self.fitter.lengths[str(size)]
        most = 2 if size == 1 else size
        if isinstance(most, int) and len(classes) > most:
            shown = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
            raise self.place.problem(
                "NS506",
                f"the target has {len(classes)} classes ({shown}), but `{output}` gives {most}",
                at,
                f"give the last layer {len(classes)} units, or write `classes` for its size",
            )

    def _check_ids(self, output: str, classes: Dim, column: Column, at: Path) -> None:
        """Every position holds one of the classes. Raises SpecError NS506."""
        values: np.ndarray[Any, Any] = column.values
        if not isinstance(classes, int):
            return
        wrong = values[(values != np.floor(values)) | (values < 0) | (values >= classes)]
        if wrong.size:
            message = f"the target holds {wrong.flat[0]:g}, but `{output}` gives classes from 0 to {classes - 1}"
            raise self.place.problem("NS506", message, at, "give the last layer a unit for each class")

    def _target_shape(self, type: TensorType, loss: Loss | None, column: Column, lag: int, at: Path) -> tuple[int, ...]:
        lengths = self.fitter.dims()
        expected = type.bound(lengths).shape if loss is None else tuple(loss.target_shape(type.bound(lengths)))
        self._check_aligned(type, column, expected, at)
        if any(not isinstance(size, int) for size in expected):
            raise self.place.problem("NS410", f"the output {type} has no length yet", at, "bind it with `--dim NAME=N`")
        shape = tuple(size for size in expected if isinstance(size, int))
        found = int(np.prod(column.values.shape[1:])) - lag
        dense = tuple(int(size) for size in type.bound(lengths).shape if isinstance(size, int))
        if found == int(np.prod(shape)):
            return shape
        if found == int(np.prod(dense)):
            return dense
        told = list(column.values.shape[1:]) or "one value"
        help = f"the last layer has to give {told} a row, or `target` another column"
        raise self.place.problem("NS507", f"the target has {told} a row, but the output is {type}", at, help)

    def _check_aligned(self, type: TensorType, column: Column, expected: tuple[Dim, ...], at: Path) -> None:
        """A target has as many steps as its output. Raises SpecError NS507."""
        if column.kind == "sequence":
            message = "the target has sequences of different lengths, and one value or one length is due for all rows"
            raise self.place.problem("NS507", message, at, "choose another column as `target`")
        if column.values.ndim == 1 and any(not isinstance(size, int) for size in expected):
            message = f"the target has one value a row, but the output {type} has one for each step"
            help = "end the sequence: leave `return_sequences: true` out, or add `- global_avg_pool`"
            raise self.place.problem("NS507", message, at, help)


def _class_names(steps: tuple[Fitted, ...], names: tuple[str, ...]) -> tuple[str, ...] | None:
    for step in steps:
        if isinstance(step.transform, Label):
            classes = step.state["classes"]
            if names and all(isinstance(c, float) and 0 <= c < len(names) for c in classes):
                return tuple(names[int(c)] for c in classes)
            return tuple(str(int(c)) if isinstance(c, float) and c == int(c) else str(c) for c in classes)
    return None
