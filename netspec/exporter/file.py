"""An exported file as it is found: read with suspicion, for whoever has it may have it from a stranger."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import onnx
import onnxruntime
from google.protobuf.message import DecodeError
from onnx import external_data_helper
from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError

from netspec.diagnostics import Diagnostic, SpecError
from netspec.exporter.session import session
from netspec.files import read_bounded, reason

_MOST_BYTES = (1 << 31) - 1
_DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
_PREFIX = "netspec."
SEAL, EXAMPLES_HASH = f"{_PREFIX}seal", f"{_PREFIX}examples_sha256"


class Facts(BaseModel):
    """What a file's metadata say of it, under `netspec.`."""

    model_config = ConfigDict(extra="ignore")

    spec: str
    spec_sha256: str
    weights_sha256: str
    lengths: Json[dict[str, Annotated[int, Field(ge=1)]]]
    preprocess: Json[dict[str, Any]]
    inputs: Json[dict[str, dict[str, Any]]]
    outputs: Json[dict[str, dict[str, Any]]]
    parity: Json[dict[str, Any]] = {}
    part: str = ""
    examples_sha256: str = ""
    seal: str = ""
    """Of the graph and of all these; '' in files of versions that did not write it."""


@dataclass(frozen=True, eq=False)
class ExportedFile:
    """A file that netspec wrote: its bytes, its graph and what it says of itself."""

    path: Path
    content: bytes
    proto: onnx.ModelProto
    facts: Facts

    @cached_property
    def session(self) -> onnxruntime.InferenceSession:
        """ONNX Runtime on the file. Raises SpecError NS603."""
        return session(self.content, f"`{self.path}`")

    @property
    def is_changed(self) -> bool:
        """Whether graph, weights or metadata are others than those that were written; False where no seal says it."""
        return bool(self.facts.seal) and seal_of(self.proto) != self.facts.seal


def open_file(path: Path) -> ExportedFile:
    """Read an exported file. Raises SpecError NS001 where it cannot be read, NS603 for what is none of netspec's."""
    try:
        content = read_bounded(path, _MOST_BYTES)
    except OSError as error:
        raise SpecError(Diagnostic("NS001", f"cannot read `{path}`: {reason(error)}", exit_code=2)) from None
    if len(content) > _MOST_BYTES:
        raise _refused(path, "it is larger than an ONNX file can be")
    try:
        proto = onnx.ModelProto.FromString(content)
    except DecodeError:
        raise _refused(path, "it is no ONNX file, or damaged") from None
    _refuse_foreign(path, proto)
    metadata = {each.key: each.value for each in proto.metadata_props}
    if "netspec.spec" not in metadata:
        raise _refused(path, "it was not written by netspec: its metadata has no spec")
    try:
        facts = Facts.model_validate(
            {key.removeprefix(_PREFIX): value for key, value in metadata.items() if key.startswith(_PREFIX)}
        )
        json.loads(facts.spec)
    except (ValidationError, ValueError, RecursionError) as error:
        where = ".".join(map(str, error.errors()[0]["loc"][:1])) if isinstance(error, ValidationError) else "spec"
        raise _refused(path, f"its metadata are damaged: `netspec.{where}`") from None
    if hashlib.sha256(facts.spec.encode()).hexdigest() != facts.spec_sha256:
        raise SpecError(Diagnostic("NS604", f"`{path}` is changed: the spec in its metadata is not the one that was exported"))
    return ExportedFile(path, content, proto, facts)


def _refused(path: Path, what: str) -> SpecError:
    help = "export it with `netspec export RUN -o FILE`"
    return SpecError(Diagnostic("NS603", f"cannot use `{path}`: {what}", help=(help,), exit_code=2))


def _refuse_foreign(path: Path, proto: onnx.ModelProto) -> None:
    """What netspec never writes is never run: data in other files, functions, operators of other makers."""
    if any(external_data_helper.uses_external_data(tensor) for tensor in _tensors(proto)):
        raise _refused(path, "it keeps data in other files")
    if proto.functions or proto.training_info:
        raise _refused(path, "it holds functions or training of its own")
    foreign = {opset.domain for opset in proto.opset_import} | {node.domain for node in _nodes(proto.graph)}
    if foreign - _DOMAINS:
        raise _refused(path, f"it uses operators of `{sorted(foreign - _DOMAINS)[0]}`")


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Every node, those of inner graphs too."""
    waiting = [graph]
    while waiting:
        for node in waiting.pop().node:
            yield node
            for attribute in node.attribute:
                waiting += [attribute.g] if attribute.HasField("g") else []
                waiting += list(attribute.graphs)


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor, wherever it stands."""
    yield from proto.graph.initializer
    for node in _nodes(proto.graph):
        for attribute in node.attribute:
            yield from ([attribute.t] if attribute.HasField("t") else [])
            yield from attribute.tensors
            yield from (attribute.g.initializer if attribute.HasField("g") else ())


def seal_of(proto: onnx.ModelProto) -> str:
    """sha256 of the graph with its weights, and of what netspec's metadata say of it."""
    digest = hashlib.sha256(proto.graph.SerializeToString(deterministic=True))
    for key, value in sorted((each.key, each.value) for each in proto.metadata_props):
        if key.startswith(_PREFIX) and key != SEAL:
            digest.update(f"\0{key}\0{value}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
