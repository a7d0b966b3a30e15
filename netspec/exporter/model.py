"""The finished file: metadata, checks, and writing it whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from netspec.components.transforms.pipeline import Preprocess
from netspec.diagnostics import Diagnostic, SpecError
from netspec.exporter.file import SEAL, seal_of
from netspec.exporter.lower import Lowered
from netspec.files import make_folder, write_whole
from netspec.spec import Spec
from netspec.spec.expand import expanded

_PACKAGES = ("netspec-compiler", "onnx", "onnx-ir", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Written:
    """An exported file."""

    path: Path
    bytes: int
    opset: int
    nodes: int


def weights_hash(weights: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """sha256 over all weights by name."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()


def describe(
    lowered: Lowered,
    spec: Spec,
    preprocess: Preprocess,
    weights: Mapping[str, np.ndarray[Any, Any]],
    lengths: Mapping[str, int],
    part: str = "",
) -> None:
    """Write into the model what it is: the spec, hashes, labels, inputs and outputs, versions."""
    text = json.dumps(expanded(spec), sort_keys=True)
    graph = lowered.model.graph
    dynamic = {str(dim) for value in graph.inputs for dim in value.shape or () if not isinstance(dim, int)}
    facts: dict[str, Any] = {
        "netspec.lengths": dict(lengths),
        "netspec.preprocess": preprocess.json(),
        "netspec.inputs": dict(lowered.inputs),
        "netspec.outputs": {name: plan.json() for name, plan in lowered.outputs.items()},
        "netspec.dynamic": sorted(dynamic),
        "netspec.versions": {name: version(name) for name in _PACKAGES},
    }
    labels = next((plan.classes for plan in lowered.outputs.values() if plan.classes), None)
    if labels:
        facts["labels"] = list(labels)
    properties = lowered.model.metadata_props
    properties["netspec.spec"] = text
    if part:
        properties["netspec.part"] = part
    properties["netspec.spec_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    properties["netspec.weights_sha256"] = weights_hash(weights)
    for key, value in facts.items():
        properties[key] = json.dumps(value)


def serialized(model: ir.Model) -> bytes:
    """The model's bytes, after ONNX's own checks. Raises SpecError NS901: what we emit must pass them."""
    proto = ir.to_proto(model)
    try:
        onnx.checker.check_model(proto, full_check=True)
        onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = str(error).splitlines()[0]
        raise SpecError(Diagnostic("NS901", f"the exported graph does not pass ONNX's checks: {reason}", exit_code=3)) from None
    proto.metadata_props.add(key=SEAL, value=seal_of(proto))
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and the folder for it. Raises SpecError NS533."""
    make_folder(path.parent)
    write_whole(path, content)
