"""Run by `test_toys`, with the toys of `tests.toys` in their catalogues: each is found wherever words of the language are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

import netspec
from netspec.components.layers import LAYERS
from netspec.graph.validate import checked
from netspec.report.difference import as_text, difference
from netspec.report.reference import reference
from netspec.source.document import Document
from netspec.spec.elsewhere import elsewhere
from netspec.spec.expand import expanded
from netspec.spec.load import read_spec
from netspec.spec.schema import schema
from netspec.spec.sections import DataSection
from tests.conformance.cases import all_cases
from tests.generate import Generator
from tests.projects import ProjectGenerator

TOYS = ("toy_layer", "toy_loss", "toy_source", "toy_transform", "toy_section", "toy_scope")
SPEC: dict[str, Any] = {
    "netspec": 1,
    "name": "toys",
    "input": [1],
    "model": {"layers": [{"toy_scope": [{"dense": 3}, {"toy_layer": {"factor": 0.5}, "name": "scaled"}]}, {"dense": 1}]},
    "data": {"source": {"toy_source": 40}, "preprocess": {"numbers": {"toy_transform": 40.0}}, "split": {"test": 0.25}},
    "train": {"loss": "toy_loss", "optimizer": {"adam": 0.01}, "epochs": 2},
    "toy_section": {"author": "Ada"},
}


def read(document: dict[str, Any]) -> Any:
    found = checked(Document("toys.json", json.dumps(document), document))
    assert found.is_valid, found.diagnostics
    return found


def test_the_reader_reads_them() -> None:
    found = read(SPEC)
    assert found.spec.sections["toy_section"].author == "Ada"
    assert [node.op.type for node in found.program.main.nodes] == ["dense", "toy_layer", "add", "dense"]


@pytest.mark.parametrize("toy", TOYS)
def test_the_schema_and_the_reference_have_them(toy: str) -> None:
    assert f'"{toy}"' in json.dumps(schema())
    assert f"`{toy}`" in reference()


def test_the_schema_takes_and_refuses_them() -> None:
    validator = Draft7Validator(schema())
    assert not list(validator.iter_errors(SPEC))
    for path, wrong in ((("toy_section", "author"), 3), (("model", "layers"), [{"toy_layer": {"factr": 2}}])):
        changed = json.loads(json.dumps(SPEC))
        holder = changed
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = wrong
        assert list(validator.iter_errors(changed)), path


@pytest.mark.parametrize("where", ["toy_section", "toy_scope", "toy_layer", "toy_loss", "toy_source", "toy_transform"])
def test_a_mistake_in_them_is_told(where: str) -> None:
    text = json.dumps(SPEC).replace(json.dumps({"author": "Ada"}), json.dumps({"author": "Ada", "yeer": 3}))
    if where != "toy_section":
        text = json.dumps(SPEC).replace(f'"{where}"', f'"{where}s"')
    document = json.loads(text)
    found = checked(Document("toys.json", text, document))
    told = " ".join(str(line) for each in found.diagnostics for line in each.help)
    assert not found.is_valid
    assert ("`year`" if where == "toy_section" else f"`{where}`") in told


def test_settings_reach_them() -> None:
    settings = {"toy_section.author": "Grace", "model.scaled.factor": 0.25, "data.source.toy_source.rows": 20}
    found = checked(Document("toys.json", json.dumps(SPEC), SPEC), settings)
    assert found.spec is not None
    assert expanded(found.spec)["toy_section"] == {"author": "Grace", "year": 2026}
    assert "0.25" in json.dumps(expanded(found.spec))


def test_the_canonical_form_is_a_fixed_point() -> None:
    once = expanded(read(SPEC).spec)
    spec, diagnostics = read_spec(Document("again", "", once), {})
    assert spec is not None
    assert not diagnostics
    assert expanded(spec) == once
    assert {"toy_scope": [{"dense": 1}]}.keys() == once["model"]["layers"][0].keys()


def test_diff_shows_them() -> None:
    other = json.loads(json.dumps(SPEC).replace("Ada", "Grace").replace("0.5", "0.75"))
    told = as_text(difference(*((found.spec, found.program) for found in (read(SPEC), read(other)))))
    assert "toy_section.author  Ada -> Grace" in told
    assert "factor 0.5 -> 0.75" in told


def test_a_field_in_the_wrong_place_is_led_home() -> None:
    assert elsewhere("author", DataSection) == "`author` belongs to `toy_section`"


def test_conformance_has_a_case_for_the_layer() -> None:
    assert [name for name, _ in all_cases() if name.startswith("toy_layer")]
    assert "toy_layer" in LAYERS


def test_the_generators_draw_them() -> None:
    drawn = json.dumps([Generator(seed).spec() for seed in range(40)])
    assert "toy_layer" in drawn
    assert "toy_scope" in drawn
    projects = ProjectGenerator(3)
    assert any("toy_loss" in json.dumps(projects.project().document) for _ in range(60))


def test_they_train_and_export(tmp_path: Path) -> None:
    path = tmp_path / "toys.json"
    path.write_text(json.dumps(SPEC))
    run = netspec.train(path, runs=tmp_path / "runs")
    netspec.export(run, tmp_path / "toys.onnx")
    assert (tmp_path / "toys.onnx").exists()
