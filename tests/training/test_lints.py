"""Every warning has a network behind it that fails as the warning says, and its mended twin that does not.

Each pair is trained for real: what a warning's text in `netspec explain` promises is measured here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.datasets import load_digits

from netspec import export, predict, train
from netspec.components.objectives import OPTIMIZERS
from netspec.diagnostics import Severity
from netspec.graph import lints
from netspec.graph.validate import checked
from netspec.inference.run import Run
from netspec.source import read_file, read_text
from tests.support import flax_values

PIXELS = "{rescale: {from: [0, 16], to: [0, 1]}}"


class Trained(NamedTuple):
    """A run and its figures."""

    run: Run
    lines: list[dict[str, float]]

    @property
    def loss(self) -> float:
        return self.lines[-1]["validation_loss"]

    @property
    def accuracy(self) -> float:
        return self.lines[-1]["validation_accuracy"]


class Pair:
    """A spec that is warned of, the mended one, and how the first is worse."""

    def __init__(self, code: str, bad: str, good: str, shows: Callable[[Trained, Trained], None]) -> None:
        self.code, self.bad, self.good, self.shows = code, bad, good, shows

    @cached_property
    def lines(self) -> set[int]:
        return {d.span.line for d in checked(read_text(self.bad, "bad.yaml")).diagnostics if d.span}


def digits(model: str, *, input: str = "[64]", scale: str = PIXELS, optimizer: str = "adam: 1.0e-3", epochs: int = 10, batch: int = 32) -> str:  # fmt: skip
    return f"""netspec: 1
name: digits
input: {input}
model:
  {model}
data:
  source: {{sklearn: digits}}
  split: {{validation: 0.25, stratify: true}}
  preprocess: {{input: {scale}}}
train:
  loss: cross_entropy
  optimizer: {{{optimizer}}}
  epochs: {epochs}
  batch_size: {batch}
  metrics: [accuracy]
"""


def flowers(source: str, inputs: int, outputs: int | str, *, scale: str, optimizer: str, epochs: int) -> str:
    return f"""netspec: 1
name: {source.replace("_", "-")}
input: [{inputs}]
model:
  mlp: {{hidden: [16], output: {outputs}}}
data:
  source: {{sklearn: {source}}}
  split: {{validation: 0.3, stratify: true}}
  preprocess: {{{scale}}}
train:
  loss: cross_entropy
  optimizer: {{{optimizer}}}
  epochs: {epochs}
  batch_size: 16
  metrics: [accuracy]
"""


def numbers(file: str, model: str, loss: str, *, input: str = "[4]", metric: str = "accuracy", epochs: int = 30) -> str:
    return f"""netspec: 1
name: {file}
input: {input}
model:
  {model}
data:
  source: {{npz: {file}.npz}}
  inputs: {{input: x}}
  target: y
  split: {{validation: 0.3}}
train:
  loss: {loss}
  optimizer: {{adam: 1.0e-2}}
  epochs: {epochs}
  batch_size: 16
  metrics: [{metric}]
"""


def write_data(folder: Path) -> None:
    """Several labels an example, a linear regression, and images whose class is in their last row alone."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(400, 4)).astype(np.float32)
    np.savez(folder / "labels.npz", x=x, y=(x[:, :3] > 0).astype(np.float32))
    np.savez(folder / "regression.npz", x=x, y=(x @ generator.normal(size=(4, 3))).astype(np.float32))
    images = generator.normal(size=(300, 7, 7, 1)).astype(np.float32)
    label = generator.integers(0, 2, 300)
    images[:, 6, :, 0] += 3 * label[:, None] - 1.5
    np.savez(folder / "images.npz", x=images, y=label)


def outputs_of(trained: Trained, file: str) -> np.ndarray:
    """What a run answers to all rows of a file."""
    columns = np.load(trained.run.folder.path.parent / f"{file}.npz")
    found: np.ndarray = np.asarray(predict(trained.run, {"x": columns["x"]})["output"])
    return found


# NS315


def stack(order: str) -> str:
    layers = {"dropout": "- dropout: 0.5", "norm": "- batch_norm: {momentum: 0.9}"}
    body = "\n          ".join(layers[name] for name in order.split())
    return f"""layers:
    - repeat:
        times: 3
        layers:
          - dense: {{units: 64, activation: relu}}
          {body}
    - dense: 10"""


