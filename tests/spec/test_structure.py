"""Blocks, repeat, share, scopes and names: what a spec with structure means, and what is wrong with a bad one."""

from __future__ import annotations

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from flax import nnx

from netspec.compiler.network import Functional, Network
from netspec.diagnostics import SpecError
from netspec.graph.dump import graph_hash
from netspec.graph.validate import checked, required
from netspec.report.canonical import as_yaml
from netspec.source import read_text
from netspec.spec.expand import expanded
from tests.support import close, flax_values, graph_of, inputs_of, lowered_of, onnx_outputs, weights_of

NESTED = """
netspec: 1
name: nested
input: [8, 8, 3]
vars: {width: 4}
blocks:
  unit:
    vars: {filters: required, strides: 1}
    layers:
      - conv2d: {filters: $filters, kernel_size: 3, strides: $strides, padding: same}
        name: trunk
      - batch_norm
      - relu
  up:
    inputs: [below, skip]
    vars: {filters: required}
    layers:
      - conv_transpose2d: {filters: $filters, kernel_size: 2, strides: 2}
        from: below
      - concat: [above, skip]
      - unit: {filters: $filters}
model:
  layers:
    - unit: {filters: $width}
      name: a
    - unit: {filters: $(width * 2), strides: 2}
    - repeat: {times: 2, layers: [{residual: [{unit: {filters: $(width * 2)}}]}]}
    - repeat:
        over: {rate: [1, 2], filters: [8, 6]}
        layers: [{conv2d: {filters: $filters, kernel_size: 3, dilation_rate: $rate, padding: same}}]
      name: r
    - up: {filters: 4}
      from: [r, a.trunk]
    - residual: {layers: [{unit: {filters: 6, strides: 2}}], shortcut: project}
    - flatten
    - dense: 5
"""
TOWERS = {
    "inputs": {"left": [6, 3], "right": [6, 3]},
    "model": {
        "layers": [
            {"residual": [{"conv1d": {"filters": 3, "kernel_size": 3, "padding": "same"}}, "batch_norm"], "name": "tower", "from": "left"},
            {"share": "tower", "from": "right", "name": "other"},
            {"subtract": ["tower", "other"]},
            "flatten",
            {"dense": 2},
        ]
    },
}  # fmt: skip


def codes(text: str) -> list[tuple[str, str]]:
    try:
        found = checked(read_text(text, "x.yaml")).diagnostics
    except SpecError as error:
        found = error.diagnostics
    return [(d.code, d.path) for d in found]


def document(blocks: Any = None, layers: Any = None, **rest: Any) -> str:
    given = {"netspec": 1, "name": "x", "input": [4], "blocks": blocks, "model": {"layers": layers}, **rest}
    return yaml.safe_dump({key: value for key, value in given.items() if value is not None}, sort_keys=False)


def test_names_tell_where_a_layer_stands() -> None:
    _, program = required(read_text(NESTED, "x.yaml"))
    names = list(program.main.node)
    assert "a.trunk" in names
    assert "unit_1.trunk" in names
    assert "repeat_1.round_2.residual_1.unit_1.batch_norm_1" in names
    assert program.main.node["r.round_2.conv2d_1"].output.shape == (4, 4, 6)
    assert [port.node for port in program.main.node["up_1.concat_1"].inputs] == ["up_1.conv_transpose2d_1", "a.trunk"]


def test_the_canonical_form_has_no_blocks_and_means_the_same() -> None:
    spec, program = required(read_text(NESTED, "x.yaml"))
    once = expanded(spec)
    assert "blocks" not in once
    for text, name in ((json.dumps(once), "again.json"), (as_yaml(once), "again.yaml")):
        again, same = required(read_text(text, name))
        assert expanded(again) == once
        assert graph_hash(same) == graph_hash(program)


def test_a_nested_network_is_exported_as_it_is() -> None:
    _, program = required(read_text(NESTED, "x.yaml"))
    graph = program.main
    weights, inputs = weights_of(graph), inputs_of(graph)
    answer = onnx_outputs(lowered_of(graph, weights), graph, inputs)
    for name, port in graph.outputs.items():
        close(answer[name], flax_values(graph, weights, inputs)[port])


def test_shared_weights_are_one() -> None:
    graph = graph_of(TOWERS)
    trainable, _ = graph.parameter_count()
    assert trainable == (3 * 3 * 3 + 3) + 6 + (18 * 2 + 2)
    assert graph.node["other.conv1d_1"].weight_scope == "tower.conv1d_1"
    weights, (x, _) = weights_of(graph), inputs_of(graph)
    values = flax_values(graph, weights, (x, x))
    (port,) = graph.outputs.values()
    close(values[port], np.broadcast_to(weights["dense_1/bias"], (3, 2)))
    inputs = inputs_of(graph)
    answers = onnx_outputs(lowered_of(graph, weights), graph, inputs)
    close(answers["output"], flax_values(graph, weights, inputs)[port])
    model = lowered_of(graph, weights).model
    assert len([name for name in model.graph.initializers if name.endswith("/kernel")]) == 2


