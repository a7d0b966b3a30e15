"""Steps for sequences say the same on the host and in the exported graph, for any text and any sound."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netspec import export, train
from netspec.components.sources.files import objects
from netspec.components.transforms import TRANSFORMS
from netspec.components.transforms.fitted import Fitted
from netspec.components.transforms.pipeline import ColumnPipe, InputPipe, Preprocess
from netspec.exporter.lower import lower
from netspec.exporter.session import feeds, session
from netspec.graph import build
from netspec.inference.onnx import OnnxModel
from netspec.spec.sections import ExportSection
from netspec.tensor import TensorType
from tests.support import spec_of

WORDS = [
    "the",
    "I",
    "i",
    "É",
    "é",
    "ß",
    "\u0130stanbul",
    "straße",
    "naïve",
    "e\u0301",
    "日本",
    "\U0001d518",
    "a\tb",
    "a\0b",
    "a\u00a0b",
    "x,y.",
    "\u0130",
    "ς",
]


class Sequences:
    """An exported file that gives its input as the network would get it, and the host's pipe for the same column."""

    def __init__(self, column: str, kind: Any, steps: Sequence[Fitted], shape: Any, vocabulary: int | None = None) -> None:
        given: Any = {"shape": ["time"], "vocabulary": vocabulary} if vocabulary else ["time", *shape]
        first = {"embedding": 1} if vocabulary else {"identity": {}}
        layers: list[Any] = [{**first, "name": "steps"}, {"global_avg_pool": {}, "name": "mean"}]
        program, found = build(spec_of({"input": given, "model": {"layers": layers, "outputs": ["steps", "mean"]}}))
        assert program is not None, found
        graph = program.with_ragged({"time"}).main
        declared = graph.inputs["input"]
        self.pipe = InputPipe(
            (ColumnPipe(column, kind, tuple(steps)),), (), TensorType(declared.shape, declared.dtype, vocabulary)
        )
        self.column, self.preprocess = column, Preprocess({"input": self.pipe}, {})
        weights = {name: np.arange(vocabulary or 0, dtype=np.float32)[:, None] for name, _ in graph.weights()}
        lowered = lower(graph, weights, ExportSection(opset=20), name="example", preprocess=self.preprocess)
        self.inputs = lowered.inputs
        self.session = session(ir.to_proto(lowered.model).SerializeToString())

    def both(self, column: Any) -> tuple[list[Any], list[Any]]:
        """What each row becomes: on the host, and in ONNX Runtime."""
        host = self.pipe.prepare({self.column: column})
        answer, means = self.session.run(None, feeds(self.session, self.inputs, self.preprocess, {self.column: column}))
        assert host.lengths is not None
        assert answer.shape[:2] == host.values.shape[:2], "another number of steps"
        rows = zip(host.values, answer, host.lengths, strict=True)
        pairs = [(one[:length], other[:length]) for one, other, length in rows]
        for (_, other), mean in zip(pairs, means, strict=True):  # the file counts as many steps as the host
            np.testing.assert_allclose(mean, other.mean(axis=0), rtol=1e-4, atol=1e-5)
        return [one for one, _ in pairs], [other for _, other in pairs]


def tokenizer(words: Sequence[str], *, lowercase: bool) -> Sequences:
    step = TRANSFORMS["tokenize"].model_validate({"by": "word", "lowercase": lowercase})
    state = step.fit(np.asarray([" ".join(words)], dtype=object))
    return Sequences("text", "category", [Fitted(step, state)], (), len(state["words"]) + 2)


TOKENIZERS = {lowercase: tokenizer(WORDS, lowercase=lowercase) for lowercase in (True, False)}
CHARACTERS = st.characters(exclude_categories=["Cs"])
WORD = st.one_of(st.sampled_from(WORDS), st.sampled_from(WORDS).map(str.upper), st.text(CHARACTERS, max_size=5))
TEXT = st.lists(WORD, max_size=6).flatmap(
    lambda words: st.sampled_from([" ", "  ", "\t", "\n", "\u00a0"]).map(lambda s: s.join(words))
)


@settings(max_examples=400)
@given(st.lists(st.one_of(TEXT, st.text(CHARACTERS)), min_size=1, max_size=4), st.booleans())
@example(["", "  "], True)
@example([""], False)
@example([" the  I "], True)
@example(["THE the İSTANBUL É é\u0301"], True)
def test_words_are_the_same_ids_in_the_file(texts: list[str], lowercase: bool) -> None:
    host, file = TOKENIZERS[lowercase].both(np.asarray(texts, dtype=object))
    for text, one, other in zip(texts, host, file, strict=True):
        assert one.tolist() == other[:, 0].astype(int).tolist(), text


