"""An exported classifier that gives its features: what goes into its last matrix product."""

from __future__ import annotations

import onnx_ir as ir

from netspec.diagnostics import Diagnostic, SpecError
from netspec.exporter.file import ExportedFile

_PRODUCTS = ("Gemm", "MatMul", "Conv")
_MOST_STEPS = 12


def with_features(file: ExportedFile) -> bytes:
    """A file's model with one output: its features. Raises SpecError NS603 where there are none."""
    model, path = ir.from_proto(file.proto), file.path
    value: ir.Value | None = model.graph.outputs[0]
    for _ in range(_MOST_STEPS):
        node = value.producer() if value is not None else None
        if node is None:
            break
        value = node.inputs[0]
        if node.op_type in _PRODUCTS and value is not None:
            return _giving(model, value)
    help = ("name a classifier that ends in a dense layer",)
    raise SpecError(
        Diagnostic("NS603", f"`{path}` has no features: no matrix product leads to its output", help=help, exit_code=2)
    )


def _giving(model: ir.Model, value: ir.Value) -> bytes:
    node = ir.node("Flatten", [value], attributes={"axis": 1})
    node.outputs[0].name = "features"
    node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    node.outputs[0].shape = ir.Shape([None, None])
    model.graph.append(node)
    model.graph.outputs.clear()
    model.graph.outputs.append(node.outputs[0])
    content: bytes = ir.to_proto(model).SerializeToString()
    return content
