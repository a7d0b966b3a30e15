"""SIGTERM and SIGINT while a training runs: they end it promptly, and nothing that was learnt is lost.

Between steps a signal is seen within a quarter of a second, and the state is saved. While XLA compiles, nothing in Python
runs for seconds or minutes; there is nothing new to save either, so the process leaves at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType


class Interrupted(KeyboardInterrupt):
    """A signal came, and what there was to save is saved. In a notebook it is the KeyboardInterrupt that was asked for."""

    def __init__(self, signum: int, *, saved: bool) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code, self.saved = 128 + signum, saved


class Signals:
    """Notes SIGTERM and SIGINT instead of dying of them.

    `leaving` is for a command: it is told of a signal that comes while something compiles, and the process then ends
    without waiting. Without it, as in a notebook, that signal is seen when the compilation is over.
    """

    def __init__(self, leaving: Callable[[int], None] | None = None) -> None:
        self.received: int | None = None
        self.leaving = leaving
        self.compiles = False
        self.previous: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self.pipe: tuple[int, int] | None = None

    def __enter__(self) -> Signals:
        if threading.current_thread() is not threading.main_thread():
            return self  # handlers belong to the main thread: whoever trains in another one stops it otherwise
        for number in (signal.SIGTERM, signal.SIGINT):
            self.previous[number] = signal.signal(number, self._note)
        if self.leaving is not None:
            self.pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else None
        if self.pipe is not None:
            os.set_blocking(self.pipe[0], True)
            signal.set_wakeup_fd(self.pipe[1], warn_on_full_buffer=False)
            threading.Thread(target=self._watch, args=(self.pipe[0],), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.pipe is not None:
            signal.set_wakeup_fd(-1)
            os.close(self.pipe[1])  # the thread reads its end, and closes the other one
            self.pipe = None
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous.clear()

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.received is not None:
            raise SystemExit(128 + number)  # the second one leaves at once; nothing is half written
        self.received = number

    def _watch(self, pipe: int) -> None:
        """Sees each signal when it comes, whatever the main thread is busy with."""
        while number := os.read(pipe, 1):
            if self.compiles and self.leaving is not None and number[0] in self.previous:
                self.leaving(number[0])
                sys.stderr.flush()
                os._exit(128 + number[0])
        os.close(pipe)

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Something is compiled inside, and nothing is to be saved. Raises Interrupted for a signal that came before."""
        self.compiles = True
        try:
            self.check()
            yield
        finally:
            self.compiles = False

    def check(self) -> None:
        """Raises Interrupted where a signal has come and there is nothing to save."""
        if self.received is not None:
            raise Interrupted(self.received, saved=False)