def test_known_words_are_found_whatever_their_case() -> None:
    """Were both sides always to say `unknown`, they would agree as well."""
    host, _ = TOKENIZERS[True].both(np.asarray(["THE straße É", "The STRASSE é"], dtype=object))
    assert (host[0] > 1).all()
    assert (host[1] > 1).tolist() == [True, False, True]


def sound_of(size: int, seed: int) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(seed)
    wave = 0.4 * np.sin(np.arange(size) * generator.uniform(0.01, 2)) + 0.05 * generator.normal(size=size)
    return np.asarray(wave, np.float32)


SPECTRA = {
    fields: Sequences(
        "sound", "sequence", [Fitted(TRANSFORMS["log_mel"].model_validate(dict(fields)), {})], [dict(fields)["bands"]]
    )
    for fields in (
        (("rate", 8000), ("bands", 12), ("window", 64), ("hop", 32)),
        (("rate", 16000), ("bands", 5), ("window", 50), ("hop", 17)),
        (("rate", 8000), ("bands", 8), ("window", 32), ("hop", 40)),
    )
}


@settings(max_examples=60)
@given(st.sampled_from(list(SPECTRA)), st.lists(st.integers(1, 400), min_size=1, max_size=4), st.integers(0, 99))
def test_spectra_are_the_same_in_the_file(fields: Any, sizes: list[int], seed: int) -> None:
    """Sounds that are shorter than a frame, too, alone and beside longer ones."""
    host, file = SPECTRA[fields].both(objects([sound_of(size, seed + i) for i, size in enumerate(sizes)]))
    for size, one, other in zip(sizes, host, file, strict=True):
        window, hop = dict(fields)["window"], dict(fields)["hop"]
        assert len(one) == max(1, (size - window) // hop + 1)
        np.testing.assert_allclose(other, one, atol=1e-5, rtol=1e-5)


def test_silence_and_a_clap_stay_finite() -> None:
    found = next(iter(SPECTRA.values()))
    host, file = found.both(objects([np.zeros(100, np.float32), np.full(100, 1e4, np.float32)]))
    for one, other in zip(host, file, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(other, one, atol=1e-5, rtol=1e-5)


CHAINS: dict[str, list[Any]] = {
    "log, difference, standardize": ["log", {"difference": 1}, "standardize"],
    "seasonal difference, min_max": [{"difference": 4}, "min_max"],
    "two differences": [{"difference": 1}, {"difference": 2}],
    "standardize, difference": ["standardize", {"difference": 3}],
    "rescale, log": [{"rescale": {"from": [0, 200], "to": [1, 2]}}, "log"],
}


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("case", CHAINS)
def test_series_are_prepared_and_undone_in_the_file(case: str, horizon: int, tmp_path: Path) -> None:
    """The file reads the raw series and answers in its units: what a run says, within float32."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "series.csv").write_text("y\n" + "".join(f"{50 + 9 * np.sin(i) + i:.3f}\n" for i in range(80)))
    document = {
        "netspec": 1,
        "name": "chain",
        "input": [6, 1],
        "model": {"layers": [{"gru": 4}, {"dense": horizon}]},
        "data": {
            "source": {"csv": "series.csv"},
            "series": {"columns": ["y"], "window": 6, "horizon": horizon},
            "split": {"by": "time", "validation": 12, "test": 12},
            "preprocess": {"y": CHAINS[case]},
        },
        "train": {
            "loss": "mean_squared_error",
            "optimizer": {"adam": 0.01},
            "epochs": 1,
            "batch_size": 16,
            "metrics": ["rmse"],
        },
    }
    (tmp_path / "spec.json").write_text(json.dumps(document))
    run = train(tmp_path / "spec.json", runs=tmp_path / "runs")
    export(run, tmp_path / "chain.onnx")
    file = OnnxModel(tmp_path / "chain.onnx")
    raw = run.part("test").raw
    ((name, one),), ((_, other),) = run.batch(raw).items(), file.batch(raw).items()
    np.testing.assert_allclose(other, one, rtol=2e-5)
    assert file.evaluate("test").metrics == pytest.approx(run.evaluate("test").metrics, rel=1e-4), name
