"""Cases beyond each layer's own example: odd sizes, every kind of padding, every switch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from netspec.components.layers import LAYERS
from tests.support import layer_document


def _one(input: Any, *layers: Any) -> dict[str, Any]:
    return {"input": input, "model": {"layers": list(layers)}}


def _conv(**fields: Any) -> dict[str, Any]:
    return {"filters": 4, "kernel_size": 3, **fields}


MORE: dict[str, list[dict[str, Any]]] = {
    "dense": [
        _one([5, 4], {"dense": 3}),
        _one([4, 4, 2], {"dense": {"units": 3, "use_bias": False}}),
        _one([4], {"dense": {"units": 3, "spectral_norm": True}}),
        _one([3, 3, 2], "flatten", {"dense": {"units": 3, "activation": "tanh"}}),
    ],
    "conv1d": [
        _one([15, 3], {"conv1d": _conv(padding="same", strides=2)}),
        _one([16, 4], {"conv1d": _conv(padding=[2, 1], groups=2)}),
        _one([16, 3], {"conv1d": _conv(padding="causal", strides=2)}),
    ],
    "conv2d": [
        _one([9, 8, 3], {"conv2d": _conv(padding="same", strides=2)}),
        _one([8, 9, 3], {"conv2d": _conv(padding="same", dilation_rate=2)}),
        _one([9, 9, 3], {"conv2d": _conv(padding="same", strides=[2, 3], kernel_size=[4, 2])}),
        _one([8, 8, 3], {"conv2d": _conv(padding=[[2, 0], [1, 1]], use_bias=False)}),
        _one([8, 8, 4], {"conv2d": _conv(groups=2, padding=1)}),
        _one([8, 8, 3], {"conv2d": _conv(spectral_norm=True)}),
        _one([8, 8, 3], {"conv2d": _conv(activation={"leaky_relu": 0.1})}, "batch_norm"),
    ],
    "conv3d": [_one([5, 6, 7, 2], {"conv3d": _conv(padding="same", strides=2)})],
    "depthwise_conv2d": [
        _one([7, 8, 3], {"depthwise_conv2d": {"kernel_size": 3, "strides": 2, "padding": "same", "use_bias": False}})
    ],
    "separable_conv2d": [
        _one([8, 8, 3], {"separable_conv2d": _conv(depth_multiplier=2, strides=2, padding="same")}),
        _one([8, 8, 3], {"separable_conv2d": _conv(spectral_norm=True)}),
    ],
    "conv_transpose1d": [
        _one([5, 3], {"conv_transpose1d": _conv(strides=3)}),
        _one([5, 3], {"conv_transpose1d": _conv(strides=3, kernel_size=2, padding="same")}),
    ],
    "conv_transpose2d": [
        _one([4, 5, 3], {"conv_transpose2d": _conv(strides=2, padding="same", kernel_size=4)}),
        _one([4, 5, 3], {"conv_transpose2d": _conv(strides=2, kernel_size=5)}),
        _one([4, 5, 3], {"conv_transpose2d": _conv(strides=3, kernel_size=2)}),
        _one([1, 1, 6], {"conv_transpose2d": _conv(kernel_size=4)}),
        _one([4, 5, 3], {"conv_transpose2d": _conv(strides=2, kernel_size=4, padding=1)}),
        _one([4, 5, 3], {"conv_transpose2d": _conv(dilation_rate=2, strides=2, padding="same")}, "batch_norm"),
        _one([4, 5, 3], {"conv_transpose2d": _conv(spectral_norm=True)}),
    ],
    "max_pool1d": [_one([9, 3], {"max_pool1d": {"pool_size": 3, "strides": 2, "padding": "same"}})],
    "max_pool2d": [
        _one([7, 8, 3], {"max_pool2d": 2}),
        _one([9, 9, 3], {"max_pool2d": {"pool_size": 3, "strides": 2, "padding": 1}}),
        _one([8, 9, 3], {"max_pool2d": {"pool_size": [2, 3]}}),
    ],
    "avg_pool2d": [
        _one([7, 8, 3], {"avg_pool2d": 2}),
        _one([9, 9, 3], {"avg_pool2d": {"pool_size": 3, "strides": 2, "padding": "same"}}),
        _one([9, 9, 3], {"avg_pool2d": {"pool_size": 3, "strides": 2, "padding": 1}}),
    ],
    "avg_pool3d": [_one([5, 5, 5, 2], {"avg_pool3d": {"pool_size": 2, "padding": "same"}})],
    "global_avg_pool": [_one([4, 4, 3], {"global_avg_pool": {"keepdims": True}}), _one([6, 3], "global_avg_pool")],
    "global_max_pool": [_one([4, 4, 3], {"global_max_pool": {"keepdims": True}}), _one([3, 3, 3, 2], "global_max_pool")],
    "upsample": [
        _one([4, 4, 3], {"upsample": 3}),
        _one([4, 5, 3], {"upsample": [2, 3]}),
        _one([5, 3], {"upsample": 2}),
        _one([4, 5, 3], {"upsample": {"size": [3, 2], "interpolation": "bilinear"}}),
    ],
    "pad": [
        _one([4, 4, 3], {"pad": 1}),
        _one([5, 3], {"pad": {"amounts": [1, 2], "mode": "edge"}}),
        _one([4, 4, 3], {"pad": {"amounts": 2, "value": 0.5}}),
        _one([8, 8, 3], {"conv2d": _conv()}, {"pad": 1}, {"max_pool2d": {"pool_size": 3, "strides": 2}}),
        _one([8, 8, 3], {"conv2d": _conv()}, {"pad": 2}, {"max_pool2d": 2}),
    ],
    "crop": [
        _one([6, 6, 3], {"crop": 1}),
        _one([7, 7, 3], {"max_pool2d": 2, "name": "small"}, {"crop": {"like": "small"}, "from": "input"}),
    ],
    "flatten": [
        _one([4, 4, 2], "flatten", {"concat": ["above", "above"]}, {"dense": 3}),
        _one(
            [4, 4, 2],
            {"conv2d": _conv(), "name": "c"},
            "flatten",
            {"dense": 16, "name": "d"},
            {"flatten": None, "name": "f", "from": "c"},
            {"add": ["d", "f"]},
            {"dense": 2},
        ),
        _one(
            [4, 4, 2],
            {"parallel": {"paths": {"a": [{"conv2d": _conv()}, "flatten"], "b": [{"conv2d": _conv()}, "global_avg_pool"]}}},
            {"dense": 3},
        ),
    ],
    "reshape": [_one([4, 6], {"reshape": [2, -1]})],
    "permute": [_one([2, 3, 4], {"permute": [3, 1, 2]})],
    "embedding": [_one({"shape": [2, 3], "vocabulary": 11}, {"embedding": {"output_dim": 4}})],
    "scale": [_one([5], "scale")],
    "softmax": [_one([4, 4, 3], {"softmax": {"axis": 1}}), _one([4, 3], {"softmax": {"axis": -1}})],
    "gelu": [_one([4], {"gelu": False})],
    "prelu": [_one([3, 3, 2], "prelu")],
    "binary_step": [_one([4], "binary_step")],
    "batch_norm": [_one([5], "batch_norm"), _one([4, 4, 3], {"batch_norm": {"use_scale": False, "use_bias": False}})],
    "layer_norm": [_one([4, 4, 3], "layer_norm"), _one([5], {"layer_norm": {"use_bias": False}})],
    "group_norm": [_one([8], {"group_norm": 2}), _one([5, 4], {"group_norm": 4})],
    "instance_norm": [_one([6, 3], "instance_norm")],
    "rms_norm": [_one([4, 4, 3], {"rms_norm": {"use_bias": True}})],
    "concat": [
        _one([4, 4, 2], {"conv2d": _conv(padding="same"), "name": "a"}, {"concat": ["a", "input"]}),
        _one([4, 3], {"dense": 3, "name": "a"}, {"concat": {"inputs": ["a", "input"], "axis": 1}}),
    ],
    "multiply": [
        _one([4, 4, 2], {"global_avg_pool": {"keepdims": True}, "name": "s"}, {"multiply": ["s", "input"]}),
    ],
}


NEEDED: dict[str, dict[str, Any]] = {
    "merge_mode": {"bidirectional": True, "go_backwards": False},
    "go_backwards": {"bidirectional": False},
}
"""What else a field asks for."""


def switched() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each layer's example with every word and truth value that its fields can have and no other case has."""
    seen = {(name, field, value) for name, field, value in _written(layer_document(layer) for layer in LAYERS.values())}
    seen |= set(_written(document for documents in MORE.values() for document in documents))
    for name, layer in LAYERS.items():
        document = layer_document(layer)
        items = document["model"]["layers"]
        at = max(i for i, item in enumerate(items) if item == name or (isinstance(item, dict) and name in item))
        item = items[at] if isinstance(items[at], dict) else {name: None}
        for field, info in layer.model_fields.items():
            for value in _choices(layer.model_json_schema(by_alias=False)["properties"][field]):
                if value == info.default or field == "trainable" or (name, field, value) in seen:
                    continue
                fields = {key: each for key, each in layer.fields_from(item[name]).items() if each is not None}
                fields |= {**NEEDED.get(field, {}), field: value}
                layers = [*items[:at], {**item, name: fields}, *items[at + 1 :]]
                yield f"{name}-{field}-{value}", {**document, "model": {"layers": layers}}


def _written(documents: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """Every word and truth value of a field that stands in one of the documents."""
    for document in documents:
        for item in document["model"]["layers"]:
            for name, fields in item.items() if isinstance(item, dict) else ():
                for field, value in fields.items() if isinstance(fields, dict) else ():
                    if isinstance(value, (str, bool)):
                        yield name, field, value


def _choices(schema: Mapping[str, Any]) -> list[Any]:
    if "anyOf" in schema:
        return [value for each in schema["anyOf"] for value in _choices(each)]
    if schema.get("type") == "boolean":
        return [True, False]
    return list(schema["enum"]) if "enum" in schema and "x-netspec-catalogue" not in schema else []


def all_cases() -> list[tuple[str, dict[str, Any]]]:
    """Every layer's example, then the further cases, each with a readable id."""
    found = [(name, layer_document(layer)) for name, layer in LAYERS.items()]
    found += [
        (f"{name}-{index}", document) for name, documents in MORE.items() for index, document in enumerate(documents, start=2)
    ]
    return [*found, *switched()]