def test_a_shared_layer_behind_two_layouts_keeps_its_rows_apart() -> None:
    """One use reads a vector that lies channels first in the file, the other one that does not."""
    layers = [
        {"conv2d": {"filters": 2, "kernel_size": 1}, "name": "c"},
        "flatten",
        {"dense": 5, "name": "d"},
        {"flatten": None, "from": "input", "name": "f"},
        {"share": "d", "from": "f"},
        {"add": ["d", "above"]},
    ]
    graph = graph_of({"input": [3, 3, 2], "model": {"layers": layers}})
    weights, inputs = weights_of(graph), inputs_of(graph)
    (port,) = graph.outputs.values()
    close(onnx_outputs(lowered_of(graph, weights), graph, inputs)["output"], flax_values(graph, weights, inputs)[port])


def test_remat_changes_memory_and_nothing_else() -> None:
    text = NESTED.replace(
        "    vars: {filters: required, strides: 1}\n", "    vars: {filters: required, strides: 1}\n    remat: true\n"
    )
    gradients = []
    for each in (NESTED, text):
        _, program = required(read_text(each, "x.yaml"))
        network = Functional(program.main)
        parameters, statistics = network.init(0)
        (x,) = inputs_of(program.main)

        def loss(
            parameters: Any, network: Any = network, statistics: Any = statistics, x: Any = x, graph: Any = program.main
        ) -> Any:
            values, after = network.values({**parameters, **statistics}, (jnp.asarray(x),), rngs=jax.random.key(0))
            (port,) = graph.outputs.values()
            return (values[port] ** 2).sum(), after

        gradients.append(jax.jit(jax.grad(loss, has_aux=True))(parameters))
        text_of_jaxpr = str(jax.make_jaxpr(lambda p, f=loss: f(p)[0])(parameters))
        assert ("remat" in text_of_jaxpr or "checkpoint" in text_of_jaxpr) == (each is text)
    for plain, again in zip(*map(jax.tree.leaves, gradients), strict=True):
        np.testing.assert_allclose(plain, again, rtol=1e-5, atol=1e-6)


def test_blocks_see_their_own_variables_and_the_files_never_the_callers() -> None:
    blocks = {
        "inner": {"layers": [{"dense": "$size"}]},
        "outer": {"vars": {"size": 9}, "layers": ["inner"]},
    }
    graph = graph_of({"vars": {"size": 5}, "blocks": blocks, "model": {"layers": [{"outer": 7}]}, "input": [4]})
    assert graph.output_types["output"].shape == (5,)


def test_network_is_a_module_with_nested_names() -> None:
    _, program = required(read_text(NESTED, "x.yaml"))
    given = jax.ShapeDtypeStruct((2, 8, 8, 3), jnp.float32)
    assert nnx.eval_shape(lambda x: Network(program.main, 0)(x), given).shape == (2, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (document({"u": {"layers": [{"dense": 4}]}}, [{"u": 3}]), [("NS204", "model.layers[0].u")]),
        (document({"u": {"vars": {"n": "required"}, "layers": [{"dense": "$n"}]}}, ["u"]), [("NS202", "model.layers[0]")]),
        (document({"u": {"vars": {"n": 1}, "layers": [{"dense": "$n"}]}}, [{"u": {"m": 2}}]), [("NS203", "model.layers[0].u.m")]),
        (document({"u": {"layers": [{"v": None}]}, "v": {"layers": ["u"]}}, ["u"]), [("NS313", "blocks.v.layers[0]")]),
        (document({"u": {"layers": [{"dense": 3}]}}, [{"dense": 3}]), [("NS310", "blocks.u")]),
        (document({"u": {"layers": [{"danse": 3}]}}, ["u", "u"]), [("NS206", "blocks.u.layers[0].danse")]),
        (document({"u": {"layers": [{"conv2d": {"filters": 3, "kernel_size": 3}}]}}, ["u", "u"]), [("NS402", "blocks.u.layers[0].conv2d")]),
        (document({"u": {"inputs": ["a", "b"], "layers": [{"add": ["a", "b"]}]}}, [{"dense": 4}, "u"]), [("NS213", "model.layers[1]")]),
        (document({"u": {"inputs": ["a", "a"], "layers": [{"add": ["a", "a"]}]}}, [{"u": None, "from": "input"}]), [("NS304", "blocks.u.inputs[1]")]),
        (document(None, [{"repeat": {"layers": [{"dense": 3}]}}]), [("NS202", "model.layers[0].repeat")]),
        (document(None, [{"repeat": {"times": 0, "layers": [{"dense": 3}]}}]), [("NS205", "model.layers[0].repeat.times")]),
        (document(None, [{"repeat": {"over": {"a": [1, 2], "b": [1]}, "layers": [{"dense": "$a"}]}}]), [("NS205", "model.layers[0].repeat.over")]),
        (document(None, [{"repeat": {"times": 2, "layers": [{"dense": 3, "name": "d"}]}, "name": "r"}, {"dense": 3, "from": "r.d"}]), [("NS303", "model.layers[1].from")]),
        (document(None, [{"dense": 3, "name": "My Name"}, {"dense": 3, "from": "My Name"}]), [("NS210", "model.layers[0].name")]),
        (document(None, [{"share": "nothing", "from": "input"}]), [("NS303", "model.layers[0].share")]),
        (document(None, [{"dense": 3, "name": "d"}, {"share": "d"}]), [("NS202", "model.layers[1].share")]),
        (document({"u": {"layers": [{"repeat": {"times": 200, "layers": [{"repeat": {"times": 200, "layers": ["relu"]}}]}}]}}, ["u"]), [("NS004", "blocks.u.layers[0].repeat")]),
        (document(None, [{"repeat": {"times": 10**9, "layers": ["relu"]}}]), [("NS004", "model.layers[0].repeat.times")]),
        (document(None, [{"dense": 4}], vars={"model": 3}), [("NS308", "vars.model")]),
        (document({"u": {"vars": {"data": 3}, "layers": [{"dense": "$data"}]}}, ["u"]), [("NS308", "blocks.u.vars.data")]),
    ],
)  # fmt: skip
def test_one_mistake_is_one_diagnostic(text: str, expected: list[tuple[str, str]]) -> None:
    assert codes(text) == expected


