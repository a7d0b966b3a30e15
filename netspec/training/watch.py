"""Who is told how training goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from netspec.diagnostics import Diagnostic


class Watcher(Protocol):
    """Who is told how training goes."""

    def started(self, epochs: int, examples: int, done: int) -> None:
        """Training begins at epoch `done` of `epochs`."""

    def progressed(self, epoch: int, examples: int, loss: float) -> None:
        """So many examples of this epoch are done."""

    def epoch_done(self, record: Mapping[str, Any], *, best: bool) -> None:
        """An epoch is over; `record` is its line of `metrics.jsonl`."""

    def told(self, message: str) -> None:
        """Something worth a line."""

    def warned(self, warning: Diagnostic) -> None:
        """Something that seems to go wrong, with advice."""


class Quiet:
    """A watcher that shows nothing."""

    def started(self, epochs: int, examples: int, done: int) -> None:
        """Nothing."""

    def progressed(self, epoch: int, examples: int, loss: float) -> None:
        """Nothing."""

    def epoch_done(self, record: Mapping[str, Any], *, best: bool) -> None:
        """Nothing."""

    def told(self, message: str) -> None:
        """Nothing."""

    def warned(self, warning: Diagnostic) -> None:
        """Nothing."""
