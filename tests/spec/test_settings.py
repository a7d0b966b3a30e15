"""`--set`: changes by name, also through short values; what is wrong with them is told without a place in the file."""

from __future__ import annotations

from typing import Any

import pytest

from netspec.diagnostics import SpecError
from netspec.graph.validate import checked, required
from netspec.source import read_text
from netspec.spec.expand import expanded
from netspec.spec.overrides import override

TEXT = """netspec: 1
name: x
vars: {width: 4}
input: [4]
model:
  layers:
    - dense: $width
      name: stem
    - residual: [{dense: 4, name: deep}]
    - dense: 3
train:
  loss: cross_entropy
  optimizer: {adam: 1.0e-3}
"""


def after(**settings: Any) -> dict[str, Any]:
    named = {key.replace("__", "."): value for key, value in settings.items()}
    spec, _ = required(read_text(TEXT, "x.yaml"), named)
    return expanded(spec)


def test_settings_go_through_short_values() -> None:
    assert after(train__optimizer__adam__learning_rate=0.5)["train"]["optimizer"]["adam"]["learning_rate"] == 0.5
    assert after(train__optimizer__adam__b1=0.5)["train"]["optimizer"]["adam"]["learning_rate"] == 1e-3
    assert after(train__loss__cross_entropy__label_smoothing=0.1)["train"]["loss"]["cross_entropy"]["label_smoothing"] == 0.1
    assert after(model__stem__use_bias=False)["model"]["layers"][0]["dense"]["use_bias"] is False
    assert after(width=7, model__deep__units=7)["model"]["layers"][1]["residual"]["layers"][0]["dense"]["units"] == 7


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("train.epochs", 0, "NS205"),
        ("train.epoch", 3, "NS203"),
        ("width", 2.5, "NS204"),
        ("model.stem.units", -1, "NS205"),
    ],
)
def test_a_wrong_value_is_told_without_a_place(path: str, value: Any, code: str) -> None:
    (found,) = checked(read_text(TEXT, "x.yaml"), {path: value}).diagnostics
    assert found.code == code
    if path == "width":  # told where the variable is used
        assert found.path == "model.layers[0].dense.units"
        return
    assert found.span is None
    assert found.file == ""
    assert f"`--set {path}`" in found.message


@pytest.mark.parametrize(
    "path", ["widht", "train.optimizer.sgd.learning_rate", "model.none.units", "name.first", "model.layers.0"]
)
def test_a_path_that_leads_nowhere(path: str) -> None:
    with pytest.raises(SpecError) as caught:
        checked(read_text(TEXT, "x.yaml"), {path: 1})
    assert [d.code for d in caught.value.diagnostics] == ["NS311"]
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("setting", "value", "at"),
    [
        ("initialize.freeze", False, ("initialize", "freeze")),
        ("dims.time.max", 40, ("dims", "time", "max")),
        ("name", "other", ("name",)),
        ("model.autoencoder.encoder", [{"dense": 5}], ("model", "autoencoder", "encoder")),
        ("model.autoencoder.latent", 3, ("model", "autoencoder", "latent")),
    ],
)
def test_every_part_of_a_file_can_be_set(setting: str, value: Any, at: tuple[str, ...]) -> None:
    text = """netspec: 1
name: example
input: [8]
dims: {time: {max: 9}}
model: {autoencoder: {encoder: [{dense: 4}], latent: 2, decoder: [{dense: 8}]}}
initialize: {from: other/best, layers: {encoder: encoder}, freeze: true}
"""
    data, reached = override(read_text(text, "example.yaml").data, {setting: value})
    for step in at:
        data = data[step]
    assert data == value
    assert list(reached) == [at]


@pytest.mark.parametrize("layer", ["rnn", "gru", "lstm"])
def test_a_short_form_is_set_though_a_network_has_its_name(layer: str) -> None:
    data = {"model": {"layers": [{layer: 8, "name": "steps"}]}}
    changed, _ = override(data, {"model.steps.return_sequences": True})
    assert changed["model"] == {"layers": [{layer: {"units": 8, "return_sequences": True}, "name": "steps"}]}
