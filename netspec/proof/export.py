"""Export and its proof: the file is written only when ONNX Runtime agrees with Flax."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from netspec.components.transforms.pipeline import Preprocess
from netspec.data.shipment import Shipment
from netspec.diagnostics import Diagnostic, Problem, SpecError
from netspec.exporter.file import EXAMPLES_HASH
from netspec.exporter.lower import Lowered, check_dynamic, free_batch, lower
from netspec.exporter.model import Written, describe, serialized, write
from netspec.exporter.session import feeds, session
from netspec.graph.limits import too_large_for_a_file
from netspec.proof.parity import Parity, prove
from netspec.proof.reference import Subject
from netspec.spec import Spec
from netspec.spec.faults import faults
from netspec.spec.sections import ExportSection
from netspec.tensor import DType

Array = np.ndarray[Any, Any]
SIZES = (1, 3, 64)
_EXAMPLE_BYTES = 64_000


@dataclass(frozen=True)
class Exported:
    """A written file and its proof."""

    file: Written
    parity: Parity
    opset_reason: str

    def json(self) -> dict[str, Any]:
        """The object that `netspec export --json` prints."""
        return {
            "path": str(self.file.path),
            "bytes": self.file.bytes,
            "opset": self.file.opset,
            "nodes": self.file.nodes,
            "parity": self.parity.json(),
        }


def export(
    spec: Spec,
    shipped: Shipment,
    weights: Mapping[str, Array],
    lengths: Mapping[str, int],
    raw: Mapping[str, Array],
    path: Path,
    part: str = "",
    **changes: Any,
) -> Exported:
    """Lower, prove and write a part of a program; `raw` are rows to prove it on, column by column.

    `changes` replace fields of the spec's export section.

    Raises SpecError: NS602 for what has no ONNX form, NS601 where the file and Flax differ.
    """
    problem = too_large_for_a_file(shipped.graph)
    if problem is not None:
        raise SpecError(Diagnostic(problem.code, problem.message, file=spec.document.file, help=problem.help))
    section = _changed(spec.export or ExportSection(), {k: v for k, v in changes.items() if v is not None})
    lowered = _lowered(spec, shipped, weights, section, raw)
    described = spec.with_section("export", section)
    describe(lowered, described, shipped.preprocess, weights, lengths, part)
    content = serialized(lowered.model)
    sizes = SIZES if free_batch(section) else (1,)
    chosen = {name: column[: max(sizes)] for name, column in raw.items()}  # always the same rows
    subject = Subject(shipped.graph, weights, shipped.preprocess, shipped.plans)
    parity = prove(subject, lowered, content, chosen, sizes)
    parity = replace(parity, versions={name: version(name) for name in ("jax", "flax", "onnx", "onnxruntime", "numpy")})
    report = path.with_name(path.name.removesuffix(".onnx") + ".parity.json")
    if not parity.holds:
        write(report, json.dumps(parity.json(), indent=1).encode())
        write(path.with_name(path.name + ".failed"), content)
        raise SpecError(_diverged(parity, path, report))
    stored = _examples(lowered, content, shipped.preprocess, chosen)
    lowered.model.metadata_props["netspec.parity"] = json.dumps(parity.json())
    lowered.model.metadata_props[EXAMPLES_HASH] = hashlib.sha256(stored).hexdigest()
    content = serialized(lowered.model)
    write(path, content)
    write(report, json.dumps(parity.json(), indent=1).encode())
    write(path.with_name(path.name.removesuffix(".onnx") + ".examples.npz"), stored)
    nodes = sum(1 for _ in lowered.model.graph)
    return Exported(Written(path, len(content), lowered.model.opset_imports[""], nodes), parity, lowered.opset_reason)


def _lowered(
    spec: Spec,
    shipped: Shipment,
    weights: Mapping[str, Array],
    section: ExportSection,
    raw: Mapping[str, Array],
) -> Lowered:
    dtypes = {
        name: DType.uint8 if raw[pipe.columns[0].name].dtype == np.uint8 else DType.float32
        for name, pipe in shipped.preprocess.inputs.items()
        if pipe.is_array
    }
    try:
        check_dynamic(section, shipped.graph)
        return lower(
            shipped.graph,
            weights,
            section,
            name=spec.name,
            preprocess=shipped.preprocess,
            outputs=shipped.plans,
            raw_dtypes=dtypes,
        )
    except Problem as problem:
        span = spec.document.span(("export", problem.field) if problem.field else ("export",))
        raise SpecError(
            Diagnostic(problem.code, problem.message, file=spec.document.file, span=span, path="export", help=problem.help)
        ) from None


def _changed(section: ExportSection, changes: Mapping[str, Any]) -> ExportSection:
    """A section with some of its fields changed. Raises SpecError with what is wrong with them."""
    try:
        return ExportSection.model_validate({**section.model_dump(), **changes})
    except ValidationError as error:
        told = [
            Diagnostic(fault.code, f"`{fault.path[0]}`: {fault.message}", help=(fault.help,) if fault.help else (), exit_code=2)
            for fault in faults(error, ExportSection, dict(changes), "`export`")
        ]
        raise SpecError(told) from None


def _diverged(parity: Parity, path: Path, report: Path) -> Diagnostic:
    name, worst = max(((n, o) for n, o in parity.outputs.items() if not o.holds), key=lambda each: each[1].max_abs)
    if not worst.compared and np.isfinite(worst.max_abs):
        message = f"`{name}` cannot be proven: in each of the {worst.left_out} rows that were compared it stands on an edge"
        help = (
            "a value right at a threshold, or two classes that tie, may fall to either side in any runtime",
            f"train it longer, or on rows that are told apart; details: `{report}`",
        )
        return Diagnostic("NS601", message, help=help)
    where = f", first at layer `{parity.diverges_at}`" if parity.diverges_at else ""
    return Diagnostic(
        "NS601",
        f"the exported graph differs from the network by {worst.max_abs:.3g}, more than {worst.tolerance:.3g}{where}",
        help=(
            f"details: `{report}`; the file was kept as `{path}.failed`",
            "this is a defect of netspec: please report it with the spec",
        ),
    )


def _examples(lowered: Lowered, content: bytes, preprocess: Preprocess, raw: Mapping[str, Array]) -> bytes:
    """A few raw rows with the file's answers, for `netspec verify`: 64 KB at most."""
    runtime = session(content)
    rows = len(next(iter(raw.values())))
    for count in sorted({min(rows, size) for size in (8, 4, 2, 1)}, reverse=True):
        fed = feeds(runtime, lowered.inputs, preprocess, {name: column[:count] for name, column in raw.items()})
        answers = runtime.run(None, fed)
        arrays = {f"input/{name}": _storable(array) for name, array in fed.items()}
        arrays |= {f"output/{v.name}": _storable(np.asarray(a)) for v, a in zip(runtime.get_outputs(), answers, strict=True)}
        stream = io.BytesIO()
        np.savez_compressed(stream, allow_pickle=False, **arrays)
        if len(stream.getvalue()) <= _EXAMPLE_BYTES:
            return stream.getvalue()
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False)
    return stream.getvalue()


def _storable(array: Array) -> Array:
    return array.astype(str) if array.dtype == object else array
