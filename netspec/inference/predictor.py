"""What a trained run and an exported file have in common: they answer raw rows, and can be judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netspec.components.sources.base import Column
from netspec.components.sources.files import PartedFiles, objects
from netspec.components.sources.images import Images
from netspec.components.transforms.pipeline import Preprocess
from netspec.data import Part, Roots
from netspec.data.prepare import prepare_part, refuse_unusable
from netspec.data.scores import Rows as Behind
from netspec.data.scores import Scorer
from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Graph, Program
from netspec.graph.objective import losses_by_output
from netspec.graph.outputs import OutputPlan
from netspec.spec import Spec
from netspec.tensor import TensorType, names_in

Array = np.ndarray[Any, Any]
BATCH = 1024


@dataclass(frozen=True)
class Evaluation:
    """Metrics on a part (or the file of that name), and for classes the confusion matrix: rows are true, columns predicted."""

    part: str
    examples: int
    metrics: dict[str, float]
    confusion: Array | None = None
    classes: tuple[str, ...] | None = None
    positive: Mapping[str, str] = field(default_factory=dict)
    """For each figure that is one of a single class of two, that class."""
    notices: tuple[str, ...] = ()
    """What is to be said before the figures are believed."""

    def json(self) -> dict[str, Any]:
        """The object that `netspec evaluate --json` prints."""
        found: dict[str, Any] = {"metrics": self.metrics, "part": self.part, "examples": self.examples}
        if self.confusion is not None:
            found |= {"confusion_matrix": self.confusion.tolist(), "classes": list(self.classes or ())}
        if self.positive:
            found["positive"] = dict(self.positive)
        if self.notices:
            found["notices"] = list(self.notices)
        return found


class Predictor(ABC):
    """Answers raw rows. `plans` say what each output is once it is readable."""

    spec: Spec
    program: Program
    graph: Graph
    """The part of the program that answers."""
    preprocess: Preprocess
    plans: Mapping[str, OutputPlan]
    roots: Roots
    notices: tuple[str, ...] = ()
    """What is to be said before its answers are believed."""

    @property
    def data_sha256(self) -> str | None:
        """The hash of the data that training saw, where it is known and to be held to."""
        return None

    @property
    def rows_at_once(self) -> int:
        """How many rows it is asked at a time."""
        return BATCH

    @abstractmethod
    def batch(self, raw: Mapping[str, Column]) -> dict[str, Array]:
        """Readable outputs, probabilities or numbers in original units, of some raw rows."""

    def judged(self, part: Part) -> Iterator[tuple[Array, dict[str, Array]]]:
        """Which rows of a part, and their readable outputs, batch by batch."""
        for chosen in self._batches(part.rows):
            yield chosen, self.batch({name: column.take(chosen) for name, column in part.raw.items()})

    def predict(self, raw: Mapping[str, Column]) -> dict[str, Array]:
        """Readable outputs [rows, ...] of all rows; where every step of unequal sequences has one, a list of arrays.

        Raises SpecError NS503 for values that no step fills.
        """
        refuse_unusable({name: column.values for name, column in raw.items()}, self.preprocess)
        found: dict[str, list[Array]] = {}
        for chosen in self._batches(next(iter(raw.values())).rows):
            rows = {name: column.take(chosen) for name, column in raw.items()}
            for name, values in self.batch(rows).items():
                found.setdefault(name, []).extend(self._without_padding(name, values, rows))
        return {name: objects(rows) if name in self._ragged else np.stack(rows) for name, rows in found.items()}

    def _batches(self, rows: int) -> Iterator[Array]:
        for start in range(0, rows, self.rows_at_once):
            yield np.arange(start, min(start + self.rows_at_once, rows))

    @property
    def _ragged(self) -> dict[str, TensorType]:
        """The outputs that have one value for each step of a row, whose rows are not of one length."""
        types = self.graph.output_types
        return {name: type for name, type in types.items() if type.shape and names_in(type.shape[0]) & self.preprocess.ragged}

    def _without_padding(self, name: str, values: Array, rows: Mapping[str, Column]) -> Iterable[Array]:
        if name not in self._ragged:
            return values
        _, lengths = self.preprocess.prepare({key: column.values for key, column in rows.items()})
        counting = Behind({}, lengths).counting(self._ragged[name], values.shape)
        return values if counting is None else [value[steps] for value, steps in zip(values, counting, strict=True)]

    def part(self, name: str, data: Path | None = None) -> Part:
        """A part of the spec's own data, or with `data` all rows of that file."""
        if data is None:
            return prepare_part(self.spec, self.graph, self.roots, self.preprocess, name, self.data_sha256)
        return prepare_part(with_source(self.spec, data), self.graph, data_roots(data), self.preprocess, "all")

    def evaluate(self, part: str = "test", data: Path | None = None, rows: Part | None = None) -> Evaluation:
        """The spec's metrics on a part (`rows`, where they are at hand), or on a file of the same columns. Raises SpecError."""
        rows = rows or self.part(part, data)
        metrics = self.spec.train.metrics if self.spec.train else ()
        losses = losses_by_output(self.spec, self.program.main)
        scorer = Scorer(self.graph, losses, metrics, self.plans, self.preprocess)
        name = next(iter((*self.preprocess.targets, *self.preprocess.mirrors)), None)
        if name is None:
            raise SpecError(Diagnostic("NS510", "there is no target to evaluate against"))
        plan, type = self.plans[name], self.graph.output_types[name]
        confusion = _Confusion(plan)
        for chosen, outputs in self.judged(rows):
            targets = {key: y[chosen] for key, y in rows.targets.items()}
            scorer.update(outputs, targets, rows.behind(chosen))
            confusion.update(*rows.behind(chosen).counted(type, outputs[name], targets[name]))
        return Evaluation(
            part if data is None else data.name,
            rows.rows,
            scorer.results(part),
            confusion.matrix,
            plan.classes,
            scorer.positive(part),
            self.notices,
        )


class _Confusion:
    """Counts true against predicted classes; nothing where there are no classes or too many to show."""

    def __init__(self, plan: OutputPlan) -> None:
        self.reading = plan.reading
        size = 0 if plan.classes is None or len(plan.classes) > 100 else len(plan.classes)
        self.matrix = np.zeros((size, size), np.int64) if size else None

    def update(self, output: Array, target: Array) -> None:
        if self.matrix is not None:
            scores, true = self.reading.flat(output, target)
            np.add.at(self.matrix, (true.reshape(-1), self.reading.decided(scores).reshape(-1)), 1)


def data_roots(data: Path) -> Roots:
    """Roots for a file that the command line names: its own folder."""
    folder = data.resolve().parent
    return Roots(folder, folder)


def with_source(spec: Spec, data: Path) -> Spec:
    """The spec reading all its rows from another file of the same kind."""
    assert spec.data is not None
    source = spec.data.source
    if isinstance(source, PartedFiles):
        changed: Any = source.model_copy(update={"path": (data.name,), "train": None, "validation": None, "test": None})
    elif isinstance(source, Images):
        changed = source.model_copy(update={"path": data.name, "train": None, "validation": None, "test": None})
    else:
        message = f"`{source.type}` reads no file, so `--data` cannot take its place"
        raise SpecError(Diagnostic("NS510", message, exit_code=2))
    return spec.with_section("data", spec.data.model_copy(update={"source": changed}))
