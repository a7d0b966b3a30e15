"""Where the command begins: before anything is loaded, Ctrl-C and SIGTERM are made to end it at once.

Loading takes a second or two, and Python's own KeyboardInterrupt in the middle of an import comes out as a traceback, as
another error, or not at all. There is nothing to save until a training runs, and that has handlers of its own.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NoReturn


def run() -> None:
    """The command `netspec`."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # a shell has its background commands ignore Ctrl-C
                signal.signal(number, _leave)
    from netspec.cli.main import run

    run()


def _leave(number: int, _: object) -> NoReturn:
    files = sys.modules.get("netspec.files")
    for unfinished in tuple(getattr(files, "UNFINISHED", ())):  # it is written beside the file that it is to become
        unfinished.unlink(missing_ok=True)
    os._exit(128 + number)