def spread(trained: Trained) -> float:
    """The standard deviation that the first batch norm gives at inference, before its own scale: 1 by its promise."""
    graph = trained.run.program.main
    node = next(node for node in graph.nodes if node.op.type == "batch_norm")
    images = (load_digits().images.reshape(-1, 64) / 16).astype(np.float32)
    values = flax_values(graph, trained.run.weights, (images,))
    scale, bias = (trained.run.weights[f"{node.weight_scope}/{name}"] for name in ("scale", "bias"))
    found = next(value for port, value in values.items() if port.node == node.name)
    return float(np.median(((found - bias) / scale).std(0)))


def shrinks(bad: Trained, good: Trained) -> None:
    assert spread(bad) < 0.8
    assert 0.9 < spread(good) < 1.1
    assert bad.loss > 1.5 * good.loss


# NS413


def image(layer: str) -> str:
    layers = f"layers: [{{{layer}}}, flatten, {{dense: 16}}, relu, {{dense: 2}}]"
    return numbers("images", layers, "cross_entropy", input="[7, 7, 1]", epochs=10)


def sees_nothing(bad: Trained, good: Trained) -> None:
    assert bad.accuracy < 0.65  # of two classes
    assert good.accuracy > 0.95
    columns = np.load(bad.run.folder.path.parent / "images.npz")["x"]
    without = columns.copy()
    without[:, 6], without[:, :, 6] = 0, 0
    for trained, same in ((bad, True), (good, False)):
        before, after = (predict(trained.run, {"x": x})["output"] for x in (columns, without))
        assert np.array_equal(before, after) == same


# NS540


def digits_behind(activation: str) -> str:
    end = f", output_activation: {activation}" if activation else ""
    return digits(f"mlp: {{hidden: [32], output: 10{end}}}", optimizer="adam: 1.0e-2", epochs=15)


def capped_at(highest: float) -> Callable[[Trained, Trained], None]:
    def shows(bad: Trained, good: Trained) -> None:
        images = load_digits().images[..., None].astype(np.float32)
        assert np.max(predict(bad.run, {"image": images})["output"]) <= highest + 1e-5
        assert np.max(predict(good.run, {"image": images})["output"]) > 0.999
        assert bad.loss > 4 * good.loss
        assert bad.loss > -np.log(highest)

    return shows


def chance(best: float, rest: float) -> float:
    """The highest softmax of ten logits that are all between two bounds."""
    return float(np.exp(best) / (np.exp(best) + 9 * np.exp(rest)))


def labels(activation: str) -> str:
    return numbers("labels", f"mlp: {{hidden: [16], output: 3, output_activation: {activation}}}", "binary_cross_entropy")


def always_yes(bad: Trained, good: Trained) -> None:
    assert np.min(outputs_of(bad, "labels")) >= 0.5
    assert bad.accuracy < 0.6  # of two
    assert good.accuracy > 0.95
    assert bad.loss > 4 * good.loss


def regression(activation: str) -> str:
    return numbers("regression", f"mlp: {{hidden: [16], output: 3{activation}}}", "mean_squared_error", metric="r2")


def cannot_fit(bad: Trained, good: Trained) -> None:
    found = outputs_of(bad, "regression")
    shares = found if found.min() >= 0 else np.exp(found)
    np.testing.assert_allclose(shares.sum(-1), 1, atol=1e-5)
    assert bad.lines[-1]["validation_r2"] < 0.5
    assert good.lines[-1]["validation_r2"] > 0.95


# NS541

DEEP = "mlp: {hidden: [64, 64, 64], output: 10}"
RATES = {
    "sgd": (6.0, 0.05),
    "adam": (0.1, 1e-3),
    "adamw": (0.1, 1e-3),
    "rmsprop": (0.1, 1e-3),
    "adagrad": (6.0, 0.03),
    "adadelta": (50.0, 1.0),
    "lion": (0.02, 3e-4),
}
"""A rate above the usual, and a usual one."""


def digits_at(optimizer: str, rate: float) -> str:
    return digits(DEEP, optimizer=f"{optimizer}: {rate}", epochs=8)


def too_fast(bad: Trained, good: Trained) -> None:
    assert bad.accuracy < 0.6
    assert good.accuracy > 0.8


def too_slow(bad: Trained, good: Trained) -> None:
    losses = [line["train_loss"] for line in bad.lines]
    assert losses[-1] > 0.97 * losses[0]
    assert bad.accuracy < 0.3
    assert good.accuracy > 0.8


# NS542, NS543, NS544


