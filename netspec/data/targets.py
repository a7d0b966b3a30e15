"""Fitting targets: what the training part says of the column that an output is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import numpy as np

from netspec.components.objectives import Loss
from netspec.components.objectives.losses import BinaryCrossEntropy
from netspec.components.sources.base import Column, Table
from netspec.components.transforms.base import Transform
from netspec.components.transforms.categories import Label, class_name
from netspec.components.transforms.fitted import Fitted, holds_text, refuse_missing
from netspec.components.transforms.pipeline import TargetPipe
from netspec.data.fitting import Fitter
from netspec.data.parts import as_sequences
from netspec.data.series import AHEAD
from netspec.data.steps import NOT_FILLED, check_ids
from netspec.diagnostics import Path, suggest
from netspec.graph.objective import losses_by_output
from netspec.tensor import Dim, Formula, TensorType, names_in


class TargetFitter:
    """Fits the pipes of targets, once the inputs have bound what they bind."""

    def __init__(self, fitter: Fitter) -> None:
        self.fitter, self.place, self.graph = fitter, fitter.place, fitter.graph

    def pipe(self, output: str, name: str, table: Table) -> TargetPipe:
        """The pipe of an output's target column. Raises SpecError NS410, NS503, NS505, NS506, NS507."""
        type = self.graph.output_types[output]
        raw = self.fitter.raw[name]
        column = as_sequences(raw) if raw.kind == "array" and self._has_free_steps(type, name) else raw
        loss: Loss | None = losses_by_output(self.place.spec, self.graph).get(output)
        if output == "anomaly" and self.place.spec.autoencoder is not None:
            loss = BinaryCrossEntropy()  # not to be trained on: it says that two classes are told apart
        base = name.removesuffix(AHEAD)
        at: Path = ("data", "preprocess", base) if base in self.fitter.preprocess else ("data", "target")
        transforms, positions = self._transforms(output, base, column, loss)
        if holds_text(column.values) and not transforms:
            help = "use `cross_entropy` for classes, or a column of numbers"
            message = f"the target `{name}` holds text, but `{loss.type if loss else 'the loss'}` needs numbers"
            raise self.place.problem("NS505", message, at, help)
        self.place.at(at, partial(refuse_missing, column.values, f"the target `{base}`", NOT_FILLED))
        pipe, _ = self.fitter.fit_column(name, column.kind, column.values, transforms, at)
        pipe = replace(pipe, steps=self._in_order(output, base, pipe.steps, table.names if name == table.target else ()))
        classes = _class_names(pipe.steps, table.names if name == table.target else ())
        if classes is not None and loss is not None:
            self._check_classes(output, type, classes, loss, at)
        if classes is not None and len(classes) == 1 and loss is not None and loss.target != "numbers" and output != "anomaly":
            message = f"the target `{base}` has one class in the training part, `{classes[0]}`: there is nothing to tell apart"
            raise self.place.problem("NS506", message, at, "choose another `target`, or rows of another class as well")
        context = base if name.endswith(AHEAD) and pipe.steps and base in self.fitter.raw else None
        lag = sum(step.transform.lag for step in pipe.steps)
        if lag and context is None:
            help = f"add `{base}` to `series: {{columns: [...]}}`, or leave `difference` out"
            message = f"the difference of `{base}` is undone from its last steps, but `{base}` does not go in"
            raise self.place.problem("NS513", message, at, help)
        wanted = loss.target if loss else "numbers"
        if column.kind == "sequence":
            shape = self._steps_shape(type, loss, column, at)
            ids = positions is not None and wanted == "classes"
            if ids:
                self.place.at(at, partial(check_ids, name, column.values, self.fitter.fixed(type).shape[-1]))
            return TargetPipe(name, raw.kind, pipe.steps, shape, classes or positions or None, ids=ids)
        whole = self._target_shape(type, loss, column, lag, at)
        ids = wanted == "classes" and column.kind == "array" and whole == tuple(type.bound(self.fitter.dims()).shape[:-1])
        if ids:
            self.place.at(at, partial(check_ids, name, column.values, type.bound(self.fitter.dims()).shape[-1]))
        return TargetPipe(name, column.kind, pipe.steps, whole, classes, context, ids)

    def _in_order(self, output: str, column: str, steps: tuple[Fitted, ...], names: tuple[str, ...]) -> tuple[Fitted, ...]:
        """The classes in the order that `data.classes` gives, the positive one last. Raises SpecError NS506."""
        order, positive = (_of_output(given, output) for given in (self.place.data.classes, self.place.data.positive))
        if order is None and positive is None:
            return steps
        told = _class_names(steps, names)
        if told is None:
            key = "classes" if positive is None else "positive"
            message = f"`{key}` is about classes, but the target `{column}` has none that are looked up by name"
            raise self.place.problem("NS506", message, self._said(key, output), "remove it, or train with `cross_entropy`")
        ((index, label),) = [(i, step) for i, step in enumerate(steps) if isinstance(step.transform, Label)]
        values = dict(zip(told, label.state["classes"], strict=True))
        if order is not None:
            values = self._listed(order, values, column, self._said("classes", output))
        if positive is not None:
            last = self._positive(positive, values, column, self._said("positive", output))
            values = {**{name: value for name, value in values.items() if name != last}, last: values[last]}
        return (*steps[:index], replace(label, state={"classes": list(values.values())}), *steps[index + 1 :])

    def _said(self, key: str, output: str) -> Path:
        """Where `classes` or `positive` says something of an output."""
        by_output = isinstance(getattr(self.place.data, key), Mapping)
        return ("data", key, output) if by_output else ("data", key)

    def _listed(self, order: tuple[str, ...], values: dict[str, Any], column: str, at: Path) -> dict[str, Any]:
        """Classes as `data.classes` lists them; what the training part has not seen may stand there too."""
        lacking = [name for name in values if name not in order]
        if lacking or len(set(order)) < len(order):
            what = f"leaves out `{lacking[0]}`, which `{column}` has" if lacking else "lists a class twice"
            raise self.place.problem("NS506", f"`classes` {what}", at, f"the classes are {', '.join(values)}")
        texts = all(isinstance(value, str) for value in values.values())
        if not texts and len(order) > len(values):
            new = next(name for name in order if name not in values)
            message = f"`classes` has `{new}`, which the training part of `{column}` does not have"
            raise self.place.problem("NS506", message, at, f"the classes are {', '.join(values)}")
        return {name: values.get(name, name) for name in order}

    def _positive(self, name: str, values: dict[str, Any], column: str, at: Path) -> str:
        """The positive one of two classes. Raises SpecError NS506."""
        if name not in values:
            message = f"`positive` is `{name}`, but `{column}` has no such class"
            raise self.place.problem("NS506", message, at, suggest(name, values))
        if len(values) > 2:
            message = f"`positive` is for two classes, and `{column}` has {len(values)}"
            help = "remove it: figures of more classes are means over them"
            raise self.place.problem("NS506", message, at, help)
        return name

    def _transforms(
        self, output: str, base: str, column: Column, loss: Loss | None
    ) -> tuple[tuple[Transform, ...], tuple[str, ...] | None]:
        """The target's steps, and where numbers say positions of classes already, what those are called."""
        transforms = self.fitter.transforms(base)
        if loss is None or loss.target == "numbers" or not _is_scalar(column) or any(isinstance(t, Label) for t in transforms):
            return transforms, None
        positions = self._positions(output, column, loss)
        return (transforms, positions) if positions is not None else ((*transforms, Label()), None)

    def _has_free_steps(self, type: TensorType, name: str) -> bool:
        """Whether an output has the steps of an input that takes any number of them; windows have theirs from `series`."""
        names = names_in(type.shape[0]) if type.rank > 1 else frozenset()
        given = frozenset().union(*(each.names for each in self.graph.inputs.values()))
        return bool(names) and names <= given & self.fitter.free and not name.endswith(AHEAD)

    def _positions(self, output: str, column: Column, loss: Loss) -> tuple[str, ...] | None:
        """What classes are called where numbers for each step say their positions, so that none has to be looked up.

        They do where the output has a known number of classes, and where a sigmoid tells 0 from 1; shares between the two
        have no names, which is (). None where numbers, like texts, are names of classes themselves.
        """
        if column.kind != "sequence" or holds_text(column.values):
            return None
        if loss.target == "classes":
            size = self.fitter.fixed(self.graph.output_types[output]).shape[-1]
            return tuple(map(str, range(size))) if isinstance(size, int) and size > 1 else None
        values = np.concatenate(list(column.values))
        if np.isin(values, (0, 1)).all():
            return ("0", "1")
        return () if ((values >= 0) & (values <= 1)).all() else None

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

    def _steps_shape(self, type: TensorType, loss: Loss | None, column: Column, at: Path) -> tuple[int | None, ...]:
        """The shape of a target that has a value for each step: None where rows have any number of steps."""
        bound = self.fitter.fixed(type)
        if bound.rank < 2:
            message = f"the target has a value for each step, but the output {type} has no steps"
            help = "keep every step: `return_sequences: true` in each recurrent layer, and no pooling"
            raise self.place.problem("NS507", message, at, help)
        inner = column.values[0].shape[1:]
        for shape in (bound.shape if loss is None else loss.target_shape(bound), bound.shape):
            behind = tuple(size for size in shape[1:] if isinstance(size, int))
            if len(behind) == len(shape) - 1 and prod(behind) == prod(inner):
                return (bound.shape[0] if isinstance(bound.shape[0], int) else None, *behind)
        told = f"{list(inner)}" if inner else "one value"
        message = f"the target has {told} for each step, but the output is {type}"
        raise self.place.problem("NS507", message, at, "change the last layer, or choose another column as `target`")

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
        if column.values.ndim == 1 and any(not isinstance(size, int) for size in expected):
            message = f"the target has one value a row, but the output {type} has one for each step"
            help = "end the sequence: leave `return_sequences: true` out, or add `- global_avg_pool`"
            raise self.place.problem("NS507", message, at, help)


def _is_scalar(column: Column) -> bool:
    """Whether there is one value a row, or one for each step of a sequence."""
    return column.kind in ("number", "category") or (column.kind == "sequence" and column.values[0].ndim == 1)


def _of_output(given: Any, output: str) -> Any:
    """What is said of an output: for it alone, or for the only one."""
    return given.get(output) if isinstance(given, Mapping) else given


def _class_names(steps: tuple[Fitted, ...], names: tuple[str, ...]) -> tuple[str, ...] | None:
    for step in steps:
        if isinstance(step.transform, Label):
            classes = step.state["classes"]
            if names and all(isinstance(c, float) and 0 <= c < len(names) for c in classes):
                return tuple(names[int(c)] for c in classes)
            return tuple(map(class_name, classes))
    return None
