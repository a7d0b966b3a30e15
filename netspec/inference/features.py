"""A classifier as a space in which real and generated examples are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from netspec.compiler.exact import exactly
from netspec.compiler.network import Functional
from netspec.components.layers import KernelLayer
from netspec.data import Roots
from netspec.diagnostics import Diagnostic, Problem, SpecError
from netspec.graph.ir import Graph, Port
from netspec.graph.pieces import between
from netspec.inference.predictor import Predictor
from netspec.inference.run import Run
from netspec.spec import Spec
from netspec.spec.reader import dotted
from netspec.training.references import referred
from netspec.training.samples import Features

Array = np.ndarray[Any, Any]
_BATCH = 512
_AT = ("train", "frechet", "classifier")
_FEATURES = "features"


def features_of(spec: Spec, roots: Roots) -> Features | None:
    """The classifier that a pair's spec names for its Frechet distance. Raises SpecError NS006, NS501, NS531, NS603."""
    section = spec.adversarial.frechet if spec.adversarial is not None else None
    if section is None:
        return None
    try:
        if section.classifier.endswith(".onnx"):
            return OnnxFeatures(roots.locate(section.classifier))
        return RunFeatures(Run(referred(roots.runs, section.classifier).path))
    except Problem as problem:
        span = spec.document.span(_AT)
        found = Diagnostic(
            problem.code, problem.message, file=spec.document.file, span=span, path=dotted(_AT), help=problem.help
        )
        raise SpecError(found) from None


class RunFeatures:
    """What goes into the last dense layer of a run."""

    def __init__(self, run: Run) -> None:
        self.run, self.column = run, _column(run)
        graph = between(run.graph, {name: Port(name) for name in run.graph.inputs}, {_FEATURES: _penultimate(run.graph)})
        network = Functional(graph)
        kept = {name for name, _ in graph.weights()}
        self.weights = {name: array for name, array in run.weights.items() if name in kept}
        self.forward = exactly(lambda weights, inputs: network.values(weights, inputs)[0][graph.outputs[_FEATURES]])

    def of(self, raw: Array) -> Array:
        """The features [rows, features] of examples in original units."""
        found = []
        for start in range(0, len(raw), _BATCH):
            inputs, _ = self.run.preprocess.prepare({self.column: raw[start : start + _BATCH]})
            values = np.asarray(self.forward(self.weights, tuple(inputs.values())))
            found.append(values.reshape(len(values), -1))
        return np.concatenate(found)


class OnnxFeatures:
    """What goes into the last matrix product of an exported file. Only here is ONNX needed to train."""

    def __init__(self, path: Path) -> None:
        from netspec.exporter.features import with_features
        from netspec.exporter.session import feeds, session
        from netspec.inference.onnx import OnnxModel

        self.model = OnnxModel(path)
        self.column, self.feeds = _column(self.model), feeds
        self.session = session(with_features(self.model.file))

    def of(self, raw: Array) -> Array:
        """The features [rows, features] of examples in original units."""
        found = []
        for start in range(0, len(raw), _BATCH):
            columns = {self.column: raw[start : start + _BATCH].astype(np.float32)}
            (values,) = self.session.run(None, self.feeds(self.session, self.model.inputs, self.model.preprocess, columns))
            found.append(np.asarray(values))
        return np.concatenate(found)


def _column(predictor: Predictor) -> str:
    """The one column that the classifier reads."""
    columns = [column.name for pipe in predictor.preprocess.inputs.values() for column in pipe.columns]
    if len(columns) != 1:
        help = ("name a classifier of images, or of one array",)
        raise SpecError(Diagnostic("NS603", "this classifier reads several columns", help=help, exit_code=2))
    return columns[0]


def _penultimate(graph: Graph) -> Port:
    """What goes into the last layer that has a kernel."""
    node = graph.node.get(next(iter(graph.outputs.values())).node)
    while node is not None and not isinstance(node.op, KernelLayer):
        node = graph.node.get(node.inputs[0].node)
    if node is None:
        raise SpecError(Diagnostic("NS603", "this classifier has no layer with a kernel", exit_code=2))
    return node.inputs[0]
