"""Reading: YAML 1.2's core schema, a span for every node, and limits that hold before anything is built."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.diagnostics import Problem, Span, SpecError
from netspec.graph.validate import checked
from netspec.report.canonical import as_yaml
from netspec.source import MAX_DEPTH, MAX_NODES, read_bytes, read_text, resolve
from netspec.spec.variables import evaluate, substitute

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4),
    max_leaves=20,
)


def codes(text: str | bytes) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read_bytes(text if isinstance(text, bytes) else text.encode(), "x.yaml")
    return [d.code for d in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("true", True), ("True", True), ("~", None), ("null", None),
        ("017", 17), ("0o17", 15), ("0x1F", 31), ("1e-3", 1e-3), ("1.0e-3", 1e-3), (".5", 0.5), ("1_000", "1_000"),
        ("12:30", "12:30"), ("2020-01-01", "2020-01-01"), ("+3", 3), ("-.inf", float("-inf")), ("1.", 1.0), ("-", "-"),
        (".", "."),
    ],
)  # fmt: skip
def test_scalars_are_yaml_1_2(text: str, value: Any) -> None:
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


def test_every_node_has_a_span() -> None:
    document = read_text("a: 1\nlist: [x, {k: é, l: 2}]\n")
    assert document.span(("a",), key=True) == Span(1, 1, 1, 2)
    assert document.span(("list", 1, "k")) == Span(2, 15, 2, 16)
    assert document.span(("list", 1, "l"), key=True) == Span(2, 18, 2, 19)
    assert document.span(("list", 1, "not there")) == document.span(("list", 1))


@given(st.dictionaries(st.text(min_size=1, max_size=8), PLAIN, max_size=4))
def test_json_and_yaml_are_one_language(data: dict[str, Any]) -> None:
    assert read_text(json.dumps(data), "x.json").data == data


@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), PLAIN, max_size=4))
def test_what_we_write_we_read(data: dict[str, Any]) -> None:
    assert read_text(as_yaml(data) if data else "{}").data == data


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(SpecError):
        checked(read_bytes(raw, "x.yaml"))


@given(PLAIN)
def test_any_tree_is_checked_without_a_crash(tree: Any) -> None:
    checked(read_text(json.dumps({"netspec": 1, "name": "x", "input": [4], "model": tree}), "x.json"))
    checked(read_text(json.dumps({"netspec": 1, "name": "x", "input": tree, "model": {"mlp": {"output": 2}}}), "x.json"))
    for section in ("data", "train", "export", "expect", "vars", "dims"):
        document = {"netspec": 1, "name": "x", "input": [4], "model": {"mlp": {"output": 2}}, section: tree}
        checked(read_text(json.dumps(document), "x.json"))


def test_json_is_bounded_and_placed_like_yaml() -> None:
    for text, code, line in (
        ("[" * 100_000, "NS003", 1),
        ('{"a": ' + "[" * 70 + "]" * 70 + "}", "NS003", 1),
        ('{"a": [' + "1," * MAX_NODES + "1]}", "NS004", 1),
        ('{"a": 1,\n "b": 2,\n "b": 3}', "NS102", 3),
        ('{"a": NaN}', "NS101", 1),
        ('{"a": 1,\n}', "NS101", 2),
    ):
        with pytest.raises(SpecError) as caught:
            read_text(text, "x.json")
        (diagnostic,) = caught.value.diagnostics
        assert diagnostic.code == code
        assert diagnostic.span is not None
        assert diagnostic.span.line == line
    document = read_text('{"\\ud83d\\ude00": 1,\n "b": {"c": [1, 2]}}', "x.json")
    assert document.span(("b", "c", 1)) == Span(2, 17, 2, 18)


def test_a_quoted_key_may_hold_a_colon() -> None:
    assert read_text('{a: {"A:0": null}}', "spec.yaml").data == {"a": {"A:0": None}}
    assert codes("a: {A:0}") == ["NS107"]


HOSTILE = {
    "deep lists": ("[" * 100_000, "NS003"),
    "deep mappings": ("{a: " * 100_000, "NS003"),
    "deep blocks": ("".join(" " * i + "a:\n" for i in range(200)), "NS003"),
    "many nodes": ("[" + "1," * (MAX_NODES + 10) + "1]", "NS004"),
    "billion laughs": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{c}: &{c} [{', '.join(['*' + p] * 10)}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True)),
        "NS004",
    ),
    "a huge text": ("a: " + "x" * 70_000, "NS002"),
    "a huge file": ("#" * (1 << 21), "NS002"),
    "an unknown alias": ("a: *b", "NS101"),
    "a python object": ("a: !!python/object/apply:os.system [ls]", "NS104"),
    "not UTF-8": (b"name: \xff\xfe", "NS005"),
    "a control character": ("name: \x01", "NS101"),
    "an endless flow": ("{" * 50, "NS101"),
    "two documents": ("a: 1\n---\nb: 2", "NS105"),
    "a complex key": ("? [a, b]\n: c", "NS110"),
    "a surrogate": (b'{"netspec": "\xed\xa0\x80"}', "NS005"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_is_refused_at_once(case: str) -> None:
    text, code = HOSTILE[case]
    began = time.process_time()
    assert code in codes(text)
    assert time.process_time() - began < 2


def test_at_the_limit_passes_and_one_more_is_refused() -> None:
    read_text("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert codes("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2)) == ["NS003"]
    read_text("[" + ",".join(["1"] * (MAX_NODES - 1)) + "]")
    assert codes("[" + ",".join(["1"] * MAX_NODES) + "]") == ["NS004"]


@given(st.text(max_size=60))
def test_any_expression_is_a_number_or_a_problem(text: str) -> None:
    with contextlib.suppress(Problem):
        assert isinstance(evaluate(text, {"x": 3}), int | float)


@given(st.integers(-99, 99), st.integers(1, 99), st.integers(-99, 99))
def test_expressions_are_arithmetic(a: int, b: int, c: int) -> None:
    found = evaluate("(a + b) * c - a // b % 7", {"a": a, "b": b, "c": c})
    assert found == (a + b) * c - a // b % 7
    assert evaluate("a / b", {"a": a * b, "b": b}) == a


def test_variables_keep_their_type_alone_and_become_text_inside() -> None:
    variables = {"n": 3, "folder": "mnist", "sizes": [1, 2]}
    assert substitute("$n", variables) == 3
    assert substitute("$sizes", variables) == [1, 2]
    assert substitute("$folder/a.gz", variables) == "mnist/a.gz"
    assert substitute("$(n * 2)", variables) == 6
    assert substitute("costs $$n", variables) == "costs $n"


def test_yaml_json_and_key_order_give_one_graph() -> None:
    from netspec.graph.dump import graph_hash
    from netspec.graph.validate import required

    yaml = "netspec: 1\nname: x\ninput: [4]\nvars: {w: 8}\nmodel: {mlp: {hidden: [$w, $(w // 2)], output: 3}}\n"
    other = {
        "model": {"mlp": {"output": 3, "hidden": [8, 4], "activation": {"relu": {}}}},
        "input": [4],
        "name": "x",
        "netspec": 1,
    }
    hashes = {
        graph_hash(required(read_text(text, name))[1]) for text, name in ((yaml, "a.yaml"), (json.dumps(other), "b.json"))
    }
    assert len(hashes) == 1
