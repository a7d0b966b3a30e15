"""Random projects: a drawn network with data made for it, and drawn ways to train and to export it.

Valid by construction, as the network is: what does not hold with the rest is drawn again. Losses, metrics, optimizers,
schedules and augmentations come from their catalogues.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netspec.components.augment import AUGMENTS
from netspec.components.objectives import ADVERSARIAL_LOSSES, LOSSES, METRICS, OPTIMIZERS, SCHEDULES
from netspec.diagnostics import Problem
from netspec.graph import Program
from netspec.graph.ir import check_ragged
from netspec.graph.validate import checked
from netspec.source.document import Document
from netspec.tensor import TensorType
from tests.generate import STEPS, Generator

ROWS = 14
_TRIES = 12


@dataclass(frozen=True)
class Project:
    """A spec and the file that it reads: arrays by column, or a list of records."""

    document: dict[str, Any]
    columns: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Put both into a folder; the path of the spec."""
        (folder / "pyproject.toml").write_text("")
        (folder / "spec.json").write_text(json.dumps(self.document))
        if "npz" in self.document["data"]["source"]:
            np.savez(folder / "rows.npz", **{name: np.asarray(values) for name, values in self.columns.items()})
        else:
            rows = zip(
                *(np.asarray(each).tolist() if isinstance(each, np.ndarray) else each for each in self.columns.values()),
                strict=True,
            )
            lines = [dict(zip(self.columns, each, strict=True)) for each in rows]
            (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return folder / "spec.json"


class ProjectGenerator(Generator):
    """Draws projects; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.numbers = np.random.default_rng(seed)

    def project(self, *, most_layers: int = 6) -> Project:
        """A project that validates without an error."""
        while True:
            found = self._furnished(self.spec(most_layers=most_layers))
            if found is not None:
                return found

    def _furnished(self, document: dict[str, Any]) -> Project | None:
        ragged = "time" in str(document.get("input", document.get("inputs")))
        program = checked(Document("drawn", "", document), lengths={"time": STEPS} if ragged else {}).program
        if program is None or (ragged and not _keeps_lengths(document)):
            return None
        for _ in range(_TRIES):
            project = self._drawn_project(document, program, ragged)
            if project is not None and checked(Document("drawn", "", project.document)).is_valid:
                return project
        return None

    def _drawn_project(self, document: dict[str, Any], program: Program, ragged: bool) -> Project | None:
        kind = next(iter(document["model"]))
        inputs = program.main.inputs if kind == "layers" else {"input": _type_of(document)}
        lengths = self.numbers.integers(1, STEPS + 3, ROWS) if ragged else None
        columns: dict[str, Any] = {f"of_{name}": self._values(type, lengths) for name, type in inputs.items()}
        data: dict[str, Any] = {
            "source": {"json_lines": "rows.jsonl"} if ragged else {"npz": "rows.npz"},
            "inputs": {name: [f"of_{name}"] for name in inputs},
            "split": {"validation": 0.3, "seed": self.random.randint(0, 3)},
        }
        if kind == "gan":
            train = self._adversarial()
        else:
            losses = {name: self._component(LOSSES) for name in self._trained(kind, program)}
            train = self._supervised(losses)
            if kind == "layers":
                types = program.main.output_types
                targets = {name: self._targets(types[name], loss, lengths) for name, loss in losses.items()}
                columns |= {f"for_{name}": values for name, values in targets.items()}
                data["target"] = {name: f"for_{name}" for name in losses} if len(losses) > 1 else f"for_{next(iter(losses))}"
        if len(inputs) == 1 and self.random.random() < 0.2:
            data["augment"] = [self._component(AUGMENTS)]
        export = {
            "inputs": self.random.choice(["raw", "prepared"]),
            "outputs": self.random.choice(["as_spec", "probabilities", "labels"]),
            "layout": self.random.choice(["channels_last", "channels_last", "channels_first"]),
            "masking": self.random.choice(["native", "portable"]),
            "opset": self.random.randint(18, 23),
        }
        chosen = {key: value for key, value in export.items() if self.random.random() < 0.4}
        return Project({**document, "data": data, "train": train, "export": chosen}, columns)

    def _trained(self, kind: str, program: Program) -> list[str]:
        return ["decoder"] if kind == "autoencoder" else list(program.main.outputs)

    def _component(self, catalogue: Mapping[str, Any]) -> Any:
        return self.component(catalogue)

    def _optimizer(self) -> Any:
        chosen = self.component(OPTIMIZERS)
        name = chosen if isinstance(chosen, str) else next(iter(chosen))
        fields = chosen[name] if isinstance(chosen, dict) else {}
        return {name: {**fields, "learning_rate": self.random.choice([1e-4, 1e-3])}}

    def _training(self) -> dict[str, Any]:
        some: dict[str, Any] = {
            "precision": self.random.choice(["float32", "bfloat16"]),
            "on_nonfinite": self.random.choice(["stop", "skip"]),
            "seed": self.random.randint(0, 9),
            "checkpoint": {"every_epochs": self.random.randint(1, 2), "keep": 1},
        }
        kept = {key: value for key, value in some.items() if self.random.random() < 0.2}
        return {"epochs": self.random.randint(1, 2), "batch_size": self.random.choice([1, 4, 5, ROWS]), **kept}

    def _supervised(self, losses: Mapping[str, Any]) -> dict[str, Any]:
        some: dict[str, Any] = {
            "schedule": self.component(SCHEDULES),
            "metrics": [self.component(METRICS)],
            "regularization": {"l2": 0.01},
            "gradient": self.random.choice([{"clip_norm": 1.0}, {"clip_value": 0.5}, {"accumulate": 2}]),
            "ema": 0.9,
        }
        kept = {key: value for key, value in some.items() if self.random.random() < 0.3}
        loss = losses if len(losses) > 1 else next(iter(losses.values()))
        return {"loss": loss, "optimizer": self._optimizer(), **kept, **self._training()}

    def _adversarial(self) -> dict[str, Any]:
        sides = {side: {"optimizer": self._optimizer()} for side in ("generator", "discriminator")}
        more = {"r1": 1.0} if self.random.random() < 0.3 else {}
        return {"loss": self.component(ADVERSARIAL_LOSSES), **sides, **more, "samples": {"grid": [1, 2]}, **self._training()}

    def _values(self, type: TensorType, lengths: Any) -> Any:
        """A column for an input, [rows, ...]; lists of arrays where each row has its own length."""
        shapes = _shapes(type.shape, lengths)
        if type.vocabulary is not None:
            return _stacked([self.numbers.integers(0, int(type.vocabulary), shape) for shape in shapes], lengths)
        return _stacked([self.numbers.uniform(0, 1, shape).round(4) for shape in shapes], lengths)

    def _targets(self, type: TensorType, loss: Any, lengths: Any) -> Any:
        """A column that the loss can hold an output against."""
        name = loss if isinstance(loss, str) else next(iter(loss))
        cls = LOSSES[name]
        free = lengths is not None and any(not isinstance(size, int) for size in type.shape)
        shapes = _shapes(cls().target_shape(type) if cls.target == "classes" else type.shape, lengths if free else None)
        if cls.target == "classes":
            values = [self.numbers.integers(0, 2, shape) for shape in shapes]  # more would be rare ones, which no part may miss
        elif cls.target == "binary":
            values = [self.numbers.integers(0, 2, shape) for shape in shapes]
        else:
            values = [self.numbers.uniform(0, 1, shape).round(4) for shape in shapes]
        return _stacked(values, lengths if free else None)


def _keeps_lengths(document: Mapping[str, Any]) -> bool:
    """Whether every layer can have sequences of unequal lengths."""
    from dataclasses import replace

    program = checked(Document("drawn", "", dict(document))).program
    if program is None:
        return False
    try:
        check_ragged(replace(program.main, ragged=frozenset({"time"})))
    except Problem:
        return False
    return True


def _type_of(document: Mapping[str, Any]) -> TensorType:
    return TensorType(tuple(document["input"]))


def _shapes(shape: Any, lengths: Any) -> list[tuple[int, ...]]:
    """The shape of each row: a size that is not known is the row's length."""
    counts = [STEPS] * ROWS if lengths is None else lengths
    return [tuple(size if isinstance(size, int) else int(count) for size in shape) for count in counts]


def _stacked(values: list[Any], lengths: Any) -> Any:
    return np.stack(values) if lengths is None else [each.tolist() for each in values]
