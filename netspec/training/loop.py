"""The training loop: epochs of compiled chunks, watched, saved and resumable bit for bit."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netspec.components.layers.conv import Convolution
from netspec.diagnostics import Diagnostic, Severity, SpecError
from netspec.files import json_text, unwritable, write_whole
from netspec.graph.ir import Graph
from netspec.spec.training import Training
from netspec.training import checkpoint
from netspec.training.batches import Feed, Piece
from netspec.training.folder import RunFolder
from netspec.training.judge import Judge
from netspec.training.seal import Damaged, read_bytes
from netspec.training.state import Weights, evaluated, packed, started_from, unpacked
from netspec.training.steps.stepping import (
    MOST_SKIPPED,
    Figures,
    Objective,
    State,
    compiled_chunk,
    compiled_step,
    is_finite,
)
from netspec.training.tensorboard import EventFiles
from netspec.training.watch import Quiet, Watcher

_CHUNK_SECONDS = 0.25
_SAVE_SHARE = 0.05
_QUEUE = 3


@dataclass
class Progress:
    """What the loop must remember beside the state, in every checkpoint."""

    epoch: int = 0
    best_value: float | None = None
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    skipped: int = 0

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


class Unwatched(Exception):
    """Something is not finite, and nobody looked at which step it happened."""


class RolledBack(Exception):
    """A step was not finite, and the spec wants to go back and pass it over."""

    def __init__(self, step: int) -> None:
        super().__init__(f"step {step}")
        self.step = step


class Interrupted(Exception):
    """A signal came; the state is saved."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


@dataclass(frozen=True)
class Outcome:
    """How a training ended: `finished`, `early` or `paused`, and where its best weights are."""

    ended: str
    progress: Progress


def scans(graphs: Iterable[Graph]) -> bool:
    """Whether several steps go into one dispatch: XLA's CPU backend is some 60 times slower at a convolution's weight
    gradient inside a loop. A GPU is not (workload b of the benchmarks gains a tenth, H100)."""
    convolves = any(isinstance(node.op, Convolution) for graph in graphs for node in graph.nodes)
    return not (convolves and jax.default_backend() == "cpu")


@dataclass(frozen=True)
class Course:
    """What is trained, on what, and who judges it; `scans` puts several steps into one dispatch."""

    train: Training
    objective: Objective
    feed: Feed
    judge: Judge
    scans: bool


