"""ONNX Runtime: loading a model, and raw columns as what its inputs want."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from netspec.components.transforms.fitted import filled, is_sequences
from netspec.components.transforms.pipeline import InputPipe, Prepared, Preprocess
from netspec.diagnostics import Diagnostic, SpecError

Array = np.ndarray[Any, Any]

RUNTIME_ERRORS: tuple[type[Exception], ...] = (
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.InvalidProtobuf,
    runtime.NoSuchFile,
    runtime.NotImplemented,
    runtime.RuntimeException,
)


def session(content: bytes, name: str = "the model") -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on the CPU, quiet. Raises SpecError NS603 for bytes that it cannot load."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS as error:
        reason = str(error).splitlines()[0]
        raise SpecError(Diagnostic("NS603", f"ONNX Runtime cannot load {name}: {reason}", exit_code=2)) from None


_NUMPY: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
    "tensor(string)": object,
}


def feeds(
    model: onnxruntime.InferenceSession,
    inputs: Mapping[str, Mapping[str, Any]],
    preprocess: Preprocess,
    values: Mapping[str, Array],
) -> dict[str, Array]:
    """Raw columns [rows, ...] as the graph inputs that `inputs` (a file's metadata) describes."""
    found = {}
    prepared: dict[str, Prepared] = {}
    for value in model.get_inputs():
        about = inputs[value.name]
        pipe = preprocess.inputs[about["input"]]
        if about["columns"] is None:
            if about["input"] not in prepared:
                prepared[about["input"]] = pipe.prepare(values)
            whole = prepared[about["input"]]
            array = whole.lengths if "lengths" in about else whole.values
        elif pipe.is_sequence:
            column = values[about["columns"][0]]
            array = _raw_sequences(column, lengths="lengths" in about) if is_sequences(column) else column
        elif len(about["columns"]) == 1 and values[about["columns"][0]].ndim > 1:
            column = values[about["columns"][0]]
            array = pipe.shaped(column) if len(pipe.columns) == 1 and column.size == _elements(pipe, column) else column
        else:
            array = np.stack([values[column] for column in about["columns"]], axis=1)
        assert array is not None
        if about.get("layout") == "channels_first" and array.ndim > 2:
            array = np.moveaxis(array, -1, 1)
        found[value.name] = np.ascontiguousarray(array.astype(_NUMPY[value.type]))
    return found


def _elements(pipe: InputPipe, column: Array) -> int:
    """The elements that rows of the input's own shape would have; -1 where that is not known."""
    sizes = [size for size in pipe.type.shape if isinstance(size, int)]
    return len(column) * int(np.prod(sizes)) if len(sizes) == pipe.type.rank else -1


def _raw_sequences(column: Array, *, lengths: bool) -> Array:
    """Raw sequences filled up with zeros, or how long each is."""
    sizes = np.asarray([len(each) for each in column], np.int64)
    if lengths:
        return sizes
    return filled(column, int(sizes.max()))
