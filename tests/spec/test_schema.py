"""The JSON Schema: current, safe for draft 07, and of one mind with the validator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from netspec.cli.schema import schema_text
from netspec.components.base import Component
from netspec.diagnostics.codes import CODES
from netspec.source import read_file, read_text
from netspec.spec.schema.examples import examples_of
from tests.generate import Generator
from tests.support import SPECS

COMMITTED = SPECS.parent / "schemas" / "netspec-v1.schema.json"
SCHEMA = json.loads(COMMITTED.read_text())
VALIDATOR = Draft7Validator(SCHEMA)
OURS = sorted(SPECS.rglob("*.yaml")) + sorted((Path(__file__).parents[1] / "architectures").glob("*.yaml"))


def problems(data: Any) -> list[str]:
    return [f"{list(error.absolute_path)}: {error.message}" for error in VALIDATOR.iter_errors(data)]


def nodes(schema: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    if isinstance(schema, dict):
        yield path, schema
        for key, value in schema.items():
            yield from nodes(value, (*path, key))
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from nodes(value, (*path, index))


def test_it_is_current() -> None:
    assert COMMITTED.read_text() == schema_text(), "run `netspec schema -o schemas/netspec-v1.schema.json`"


def test_it_is_safe_for_draft_07() -> None:
    Draft7Validator.check_schema(SCHEMA)
    for path, node in nodes(SCHEMA):
        if path and path[-1] in ("properties", "definitions"):
            continue
        assert not {"prefixItems", "$defs", "unevaluatedProperties", "dependentRequired"} & node.keys(), path
        if "$ref" in node:
            assert set(node) == {"$ref"}, f"{path}: draft 07 ignores what stands beside `$ref`"


def test_every_field_has_words() -> None:
    for path, node in nodes(SCHEMA):
        if len(path) >= 3 and path[-2] == "properties" and path[0] == "definitions" and "." in str(path[1]):
            if "$ref" in node:
                node = SCHEMA["definitions"][node["$ref"].rpartition("/")[2]]
            assert node.get("description") or path.count("properties") > 1, path


def components(kind: type[Component]) -> Iterator[type[Component]]:
    for each in kind.__subclasses__():
        yield each
        yield from components(each)


@pytest.mark.parametrize("component", [c for c in components(Component) if c.type], ids=lambda c: c.__name__)
def test_every_field_of_a_component_has_words_and_a_default_or_an_example(component: type[Component]) -> None:
    for name, field in component.model_fields.items():
        assert field.description, name
        assert not field.is_required() or name in examples_of(component), name


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.stem)
def test_our_specs_fit(path: Path) -> None:
    assert problems(read_file(path).data) == []


def test_drawn_specs_fit() -> None:
    generator = Generator(7)
    for _ in range(100):
        document = generator.spec()
        assert problems(document) == [], json.dumps(document)


@pytest.mark.parametrize("code", [code for code in CODES.values() if code.good], ids=lambda c: c.code)
def test_mended_examples_fit(code: Any) -> None:
    assert problems(read_text(code.good, "good.yaml").data) == []


STRUCTURAL = ("NS201", "NS202", "NS203", "NS204", "NS205", "NS206", "NS207", "NS208", "NS209", "NS210")


@pytest.mark.parametrize("code", [CODES[name] for name in STRUCTURAL], ids=lambda c: c.code)
def test_an_editor_sees_structural_mistakes(code: Any) -> None:
    assert problems(read_text(code.bad, "bad.yaml").data), code.bad
