"""An exported file as a predictor: ONNX Runtime on raw inputs, with what the file says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from netspec.components.sources.base import Column
from netspec.components.transforms.pipeline import Preprocess
from netspec.data import Roots
from netspec.data.scores import probabilities
from netspec.diagnostics import Diagnostic, SpecError, suggest
from netspec.exporter.session import feeds, session
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
        self.session = session(self.path)
        metadata = self.session.get_modelmeta().custom_metadata_map
        if "netspec.spec" not in metadata:
            message = f"`{path}` was not written by netspec: its metadata has no spec"
            raise SpecError(Diagnostic("NS603", message, help=("export it with `netspec export RUN -o FILE`",), exit_code=2))
        spec, found = read_spec(read_own(metadata["netspec.spec"], f"{path}.json"), {})
        program, more = build(spec) if spec else (None, ())
        if spec is None or program is None:
            raise SpecError((*found, *more))
        self.spec, self.program = spec, program.bind(json.loads(metadata["netspec.lengths"]))
        self.preprocess = Preprocess.from_json(json.loads(metadata["netspec.preprocess"]))
        self.program = self.program.with_ragged(self.preprocess.ragged)
        self.part_name = metadata.get("netspec.part", "")
        self.graph = piece(spec, self.program, self.part_name)
        if part not in ("", self.part_name or parts_of(spec)[0]):
            help = (f"export it: `netspec export RUN --part {part}`",)
            raise SpecError(Diagnostic("NS303", f"`{path}` holds the part `{self.part_name}`", help=help, exit_code=2))
        self.inputs: dict[str, dict[str, Any]] = json.loads(metadata["netspec.inputs"])
        outputs = json.loads(metadata["netspec.outputs"])
        if output and output not in outputs:
            told = (suggest(output, outputs), "a run folder gives the value of every named layer")
            raise SpecError(Diagnostic("NS303", f"`{path}` has no output `{output}`", help=told, exit_code=2))
        self.wanted = [output] if output else list(outputs)
        self.plans = {name: OutputPlan.from_json(outputs[name]) for name in self.wanted}
        self.roots = Roots.of(Path.cwd() / "model.onnx", root, data_root) if data_root else Roots.of(self.path, root)

    def feeds(self, raw: Mapping[str, Column]) -> dict[str, Array]:
        """What the session is fed for raw columns."""
        return feeds(self.session, self.inputs, self.preprocess, {name: column.values for name, column in raw.items()})

    @property
    def rows_at_once(self) -> int:
        fixed = all(isinstance(value.shape[0], int) for value in self.session.get_inputs())
        return 1 if fixed else BATCH

    def batch(self, raw: Mapping[str, Column]) -> dict[str, Array]:
        values = self.session.run(self.wanted, self.feeds(raw))
        return {name: _readable(value, self.plans[name]) for name, value in zip(self.wanted, values, strict=True)}


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
