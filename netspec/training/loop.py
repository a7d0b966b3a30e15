"""The training loop: epochs of compiled chunks, watched, saved and resumable bit for bit at every step."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netspec.components.layers.conv import Convolution
from netspec.diagnostics import Diagnostic, Severity, SpecError
from netspec.graph.ir import Graph
from netspec.spec.training import Training
from netspec.training import checkpoint
from netspec.training.batches import Feed, Piece
from netspec.training.folder import RunFolder
from netspec.training.judge import Judge
from netspec.training.keeper import Keeper
from netspec.training.progress import Progress, Tally
from netspec.training.recorder import Recorder
from netspec.training.signals import Interrupted, Signals
from netspec.training.state import Weights, evaluated, started_from
from netspec.training.steps.stepping import (
    MOST_SKIPPED,
    Figures,
    Objective,
    State,
    compiled_chunk,
    compiled_step,
    is_finite,
)
from netspec.training.watch import Quiet, Watcher

_CHUNK_SECONDS = 0.25
_QUEUE = 3
_LONG_EPOCH = 10.0
"""Seconds of work that are saved before a judge is compiled for the first time."""


class Unwatched(Exception):
    """Something is not finite, and nobody looked at which step it happened."""


class RolledBack(Exception):
    """A step was not finite, and the spec wants to go back and pass it over."""

    def __init__(self, step: int) -> None:
        super().__init__(f"step {step}")
        self.step = step


class Stopped(Exception):
    """A signal came inside an epoch: the state and what its steps told, up to there."""

    def __init__(self, state: State, tally: Tally) -> None:
        super().__init__()
        self.state, self.tally = state, tally


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

    def __init__(
        self,
        folder: RunFolder,
        course: Course,
        watcher: Watcher | None = None,
        start: Weights | None = None,
        signals: Signals | None = None,
    ) -> None:
        self.folder, self.train, self.objective = folder, course.train, course.objective
        self.feed, self.judge, self.scans = course.feed, course.judge, course.scans
        self.watcher, self.signals = watcher or Quiet(), signals or Signals()
        self.start = start or {}
        self.keeper = Keeper(folder, self.train.checkpoint, self.watcher)
        self.recorder = Recorder(folder, self.watcher)
        # Watching every step costs a pass over all gradients. By default a failure is looked for once an
        # epoch, and only then are the steps since the last checkpoint done again, watched.
        self.watching = self.train.on_nonfinite != "stop"
        self._compile()
        self.finite = jax.jit(is_finite)
        self.passed_over: list[int] = []
        self.queue: list[jax.Array] = []
        self.told: tuple[str, ...] = ()
        self.chunk, self.done, self.shown = 16, 0, 0.0

    def _compile(self) -> None:
        step = self.objective.watched_step if self.watching else self.objective.step
        self.one, self.many = compiled_step(step), compiled_chunk(step)
        self.compiled: set[tuple[Any, ...]] = set()

    @contextmanager
    def _perhaps_compiling(self, *key: Any) -> Iterator[None]:
        """Around a call that compiles when it is made for the first time."""
        with nullcontext() if key in self.compiled else self.signals.compiling():
            yield
        self.compiled.add(key)

    def begin(self, *, resume: bool = False) -> tuple[State, Progress, Tally]:
        """The state before the first step, or that of the newest checkpoint; nothing is written. Raises SpecError."""
        with self.signals.compiling():
            state = self.objective.init(self.train.seed)
            if self.start:
                state = started_from(state, self.start)
            found = self.keeper.load(state) if resume else None
            return found or (state, Progress(), Tally())

    def run(self, state: State, progress: Progress, tally: Tally, *, stop_after: int | None = None) -> Outcome:
        """Train from a state to the end, or for `stop_after` epochs more in all. Raises SpecError, Interrupted."""
        self.keeper.check_room(state)
        checkpoint.sweep(self.folder.checkpoints)
        if progress.epoch == 0 and not progress.position:
            with self.signals.compiling():
                for line in self.judge.before(evaluated(state)):
                    self.watcher.told(line)
        self.watcher.started(self.train.epochs, self.feed.rows, progress.epoch)
        with self.recorder:
            return self._epochs(state, progress, tally, stop_after)

    def _epochs(self, state: State, progress: Progress, tally: Tally, stop_after: int | None) -> Outcome:
        self.recorder.rewind(progress)
        last = min(self.train.epochs, progress.epoch + stop_after) if stop_after else self.train.epochs
        while progress.epoch < last and not self._is_early(progress):
            began = time.perf_counter()
            try:
                state = self._epoch(state, progress, tally)
                self._finish_epoch(state, progress, tally, time.perf_counter() - began)
            except RolledBack as failure:
                state, progress, tally = self._rolled_back(progress, failure.step)
                continue
            except Unwatched:
                state, progress, tally = self._again_watched()
                continue
            except Stopped as stop:
                self._stop(stop, progress)
            tally = Tally()
            if self.keeper.is_due(progress.epoch):
                self.keeper.save(state, progress)
            if self.signals.received is not None:
                self.keeper.save(state, progress)
                raise Interrupted(self.signals.received, saved=True)
        self.keeper.save(state, progress)
        ended = "finished" if progress.epoch >= self.train.epochs else "early" if self._is_early(progress) else "paused"
        return Outcome(ended, progress)

    def _stop(self, stop: Stopped, progress: Progress) -> None:
        """Saves the position inside an epoch, and ends. What is not finite is never saved. Raises Interrupted."""
        assert self.signals.received is not None
        if not stop.tally.steps:
            self.keeper.save(stop.state, progress)
        elif bool(self.finite(stop.state, stop.tally.last())) and int(stop.state["failed"]) < 0:
            progress.position = stop.tally.steps
            self.keeper.save(stop.state, progress, stop.tally)
        raise Interrupted(self.signals.received, saved=True)

    def _rolled_back(self, progress: Progress, failed: int) -> tuple[State, Progress, Tally]:
        """The last checkpoint (or the very start), told to pass over the step that failed."""
        self.watcher.told(f"step {failed} was not finite: back to the last checkpoint, to pass it over")
        state, before, tally = self.begin(resume=True)
        passed = [int(step) for step in np.asarray(state["skipped"]) if step >= 0]
        passed = [*dict.fromkeys([*self.passed_over, *passed, failed])][:MOST_SKIPPED]
        self.passed_over = passed
        filled = np.full(MOST_SKIPPED, -1, np.int32)
        filled[: len(passed)] = passed
        before.skipped = progress.skipped
        self.recorder.rewind(before)
        return {**state, "skipped": jnp.asarray(filled)}, before, tally

    def _again_watched(self) -> tuple[State, Progress, Tally]:
        """The last checkpoint (or the very start), from where the steps are done again and watched."""
        self.watching = True
        self._compile()
        state, before, tally = self.begin(resume=True)
        self.recorder.rewind(before)
        return state, before, tally

    def _is_early(self, progress: Progress) -> bool:
        rule = self.train.early_stopping
        return rule is not None and progress.best_epoch > 0 and progress.epoch - progress.best_epoch >= rule.patience

    def _epoch(self, state: State, progress: Progress, tally: Tally) -> State:
        """The steps of an epoch that are not done yet; what they tell goes into the tally. Raises Stopped."""
        skipped, self.done = progress.position, 0
        for piece in self.feed.epoch(progress.epoch):
            steps, batch = piece.rows.shape
            first, skipped = min(skipped, steps), max(0, skipped - steps)
            self.done += first * batch
            if first == steps:
                continue
            several = self.scans and steps > 1
            state, figures, done = (self._scanned if several else self._stepped)(state, piece, progress, first)
            tally.add({name: values[first:done] for name, values in figures.items()}, batch)
            if done < steps:
                raise Stopped(state, tally)
        if not self.watching and not bool(self.finite(state, tally.last())):
            raise Unwatched
        return self._check_finite(state, progress)

    def _scanned(self, state: State, piece: Piece, progress: Progress, first: int) -> tuple[State, Figures, int]:
        """Steps from `first` on, many to a dispatch; how far they came before a signal."""
        steps, batch = piece.rows.shape
        order = jnp.asarray(piece.rows)
        figures = {name: jnp.zeros(steps) for name in self._figures(state, piece)}
        done = first
        while done < steps and self.signals.received is None:
            stop = min(steps, done + self.chunk)
            began = time.perf_counter()
            with self._perhaps_compiling("many", piece.rows.shape, _shapes(piece)):
                state, figures = self.many(state, figures, piece.data, order, jnp.int32(done), jnp.int32(stop))
                jax.block_until_ready(figures)
            seconds = time.perf_counter() - began
            if stop - done == self.chunk and seconds < _CHUNK_SECONDS / 2:
                self.chunk *= 2
            self.done += (stop - done) * batch
            done = stop
            self.watcher.progressed(progress.epoch, self.done, float("nan"))
        return state, figures, done

    def _figures(self, state: State, piece: Piece) -> tuple[str, ...]:
        """The names of what a step tells."""
        if not self.told:
            with self.signals.compiling():
                _, figures = jax.eval_shape(self.one, state, piece.data, piece.rows[0])
            self.told = tuple(figures)
        return self.told

    def _stepped(self, state: State, piece: Piece, progress: Progress, first: int) -> tuple[State, Figures, int]:
        """Steps from `first` on, one to a dispatch; how far they came before a signal."""
        names = self._figures(state, piece)
        found: list[Figures] = []
        order = jnp.asarray(piece.rows)
        index = first
        while index < len(piece.rows) and self.signals.received is None:
            with self._perhaps_compiling("one", piece.rows.shape[1], _shapes(piece)):
                state, figures = self.one(state, piece.data, order[index])
            found.append(figures)
            self.queue.append(next(iter(figures.values())))
            if len(self.queue) > _QUEUE:
                self.queue.pop(0).block_until_ready()  # a short queue keeps reports and signals prompt
            index += 1
            self.done += piece.rows.shape[1]
            if time.perf_counter() - self.shown > _CHUNK_SECONDS:
                self.shown = time.perf_counter()
                self.watcher.progressed(progress.epoch, self.done, float("nan"))
        nothing = [jnp.zeros(())] * first
        stacked = {name: jnp.stack([*nothing, *(each[name] for each in found)]) for name in names} if index else {}
        return state, stacked, index

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

    def _finish_epoch(self, state: State, progress: Progress, tally: Tally, seconds: float) -> None:
        """Judge, remember the best, write the epoch's line. Raises Stopped where a signal comes while judging."""
        told = tally.means()
        step = int(state["step"])
        record: dict[str, Any] = {"epoch": progress.epoch + 1, "step": step, **told}
        if ("judge",) not in self.compiled and seconds > _LONG_EPOCH:
            progress.position = tally.steps
            self.keeper.save(state, progress, tally)  # compiling the judge may take a while, and cannot be waited for
        with self._perhaps_compiling("judge"):
            judged = self.judge.epoch(evaluated(state), progress.epoch + 1, told, lambda: self._go_on(state, tally))
        record |= {**judged.figures, **self.objective.rates(step - 1)}
        progress.epoch, progress.position = progress.epoch + 1, 0
        value = record.get(self.judge.monitor)
        if progress.epoch == 1 and value is not None and not np.isfinite(value):
            self.watcher.warned(_not_a_number(self.judge.monitor))
        better = value is not None and self._improves(value, progress)
        if better:
            progress.best_value, progress.best_epoch = value, progress.epoch
            self.keeper.improved(evaluated(state))
        progress.history.append(record)
        rate = round(self.feed.rows / max(seconds, 1e-9), 1)
        self.recorder.epoch({**record, "seconds": round(seconds, 4), "samples_per_second": rate}, judged, best=better)

    def _go_on(self, state: State, tally: Tally) -> None:
        """Asked by a judge from batch to batch. Raises Stopped where a signal has come."""
        if self.signals.received is not None:
            raise Stopped(state, tally)

    def _improves(self, value: float, progress: Progress) -> bool:
        if not np.isfinite(value):
            return False
        if progress.best_value is None:
            return True
        least = self.train.early_stopping.min_delta if self.train.early_stopping else 0.0
        gain = value - progress.best_value if self.judge.larger_is_better else progress.best_value - value
        return gain > least


def _shapes(piece: Piece) -> tuple[Any, ...]:
    """What a step is compiled for anew."""
    return tuple(array.shape for array in jax.tree.leaves(piece.data))


def _not_a_number(monitor: str) -> Diagnostic:
    """The warning that what decides which weights are best cannot be computed."""
    help = "watch another figure by `early_stopping: {monitor: ...}`"
    if monitor.endswith("auc"):
        help = "it needs rows of two classes in that part: `split: {stratify: true}`, a larger share, or another `monitor`"
    message = f"`{monitor}` is not a number: there is no best epoch, and nothing stops early"
    return Diagnostic("NS547", message, Severity.warning, help=(help,))
