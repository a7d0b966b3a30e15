"""Runs `netspec` on an input in a process of its own, and says what it answered, how long it took and what it held.

A server has everything that `validate` needs loaded and forks for each case: a case costs milliseconds, and what it
breaks is its own. Verbs that load JAX have an interpreter of their own (`fresh`).
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
AUDIT = "netspec did what no verb may: "
_NEVER = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.", "socket.", "pickle.", "shutil.rmtree", "webbrowser.")  # fmt: skip
_READ = ("/proc/", "/sys/", "/dev/null", "/dev/urandom", "/etc/localtime", "/usr/share/", "/usr/lib/", "/lib/", "/etc/ld.so")
"""What the machine itself may be asked, outside of the folder and of Python."""


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    """The exit code; -N for one that signal N has ended, -9 where it took too long."""
    out: str
    err: str
    seconds: float
    peak: int
    """The most memory that was resident, in bytes."""

    @property
    def codes(self) -> tuple[str, ...]:
        """The diagnostics' codes in the order in which they were printed."""
        return tuple(re.findall(r"(?:(?:error|warning|note)\[|title=)(NS\d+)", self.out + self.err))

    @property
    def failure(self) -> str:
        """Why no user should ever see this; '' for an answer that may be right."""
        text = self.out + self.err
        if AUDIT in text:
            return text[text.index(AUDIT) :].splitlines()[0]
        if "Traceback" in text:
            return "a traceback"
        if "NS901" in text:
            return "NS901"
        if self.code == -signal.SIGKILL:
            return "a hang"
        return f"ended by signal {-self.code}" if self.code < 0 else "exit 3" if self.code == 3 else ""


class Sandbox:
    """A server of answers; use it in a `with`."""

    def __enter__(self) -> Sandbox:
        command = [sys.executable, "-m", "tests.fuzz.sandbox"]
        pipe = subprocess.PIPE
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}
        self.server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY, env=environment)
        return self

    def __exit__(self, *_: object) -> None:
        with self.server:  # closes its pipes, at which it ends, and waits for it
            pass

    def answer(self, arguments: Sequence[str], folder: Path, *, stdin: bytes = b"", seconds: float = 10) -> Answer:
        """What `netspec ARGUMENTS` answers in a folder."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        case = {"arguments": list(arguments), "folder": str(folder), "stdin": stdin.hex(), "seconds": seconds}
        self.server.stdin.write(json.dumps(case) + "\n")
        self.server.stdin.flush()
        return Answer(**json.loads(self.server.stdout.readline()))


def fresh(
    arguments: Sequence[str],
    folder: Path,
    *,
    stdin: bytes = b"",
    seconds: float = 60,
    environment: dict[str, str] | None = None,
) -> Answer:
    """The same by an interpreter of its own."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.sandbox", "--one", *arguments],
            stdin=given, stdout=out, stderr=err, cwd=folder,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120", "PYTHONPATH": str(REPOSITORY), **(environment or {})},
        )  # fmt: skip
        status, usage = _waited(process.pid, seconds)
        process.returncode = os.waitstatus_to_exitcode(status)
        return Answer(process.returncode, _text(out), _text(err), time.perf_counter() - began, usage.ru_maxrss * 1024)


def _waited(child: int, seconds: float) -> tuple[int, resource.struct_rusage]:
    """The end of a child, which is killed when its time is over."""
    deadline = time.perf_counter() + seconds
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            return status, usage
        if time.perf_counter() > deadline:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            return status, usage
        time.sleep(0.002)


def _text(stream: Any) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")


def _serve() -> None:
    import netspec.cli.diff
    import netspec.cli.fmt
    import netspec.cli.init
    import netspec.cli.main
    import netspec.cli.show
    import netspec.cli.validate
    import netspec.data.prepare  # noqa: F401

    for line in sys.stdin:
        case = json.loads(line)
        sys.stdout.write(json.dumps(asdict(_forked(case))) + "\n")
        sys.stdout.flush()


def _forked(case: dict[str, Any]) -> Answer:
    began = time.perf_counter()
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(bytes.fromhex(case["stdin"]))
        given.seek(0)
        child = os.fork()
        if not child:
            for number, stream in enumerate((given, out, err)):
                os.dup2(stream.fileno(), number)
            os.chdir(case["folder"])
            _watch(Path(case["folder"]), case["arguments"])
            _run(case["arguments"])
        status, usage = _waited(child, case["seconds"])
        code = os.waitstatus_to_exitcode(status)
        return Answer(code, _text(out), _text(err), time.perf_counter() - began, usage.ru_maxrss * 1024)


def _run(arguments: list[str]) -> None:
    """The command in this process, which it ends; `read SPEC` is the part of `train` that comes before JAX."""
    import traceback

    from netspec.cli.main import run

    sys.argv = ["netspec", *arguments]
    code: Any = 70
    try:
        code = _read(Path(arguments[1])) if arguments[0] == "read" else run() or 0
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException:  # noqa: BLE001  what a user would see is what is looked for
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _watch(folder: Path, arguments: list[str]) -> None:
    """An audit hook (PEP 578) that tells of each process, socket, pickle, and file outside of the case's folder."""
    named = {os.path.realpath(folder / word) for word in arguments if "\0" not in word and word.isprintable()}
    inside = tuple(os.path.realpath(each) for each in (folder, sys.prefix, sys.base_prefix, REPOSITORY))

    def hook(event: str, values: tuple[Any, ...]) -> None:
        if event.startswith(_NEVER):
            os.write(2, f"{AUDIT}{event} {values!r}"[:500].encode() + b"\n")
        elif event == "open" and isinstance(values[0], (str, bytes)) and "\0" not in os.fsdecode(values[0]):
            path = os.path.realpath(os.fsdecode(values[0]))
            writes = isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR)
            allowed = inside[:1] if writes else inside
            if path not in named and not path.startswith((*allowed, *(() if writes else _READ))):
                os.write(2, f"{AUDIT}open {path} {values[1:]!r}"[:500].encode() + b"\n")

    sys.addaudithook(hook)


def _read(path: Path) -> int:
    """Reads and prepares the data of a spec as training would; the exit code."""
    from netspec.cli.output import print_diagnostics
    from netspec.data import prepare
    from netspec.diagnostics import SpecError
    from netspec.graph.validate import required
    from netspec.source import read_file
    from netspec.spec.paths import Roots

    try:
        spec, program = required(read_file(path))
        dataset = prepare(spec, program, Roots.of(path))
    except SpecError as error:
        print_diagnostics(error.diagnostics, stream=sys.stderr)
        return 1
    print({name: part.rows for name, part in dataset.parts.items()})
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _run(sys.argv[2:])
    _serve()
