"""`python -m tests.fuzz.trace`: the same corpus under strace, which no audit hook can be fooled past. Linux, with strace.

Of each case every call is kept that starts a program, opens a socket, or opens a file to write; and those that open a file
to read outside of the case's folder, of Python, of the package, and of what the machine itself is asked.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import hostile_data, hostile_specs
from tests.fuzz.sandbox import REPOSITORY

_CALLS = "execve,execveat,socket,connect,bind,fork,vfork,open,openat,openat2,creat,unlink,rename,ptrace"
_READ = ("/proc/", "/sys/", "/dev/null", "/dev/urandom", "/dev/tty", "/etc/", "/usr/", "/lib/", "/lib64/")
EVERY = 6


def cases(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Every sixth case of both corpora: each put into the folder, then its name and its arguments."""
    for number, spec in enumerate(hostile_specs.cases()):
        if number % EVERY == 0:
            spec.write(folder)
            yield f"{spec.kind}: {spec.name}", list(spec.arguments)
    for number, data in enumerate(hostile_data.cases()):
        if number % EVERY == 0:
            data.write(folder)
            yield f"{data.kind}: {data.name}", ["read", "spec.json"]


def strange(line: str, folder: Path, arguments: list[str], first: bool) -> str:
    """What a line of strace tells that no verb may do; '' for all others."""
    call = re.match(r"(?:\d+ +)?(\w+)\((.*)", line)
    if call is None:
        return ""
    name, rest = call.groups()
    if name in ("execve", "execveat"):
        return "" if first else line
    if not name.startswith(("open", "creat", "unlink", "rename")):
        return line
    path = re.search(r'"((?:[^"\\]|\\.)*)"', rest)
    if path is None or path[1] in arguments:
        return ""
    place = os.path.realpath(folder / path[1])
    if place.startswith(str(folder.resolve())):
        return ""
    if re.search(r"O_WRONLY|O_RDWR|O_CREAT", rest) or not name.startswith("open"):
        return "" if place == "/dev/null" else line
    homes = (os.path.realpath(each) for each in (sys.prefix, sys.base_prefix, REPOSITORY))
    return "" if place.startswith((*homes, *_READ)) or "ENOENT" in rest else line


def main() -> None:
    """A line for each strange call, and how many cases and calls there were; exit 1 for any."""
    if shutil.which("strace") is None:
        sys.exit("strace is not here: install it (`apt install strace`), this command is for Linux")
    seen: Counter[str] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory() as home:
        folder, log = Path(home) / "case", Path(home) / "log"
        folder.mkdir()
        for name, arguments in cases(folder):
            command = ["strace", "-f", "-qq", "-e", f"trace={_CALLS}", "-o", str(log), sys.executable]
            environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
            words = [*command, "-m", "tests.fuzz.sandbox", "--one", *arguments]
            try:
                subprocess.run(words, cwd=folder, env=environment, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=60)  # fmt: skip
            except ValueError:  # what no command line can hold
                continue
            lines = log.read_text(errors="replace").splitlines()
            seen.update(re.sub(r"^(?:\d+ +)?(\w+)\(.*", r"\1", line) for line in lines)
            for number, line in enumerate(lines):
                if strange(line, folder, arguments, first=number == 0):
                    wrong += 1
                    print(f"{name}: {line[:300]}", flush=True)
            seen["cases"] += 1
            shutil.rmtree(folder)
            folder.mkdir()
    shown = {name: count for name, count in seen.items() if name in (*_CALLS.split(","), "cases")}
    print(f"{shown}; {wrong} of them are strange")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
