"""How training looks: a table of epochs that grows, with a bar on a terminal and plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from netspec.diagnostics import Diagnostic
from netspec.diagnostics.text import escaped, full
from netspec.source import shown_lines

_SKIPPED = {"epoch", "step", "seconds", "samples_per_second"}
_SKIPPED_ENDINGS = ("learning_rate", "_gradient")
_MOST_LINES = 40


class Display:
    """Shows epochs as they come; on a terminal with a bar, a rate and the time left."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self.console = Console(file=stream, highlight=False, soft_wrap=True)
        self.quiet = quiet
        self.bar: Progress | None = None
        self.task: TaskID | None = None
        self.columns: list[str] = []
        self.epochs, self.examples = 0, 0
        self.last_line = 0.0
        self.began = time.perf_counter()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def line(self, text: str, style: str = "") -> None:
        """A line of its own."""
        self.console.print(text, style=style, markup=False)

    def started(self, epochs: int, examples: int, done: int) -> None:
        self.epochs, self.examples = epochs, examples
        if self.quiet or not self.console.is_terminal:
            return
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[rate]}", style="cyan"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
        )
        self.task = self.bar.add_task(
            "", total=epochs * examples, completed=done * examples, epoch=done + 1, epochs=epochs, rate="compiling"
        )
        self.bar.start()

    def progressed(self, epoch: int, examples: int, loss: float) -> None:
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=epoch * self.examples + examples, epoch=epoch + 1)

    def epoch_done(self, record: Mapping[str, Any], *, best: bool) -> None:
        if self.bar is not None and self.task is not None:
            rate = f"{record['samples_per_second']:,.0f} examples/s"
            epoch = min(record["epoch"] + 1, self.epochs)
            self.bar.update(self.task, completed=record["epoch"] * self.examples, epoch=epoch, rate=rate)
        if self.quiet or not self._is_due(record["epoch"], best):
            return
        self.last_line = time.perf_counter()
        if not self.columns:
            shown = [key for key in record if key not in _SKIPPED and not key.endswith(_SKIPPED_ENDINGS)]
            self.columns = sorted(shown, key=lambda name: not name.endswith("_loss"))  # losses first, else as they come
            self.line("epoch  " + "  ".join(f"{_title(c):>{_width(c)}}" for c in self.columns) + "    examples/s", "bold")
        cells = "  ".join(f"{_figure(record[c]):>{_width(c)}}" for c in self.columns)
        self.line(f"{record['epoch']:>5}  {cells}  {record['samples_per_second']:>12,.0f}{'  best' if best else ''}")

    def _is_due(self, epoch: int, best: bool) -> bool:
        """Short trainings show every epoch; long ones the first, the last, and one every few seconds."""
        if self.epochs <= _MOST_LINES or epoch in (1, self.epochs):
            return True
        return time.perf_counter() - self.last_line > 5 or epoch % max(1, self.epochs // _MOST_LINES) == 0

    def told(self, message: str) -> None:
        if self.quiet:
            sys.stderr.write(f"note: {escaped(message)}\n")
        else:
            self.line(message, "yellow")

    def warned(self, warning: Diagnostic) -> None:
        lines = {warning.file: shown_lines(warning.file)} if warning.file and warning.span else {}
        self.line(full((warning,), lines).rstrip(), "yellow")


def _title(column: str) -> str:
    return column.replace("_", " ")


def _width(column: str) -> int:
    return max(len(column), 8)


def _figure(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.4g}"
