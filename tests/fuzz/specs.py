"""`python -m tests.fuzz.specs`: every hostile spec, as a table by kind with codes, time and memory."""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.fuzz.hostile_specs import Hostile, cases
from tests.fuzz.sandbox import Answer, Sandbox

SECONDS = 1.0
BYTES = 150 << 20
CHARACTERS = 200_000


def wrong(case: Hostile, answer: Answer, seconds: float = SECONDS) -> str:
    """What is wrong with an answer; '' where nothing is."""
    if answer.failure:
        return answer.failure
    if answer.seconds > seconds:
        return f"{answer.seconds:.1f} s"
    if answer.peak > BYTES:
        return f"{answer.peak >> 20} MB"
    if len(answer.out) + len(answer.err) > CHARACTERS:
        return f"{len(answer.out) + len(answer.err):,} characters of output"
    told = set(answer.codes) - {"NS009"}
    if not told:
        return "" if answer.code == 0 and (not case.codes or "valid" in case.codes) else f"exit {answer.code}, told nothing"
    if not told <= set(case.codes):
        return f"told {', '.join(sorted(told))}"
    return "" if answer.code in (0, 1, 2, 4) else f"exit {answer.code}"


def main() -> None:
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    table: defaultdict[str, list[tuple[Answer, str]]] = defaultdict(list)
    with Sandbox() as sandbox:
        for case in cases():
            if only not in f"{case.kind}: {case.name}":
                continue
            with tempfile.TemporaryDirectory() as folder:
                case.write(Path(folder))
                answer = sandbox.answer(case.arguments, Path(folder))
            fault = wrong(case, answer)
            table[case.kind].append((answer, fault))
            if fault:
                print(
                    f"{case.kind}: {case.name}: {fault} (exit {answer.code}, {answer.seconds:.2f} s, {answer.peak >> 20} MB, {sorted(set(answer.codes))})"
                )
                if "-v" in sys.argv:
                    print((answer.out + answer.err)[-1500:])
    print(f"\n{'kind':<14}{'cases':>7}{'wrong':>7}{'slowest':>10}{'largest':>10}")
    for kind, rows in table.items():
        slowest, largest = max(a.seconds for a, _ in rows), max(a.peak for a, _ in rows)
        print(f"{kind:<14}{len(rows):>7}{sum(bool(f) for _, f in rows):>7}{slowest:>8.2f} s{largest >> 20:>7} MB")
    sys.exit(any(fault for rows in table.values() for _, fault in rows))


if __name__ == "__main__":
    main()
