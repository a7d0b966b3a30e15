"""Exporting a run: its best weights, proven on its own validation rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.proof.export import Exported, export

if TYPE_CHECKING:
    from netspec.inference.run import Run


def export_run(run: Run, path: Path, **changes: Any) -> Exported:
    """Lower, prove and write a run. Raises SpecError."""
    parts = run.manifest["rows"]
    part = "validation" if "validation" in parts else "train"
    return export(
        run.spec, run.program, run.preprocess, run.weights, run.plans, run.manifest["lengths"], run.part(part), path, **changes
    )
