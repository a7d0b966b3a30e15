"""Published architectures, exact to the last parameter, and multiply-adds as published.

Flops are multiply-adds counted as two, of matrix products only: twice the MACs of the reference.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.graph import build
from netspec.spec import load

FOLDER = Path(__file__).parent
COUNTS: dict[str, tuple[int, int | None]] = {
    "lenet-5": (61_706, 416_520),
    "caffe-lenet": (431_080, 2_293_000),
    "alexnet": (61_100_840, 714_188_480),
    "vgg-16": (138_357_544, 15_470_264_320),
    "keras-mnist-mlp": (669_706, 668_672),
    "keras-mnist-convnet": (34_826, None),
    "keras-mnist-cnn": (1_199_882, None),
    "keras-autoencoder": (50_992, 50_176),
    "keras-deep-autoencoder": (222_384, 221_184),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    program, found = build(load(FOLDER / f"{name}.yaml"))
    assert program is not None, found
    parameters, macs = COUNTS[name]
    trainable, _ = program.main.parameter_count()
    assert trainable == parameters
    if macs is not None:
        assert program.main.flops == 2 * macs


def test_every_spec_here_is_counted() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == COUNTS.keys()
