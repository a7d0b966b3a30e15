"""`python -m tests.training.signals [MOMENTS]`: trainings stopped by SIGTERM and SIGINT at random moments, and gone on with.

Each has to leave by 128 + the signal's number, and the run that was stopped again and again has to be the one that never
was, bit for bit. What is told of each stop: where it came, and how long the process took to end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from netspec.training.folder import RunFolder
from tests.training.test_resume import HARD, LSTM, MLP, PAIR, VAE, lines, same, state_of

TEXT: dict[str, Any] = {
    "netspec": 1,
    "name": "text",
    "input": {"shape": ["time"], "vocabulary": "letters"},
    "model": {"layers": [{"embedding": 8}, {"gru": {"units": 16, "return_sequences": True}}, {"dense": "letters"}]},
    "data": {
        "source": {"text": "long.txt"},
        "series": {"window": 20, "target": "next"},
        "preprocess": {"input": {"tokenize": {"by": "character"}}},
        "split": {"validation": 0.2, "by": "time"},
    },
    "train": {"loss": "cross_entropy", "optimizer": {"adam": 1e-3}, "epochs": 4, "batch_size": 8, "metrics": ["perplexity"]},
}
TRAININGS = {"cnn": HARD, "mlp": MLP, "pair": PAIR, "vae": VAE, "lstm": LSTM, "text": TEXT}
COMMAND = [sys.executable, "-m", "netspec", "train", "spec.json", "-q"]


def _started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.Popen([*COMMAND, *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # fmt: skip


def stopped(folder: Path, moments: int, drawn: random.Random) -> Iterator[str]:
    """Trains once without a stop and once with many; a line for each stop, and what is wrong."""
    began = time.monotonic()
    with _started(folder, "--run", "once") as process:
        _, told = process.communicate()
    quickest = time.monotonic() - began  # the first one compiles what the others find in the cache
    if process.returncode:
        yield f"WRONG the training without a stop ended with {process.returncode}: {told[-300:]}"
        return
    left, runs = moments, 0
    while left or (folder / f"parts{runs}").exists():
        parts = folder / f"parts{runs}"
        resume = ["--resume"] if (parts / "manifest.json").exists() else []
        began, before = time.monotonic(), _state(parts)
        with _started(folder, "--run", parts.name, *resume) as process:
            number, sent, after = drawn.choice([signal.SIGTERM, signal.SIGINT]), time.monotonic(), drawn.uniform(0.2, quickest)
            if left:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(after)
                sent = time.monotonic()
                process.send_signal(number)
            _, told = process.communicate(timeout=300)
            seconds = time.monotonic() - sent
        if process.returncode == 0:  # it was done before the signal came: that is compared, and the next one begins
            same(state_of(folder / "once"), state_of(parts))
            assert lines(folder / "once") == lines(parts)
            yield f"{runs}: the same, bit for bit"
            runs += 1
            quickest = min(quickest, time.monotonic() - began)
            continue
        left -= 1
        state = _state(parts)
        early = state in (before, "running", "finished")  # while it loads, before it compiles, or while it exports
        fine = process.returncode == 128 + number and (early or number.name in state)
        yield f"{'' if fine else 'WRONG '}{number.name} after {after:.2f} s: {process.returncode} in {seconds:.2f} s; {state}"
        if not fine:
            yield told[-300:]
            return


def _state(run: Path) -> str:
    """What the run says of itself."""
    return str(RunFolder(run).manifest()["state"]) if (run / "manifest.json").exists() else "no run yet"


def main() -> None:
    moments = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    drawn, wrong = random.Random(0), 0
    for number, (name, document) in enumerate(TRAININGS.items()):
        document = {**document, "train": {**document["train"], "epochs": 60, "batch_size": 8}}
        share = moments // len(TRAININGS) + (number < moments % len(TRAININGS))
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "spec.json").write_text(json.dumps(document))
            (Path(folder) / "pyproject.toml").write_text("")
            (Path(folder) / "long.txt").write_text("".join(random.Random(1).choice("abc de\n") for _ in range(12_000)))
            for line in stopped(Path(folder), share, drawn):
                wrong += line.startswith("WRONG")
                print(f"{name}: {line}", flush=True)
    print(f"{moments} moments, {wrong} of them wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
