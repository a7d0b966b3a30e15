"""What the compiler said, as text."""

from __future__ import annotations

from netspec.compiler.artifact import Artifact
from netspec.report.table import short, size


def report(artifact: Artifact) -> str:
    """The files, XLA's figures for the device here, and our estimate for the others."""
    lines = [f"wrote {path}" for path in artifact.files]
    if artifact.compiler:
        lines += ["", f"XLA on {artifact.device}, one batch of {artifact.batch}:"]
        for name, value in artifact.compiler.items():
            shown = short(int(value)) if name == "flops" else size(int(value))
            lines.append(f"  {name:<18}{shown or 0}")
    flops = artifact.estimated_flops
    memory = artifact.estimated_memory
    lines += ["", "estimated from shapes, for any device:"]
    lines.append(f"  {'flops an example':<18}{short(flops) if isinstance(flops, int) else flops}")
    lines.append(f"  {'training step':<18}{size(memory) if isinstance(memory, int) else memory} at batch size {artifact.batch}")
    return "\n".join(lines) + "\n"