def worse(accuracy: float, than: float) -> Callable[[Trained, Trained], None]:
    def shows(bad: Trained, good: Trained) -> None:
        assert bad.accuracy < accuracy
        assert good.accuracy > than
        assert bad.loss > 2 * good.loss

    return shows


def iris(outputs: int | str, epochs: int = 5) -> str:
    return flowers("iris", 4, outputs, scale="numbers: standardize", optimizer="adam: 1.0e-3", epochs=epochs)


SEPALS = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")


def answers_what_does_not_exist(bad: Trained, good: Trained) -> None:
    from sklearn.datasets import load_iris

    rows = dict(zip(SEPALS, load_iris().data.T, strict=True))
    chances = predict(bad.run, rows)["output"]
    assert chances[:, 3:].sum(-1).mean() > 0.4
    assert (chances.argmax(-1) > 2).mean() > 0.1
    assert bad.loss > 1.5 * good.loss
    assert bad.accuracy < good.accuracy


# NS310

GATE = """netspec: 1
name: gate
input: [2]
model:
  layers:
    - dense: {units: 8, activation: tanh}
      name: hidden
    - dense: {units: 1, activation: sigmoid}
      from: SOURCE
data:
  source: {inline: {x: [[0, 0], [0, 1], [1, 0], [1, 1]], y: [[0], [1], [1], [0]]}}
  inputs: {input: x}
  target: y
train:
  loss: binary_cross_entropy
  optimizer: {adam: 0.03}
  epochs: 300
  batch_size: 4
"""


def is_left_out(bad: Trained, good: Trained) -> None:
    assert bad.lines[-1]["train_loss"] > 0.69  # a half each: what one neuron makes of XOR
    assert good.lines[-1]["train_loss"] < 0.1


PAIRS = {
    "NS310 unused layer": Pair("NS310", GATE.replace("SOURCE", "input"), GATE.replace("SOURCE", "hidden"), is_left_out),
    "NS315": Pair("NS315", digits(stack("dropout norm")), digits(stack("norm dropout")), shrinks),
    "NS413 pool": Pair("NS413", image("max_pool2d: 2"), image("max_pool2d: {pool_size: 2, padding: same}"), sees_nothing),
    "NS413 convolution": Pair(
        "NS413",
        image("conv2d: {filters: 4, kernel_size: 2, strides: 2}"),
        image("conv2d: {filters: 4, kernel_size: 2, strides: 2, padding: same}"),
        sees_nothing,
    ),
    **{
        f"NS540 {activation}": Pair("NS540", digits_behind(activation), digits_behind(""), capped_at(highest))
        for activation, highest in {
            "sigmoid": chance(1, 0),
            "hard_sigmoid": chance(1, 0),
            "tanh": chance(1, -1),
            "binary_step": chance(1, 0),
            "relu6": chance(6, 0),
            "relu": 1.0,
        }.items()
    },
    "NS540 binary softmax": Pair("NS540", labels("softmax"), labels("sigmoid"), always_yes),
    "NS540 binary relu": Pair("NS540", labels("relu"), labels("sigmoid"), always_yes),
    **{
        f"NS540 regression {final}": Pair("NS540", regression(f", output_activation: {final}"), regression(""), cannot_fit)
        for final in ("softmax", "log_softmax")
    },
    **{
        f"NS541 {name} high": Pair("NS541", digits_at(name, high), digits_at(name, usual), too_fast)
        for name, (high, usual) in RATES.items()
    },
    **{
        f"NS541 {name} low": Pair("NS541", digits_at(name, OPTIMIZERS[name].usual[0] / 3), digits_at(name, usual), too_slow)
        for name, (_, usual) in RATES.items()
    },
    "NS542 wine, adam": Pair(
        "NS542",
        flowers("wine", 13, 3, scale="", optimizer="adam: 1.0e-3", epochs=40),
        flowers("wine", 13, 3, scale="numbers: standardize", optimizer="adam: 1.0e-3", epochs=40),
        worse(0.85, than=0.93),
    ),
    "NS542 wine, sgd": Pair(
        "NS542",
        flowers("wine", 13, 3, scale="", optimizer="sgd: 0.1", epochs=20),
        flowers("wine", 13, 3, scale="numbers: standardize", optimizer="sgd: 0.1", epochs=20),
        worse(0.6, than=0.93),
    ),
    "NS542 pixels, sgd": Pair(
        "NS542",
        digits("mlp: {hidden: [32], output: 10}", optimizer="sgd: 0.1", scale="[]"),
        digits("mlp: {hidden: [32], output: 10}", optimizer="sgd: 0.1"),
        worse(0.5, than=0.9),
    ),
    "NS543": Pair(
        "NS543",
        digits("mlp: {hidden: [32], output: 10}", batch=2048),
        digits("mlp: {hidden: [32], output: 10}"),
        worse(0.5, than=0.85),
    ),
    "NS544": Pair("NS544", iris(10), iris("classes"), answers_what_does_not_exist),
}