def test_a_mistake_inside_a_block_points_into_it_and_at_its_use() -> None:
    blocks = {"u": {"layers": [{"conv2d": {"filters": 3, "kernel_size": 3}}]}}
    found = checked(read_text(document(blocks, [{"dense": 8}, "u"]), "x.yaml")).diagnostics
    (diagnostic,) = found
    assert diagnostic.span is not None
    assert diagnostic.span.line == 8
    assert [label.text for label in diagnostic.labels if label.text == "used here"] == ["used here"]


def test_doubling_blocks_end_at_a_limit() -> None:
    """Twenty blocks that each call the next twice with other values would be a million layers."""
    blocks: dict[str, Any] = {"b0": {"vars": {"n": 1}, "layers": [{"dense": "$n"}]}}
    for i in range(1, 25):
        blocks[f"b{i}"] = {"vars": {"n": 1}, "layers": [{f"b{i - 1}": "$(n * 2)"}, {f"b{i - 1}": "$(n * 2 + 1)"}]}
    assert [code for code, _ in codes(document(blocks, ["b24"]))] == ["NS004"]


def dims(multiple: int, **more: Any) -> dict[str, Any]:
    layers = [{"max_pool1d": 4}, {"upsample": 4, "name": "up"}, {"add": ["up", "input"]}]
    return {"input": ["time", 3], "dims": {"time": {"multiple_of": multiple, **more}}, "model": {"layers": layers}}


def test_a_multiple_proves_what_is_not_always_true() -> None:
    graph = graph_of(dims(4))
    assert str(graph.output_types["output"]) == "[time, 3]"
    assert str(graph.node["max_pool1d_1"].output) == "[time // 4, 3]"
    text = json.dumps({"netspec": 1, "name": "x", **dims(2)})
    (found,) = checked(read_text(text, "x.json")).diagnostics
    assert found.code == "NS407"
    assert "multiple_of: 4" in found.help[0]


def test_lengths_are_held_to_what_dims_says() -> None:
    text = json.dumps({"netspec": 1, "name": "x", **dims(4, min=8, max=64)})
    for length, due in ((4, "at least 8"), (128, "at most 64"), (10, "a multiple of 4")):
        (found,) = checked(read_text(text, "x.json"), lengths={"time": length}).diagnostics
        assert found.code == "NS412"
        assert due in found.message
    assert checked(read_text(text, "x.json"), lengths={"time": 12}).diagnostics == ()


def test_a_window_must_fit_the_shortest_length() -> None:
    layers = [{"conv1d": {"filters": 3, "kernel_size": 9}}]
    given = {"input": ["time", 3], "dims": {"time": {"min": 4}}, "model": {"layers": layers}}
    (found,) = checked(read_text(json.dumps({"netspec": 1, "name": "x", **given}), "x.json")).diagnostics
    assert found.code == "NS403"
    assert "`time` is 4" in found.message


@pytest.mark.parametrize(
    ("scope", "at"),
    [
        ({"residual": {"layers": [{"dense": 4}], "shortcut": "$made"}}, "model.layers[0].residual.shortcut"),
        ({"parallel": {"paths": "$paths"}}, "model.layers[0].parallel.paths"),
    ],
)
def test_layers_stand_where_they_are_used_and_not_in_a_variable(scope: Any, at: str) -> None:
    variables = {"made": [{"dense": 8}, {"foo": 3}], "paths": {"a": [{"dense": 4}], "b": [{"dense": 4}]}}
    assert codes(document(None, [scope], vars=variables)) == [("NS205", at)]


def test_a_family_may_come_from_a_variable() -> None:
    text = "netspec: 1\nname: x\ninput: [4]\nvars: {g: {hidden: [4], output: 2}}\nmodel: {mlp: $g}\n"
    assert codes(text) == []