class Trainer:
    """Trains one program in one run folder."""

    def __init__(self, folder: RunFolder, course: Course, watcher: Watcher | None = None, start: Weights | None = None) -> None:
        self.folder, self.train, self.objective = folder, course.train, course.objective
        self.feed, self.judge, self.scans = course.feed, course.judge, course.scans
        self.watcher = watcher or Quiet()
        self.start = start or {}
        self.rows = self.feed.rows
        # Watching every step costs a pass over all gradients. By default a failure is looked for once an
        # epoch, and only then are the steps since the last checkpoint done again, watched.
        self.watching = self.train.on_nonfinite != "stop"
        self._compile()
        self.finite = jax.jit(is_finite)
        self.signalled: int | None = None
        self.passed_over: list[int] = []
        self.queue: list[jax.Array] = []
        self.told: tuple[str, ...] = ()
        self.done, self.shown = 0, 0.0
        self.order = max((each.order for each in self.folder.listed), default=0)
        self.saved_at = 0.0
        self.save_seconds = 0.0
        self.best: dict[str, np.ndarray[Any, Any]] | None = None

    def _compile(self) -> None:
        step = self.objective.watched_step if self.watching else self.objective.step
        self.one, self.many = compiled_step(step), compiled_chunk(step)

    def begin(self, *, resume: bool = False) -> tuple[State, Progress]:
        """The state before the first step, or that of the newest checkpoint; nothing is written. Raises SpecError."""
        state = self.objective.init(self.train.seed)
        if self.start:
            state = started_from(state, self.start)
        if not resume:
            return state, Progress()
        saved, told = self.folder.newest()
        for line in told:
            self.watcher.told(f"{line}: going back to the checkpoint before")
        if saved is None:
            return state, Progress()
        self.order = max(self.order, saved.order)
        return unpacked(saved.arrays, state), Progress(**saved.notes["progress"])

    def run(self, state: State, progress: Progress, *, stop_after: int | None = None) -> Outcome:
        """Train from a state to the end, or for `stop_after` epochs more in all. Raises SpecError, Interrupted."""
        checkpoint.sweep(self.folder.checkpoints)
        for line in self.judge.before(evaluated(state)) if progress.epoch == 0 else ():
            self.watcher.told(line)
        self.watcher.started(self.train.epochs, self.rows, progress.epoch)
        previous = {number: signal.signal(number, self._signalled) for number in _signals()}
        try:
            with EventFiles(self.folder.path / "tensorboard") as self.events:
                return self._epochs(state, progress, stop_after)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _signalled(self, number: int, _: object) -> None:
        if self.signalled is not None:
            raise SystemExit(128 + number)  # the second one leaves at once; nothing is half written
        self.signalled = number

    def _epochs(self, state: State, progress: Progress, stop_after: int | None) -> Outcome:
        self._rewrite_metrics(progress)
        last = min(self.train.epochs, progress.epoch + stop_after) if stop_after else self.train.epochs
        while progress.epoch < last:
            if self._is_early(progress):
                self._save(state, progress)
                return Outcome("early", progress)
            began = time.perf_counter()
            try:
                state, told = self._epoch(state, progress)
            except RolledBack as failure:
                state, progress = self._rolled_back(progress, failure.step)
                continue
            except Unwatched:
                state, progress = self._again_watched(progress)
                continue
            self._finish_epoch(state, progress, told, time.perf_counter() - began)
            if progress.epoch % self.train.checkpoint.every_epochs == 0 and self._may_save():
                self._save(state, progress)
            if self.signalled is not None:
                self._save(state, progress)
                raise Interrupted(self.signalled)
        self._save(state, progress)
        ended = "finished" if progress.epoch >= self.train.epochs else "early" if self._is_early(progress) else "paused"
        return Outcome(ended, progress)

    def _rolled_back(self, progress: Progress, failed: int) -> tuple[State, Progress]:
        """The last checkpoint (or the very start), told to pass over the step that failed."""
        self.watcher.told(f"step {failed} was not finite: back to the last checkpoint, to pass it over")
        state, before = self.begin(resume=True)
        passed = [int(step) for step in np.asarray(state["skipped"]) if step >= 0]
        passed = [*dict.fromkeys([*self.passed_over, *passed, failed])][:MOST_SKIPPED]
        self.passed_over = passed
        filled = np.full(MOST_SKIPPED, -1, np.int32)
        filled[: len(passed)] = passed
        before.skipped = progress.skipped
        self._rewrite_metrics(before)
        return {**state, "skipped": jnp.asarray(filled)}, before

    def _again_watched(self, progress: Progress) -> tuple[State, Progress]:
        """The last checkpoint (or the very start), from where the steps are done again and watched."""
        self.watching = True
        self._compile()
        state, before = self.begin(resume=True)
        self._rewrite_metrics(before)
        return state, before

    def _is_early(self, progress: Progress) -> bool:
        rule = self.train.early_stopping
        return rule is not None and progress.best_epoch > 0 and progress.epoch - progress.best_epoch >= rule.patience

    def _epoch(self, state: State, progress: Progress) -> tuple[State, dict[str, float]]:
        """All steps of an epoch; the mean of each figure, where every row counts the same."""
        found: list[tuple[Figures, int]] = []
        self.done = 0
        for piece in self.feed.epoch(progress.epoch):
            several = self.scans and len(piece.rows) > 1
            state, figures = (self._scanned if several else self._stepped)(state, piece, progress)
            found.append((figures, piece.rows.shape[1]))
        told = {name: jnp.concatenate([figures[name] for figures, _ in found]) for name in found[0][0]}
        if not self.watching and not bool(self.finite(state, told)):
            raise Unwatched
        state = self._check_finite(state, progress)
        sizes = np.concatenate([np.full(next(iter(figures.values())).size, rows) for figures, rows in found])
        return state, {name: float(np.average(np.asarray(each), weights=sizes)) for name, each in told.items()}

    def _scanned(self, state: State, piece: Piece, progress: Progress) -> tuple[State, Figures]:
        steps, batch = piece.rows.shape
        order = jnp.asarray(piece.rows)
        figures = {name: jnp.zeros(steps) for name in self._figures(state, piece)}
        done, chunk = 0, getattr(self, "chunk", 16)
        while done < steps:
            stop = min(steps, done + chunk)
            began = time.perf_counter()
            state, figures = self.many(state, figures, piece.data, order, jnp.int32(done), jnp.int32(stop))
            jax.block_until_ready(figures)
            seconds = time.perf_counter() - began
            if stop - done == chunk and seconds < _CHUNK_SECONDS / 2:
                chunk *= 2
            self.done += (stop - done) * batch
            done = stop
            self.watcher.progressed(progress.epoch, self.done, float("nan"))
        self.chunk = chunk
        return state, figures

    def _figures(self, state: State, piece: Piece) -> tuple[str, ...]:
        """The names of what a step tells."""
        if not self.told:
            _, figures = jax.eval_shape(self.one, state, piece.data, piece.rows[0])
            self.told = tuple(figures)
        return self.told

    def _stepped(self, state: State, piece: Piece, progress: Progress) -> tuple[State, Figures]:
        found: list[Figures] = []
        order = jnp.asarray(piece.rows)
        for index in range(len(piece.rows)):
            state, figures = self.one(state, piece.data, order[index])
            found.append(figures)
            self.queue.append(next(iter(figures.values())))
            if len(self.queue) > _QUEUE:
                self.queue.pop(0).block_until_ready()  # a short queue keeps reports and signals prompt
            self.done += piece.rows.shape[1]
            if time.perf_counter() - self.shown > _CHUNK_SECONDS:
                self.shown = time.perf_counter()
                self.watcher.progressed(progress.epoch, self.done, float("nan"))
        return state, {name: jnp.stack([figures[name] for figures in found]) for name in found[0]}

    def _check_finite(self, state: State, progress: Progress) -> State:
        """Stops at a step that was not finite, or as `on_nonfinite` says. Raises SpecError NS520, RolledBack."""
        failed = int(state["failed"])
        if failed < 0:
            return state
        if self.train.on_nonfinite != "stop" and progress.skipped < MOST_SKIPPED:
            progress.skipped += 1
            if self.train.on_nonfinite == "rollback":
                raise RolledBack(failed)
            self.watcher.told(f"step {failed} was not finite and was skipped")
            return {**state, "failed": jnp.full((), -1, jnp.int32)}
        rates = " and ".join(f"{rate:.3g}" for rate in dict.fromkeys(self.objective.rates(failed).values()))
        raise SpecError(
            Diagnostic(
                "NS520",
                f"the loss or a gradient is not finite at step {failed} (epoch {progress.epoch + 1}), learning rate {rates}",
                help=(self.objective.advice, "check that the inputs are scaled"),
                exit_code=6,
            )
        )

    def _finish_epoch(self, state: State, progress: Progress, told: Mapping[str, float], seconds: float) -> None:
        """Judge, remember the best, write the epoch's line."""
        step = int(state["step"])
        record: dict[str, Any] = {"epoch": progress.epoch + 1, "step": step, **told}
        judged = self.judge.epoch(evaluated(state), progress.epoch + 1, told)
        record |= {**judged.figures, **self.objective.rates(step - 1)}
        progress.epoch += 1
        value = record.get(self.judge.monitor)
        if progress.epoch == 1 and value is not None and not np.isfinite(value):
            self.watcher.warned(_not_a_number(self.judge.monitor))
        better = value is not None and self._improves(value, progress)
        if better:
            progress.best_value, progress.best_epoch = value, progress.epoch
            self.best = packed({"weights": evaluated(state)})
        progress.history.append(record)
        line = {**record, "seconds": round(seconds, 4), "samples_per_second": round(self.rows / max(seconds, 1e-9), 1)}
        with self.folder.metrics.open("a") as stream:
            stream.write(json_text(line) + "\n")
        self.events.write(line)
        if judged.picture is not None:
            self.folder.write_picture(f"epoch-{progress.epoch:04d}.png", judged.picture)
            self.events.picture("samples", judged.picture, step)
        for warning in judged.warnings:
            self.watcher.warned(warning)
        self.watcher.epoch_done(line, best=better)

    def _improves(self, value: float, progress: Progress) -> bool:
        if not np.isfinite(value):
            return False
        if progress.best_value is None:
            return True
        least = self.train.early_stopping.min_delta if self.train.early_stopping else 0.0
        gain = value - progress.best_value if self.judge.larger_is_better else progress.best_value - value
        return gain > least

    def _may_save(self) -> bool:
        """Saving takes at most a twentieth of the time."""
        return time.perf_counter() - self.saved_at >= self.save_seconds / _SAVE_SHARE

    def _save(self, state: State, progress: Progress) -> None:
        began = time.perf_counter()
        step = int(state["step"])
        folder = self.folder.checkpoints
        if (folder / f"{step:010d}").exists() and self.best is None:
            return
        arrays = packed(state)
        best = self.best if self.best is not None else self._best_before()
        arrays |= {f"best/{name}": array for name, array in best.items()} if best else {}
        self.order += 1
        saved = checkpoint.save(folder, step, arrays, {"progress": progress.json()}, self.order)
        self.folder.keep(saved, self.train.checkpoint.keep)
        self.saved_at = time.perf_counter()
        self.save_seconds = self.saved_at - began

    def _best_before(self) -> dict[str, np.ndarray[Any, Any]]:
        """The best weights of the checkpoint that this run was resumed from."""
        saved, _ = self.folder.newest()
        if saved is None:
            return {}
        return {name.removeprefix("best/"): array for name, array in saved.arrays.items() if name.startswith("best/")}

    def _rewrite_metrics(self, progress: Progress) -> None:
        """Drop lines of epochs that are to be repeated, as after a kill; what is damaged is written anew."""
        path = self.folder.metrics
        if not path.exists() and not path.is_symlink():
            return
        found: dict[int, dict[str, Any]] = {}
        try:
            for line in read_bytes(path).decode(errors="replace").splitlines():
                with suppress(ValueError, KeyError, TypeError):  # a line that a kill has cut off
                    record = json.loads(line)
                    found[record["epoch"]] = record
        except Damaged as damage:
            self.watcher.told(f"{damage}: it is written again")
        kept = [found.get(record["epoch"], record) for record in progress.history]
        try:
            if path.is_symlink() or not path.is_file():
                path.unlink()
        except OSError as error:
            raise unwritable(path, error) from None
        write_whole(path, "".join(json_text(line) + "\n" for line in kept))


def _not_a_number(monitor: str) -> Diagnostic:
    """The warning that what decides which weights are best cannot be computed."""
    help = "watch another figure by `early_stopping: {monitor: ...}`"
    if monitor.endswith("auc"):
        help = "it needs rows of two classes in that part: `split: {stratify: true}`, a larger share, or another `monitor`"
    message = f"`{monitor}` is not a number: there is no best epoch, and nothing stops early"
    return Diagnostic("NS547", message, Severity.warning, help=(help,))


def _signals() -> tuple[int, ...]:
    """SIGTERM and SIGINT, where handlers can be set at all: in the main thread."""
    import threading

    return (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()