def saved(text: str, folder: Path, name: str) -> Path:
    write_data(folder)
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_what_is_warned_of_really_fails(name: str, tmp_path: Path) -> None:
    pair = PAIRS[name]
    found = []
    for which, text in (("bad", pair.bad), ("good", pair.good)):
        run = train(saved(text, tmp_path, which), run=tmp_path / f"{which}-run")
        found.append(Trained(run, [json.loads(line) for line in run.folder.metrics.read_text().splitlines()]))
    pair.shows(*found)


@pytest.mark.parametrize("name", PAIRS)
def test_the_bad_one_is_told_and_the_mended_one_is_not(name: str, tmp_path: Path) -> None:
    pair = PAIRS[name]
    told = checked(read_file(saved(pair.bad, tmp_path, "bad"))).diagnostics
    assert {(d.code, d.severity) for d in told} == {(pair.code, Severity.warning)}
    assert checked(read_file(saved(pair.good, tmp_path, "good"))).diagnostics == ()


@pytest.mark.parametrize("name", PAIRS)
def test_a_comment_silences_it(name: str, tmp_path: Path) -> None:
    pair = PAIRS[name]
    lines, comment = pair.bad.splitlines(), f"# netspec: ignore[{pair.code}]"
    behind = [f"{line}  {comment}" if number in pair.lines else line for number, line in enumerate(lines, 1)]
    above = [f"{comment}\n{line}" if number in pair.lines else line for number, line in enumerate(lines, 1)]
    for silenced in (behind, above):
        assert checked(read_file(saved("\n".join(silenced), tmp_path, "silenced"))).diagnostics == ()
    other = [line.replace(pair.code, "NS999") for line in behind]
    assert {d.code for d in checked(read_file(saved("\n".join(other), tmp_path, "other"))).diagnostics} == {pair.code}


def test_every_warning_is_covered() -> None:
    codes = set(re.findall(r'Lint\("(NS\d{3})"', Path(lints.__file__).read_text())) | {"NS310", "NS543"}
    assert {pair.code for pair in PAIRS.values()} == codes
    assert {name for name, pair in PAIRS.items() if pair.code == "NS541"} == {
        f"NS541 {name} {end}" for name in OPTIMIZERS for end in ("high", "low")
    }


@pytest.mark.parametrize("steps", ["target: standardize", ""])
def test_scaling_the_target_does_not_scale_the_inputs(steps: str) -> None:
    text = flowers("diabetes", 10, 1, scale=steps, optimizer="adam: 1.0e-3", epochs=1)
    text = text.replace("cross_entropy", "mean_squared_error").replace(", stratify: true", "").replace("accuracy", "r2")
    assert [d.code for d in checked(read_text(text, "diabetes.yaml")).diagnostics] == ["NS542"]
    scaled = text.replace("preprocess: {", "preprocess: {numbers: standardize" + (", " if steps else ""))
    assert checked(read_text(scaled, "diabetes.yaml")).diagnostics == ()


def test_outputs_without_a_class_can_be_evaluated_predicted_and_exported(tmp_path: Path) -> None:
    """NS544 is a warning, so everything works: an answer that is no class says so by its name."""
    from netspec.cli.predict import _answers

    text = iris(10, epochs=1).replace("validation: 0.3", "validation: 0.2, test: 0.3")
    run = train(saved(text, tmp_path, "bad"), run=tmp_path / "run")
    evaluation = run.evaluate()
    assert evaluation.confusion is not None
    assert evaluation.confusion.sum() == evaluation.examples
    assert evaluation.classes == ("setosa", "versicolor", "virginica", *(f"unnamed_{i}" for i in range(3, 10)))
    rows = {name: [3.0, 1.0] for name in SEPALS}
    answers = [answer["label"] for answer in _answers(run, predict(run, rows))]
    exported = export(run, tmp_path / "model.onnx", outputs="labels")
    assert [evaluation.classes[i] for i in predict(exported.file.path, rows)["output"].argmax(-1)] == answers
