"""An exported file as a predictor: ONNX Runtime on raw inputs, with what the file says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from netspec.components.sources.base import Column
from netspec.components.transforms.pipeline import Preprocess
from netspec.data import Roots
from netspec.data.scores import probabilities
from netspec.diagnostics import Diagnostic, Problem, SpecError, suggest
from netspec.exporter.file import open_file
from netspec.exporter.session import RUNTIME_ERRORS, feeds
from netspec.graph import build
from netspec.graph.outputs import OutputPlan
from netspec.graph.pieces import parts_of, piece
from netspec.inference.predictor import BATCH, Predictor
from netspec.source import read_own
from netspec.spec import read_spec

Array = np.ndarray[Any, Any]


class OnnxModel(Predictor):
    """An .onnx file that netspec wrote."""

    def __init__(
        self,
        path: str | Path,
        root: Path | None = None,
        data_root: Path | None = None,
        *,
        part: str = "",
        output: str = "",
    ) -> None:
        self.path = Path(path)
        self.file = open_file(self.path)
        self.session, facts = self.file.session, self.file.facts
        if self.file.is_changed:
            message = f"`{path}` is changed: its graph, its weights or its metadata are not those that were proven"
            way_out = ("export it again from its run", "a change that is meant runs in ONNX Runtime itself")
            raise SpecError(Diagnostic("NS604", message, help=way_out))
        spec, found = read_spec(read_own(facts.spec, f"{path}.json"), {})
        program, more = build(spec) if spec else (None, ())
        if spec is None or program is None:
            raise SpecError((*found, *more))
        self.spec, self.part_name, self.inputs = spec, facts.part, facts.inputs
        try:
            self.preprocess = Preprocess.from_json(facts.preprocess)
            self.program = program.bind(facts.lengths).with_ragged(self.preprocess.ragged)
            every = {name: OutputPlan.from_json(plan) for name, plan in facts.outputs.items()}
            self._check_inputs()
        except (Problem, ValidationError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            # What a stranger wrote in the form of an exported file, or a file of another version.
            raise _misfit(self.path, error) from None
        self.graph = piece(spec, self.program, self.part_name)
        if part not in ("", self.part_name or parts_of(spec)[0]):
            help = (f"export it: `netspec export RUN --part {part}`",)
            raise SpecError(Diagnostic("NS303", f"`{path}` holds the part `{self.part_name}`", help=help, exit_code=2))
        if output and output not in every:
            told = (suggest(output, every), "a run folder gives the value of every named layer")
            raise SpecError(Diagnostic("NS303", f"`{path}` has no output `{output}`", help=told, exit_code=2))
        self.wanted = [output] if output else list(every)
        self.plans = {name: every[name] for name in self.wanted}
        self.given = (root, data_root)

    @cached_property
    def roots(self) -> Roots:  # type: ignore[override]
        """Where its data are: beside the file, or where those of the run are that it stands in. Raises SpecError NS006."""
        root, data_root = self.given
        if data_root is not None:
            return Roots.of(Path.cwd() / "model.onnx", root, data_root)
        if (self.path.parent / "manifest.json").is_file():
            from netspec.inference.run import Run

            return Run(self.path.parent, root).roots
        return Roots.of(self.path, root)

    def _check_inputs(self) -> None:
        """Every input of the graph is described, and made of columns that are prepared. Raises ValueError."""
        names = {value.name for value in self.session.get_outputs()}
        columns = {column.name for pipe in self.preprocess.inputs.values() for column in pipe.columns}
        for value in self.session.get_inputs():
            about = self.inputs[value.name]
            if about["input"] not in self.preprocess.inputs or not {*(about["columns"] or ())} <= columns:
                raise ValueError(f"nothing feeds the input `{value.name}`")
        if not names >= self.file.facts.outputs.keys():
            raise ValueError("an output is missing")

    def feeds(self, raw: Mapping[str, Column]) -> dict[str, Array]:
        """What the session is fed for raw columns."""
        return feeds(self.session, self.inputs, self.preprocess, {name: column.values for name, column in raw.items()})

    @property
    def rows_at_once(self) -> int:
        fixed = all(isinstance(value.shape[0], int) for value in self.session.get_inputs())
        return 1 if fixed else BATCH

    def batch(self, raw: Mapping[str, Column]) -> dict[str, Array]:
        try:
            fed = self.feeds(raw)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise _misfit(self.path, error) from None
        try:
            values = self.session.run(self.wanted, fed)
        except RUNTIME_ERRORS as error:
            message = f"`{self.path}` does not answer: {str(error).splitlines()[0]}"
            raise SpecError(Diagnostic("NS604", message, help=("export it again from its run",))) from None
        answers = {name: self.plans[name].channels_last(value) for name, value in zip(self.wanted, values, strict=True)}
        return {name: _readable(value, self.plans[name]) for name, value in answers.items()}


def _misfit(path: Path, error: Exception) -> SpecError:
    """NS603 for metadata that do not fit the graph beside them."""
    message = f"cannot use `{path}`: its metadata do not fit its graph ({type(error).__name__})"
    return SpecError(Diagnostic("NS603", message, help=("export it with `netspec export RUN -o FILE`",), exit_code=2))


def _readable(value: Array, plan: OutputPlan) -> Array:
    """A file's output as probabilities or numbers; labels become a one for the class they name."""
    if plan.kind == "logits":
        return probabilities(value, plan.link)
    if plan.kind == "log_probabilities":
        return np.exp(value)
    if plan.kind != "labels" or plan.classes is None:
        return value
    index = {name: position for position, name in enumerate(plan.classes)}
    positions = np.asarray([index[str(name)] for name in value.reshape(-1)])
    if plan.link == "sigmoid":
        return positions.reshape(value.shape).astype(np.float32)
    return np.eye(len(plan.classes), dtype=np.float32)[positions].reshape(*value.shape, len(plan.classes))
