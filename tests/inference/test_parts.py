"""Pairs and autoencoders after training: samples, halves, codes, strange rows, and parts that serve other networks."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from PIL import Image

from netspec import SpecError, export, predict, sample, train
from netspec.exporter.session import session
from netspec.inference.onnx import OnnxModel
from netspec.inference.run import Run
from tests.training.test_resume import PAIR, netspec

MIRROR: dict[str, Any] = {
    "netspec": 1,
    "name": "mirror",
    "input": [8, 8, 1],
    "model": {
        "autoencoder": {
            "latent": 6,
            "encoder": [
                {"conv2d": {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}},
                "flatten",
                {"dense": {"units": 32, "activation": "relu"}},
            ],
            "decoder": [{"dense": 64}, {"reshape": [8, 8, 1]}, "sigmoid"],
        }
    },
    "data": {
        "source": {"sklearn": "digits"},
        "split": {"validation": 0.2, "test": 0.2},
        "preprocess": {"input": {"rescale": {"from": [0, 16], "to": [0, 1]}}},
    },
    "train": {
        "loss": "binary_cross_entropy",
        "optimizer": {"adam": 2e-3},
        "epochs": 20,
        "batch_size": 64,
        "metrics": ["rmse"],
    },
}


def trained(document: dict[str, Any], folder: Path, **changes: Any) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").write_text(json.dumps({**document, **changes}))
    return train(folder / "spec.json", run=folder / "run", runs=folder.parent / "runs")


def with_model(**fields: Any) -> dict[str, Any]:
    return {"model": {"autoencoder": {**MIRROR["model"]["autoencoder"], **fields}}}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(PAIR, tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(MIRROR, tmp_path_factory.mktemp("mirror"))


def evaluated_by_reference(path: Path, feeds: dict[str, Any]) -> list[Any]:
    return list(ReferenceEvaluator(onnx.load(path)).run(None, feeds))


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_a_side_of_a_pair_is_exported_and_proven(pair: Run, part: str, tmp_path: Path) -> None:
    exported = export(pair, tmp_path / "side.onnx", part=part)
    assert exported.parity.holds
    (parity,) = exported.parity.outputs.values()
    scale = 16.0 if part == "generator" else 1.0  # the generator's file gives the data's own units
    assert parity.max_abs <= 1e-5 * scale
    runtime = session((tmp_path / "side.onnx").read_bytes())
    names = {value.name: value.shape for value in runtime.get_inputs()}
    assert set(names) == ({"latent", "target"} if part == "generator" else {"input", "target"})
    assert all(shape[0] == "batch" for shape in names.values())
    run = Run(pair.folder.path, part=part)
    random = np.random.default_rng(1)
    x = random.normal(size=(5, 8)) if part == "generator" else random.uniform(0, 16, (5, 8, 8, 1))
    feeds = {("latent" if part == "generator" else "input"): x.astype(np.float32)}
    feeds["target"] = np.asarray([["0"], ["3"], ["9"], ["3"], ["7"]], object)
    (by_reference,) = evaluated_by_reference(tmp_path / "side.onnx", feeds)
    column = next(c.name for n, p in run.preprocess.inputs.items() if n != "condition" for c in p.columns)
    (value,) = predict(run, {column: next(iter(feeds.values())), "target": feeds["target"][:, 0]}).values()
    np.testing.assert_allclose(by_reference, value, atol=1e-5 * scale, rtol=1e-5)


def test_samples_are_those_of_the_seed_from_run_and_file_alike(pair: Run, tmp_path: Path) -> None:
    export(pair, tmp_path / "generator.onnx")
    made = sample(pair, 12, seed=4)
    assert made.shape == (12, 8, 8, 1)
    assert made.min() >= 0.0
    assert made.max() <= 16.0
    np.testing.assert_array_equal(made, sample(pair, 12, seed=4))
    assert np.abs(made - sample(pair, 12, seed=5)).max() > 1e-3
    np.testing.assert_allclose(made, sample(tmp_path / "generator.onnx", 12, seed=4), atol=2e-4)


def test_a_class_is_asked_for_by_name(pair: Run) -> None:
    sevens, all_of_them = sample(pair, 20, label="7"), sample(pair, 20)
    np.testing.assert_allclose(sevens[7], all_of_them[7], atol=1e-5)  # classes come in turn
    np.testing.assert_allclose(sevens[17], all_of_them[17], atol=1e-5)
    assert np.abs(sevens[8] - all_of_them[8]).max() > 1e-4
    with pytest.raises(SpecError, match="NS506"):
        sample(pair, 2, label="eleven")


def test_a_way_leads_from_one_sample_to_another(pair: Run) -> None:
    from netspec.inference.opening import open_sampler

    sampler = open_sampler(pair)
    draws = sampler.between(3, 5, seed=2, label="1")
    latent = draws["latent"].reshape(3, 5, -1)
    ends = sampler.draw(6, seed=2, label="1")["latent"]
    np.testing.assert_allclose(latent[:, 0], ends[::2], atol=1e-5)
    np.testing.assert_allclose(latent[:, -1], ends[1::2], atol=1e-5)
    lengths = np.linalg.norm(latent, axis=-1)
    assert (lengths >= np.minimum(lengths[:, :1], lengths[:, -1:]) - 1e-4).all(), "a straight line would cut the sphere"


def test_the_run_folder_has_pictures_of_the_samples(pair: Run) -> None:
    pictures = sorted((pair.folder.path / "samples").iterdir())
    assert [path.name for path in pictures] == ["epoch-0003.png", "epoch-0006.png"]
    with Image.open(pictures[-1]) as opened:
        image = np.asarray(opened)
    assert image.shape == (2 * 50 + 2, 5 * 50 + 2, 3)
    assert image.std() > 5
    line = json.loads(pair.folder.metrics.read_text().splitlines()[-1])
    assert {"generator_loss", "discriminator_loss", "generator_gradient", "discriminator_gradient", "diversity"} <= line.keys()
    events = list((pair.folder.path / "tensorboard").iterdir())
    assert any(b"samples" in path.read_bytes() and b"PNG" in path.read_bytes() for path in events)


def test_sample_writes_what_the_ending_says(pair: Run, tmp_path: Path) -> None:
    run = pair.folder.path
    netspec("sample", run, "-o", tmp_path / "grid.png", "--grid", "2x3", folder=tmp_path)
    with Image.open(tmp_path / "grid.png") as image:
        assert image.size == (3 * 50 + 2, 2 * 50 + 2)
    netspec("sample", run, "-o", tmp_path / "some.npz", "--rows", "7", "--class", "3", folder=tmp_path)
    with np.load(tmp_path / "some.npz") as archive:
        assert archive["samples"].shape == (7, 8, 8, 1)
        assert set(archive["target"].tolist()) == {"3"}
    netspec("sample", run, "-o", tmp_path / "some.csv", "--rows", "4", folder=tmp_path)
    with (tmp_path / "some.csv").open() as stream:
        assert len(list(csv.reader(stream))) == 5
    wrong = netspec("sample", run, "-o", tmp_path / "some.jpg", folder=tmp_path, check=False)
    assert wrong.returncode == 2
    assert "NS205" in wrong.stderr


def test_both_parts_are_two_files(pair: Run, tmp_path: Path) -> None:
    netspec("export", pair.folder.path, "--part", "both", "-o", tmp_path / "pair.onnx", folder=tmp_path)
    assert {path.name for path in tmp_path.glob("*.onnx")} == {"pair-generator.onnx", "pair-discriminator.onnx"}
    wrong = netspec("export", pair.folder.path, "--part", "critic", folder=tmp_path, check=False)
    assert wrong.returncode == 2
    assert "NS303" in wrong.stderr


def test_an_autoencoder_makes_its_input_again_in_its_own_units(mirror: Run, tmp_path: Path) -> None:
    evaluation = mirror.evaluate()
    rows = mirror.part("test")
    again = mirror.predict(rows.raw)["decoder"]
    raw = next(iter(rows.raw.values())).values.reshape(again.shape)
    assert evaluation.metrics["test_rmse"] == pytest.approx(float(np.sqrt(((again - raw) ** 2).mean())), rel=1e-5)
    assert evaluation.metrics["test_rmse"] < 3.2, "the mean image alone is 4.3 away"
    export(mirror, tmp_path / "whole.onnx")
    of_file = OnnxModel(tmp_path / "whole.onnx")
    np.testing.assert_allclose(of_file.predict(rows.raw)["decoder"], again, atol=2e-4)


def test_the_halves_of_an_autoencoder_are_the_whole(mirror: Run, tmp_path: Path) -> None:
    for part in ("encoder", "decoder"):
        exported = export(mirror, tmp_path / f"{part}.onnx", part=part)
        assert exported.parity.holds
    x = next(iter(mirror.part("test").raw.values())).values[:9].reshape(9, 8, 8, 1).astype(np.float32)
    (code,) = session((tmp_path / "encoder.onnx").read_bytes()).run(None, {"input": x})
    assert code.shape == (9, 6)
    (again,) = session((tmp_path / "decoder.onnx").read_bytes()).run(None, {"code": code})
    whole = mirror.predict({name: c.take(np.arange(9)) for name, c in mirror.part("test").raw.items()})["decoder"]
    np.testing.assert_allclose(again, whole, atol=2e-4)
    (by_reference,) = evaluated_by_reference(tmp_path / "encoder.onnx", {"input": x})
    np.testing.assert_allclose(by_reference, code, atol=1e-5, rtol=1e-5)
    asked = Run(mirror.folder.path, output="code")
    column = asked.preprocess.inputs["input"].columns[0].name
    np.testing.assert_allclose(predict(asked, {column: x})["code"], code, atol=1e-5)
    with pytest.raises(SpecError, match="NS510"):
        sample(mirror, 3)  # its codes follow no distribution


def test_a_named_layer_can_be_asked_for(mirror: Run) -> None:
    found = Run(mirror.folder.path, output="code")
    assert list(found.plans) == ["code"]
    with pytest.raises(SpecError, match="NS303"):
        Run(mirror.folder.path, output="cod")


def test_a_vae_prices_its_code_and_can_be_sampled(tmp_path: Path) -> None:
    kl = {**MIRROR["train"], "kl": {"weight": 1.0, "warmup_epochs": 2}}
    run = trained(MIRROR, tmp_path / "vae", **with_model(variational=True), train=kl)
    lines = [json.loads(line) for line in run.folder.metrics.read_text().splitlines()]
    assert lines[0]["train_kl"] > 0
    free = trained(MIRROR, tmp_path / "free", **with_model(variational=True), train={**kl, "kl": {"weight": 0.0}})
    unpriced = json.loads(free.folder.metrics.read_text().splitlines()[-1])
    assert lines[-1]["validation_kl"] < 0.5 * unpriced["validation_kl"], "a price makes codes cheaper"
    # The loss is the reconstruction's and the divergence's, spread over the 64 pixels.
    encoder = Run(run.folder.path, output="mean"), Run(run.folder.path, output="log_variance")
    rows = run.part("validation")
    mean, log_variance = (next(iter(each.predict(rows.raw).values())) for each in encoder)
    divergence = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(-1).mean()
    best = min(lines, key=lambda line: line["validation_loss"])
    assert best["validation_kl"] == pytest.approx(float(divergence), rel=1e-4)
    made = sample(run, 6, seed=1)
    assert made.shape == (6, 8, 8, 1)
    assert made.std() > 1


def test_a_sparse_code_is_smaller(tmp_path: Path) -> None:
    codes = []
    for sparsity in (0.0, 3e-3):
        run = trained(MIRROR, tmp_path / str(sparsity), **with_model(activation="relu", sparsity=sparsity))
        asked = Run(run.folder.path, output="code")
        codes.append(float(np.abs(asked.predict(asked.part("validation").raw)["code"]).mean()))
    assert codes[1] < 0.6 * codes[0]


def test_what_is_corrupted_is_what_goes_in_not_what_is_due(tmp_path: Path) -> None:
    """A denoiser trained on noise of 0.3 makes noisy digits cleaner; flips move both sides."""
    noisy = {**MIRROR["data"], "augment": [{"gaussian_noise": 0.3}]}
    run = trained(MIRROR, tmp_path / "clean", data=noisy, train={**MIRROR["train"], "epochs": 20})
    rows = run.part("test")
    (column,) = rows.raw
    clean = rows.raw[column].values.reshape(-1, 8, 8, 1)
    dirty = clean + 16 * 0.3 * np.random.default_rng(0).normal(size=clean.shape)
    again = predict(run, {column: dirty})["decoder"]
    assert ((again - clean) ** 2).mean() < 0.7 * ((dirty - clean) ** 2).mean()


def test_geometric_steps_move_both_sides() -> None:
    import jax
    import jax.numpy as jnp

    from netspec.components.augment import AUGMENTS
    from netspec.training.batches import Batch
    from netspec.training.steps.supervised import Supervised

    x = jnp.asarray(np.random.default_rng(0).normal(size=(16, 8, 8, 1)), jnp.float32)
    steps = (AUGMENTS["flip_horizontal"](), AUGMENTS["gaussian_noise"].model_validate({"stddev": 0.1}))
    of = Supervised(None, {}, None, 1, steps, (jnp.zeros(1),), mirrors=("decoder",))  # type: ignore[arg-type]
    moved = of._augmented(Batch((x,), {"decoder": x}, {}), jax.random.key(1))
    flipped = np.abs(np.asarray(moved.targets["decoder"] - x)).reshape(16, -1).max(1) > 0
    assert 0 < flipped.sum() < 16
    assert np.abs(np.asarray(moved.inputs[0] - moved.targets["decoder"])).max() < 0.6, "noise is on the input alone"


def test_strange_rows_have_a_threshold(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    usual = random.normal(size=(400, 1)) @ random.normal(size=(1, 4)) + 0.1 * random.normal(size=(400, 4))
    strange = 3 * random.normal(size=(20, 4))
    rows = [*((row, "fine") for row in usual), *((row, "odd") for row in strange)]
    (tmp_path / "spec").mkdir()
    with (tmp_path / "spec" / "rows.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["a", "b", "c", "d", "state"])
        writer.writerows([*row, state] for row, state in rows)
    document = {
        "netspec": 1,
        "name": "odd",
        "input": [4],
        "model": {
            "autoencoder": {"latent": 1, "encoder": ["identity"], "decoder": [{"dense": 4}], "anomaly": {"quantile": 0.9}}
        },
        "data": {
            "source": {"csv": "rows.csv"},
            "target": "state",
            "split": {"validation": 0.3, "test": 0.3, "stratify": True},
            "preprocess": {"numbers": "standardize"},
        },
        "train": {
            "loss": "mean_squared_error",
            "optimizer": {"adam": 1e-2},
            "epochs": 30,
            "metrics": ["roc_auc", "recall"],
        },
    }
    run = trained(document, tmp_path / "spec")
    metrics = run.evaluate().metrics
    assert metrics["test_anomaly_roc_auc"] > 0.9
    threshold = run.manifest["threshold"]
    scores = run.predict(run.part("validation").raw)["anomaly"]
    assert (scores < threshold).mean() == pytest.approx(0.9, abs=0.02)
    export(run, tmp_path / "odd.onnx", outputs="labels")
    labels = session((tmp_path / "odd.onnx").read_bytes()).run(["anomaly"], _raw(run))[0]
    expected = run.predict(run.part("test").raw)["anomaly"] >= threshold
    assert (labels.reshape(-1) == "odd").tolist() == expected.reshape(-1).tolist()
    done = netspec("predict", run.folder.path, tmp_path / "spec" / "rows.csv", folder=tmp_path)
    first, second = done.stdout.splitlines()[:2]
    assert first.split(",")[-2:] == ["anomaly_score", "anomaly"]
    assert second.endswith(("True", "False"))


def _raw(run: Run) -> dict[str, Any]:
    columns = run.part("test").raw
    return {"input": np.stack([columns[name].values for name in "abcd"], axis=1).astype(np.float32)}


CLASSIFIER: dict[str, Any] = {
    "netspec": 1,
    "name": "classifier",
    "input": [8, 8, 1],
    "model": {"layers": ["flatten", {"dense": {"units": 12, "activation": "tanh"}}, {"dense": 10}]},
    "data": {"source": {"sklearn": "digits"}, "preprocess": {"input": {"rescale": {"from": [0, 16], "to": [0, 1]}}}},
    "train": {"loss": "cross_entropy", "optimizer": {"adam": 1e-2}, "epochs": 3},
}


def test_the_frechet_distance_is_taken_in_a_named_classifier(tmp_path: Path) -> None:
    from netspec.inference.features import OnnxFeatures, RunFeatures

    (tmp_path / "classifier.json").write_text(json.dumps(CLASSIFIER))
    classifier = train(tmp_path / "classifier.json", runs=tmp_path / "runs")
    export(classifier, tmp_path / "pair" / "judge.onnx")
    x = np.random.default_rng(0).uniform(0, 16, (700, 8, 8, 1)).astype(np.float32)
    features = RunFeatures(classifier).of(x)
    hidden = np.tanh(x.reshape(700, 64) / 16 @ classifier.weights["dense_1/kernel"] + classifier.weights["dense_1/bias"])
    np.testing.assert_allclose(features, hidden, atol=1e-5)
    np.testing.assert_allclose(OnnxFeatures(tmp_path / "pair" / "judge.onnx").of(x), hidden, atol=1e-5)
    found = []
    for name in ("classifier/best", "judge.onnx"):
        judged = {**PAIR["train"], "epochs": 1, "frechet": {"classifier": name, "samples": 600}}
        (tmp_path / "pair" / "spec.json").write_text(json.dumps({**PAIR, "train": judged}))
        run = train(tmp_path / "pair" / "spec.json", run=tmp_path / name.partition("/")[0], runs=tmp_path / "runs")
        found.append(json.loads(run.folder.metrics.read_text())["frechet_distance"])
    assert found[0] > 0.01
    assert found[0] == pytest.approx(found[1], rel=1e-3)
    (tmp_path / "pair" / "spec.json").write_text(
        json.dumps({**PAIR, "train": {**PAIR["train"], "frechet": {"classifier": "nobody/best"}}})
    )
    with pytest.raises(SpecError, match="NS531"):
        train(tmp_path / "pair" / "spec.json", run=tmp_path / "none", runs=tmp_path / "runs")


def test_training_needs_no_onnx(tmp_path: Path) -> None:
    """The extra `train` alone brings no ONNX: a pair trains and is sampled without it."""
    import subprocess
    import sys

    (tmp_path / "spec.json").write_text(json.dumps({**PAIR, "train": {**PAIR["train"], "epochs": 1}}))
    text = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('onnx', 'onnx_ir', 'onnxruntime'):\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "from netspec import sample, train\n"
        "print(sample(train('spec.json', run='run'), 3).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith("(3, 8, 8, 1)"), done.stderr
