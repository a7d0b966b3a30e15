"""Whether a project is what it should be: four opinions of the network, and the whole road from `train` to its file.

A float64 interpreter that shares nothing with the package judges every port of Flax's float64 form; the proof's own bound,
which float64 gives, then judges ONNX Runtime and the reference evaluator of ONNX.
"""

from __future__ import annotations

import random
import tempfile
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnx_ir as ir

from netspec import SpecError, export, predict
from netspec.compiler.exact import exactly
from netspec.compiler.network import Functional
from netspec.components.layers.recurrent import Recurrent
from netspec.exporter.lower import Lowered
from netspec.exporter.session import session
from netspec.graph import Graph, Port
from netspec.graph.validate import required
from netspec.inference.run import Run
from netspec.proof.reference import steady_rows
from netspec.source import read_file
from netspec.source.document import Document
from netspec.spec.paths import Roots
from netspec.training import train
from tests.generate import STEPS
from tests.projects import Project
from tests.reference.interpreter import interpreted
from tests.support import inputs_of, lowered_of, weights_of

Array = np.ndarray[Any, Any]
DIVERGED = {"NS520"}
"""What a drawn training may end in: weights that nobody chose may grow without bound."""


def judged(project: Project, seed: int = 0) -> str:
    """What is wrong with a project, as one line; '' where nothing is."""
    for oracle in (network, road) if "train" in project.document else (network,):  # a smaller one may have lost it
        try:
            oracle(project, seed)
        except AssertionError as error:
            return f"{oracle.__name__}: {str(error).strip().splitlines()[0]}"
        except SpecError as error:
            return f"{oracle.__name__}: {error.diagnostics[0].code}: {error.diagnostics[0].message}"[:300]
        except Exception as error:  # noqa: BLE001  any exception is a finding, and the search goes on
            places = [each for each in traceback.extract_tb(error.__traceback__) if "/netspec/" in each.filename]
            place = f"{Path(places[-1].filename).name}:{places[-1].name}" if places else "outside"
            return f"{oracle.__name__}: {type(error).__name__} at {place}: {error}"[:300].splitlines()[0]
    return ""


def graphs(document: Mapping[str, Any]) -> dict[str, Graph]:
    """The graphs of a document, free axes bound."""
    free = "time" in str(document.get("input", document.get("inputs")))
    _, program = required(Document("drawn.json", "", dict(document)), {}, {"time": STEPS} if free else {})
    return dict(program.graphs)


def network(project: Project, seed: int) -> None:
    """Each graph with weights away from where they begin, at batch 1 or 3. Raises AssertionError."""
    for name, graph in graphs(project.document).items():
        batch = random.Random(seed).choice([1, 3])
        weights, inputs = weights_of(graph, seed), inputs_of(graph, batch, seed + 1)
        with np.errstate(all="ignore"):
            expected = interpreted(graph, weights, inputs)
        wide = _values(graph, weights, inputs, np.float64)
        for node in graph.nodes:
            port = Port(node.name)
            assert wide[port].shape == expected[port].shape, f"{name}: {node.op.type} has another shape than it should"
            _near(wide[port], expected[port], 1e-6, f"{name}: {node.op.type} differs from the interpreter")
        single = _values(graph, weights, inputs, np.float32)
        _exported(name, graph, weights, inputs, single, wide, seed)
        _learns(name, graph, weights, inputs)


def _values(graph: Graph, weights: Mapping[str, Array], inputs: tuple[Array, ...], dtype: Any) -> dict[Port, Array]:
    def run() -> dict[Port, Array]:
        given = {name: jnp.asarray(array, dtype) for name, array in weights.items()}
        fed = tuple(jnp.asarray(x, dtype if x.dtype.kind == "f" else x.dtype) for x in inputs)
        values, _ = exactly(Functional(graph).values)(given, fed)
        return {port: np.asarray(value) for port, value in values.items()}

    if dtype is np.float32:
        return run()
    with jax.enable_x64(True):
        return run()


def _near(found: Array, expected: Array, relative: float, told: str) -> None:
    """Equal up to a share of the largest value; both may overflow in the same place."""
    finite = np.isfinite(expected)
    assert (np.isfinite(found) == finite).all(), f"{told}: not finite in the same places"
    scale = max(1.0, float(np.abs(expected[finite]).max(initial=0)))
    far = float(np.abs(found[finite].astype(np.float64) - expected[finite]).max(initial=0))
    assert far <= relative * scale, f"{told}: by {far:.3g} of {scale:.3g}"


