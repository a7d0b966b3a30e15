"""Published architectures, exact to the last parameter, and multiply-adds as published.

Flops are multiply-adds counted as two, of matrix products only: twice the MACs of the reference.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.graph import build
from netspec.graph.validate import required
from netspec.source import read_file
from netspec.spec import load
from tests.support import SPECS

HERE = Path(__file__).parent
GALLERY = SPECS / "architectures"
COUNTS: dict[str, tuple[int, int | None]] = {
    "lenet-5": (61_706, 416_520),
    "caffe-lenet": (431_080, 2_293_000),
    "alexnet": (61_100_840, 714_188_480),
    "vgg-16": (138_357_544, 15_470_264_320),
    "resnet-18": (11_689_512, 1_814_073_344),
    "resnet-50": (25_557_032, 4_089_184_256),
    "resnet-20-cifar": (269_722, 40_551_040),
    "mobilenet-v2": (3_504_872, 300_774_272),
    "u-net": (31_030_658, 150_428_424_448),
    "keras-mnist-mlp": (669_706, 668_672),
    "keras-mnist-convnet": (34_826, None),
    "keras-mnist-cnn": (1_199_882, None),
    "keras-autoencoder": (50_992, 50_176),
    "keras-deep-autoencoder": (222_384, 221_184),
    "keras-conv-autoencoder": (28_353, None),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    path = next(folder / f"{name}.yaml" for folder in (HERE, GALLERY) if (folder / f"{name}.yaml").exists())
    program, found = build(load(path))
    assert program is not None, found
    parameters, macs = COUNTS[name]
    trainable, _ = program.main.parameter_count()
    assert trainable == parameters
    if macs is not None:
        assert program.main.flops == 2 * macs


@pytest.mark.parametrize("path", sorted(GALLERY.glob("*.yaml")), ids=lambda p: p.stem)
def test_the_gallery_promises_what_was_published(path: Path) -> None:
    """Each spec of the gallery holds itself to the count, and fits on a screen or two."""
    spec, _ = required(read_file(path))
    assert spec.name == path.stem
    assert spec.expect is not None
    assert spec.expect.parameters is not None
    assert spec.expect.parameters.equal == COUNTS[path.stem][0]
    assert len(path.read_text().splitlines()) <= 60


def test_every_spec_here_is_counted() -> None:
    assert {path.stem for folder in (HERE, GALLERY) for path in folder.glob("*.yaml")} == COUNTS.keys()
