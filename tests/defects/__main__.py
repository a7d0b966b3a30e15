"""`python -m tests.defects [word]`: plants every defect whose name or kind has the word, and prints which are found."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.defects.harness import asked, plant
from tests.defects.table import DEFECTS

REST = ("tests", "-m", "not slow", "--ignore=tests/fuzz", "--ignore=tests/defects", "--ignore=tests/test_readme.py")


def main() -> None:
    """A line a defect, and how many were found; exit 1 where more than one in twenty was not."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [defect for defect in DEFECTS if word in f"{defect.kind}: {defect.name}"]
    found = 0
    for defect in chosen:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            plant(defect, Path(folder))
            seen, test = asked(Path(folder), defect.first)
            if not seen:
                seen, test = asked(Path(folder), REST)
        found += seen
        seconds = time.perf_counter() - began
        print(f"{'found' if seen else 'MISSED':<7}{seconds:6.0f} s  {defect.kind}: {defect.name}  {test}", flush=True)
    print(f"{found} of {len(chosen)} found")
    sys.exit(found * 20 < len(chosen) * 19)


if __name__ == "__main__":
    main()
