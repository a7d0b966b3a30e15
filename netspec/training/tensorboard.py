"""Event files for TensorBoard, beside `metrics.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import SummaryWriter

_NO_FIGURES = ("epoch", "step")


class EventFiles:
    """Writes every figure of an epoch's line at its step."""

    def __init__(self, folder: Path) -> None:
        self.writer = SummaryWriter(str(folder), flush_secs=10)

    def close(self) -> None:
        """Write what is left."""
        self.writer.close()

    def write(self, record: Mapping[str, Any]) -> None:
        """One epoch's figures."""
        for name, value in record.items():
            if name not in _NO_FIGURES and np.isfinite(value):
                self.writer.add_scalar(name, value, record["step"])

    def picture(self, name: str, picture: np.ndarray[Any, Any], step: int) -> None:
        """A picture [height, width, channels] of bytes."""
        self.writer.add_image(name, picture, step, dataformats="HWC")
