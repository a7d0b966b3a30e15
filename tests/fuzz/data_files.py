"""`python -m tests.fuzz.data_files`: every hostile data file, as a table by kind with codes, time and memory."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from tests.fuzz.hostile_data import HostileData, cases
from tests.fuzz.sandbox import Answer, Sandbox

SECONDS = 10.0
BYTES = 1 << 30
CODES = {
    "NS006",
    "NS201",
    "NS204",
    "NS205",
    "NS412",
    "NS501",
    "NS502",
    "NS503",
    "NS504",
    "NS505",
    "NS506",
    "NS507",
    "NS509",
    "NS513",
    "NS517",
}


def wrong(case: HostileData, answer: Answer, seconds: float = SECONDS) -> str:
    """What is wrong with an answer; '' where nothing is."""
    if answer.failure:
        return answer.failure
    if answer.seconds > seconds:
        return f"{answer.seconds:.1f} s"
    if answer.peak > BYTES:
        return f"{answer.peak >> 20} MB"
    read = answer.code == 0
    if read != (case.expect == "read") and case.expect != "either":
        return "read" if read else f"refused: {', '.join(answer.codes)}"
    if read:
        return ""
    if not answer.codes or not set(answer.codes) <= CODES:
        return f"exit {answer.code}, codes {answer.codes}"
    if len(answer.err) > 4000 or "\x1b" in answer.err or "\n::" in answer.err:
        return "an output that is not fit for a terminal"
    named = case.file in answer.err or not {"NS006", "NS501", "NS509"} & set(answer.codes)
    return "" if named else f"`{case.file}` is not named"


def main() -> None:
    only = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    table: defaultdict[str, list[tuple[Answer, str]]] = defaultdict(list)
    with Sandbox() as sandbox:
        for case in cases():
            if only not in f"{case.kind}: {case.name}":
                continue
            with tempfile.TemporaryDirectory() as folder:
                case.write(Path(folder))
                before = sorted(Path(folder).rglob("*"))
                answer = sandbox.answer(["read", "spec.json"], Path(folder), seconds=30)
                fault = wrong(case, answer) or ("a file was left" if sorted(Path(folder).rglob("*")) != before else "")
            table[case.kind].append((answer, fault))
            if fault or "-a" in sys.argv:
                print(f"{case.kind}: {case.name}: {fault} (exit {answer.code}, {answer.seconds:.2f} s, {answer.peak >> 20} MB)")
                if "-v" in sys.argv:
                    print((answer.out + answer.err)[-1500:])
    print(f"\n{'kind':<12}{'cases':>7}{'wrong':>7}{'slowest':>10}{'largest':>10}  codes")
    for kind, rows in table.items():
        slowest, largest = max(a.seconds for a, _ in rows), max(a.peak for a, _ in rows)
        codes = Counter(next(iter(answer.codes), "read") for answer, _ in rows)
        shown = ", ".join(f"{code} {times}" for code, times in codes.most_common())
        print(f"{kind:<12}{len(rows):>7}{sum(bool(f) for _, f in rows):>7}{slowest:>8.2f} s{largest >> 20:>7} MB  {shown}")
    sys.exit(any(fault for rows in table.values() for _, fault in rows))


if __name__ == "__main__":
    main()
