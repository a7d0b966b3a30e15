"""Slips of the pen: whatever is cut, doubled or put in, a text is read or refused with a place inside of it."""

from __future__ import annotations

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from netspec.diagnostics import SpecError
from netspec.diagnostics.text import full
from netspec.graph.validate import checked
from netspec.source import read_text
from tests.support import SPECS

YAML = {path.stem: path.read_text() for path in (SPECS / "iris-mlp.yaml", SPECS / "architectures" / "u-net.yaml")}
TEXTS = [(text, "x.yaml") for text in YAML.values()] + [
    (json.dumps(yaml.safe_load(text), indent=indent), "x.json") for text in YAML.values() for indent in (None, 2)
]
SIGNS = [*"[]{}:,-#&*!|>'\"%@`?\\ \t\n\r0ax.$()/\x00\u2028\x85é😀", "- ", ": ", "//", "NaN", "True"]


@given(st.sampled_from(TEXTS), st.data())
def test_a_slip_is_read_or_refused_inside_the_text(example: tuple[str, str], data: st.DataObject) -> None:
    text, file = example
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 3)))
    cut = text[:start] + data.draw(st.sampled_from(["", *SIGNS])) + text[end:]
    if data.draw(st.booleans()):
        cut = cut[: data.draw(st.integers(0, len(cut)))]
    try:
        found = checked(read_text(cut, file)).diagnostics
    except SpecError as error:
        found = error.diagnostics
        assert found
    lines = cut.splitlines()
    for diagnostic in found:
        assert diagnostic.code != "NS901"
        if diagnostic.span is None:
            assert diagnostic.code == "NS201"  # an empty file has no place
            continue
        assert 1 <= diagnostic.span.line <= len(lines) + 1
        assert diagnostic.span.column >= 1
    assert all(sign.isprintable() or sign == "\n" for sign in full(found, {file: lines}))
