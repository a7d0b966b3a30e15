"""Which opset has what: the only place that knows."""

from __future__ import annotations

DEFAULT = 18
GELU = 20
STRING_SPLIT = 20

_IR_VERSIONS = {18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}


def ir_version(opset: int) -> int:
    """The IR version that goes with an opset; ONNX Runtime refuses a newer one than it knows."""
    return _IR_VERSIONS[opset]
