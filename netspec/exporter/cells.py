"""Recurrent cells spelled out, for what ONNX Runtime's recurrent operators compute badly.

Their softplus is log(1 + exp(x)), infinite above 88; the operator Softplus is not. So a layer with a softplus in its cell
becomes a Scan over the steps, whose body is written in plain operators. Gates stand in ONNX' order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import onnx_ir as ir

from netspec.emit import Array, Recurrent
from netspec.exporter.emitter import EmittedValue, OnnxEmitter
from netspec.tensor import TensorType

Curve = Callable[[OnnxEmitter, EmittedValue], EmittedValue]
State = tuple[EmittedValue, ...]

_CURVES: dict[str, Curve] = {
    "tanh": lambda g, x: g.op("Tanh", [x]),
    "sigmoid": lambda g, x: g.op("Sigmoid", [x]),
    "relu": lambda g, x: g.op("Relu", [x]),
    "linear": lambda g, x: x,
    "hard_sigmoid": lambda g, x: g.op("HardSigmoid", [x], alpha=1 / 6, beta=0.5),
    "softsign": lambda g, x: g.op("Softsign", [x]),
    "softplus": lambda g, x: g.op("Softplus", [x]),
}


def is_spelled_out(layer: Recurrent) -> bool:
    """Whether the operator cannot be trusted with a layer's curves."""
    return "softplus" in layer.curves()


def scanned(
    g: OnnxEmitter, layer: Recurrent, x: EmittedValue, packed: Mapping[str, Array], mask: EmittedValue | None
) -> tuple[EmittedValue, EmittedValue]:
    """One direction of a layer, from the first step on: every step's output [time, batch, units], and the last [batch, units].

    Args:
        g: Where the nodes go.
        layer: The layer.
        x: Its input [time, batch, features].
        packed: W [gates * units, features], R [gates * units, units], and B [2 * gates * units] where there are biases.
        mask: Which steps count, bool [time, batch, 1]; None where all do.
    """
    units, width = packed["R"].shape[-1], len(packed["W"])
    projected = g.op("MatMul", [x, g.weight("W", packed["W"].T)], type=TensorType((0,)))
    if "B" in packed:
        projected = g.op("Add", [projected, g.weight("Wb", packed["B"][:width])])
    batch = g.op("Shape", [projected], start=1, end=2)
    start = g.op("Expand", [g.constant(0.0), g.op("Concat", [batch, g.integers([units])], axis=0)], layout="channels_last")
    states = 2 if layer.operator == "LSTM" else 1
    body = _body(g, layer, packed, states, masked=mask is not None)
    given = [*[start] * states, projected, *([mask] if mask is not None else [])]
    *last, ys = g.ops("Scan", given, states + 1, body=body, num_scan_inputs=1 + (mask is not None))
    return ys, last[0]


def _body(g: OnnxEmitter, layer: Recurrent, packed: Mapping[str, Array], states: int, *, masked: bool) -> Any:
    """The graph of one step: the states, the projected input, perhaps whether it counts; the states, and the output."""
    (inner, name), flat = g.inner("step"), TensorType((0,))
    old = tuple(inner.input(f"{name}.state{i}", flat, [None, None], ir.DataType.FLOAT, "channels_last") for i in range(states))
    x = inner.input(f"{name}.x", flat, [None, None], ir.DataType.FLOAT, "channels_last")
    counts = inner.input(f"{name}.counts", flat, [None, 1], ir.DataType.BOOL, "channels_last") if masked else None
    new = _CELLS[layer.operator](inner, layer, packed, x, old)
    y = new[0]
    if counts is not None:
        y = inner.op("Where", [counts, y, inner.constant(0.0)], type=flat, layout="channels_last")
        new = tuple(inner.op("Where", [counts, a, b], type=flat) for a, b in zip(new, old, strict=True))
    outputs = [inner.op("Identity", [value]).value for value in (*new, y)]
    for value in outputs:
        value.shape, value.type = ir.Shape([None, packed["R"].shape[-1]]), ir.TensorType(ir.DataType.FLOAT)
    inputs = [value.value for value in (*old, x, *([counts] if counts is not None else []))]
    initializers = list(inner.initializers.values())
    return ir.Graph(inputs, outputs, nodes=inner.nodes, initializers=initializers, opset_imports=inner.domains, name=name)


def _recurrent(g: OnnxEmitter, packed: Mapping[str, Array], h: EmittedValue, first: int, last: int) -> EmittedValue:
    """The product of the state with the kernels of some gates, and their second bias: [batch, (last - first) * units]."""
    units = packed["R"].shape[-1]
    rows = slice(first * units, last * units)
    found = g.op("MatMul", [h, g.weight(f"R{first}", packed["R"][rows].T)])
    if "B" not in packed:
        return found
    return g.op("Add", [found, g.weight(f"Rb{first}", packed["B"][len(packed["W"]) :][rows])])


def _parts(g: OnnxEmitter, x: EmittedValue, count: int) -> tuple[EmittedValue, ...]:
    return g.ops("Split", [x], count, axis=-1, num_outputs=count)


def _rnn(g: OnnxEmitter, layer: Recurrent, packed: Mapping[str, Array], x: EmittedValue, old: State) -> State:
    (curve,) = (_CURVES[name] for name in layer.curves())
    return (curve(g, g.op("Add", [x, _recurrent(g, packed, old[0], 0, 1)])),)


def _gru(g: OnnxEmitter, layer: Recurrent, packed: Mapping[str, Array], x: EmittedValue, old: State) -> State:
    """Update, reset, candidate; the reset before the product or behind it."""
    gate, curve = (_CURVES[name] for name in layer.curves())
    (h,) = old
    xz, xr, xn = _parts(g, x, 3)
    hz, hr = _parts(g, _recurrent(g, packed, h, 0, 2), 2)
    z, r = gate(g, g.op("Add", [xz, hz])), gate(g, g.op("Add", [xr, hr]))
    if layer.onnx_attributes()["linear_before_reset"]:
        hn = g.op("Mul", [r, _recurrent(g, packed, h, 2, 3)])
    else:
        hn = _recurrent(g, packed, g.op("Mul", [r, h]), 2, 3)
    n = curve(g, g.op("Add", [xn, hn]))
    kept, rest = g.op("Mul", [z, h]), g.op("Mul", [g.op("Sub", [g.constant(1.0), z]), n])
    return (g.op("Add", [kept, rest]),)


def _lstm(g: OnnxEmitter, layer: Recurrent, packed: Mapping[str, Array], x: EmittedValue, old: State) -> State:
    """Input, output, forget, candidate."""
    gate, curve, last = (_CURVES[name] for name in layer.curves())
    h, c = old
    zi, zo, zf, zg = _parts(g, g.op("Add", [x, _recurrent(g, packed, h, 0, 4)]), 4)
    new = g.op("Add", [g.op("Mul", [gate(g, zf), c]), g.op("Mul", [gate(g, zi), curve(g, zg)])])
    return g.op("Mul", [gate(g, zo), last(g, new)]), new


_CELLS: dict[str, Callable[..., State]] = {"RNN": _rnn, "GRU": _gru, "LSTM": _lstm}
