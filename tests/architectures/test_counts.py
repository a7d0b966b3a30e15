"""Published architectures, exact to the last parameter, and multiply-adds as published.

Flops are multiply-adds counted as two, of matrix products only: twice the MACs of the reference.
"""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import pytest

from netspec.graph import Graph, build
from netspec.graph.validate import required
from netspec.source import read_file
from netspec.spec import load
from netspec.tensor import total
from tests.support import SHARED, SPECS

REFERENCE = SHARED / "reference" / "architectures.md"
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
    "keras-imdb-lstm": (2_691_713, None),
    "keras-imdb-bilstm": (2_757_761, None),
    "tf-text-generation-gru": (4_022_850, None),
    "dcgan-generator": (3_576_704, 104_628_224),
    "dcgan-discriminator": (2_765_568, 103_817_216),
    "tf-dcgan-generator": (2_305_472, None),
    "tf-dcgan-discriminator": (212_865, None),
}
WITH_STATISTICS = {"mobilenet-v2": 3_538_984, "tf-dcgan-generator": 2_330_944}
LAYERS: dict[str, tuple[int, ...]] = {
    "keras-mnist-mlp": (401_920, 262_656, 5_130),
    "keras-mnist-convnet": (320, 18_496, 16_010),
    "keras-mnist-cnn": (320, 18_496, 1_179_776, 1_290),
    "keras-autoencoder": (25_120, 25_872),
    "keras-deep-autoencoder": (100_480, 8_256, 2_080, 2_112, 8_320, 101_136),
    "keras-conv-autoencoder": (320, 9_248, 9_248, 9_248, 289),
    "keras-imdb-lstm": (2_560_000, 131_584, 129),
    "keras-imdb-bilstm": (2_560_000, 98_816, 98_816, 129),
    "tf-text-generation-gru": (16_896, 3_938_304, 67_650),
    "tf-dcgan-generator": (1_254_400, 50_176, 819_200, 512, 204_800, 256, 1_600),
    "tf-dcgan-discriminator": (1_664, 204_928, 6_273),
}
"""Keras' own figures, layer by layer: running statistics count there."""
TABLES = {
    1: "lenet-5",
    2: "caffe-lenet",
    3: "alexnet",
    4: "vgg-16",
    5: "resnet-18",
    6: "resnet-50",
    7: "resnet-20-cifar",
    8: "mobilenet-v2",
    9: "u-net",
    10: "dcgan-generator",
    11: "dcgan-discriminator",
}
"""Sections of the reference with a table of layers or of stages."""


def published(name: str) -> Graph:
    path = next(folder / f"{name}.yaml" for folder in (HERE, GALLERY) if (folder / f"{name}.yaml").exists())
    program, found = build(load(path))
    assert program is not None, found
    assert not found
    return program.main


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    graph = published(name)
    parameters, macs = COUNTS[name]
    trainable, everything = graph.parameter_count()
    assert trainable == parameters
    assert everything == WITH_STATISTICS.get(name, everything)
    if macs is not None:
        assert graph.flops == 2 * macs


@pytest.mark.parametrize("name", LAYERS)
def test_counts_by_layer(name: str) -> None:
    nodes = [node for node in published(name).nodes if node.weights]
    assert tuple(total(weight.elements for weight in node.weights.values()) for node in nodes) == LAYERS[name]


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference is not here")
@pytest.mark.parametrize("section", TABLES)
def test_every_row_of_the_reference_s_tables(section: int) -> None:
    """Parameters and multiply-adds of each layer, or where the table has stages, of the layers up to each stage's end."""
    text = REFERENCE.read_text().split(f"\n## {section}. ")[1].split("\n## ")[0]
    cells = [[cell.strip(" *").replace(",", "") for cell in line.split("|")[1:-1]] for line in text.splitlines() if "|" in line]
    rows = [(int(row[-2]), int(row[-1])) for row in cells[2:-1]]
    assert (sum(p for p, _ in rows), sum(m for _, m in rows)) == (int(cells[-1][-2]), int(cells[-1][-1]))
    layers = []
    for node in published(TABLES[section]).nodes:
        weights = [weight.elements for weight in node.weights.values() if weight.trainable]
        layers.append((int(total(weights)), int(node.flops) // 2))
    assert set(sums(rows)) <= {(0, 0), *sums(layers)}
    if "stages" not in text.splitlines()[0] and section != 8:
        assert [row for row in rows if row != (0, 0)] == [layer for layer in layers if layer != (0, 0)]


def sums(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    first, second = zip(*pairs, strict=True)
    return list(zip(accumulate(first), accumulate(second), strict=True))


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
