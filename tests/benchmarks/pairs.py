"""What the gallery's pairs make: `python -m tests.benchmarks.pairs ring | digits | RUN CLASSIFIER`.

`ring` trains ring-gan for five seeds and counts modes and good samples; `digits` trains digits-cnn and digits-gan and lets
the one judge the other; with two run folders the second one, a classifier, judges what the first one makes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from netspec import predict, sample, train
from netspec.inference.run import Run
from tests.support import SPECS

SAMPLES = 500


def modes(points: np.ndarray[Any, Any]) -> tuple[int, float]:
    """Of eight places on a circle of radius 2, how many have samples, and the share within three deviations of 0.05."""
    angles = np.arange(8) * (2 * np.pi / 8)
    places = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    distances = np.sqrt(((points[:, None] - places[None]) ** 2).sum(-1))
    good = distances.min(axis=1) < 3 * 0.05
    return len(set(distances.argmin(axis=1)[good])), float(good.mean())


def ring() -> None:
    """Five seeds of ring-gan."""
    for seed in range(5):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            run = train(SPECS / "ring-gan.yaml", run=Path(folder) / "run", set={"train.seed": seed})
            seconds = time.perf_counter() - began
            found, good = modes(sample(run, 10_000, seed=seed))
            print(f"ring-gan seed {seed}: {found} of 8 modes, {good:.1%} good, {seconds:.0f} s", flush=True)


def judged(pair: Run, classifier: Run) -> None:
    """How sure a classifier is of samples, and how many of each class there are."""
    made = sample(pair, SAMPLES, seed=0)
    (column,) = (column.name for pipe in classifier.preprocess.inputs.values() for column in pipe.columns)
    chances = next(iter(predict(classifier, {column: made}).values()))
    counts = Counter(chances.argmax(-1).tolist())
    told = " ".join(f"{counts[digit]}" for digit in range(chances.shape[-1]))
    print(f"{pair.spec.name}: mean confidence of {classifier.spec.name} {chances.max(-1).mean():.3f}; of each class {told}")


def digits() -> None:
    """digits-gan, judged by digits-cnn."""
    with tempfile.TemporaryDirectory() as folder:
        classifier = train(SPECS / "digits-cnn.yaml", run=Path(folder) / "cnn")
        began = time.perf_counter()
        pair = train(SPECS / "digits-gan.yaml", run=Path(folder) / "gan")
        print(f"digits-gan trained in {time.perf_counter() - began:.0f} s")
        judged(pair, classifier)


def main() -> None:
    if sys.argv[1:] == ["ring"]:
        ring()
    elif sys.argv[1:] == ["digits"]:
        digits()
    elif len(sys.argv) == 3:
        judged(Run(sys.argv[1]), Run(sys.argv[2]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
