"""What the gallery's specs reach on real data, over seeds: `python -m tests.benchmarks.scores --seeds 5 [SPEC ...]`.

Each spec is trained from scratch for every seed, exported and proven; the figure is of the test part. Data are looked
for below `$NETSPEC_SHARED/data`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from netspec import evaluate, export, train
from tests.support import SHARED, SPECS

LEAST = {
    "mnist-lenet": ("test_accuracy", 0.989),
    "mnist-cnn": ("test_accuracy", 0.993),
    "image-folder-cnn": ("test_accuracy", 0.95),
    "adult-income": ("test_accuracy", 0.85),
    "banknote-mlp": ("test_accuracy", 0.99),
    "sms-spam-lstm": ("test_accuracy", 0.98),
    "japanese-vowels-bilstm": ("test_accuracy", 0.96),
    "italy-power-fcn": ("test_accuracy", 0.96),
    "spoken-digits-crnn": ("test_accuracy", 0.95),
    "review-bag": ("test_accuracy", 0.82),
    "review-cnn-lstm": ("test_accuracy", 0.78),
    "mammography-anomaly": ("test_anomaly_roc_auc", 0.84),
}
MOST = {
    "min-temperature-gru": ("test_rmse", 2.25),
    "airline-lstm": ("test_rmse", 20.0),
    "adding-problem-rnn": ("test_mse", 0.01),
    "char-lstm": ("test_perplexity", 5.207),  # 1.65 nats
}


def one(name: str, seed: int, folder: Path) -> tuple[float, float]:
    """The test figure of a run and of its exported file."""
    figure, _ = (LEAST | MOST)[name]
    run = train(SPECS / f"{name}.yaml", run=folder / "run", data_root=SHARED / "data", set={"train.seed": seed})
    export(run, folder / "model.onnx")
    exported = evaluate(folder / "model.onnx", data_root=SHARED / "data") if name != "char-lstm" else run.evaluate()
    return run.evaluate().metrics[figure], exported.metrics[figure]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("specs", nargs="*", metavar="SPEC", help="names of the gallery; by default all")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{'spec':<24} {'figure':<16} {'mean':>8} {'sd':>7} {'worst':>8} {'.onnx':>8}  {'asked':<10} seconds a run")
    for name in arguments.specs or [*LEAST, *MOST]:
        figure, asked = (LEAST | MOST)[name]
        began, found = time.perf_counter(), []
        for seed in range(arguments.seeds):
            with tempfile.TemporaryDirectory() as folder:
                found.append(one(name, seed, Path(folder)))
        runs, files = zip(*found, strict=True)
        mean, better = statistics.mean(runs), name in LEAST
        kept = mean >= asked if better else mean <= asked
        spread = statistics.stdev(runs) if len(runs) > 1 else 0.0
        print(
            f"{name:<24} {figure:<16} {mean:8.4f} {spread:7.4f} {(min if better else max)(runs):8.4f}"
            f" {statistics.mean(files):8.4f}  {'>=' if better else '<='} {asked:<7} {(time.perf_counter() - began) / len(runs):6.0f}"
            f"  {'kept' if kept else 'NOT KEPT'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
