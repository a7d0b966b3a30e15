"""Fixed points on generated specs: layout and canonical form never change what a spec means."""

from __future__ import annotations

import json
import random

import pytest

from netspec.graph.dump import graph_hash
from netspec.graph.validate import required
from netspec.report.canonical import as_yaml
from netspec.source import read_file, read_text
from netspec.source.layout import formatted
from netspec.spec.expand import expanded
from tests.generate import Generator, yaml_text
from tests.support import SPECS

CHUNKS, EACH = 20, 50


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_layout_and_canonical_form_are_fixed_points(chunk: int) -> None:
    """A thousand drawn specs in all, each as somebody might have typed it."""
    generator = Generator(chunk)
    for number in range(EACH):
        document = generator.spec(most_layers=6)
        text = yaml_text(document, random.Random(1000 * chunk + number))
        typed = read_text(text, "drawn.yaml")
        assert typed.data == document, text
        spec, program = required(typed)
        expected = graph_hash(program)
        for source in (typed, read_text(json.dumps(document), "drawn.json")):
            tidy = formatted(source)
            again = read_text(tidy, source.file)
            assert formatted(again) == tidy, text
            assert graph_hash(required(again)[1]) == expected
        once = expanded(spec)
        for canonical, name in ((json.dumps(once), "again.json"), (as_yaml(once), "again.yaml")):
            same_spec, same = required(read_text(canonical, name))
            assert expanded(same_spec) == once
            assert graph_hash(same) == expected


@pytest.mark.parametrize("path", sorted(SPECS.rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_spec_of_the_repository_is_formatted(path: object) -> None:
    document = read_file(path)  # type: ignore[arg-type]
    assert formatted(document) == document.text


def test_the_generator_reaches_every_layer() -> None:
    """Among drawn specs, every registered layer turns up: none is out of the generator's reach."""
    from netspec.components.layers import LAYERS

    seen: set[str] = set()
    generator = Generator(99)
    for _ in range(2000):
        _, program = required(read_text(json.dumps(generator.spec()), "drawn.json"))
        seen |= {node.op.type for node in program.main.nodes}
        if LAYERS.keys() - seen <= {"crop"}:
            break
    assert LAYERS.keys() - seen <= {"crop"}, sorted(LAYERS.keys() - seen)