def _exported(
    name: str,
    graph: Graph,
    weights: Mapping[str, Array],
    inputs: tuple[Array, ...],
    single: Mapping[Port, Array],
    wide: Mapping[Port, Array],
    seed: int,
) -> None:
    """The ONNX form holds to its checker, and two evaluators answer as Flax does, within ten times what float32 loses."""
    if any(not np.isfinite(value).all() or np.abs(value).max(initial=0) > 1e6 for value in wide.values()):
        return  # float32 cannot be held to what grows without bound
    lowered = lowered_of(graph, weights, opset=random.Random(seed).randint(18, 23))
    proto = ir.to_proto(lowered.model)
    onnx.checker.check_model(proto, full_check=True)
    steady = steady_rows(graph, single, wide)
    for evaluator, answers in _evaluators(lowered, proto, graph, inputs).items():
        for output, port in graph.outputs.items():
            answer, expected = answers[output], single[port]
            assert answer.shape == expected.shape, f"{name}: {evaluator} gives another shape: {answer.shape}"
            lost = float(np.abs(single[port][steady] - wide[port][steady]).max(initial=0))
            scale = float(np.abs(wide[port][steady]).max(initial=1))
            far = float(np.abs(answer[steady].astype(np.float64) - expected[steady]).max(initial=0))
            assert far <= 10 * lost + 1e-5 * scale, f"{name}: {evaluator} differs by {far:.3g} of {scale:.3g}"


def _evaluators(lowered: Lowered, proto: Any, graph: Graph, inputs: tuple[Array, ...]) -> dict[str, dict[str, Array]]:
    from onnx.reference import ReferenceEvaluator

    fed = dict(zip(graph.inputs, inputs, strict=True))
    runtime, names = session(proto.SerializeToString()), [value.name for value in proto.graph.output]
    found = {"ONNX Runtime": dict(zip(names, runtime.run(None, fed), strict=True))}
    curves = [set(node.op.curves()) for node in graph.nodes if isinstance(node.op, Recurrent)]
    if any(each - {"sigmoid", "tanh"} and "softplus" not in each for each in curves):
        return found  # the reference evaluator knows no other activations in its operators, and does not say so
    if any(_pools_padded_volumes(node) for node in proto.graph.node):
        return found  # nor does it count the padding of a MaxPool over three axes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found["the reference evaluator"] = dict(zip(names, ReferenceEvaluator(proto).run(None, fed), strict=True))
    return found


def _pools_padded_volumes(node: Any) -> bool:
    given = {attribute.name: list(attribute.ints) for attribute in node.attribute}
    return node.op_type == "MaxPool" and len(given["kernel_shape"]) == 3 and any(given.get("pads", ()))


def _learns(name: str, graph: Graph, weights: Mapping[str, Array], inputs: tuple[Array, ...]) -> None:
    """Gradients of training are finite where the outputs are."""
    given = {name: jnp.asarray(array) for name, array in weights.items()}
    network = Functional(graph)

    def loss(weights: dict[str, jax.Array]) -> jax.Array:
        values, _ = network.values(weights, inputs, rngs=jax.random.key(0))
        return sum((values[port].astype(jnp.float32) ** 2).mean() for port in graph.outputs.values())  # type: ignore[return-value]

    value, slopes = jax.jit(jax.value_and_grad(loss))(given)
    if not np.isfinite(value) or value > 1e6:
        return
    for weight, slope in slopes.items():
        assert np.isfinite(slope).all(), f"{name}: the gradient of a {weight.rsplit('/', 1)[-1]} is not finite"


def road(project: Project, seed: int) -> None:
    """Train, open, predict, export, predict by the file: what validates goes all the way. Raises AssertionError, SpecError."""
    with tempfile.TemporaryDirectory() as name:
        path = project.write(Path(name))
        spec, program = required(read_file(path))
        roots = Roots.of(path)
        try:
            train(spec, program, roots, run=Path(name) / "run")
        except SpecError as error:
            if {d.code for d in error.diagnostics} <= DIVERGED:
                return
            raise
        run = Run(Path(name) / "run")
        if spec.gan is None:
            run.evaluate("validation")
        try:
            written = export(run, Path(name) / "model.onnx")
        except SpecError as error:
            if "stands on an edge" in str(error):
                return  # a step at exactly its threshold in every row: that is told, and right
            raise
        assert written.parity.holds, "not proven"
        if spec.gan is None and spec.export is not None and (spec.export.inputs, spec.export.outputs) == ("raw", "as_spec"):
            _same_answers(run, Path(name) / "model.onnx", project)


def _same_answers(run: Run, model: Path, project: Project) -> None:
    """Both give the same for the same rows. Raises AssertionError."""
    wanted = [column for columns in project.document["data"]["inputs"].values() for column in columns]
    rows = {column: list(project.columns[column][:3]) for column in wanted}
    one, two = predict(run, rows), predict(model, rows)
    assert set(one) == set(two), f"the run answers {sorted(one)}, the file {sorted(two)}"
    for column in one:
        assert len(one[column]) == len(two[column]), f"`{column}`: the run and the file give other numbers of rows"
        for a, b in zip(map(np.asarray, one[column]), map(np.asarray, two[column]), strict=True):  # rows may differ in length
            assert a.shape == b.shape, f"`{column}`: the run gives {a.shape}, the file {b.shape}"
            if a.dtype.kind == "f" and np.abs(a).max(initial=0) < 1e4:
                _near(b, a.astype(np.float64), 1e-3, f"`{column}`: the run and the file differ")
