"""`python -m tests.fuzz valid|invalid|data|runs|onnx N [--seed S] [--seconds T]`: the fuzzer, of any size.

Every failure is printed with what repeats it; of specs, a smaller one that fails alike is written into `tests/corpus`,
which `tests/fuzz/test_corpus.py` replays before anything else.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections import Counter

from tests.fuzz.campaigns import CAMPAIGNS, Found

CHUNK = {"valid": 5, "invalid": 1000, "data": 50, "runs": 40, "onnx": 100}
"""Cases that one process does, before the next takes over: what crashes or hangs takes no more than these with it."""
LONGEST = {"valid": 900, "invalid": 300, "data": 600, "runs": 900, "onnx": 900}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("campaign", choices=sorted(CAMPAIGNS))
    parser.add_argument("cases", type=int)
    parser.add_argument("--seed", type=int, default=0, help="the first case's number")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    asked = parser.parse_args()
    began, done, found = time.perf_counter(), 0, Counter[str]()
    size = CHUNK[asked.campaign]
    while done < asked.cases and time.perf_counter() - began < asked.seconds:
        first = asked.seed + done
        count = min(size, asked.cases - done)
        for failure in _chunk(asked.campaign, first, count):
            found[failure.split(": ")[1][:60] if ": " in failure else failure] += 1
            print(failure, flush=True)
        done += count
    seconds = time.perf_counter() - began
    print(f"{done:,} cases of `{asked.campaign}` from {asked.seed} in {seconds:,.0f} s; {sum(found.values())} failed")
    sys.exit(bool(found))


def _chunk(campaign: str, first: int, count: int) -> list[str]:
    """What a process of its own found, and whether it came back at all."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        with os.fdopen(write, "w") as out:
            for failure in CAMPAIGNS[campaign](first, count):
                out.write(_line(failure) + "\n")
                out.flush()
        sys.stdout.flush()
        os._exit(0)
    os.close(write)
    watch = threading.Timer(LONGEST[campaign], os.kill, (child, signal.SIGKILL))
    watch.start()
    with os.fdopen(read) as given:
        lines = given.read().splitlines()
    _, status = os.waitpid(child, 0)
    watch.cancel()
    code = os.waitstatus_to_exitcode(status)
    return lines if code == 0 else [*lines, f"{first}: the process ended with {code}, in one of {count} cases from there on"]


def _line(found: Found) -> str:
    return f"{found.number}: {found.what}".replace("\n", " ")[:400]


if __name__ == "__main__":
    main()
