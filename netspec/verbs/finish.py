"""What stands at the end of a training: the test part judged, the file exported and proven, promises kept and broken."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netspec.data.prepare import Dataset
from netspec.diagnostics import Diagnostic
from netspec.inference import Evaluation
from netspec.inference.run import Run
from netspec.spec import Spec
from netspec.training.folder import RunFolder
from netspec.verbs.promises import broken_metrics, broken_size

if TYPE_CHECKING:
    from netspec.proof import Exported


@dataclass(frozen=True)
class Finished:
    """The end of a training.

    Attributes:
        evaluation: The figures of the test part; None where there is none, or nothing to judge by.
        exported: The file and its proof; None where the spec has no `export` section.
        picture: The last picture of what a generator makes.
        broken: The promises of the spec's `expect` that did not hold.
    """

    evaluation: Evaluation | None
    exported: Exported | None
    picture: Path | None
    broken: tuple[Diagnostic, ...]


def finish(run: Run, spec: Spec, dataset: Dataset) -> Finished:
    """Judge, export and prove a run on the data that it was trained on, which are not read again.

    Args:
        run: The run.
        spec: As it was given: its promises are at their places there.
        dataset: What the training read and prepared.

    Raises:
        SpecError: NS601 where the file is not the network, NS533 where it cannot be written.
    """
    folder = run.folder
    figures: dict[str, float] = _last_figures(folder)
    evaluation = None
    if "test" in dataset.parts and (run.preprocess.targets or run.preprocess.mirrors):
        evaluation = run.evaluate("test", rows=dataset.parts["test"])
        folder.write_json("test.json", evaluation.json())
        figures |= evaluation.metrics
    broken = [*broken_metrics(spec, figures)]
    exported = None
    if run.spec.export is not None:
        from netspec.proof.run import export_run, proven_on  # a run without an export needs no onnx

        raw = {name: column.values for name, column in dataset.parts[proven_on(run)].raw.items()}
        exported = export_run(run, folder.path / "model.onnx", raw)
        folder.add("model.onnx", "model.parity.json", "model.examples.npz")
        broken += broken_size(spec, exported.file.bytes)
    pictures = sorted((folder.path / "samples").glob("*.png"))
    return Finished(evaluation, exported, pictures[-1] if pictures else None, tuple(broken))


def _last_figures(folder: RunFolder) -> dict[str, float]:
    """The figures of the epoch whose weights are judged and shipped: the best, or the last where there is none."""
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()] if folder.metrics.exists() else []
    best = folder.manifest().get("best_epoch")
    chosen = [line for line in lines if line["epoch"] == best] or lines[-1:]
    return dict(chosen[0]) if chosen else {}
