"""Determinism: one seed gives one set of bytes, however often a run is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.graph.validate import required
from netspec.source import read_file
from netspec.spec.paths import Roots
from netspec.training import Interrupted, checkpoint
from netspec.training import train as start
from netspec.training.folder import RunFolder
from netspec.training.watch import Quiet

DEVICE = os.environ.get("JAX_PLATFORMS", "cpu")
"""Where the runs of these tests are: `JAX_PLATFORMS=cuda pytest tests/training` has them on a GPU."""

HARD: dict[str, Any] = {
    "netspec": 1,
    "name": "hard",
    "input": [8, 8, 1],
    "model": {
        "layers": [
            {"conv2d": {"filters": 4, "kernel_size": 3, "padding": "same"}},
            "batch_norm",
            "relu",
            {"max_pool2d": 2},
            "flatten",
            {"dropout": 0.2},
            {"dense": 10},
        ]
    },
    "data": {
        "source": {"sklearn": "digits"},
        "split": {"validation": 0.2, "test": 0.2, "stratify": True},
        "preprocess": {"input": {"rescale": {"from": [0, 16], "to": [0, 1]}}},
        "augment": [{"rotate": 10}, {"random_crop": 1}],
    },
    "train": {
        "loss": "cross_entropy",
        "optimizer": {"adamw": {"learning_rate": 1e-3}},
        "schedule": {"warmup_cosine": {"warmup_epochs": 1}},
        "epochs": 6,
        "batch_size": 50,
        "ema": 0.9,
        "gradient": {"clip_norm": 1.0, "accumulate": 2},
        "metrics": ["accuracy"],
    },
}
MLP: dict[str, Any] = {
    **HARD,
    "name": "mlp",
    "input": [64],
    "model": {"mlp": {"hidden": [16], "dropout": 0.2, "normalization": "batch_norm", "output": 10}},
    "data": {**HARD["data"], "augment": [{"gaussian_noise": 0.05}]},
}


PAIR: dict[str, Any] = {
    "netspec": 1,
    "name": "pair",
    "input": [8, 8, 1],
    "model": {
        "gan": {
            "latent": 8,
            "condition": {"classes": 10},
            "generator": [
                {"embedding": 4, "from": "condition", "name": "told"},
                {"concat": ["latent", "told"]},
                {"dense": 64},
                "batch_norm",
                {"reshape": [8, 8, 1]},
                "tanh",
            ],
            "discriminator": [
                {"embedding": 64, "from": "condition", "name": "told"},
                {"reshape": [8, 8, 1]},
                {"concat": ["above", "input"]},
                {"conv2d": {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "spectral_norm": True}},
                "flatten",
                {"dropout": 0.1},
                {"dense": 1},
            ],
        }
    },
    "data": {
        "source": {"sklearn": "digits"},
        "preprocess": {"input": {"rescale": {"from": [0, 16], "to": [-1, 1]}}},
        "augment": [{"gaussian_noise": 0.02}],
    },
    "train": {
        "loss": {"wasserstein_gp": {"penalty": 1.0}},
        "r1": 0.1,
        "epochs": 6,
        "batch_size": 50,
        "generator": {"optimizer": {"adam": 1e-3}, "ema": 0.9},
        "discriminator": {"optimizer": {"adam": 1e-3}, "steps": 2},
        "samples": {"grid": [2, 5], "every_epochs": 3},
    },
}
VAE: dict[str, Any] = {
    **HARD,
    "name": "vae",
    "model": {
        "autoencoder": {
            "variational": True,
            "latent": 4,
            "encoder": ["flatten", {"dense": {"units": 16, "activation": "relu"}}],
            "decoder": [{"dense": {"units": 64, "activation": "sigmoid"}}, {"reshape": [8, 8, 1]}],
        }
    },
    "data": {k: v for k, v in HARD["data"].items() if k != "split"} | {"split": {"validation": 0.2, "test": 0.2}},
    "train": {
        **{k: v for k, v in HARD["train"].items() if k != "metrics"},
        "loss": "binary_cross_entropy",
        "kl": {"weight": 0.5, "warmup_epochs": 3},
    },
}


LSTM: dict[str, Any] = {
    **HARD,
    "name": "lstm",
    "input": [8, 8],
    "model": {"lstm": {"units": [8], "dropout": 0.1, "output": 10}},
    "data": {**HARD["data"], "augment": [{"gaussian_noise": 0.05}]},
}


def netspec(*arguments: str | Path, folder: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from netspec.cli.main import run; run()", *map(str, arguments)]
    environment = {**os.environ, "JAX_PLATFORMS": DEVICE, "XDG_CACHE_HOME": os.environ["NETSPEC_TESTS_CACHE"]}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def state_of(run: Path) -> checkpoint.Saved:
    saved, told = checkpoint.load_newest(RunFolder(run).checkpoints)
    assert saved is not None
    assert not told
    return saved


def same(a: checkpoint.Saved, b: checkpoint.Saved) -> None:
    assert a.step == b.step
    assert a.arrays.keys() == b.arrays.keys()
    for name, array in a.arrays.items():
        assert array.tobytes() == b.arrays[name].tobytes(), name
    assert a.notes == b.notes


def lines(run: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "samples_per_second")} for line in found]


@pytest.mark.parametrize("document", [HARD, MLP, PAIR, VAE], ids=["cnn", "mlp", "pair", "vae"])
def test_stopping_and_going_on_changes_no_bit(document: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(document))
    netspec("train", "spec.json", "--run", "once", "-q", folder=tmp_path)
    netspec("train", "spec.json", "--run", "again", "-q", folder=tmp_path)
    same(state_of(tmp_path / "once"), state_of(tmp_path / "again"))
    netspec("train", "spec.json", "--run", "parts", "-q", "--stop-after", "3", folder=tmp_path)
    assert lines(tmp_path / "parts")[-1]["epoch"] == 3
    netspec("train", "spec.json", "--run", "parts", "-q", "--resume", folder=tmp_path)
    same(state_of(tmp_path / "once"), state_of(tmp_path / "parts"))
    assert lines(tmp_path / "once") == lines(tmp_path / "parts")


def test_another_seed_is_another_network(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(MLP))
    for seed in (0, 1):
        netspec(
            "train",
            "spec.json",
            "--run",
            f"seed{seed}",
            "-q",
            "--set",
            f"train.seed={seed}",
            "--set",
            "train.epochs=1",
            folder=tmp_path,
        )
    first, second = (state_of(tmp_path / f"seed{seed}").arrays for seed in (0, 1))
    kernel = "parameters/dense_1/kernel"
    assert np.abs(first[kernel] - second[kernel]).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("document", [HARD, PAIR], ids=["cnn", "pair"])
def test_a_kill_in_the_middle_changes_no_bit(document: dict[str, Any], tmp_path: Path) -> None:
    document = {**document, "train": {**document["train"], "epochs": 40}}
    (tmp_path / "spec.json").write_text(json.dumps(document))
    netspec("train", "spec.json", "--run", "once", "-q", folder=tmp_path)
    command = [sys.executable, "-c", "from netspec.cli.main import run; run()", "train", "spec.json", "--run", "killed", "-q"]
    environment = {**os.environ, "XDG_CACHE_HOME": os.environ["NETSPEC_TESTS_CACHE"]}
    generator = np.random.default_rng(0)
    kills = 0
    for attempt in range(12):
        arguments = command + (["--resume"] if attempt else [])
        with subprocess.Popen(
            arguments, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            deadline = time.monotonic() + 60
            before = len(lines(tmp_path / "killed")) if (tmp_path / "killed" / "metrics.jsonl").exists() else 0
            while process.poll() is None and time.monotonic() < deadline:
                metrics = tmp_path / "killed" / "metrics.jsonl"
                if metrics.exists() and metrics.read_text().count("\n") > before + 2:
                    break
                time.sleep(0.01)
            time.sleep(generator.uniform(0, 0.15))
            if process.poll() is None and kills < 5:
                process.send_signal(signal.SIGKILL)
                kills += 1
            else:
                process.wait(120)
                break
    assert kills >= 3
    netspec("train", "spec.json", "--run", "killed", "-q", "--resume", folder=tmp_path)
    same(state_of(tmp_path / "once"), state_of(tmp_path / "killed"))
    assert lines(tmp_path / "once") == lines(tmp_path / "killed")


def test_a_signal_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    document = {**MLP, "train": {**MLP["train"], "epochs": 5000}}
    (tmp_path / "spec.json").write_text(json.dumps(document))
    command = [sys.executable, "-c", "from netspec.cli.main import run; run()", "train", "spec.json", "--run", "stopped", "-q"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        metrics = tmp_path / "stopped" / "metrics.jsonl"
        deadline = time.monotonic() + 60
        while not metrics.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "--resume" in told
    saved = state_of(tmp_path / "stopped")
    assert saved.notes["progress"]["epoch"] == lines(tmp_path / "stopped")[-1]["epoch"]


class Stops(Quiet):
    """Sends this process a signal after so many reports of progress."""

    def __init__(self, after: int, number: signal.Signals) -> None:
        self.after, self.number = after, number

    def progressed(self, epoch: int, examples: int, loss: float) -> None:
        self.after -= 1
        if self.after == 0:
            os.kill(os.getpid(), self.number)


def stopped_again_and_again(path: Path, run: Path, moments: list[int]) -> list[int]:
    """Trains a spec to its end, stopped after each of some moments; the position inside the epoch of each stop."""
    spec, program = required(read_file(path))
    roots, positions = Roots.of(path), []
    for attempt, after in enumerate([*moments, 0]):
        number = (signal.SIGTERM, signal.SIGINT)[attempt % 2]
        watcher = Stops(after, number)
        arguments: dict[str, Any] = {"run": run, "resume": attempt > 0, "watcher": watcher}
        if not after:
            start(spec, program, roots, **arguments)
            break
        with pytest.raises(Interrupted) as stop:
            start(spec, program, roots, **arguments)
        assert stop.value.exit_code == 128 + number
        assert RunFolder(run).manifest()["state"] == f"interrupted by {number.name}"
        positions.append(state_of(run).notes["progress"]["position"])
    assert RunFolder(run).manifest()["state"] == "finished"
    return positions


@pytest.mark.parametrize("document", [MLP, LSTM], ids=["mlp", "lstm"])
def test_a_signal_inside_an_epoch_changes_no_bit(document: dict[str, Any], tmp_path: Path) -> None:
    document = {**document, "train": {**document["train"], "epochs": 2, "batch_size": 7}}
    (tmp_path / "spec.json").write_text(json.dumps(document))
    spec, program = required(read_file(tmp_path / "spec.json"))
    start(spec, program, Roots.of(tmp_path / "spec.json"), run=tmp_path / "once")
    positions = stopped_again_and_again(tmp_path / "spec.json", tmp_path / "parts", [1, 2, 1])
    assert len(positions) == 3
    assert any(position > 0 for position in positions)
    same(state_of(tmp_path / "once"), state_of(tmp_path / "parts"))
    assert lines(tmp_path / "once") == lines(tmp_path / "parts")


def test_a_signal_while_compiling_leaves_at_once_and_says_so(tmp_path: Path) -> None:
    deep = {**MLP, "model": {"mlp": {"hidden": [8] * 60, "output": 10}}}
    (tmp_path / "spec.json").write_text(json.dumps(deep))
    command = [sys.executable, "-c", "from netspec.cli.main import run; run()", "train", "spec.json", "--run", "run", "-q"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "run" / "manifest.json").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)
        sent = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
        seconds = time.monotonic() - sent
    assert process.returncode == 143
    assert "while compiling" in told
    assert RunFolder(tmp_path / "run").manifest()["state"] == "interrupted by SIGTERM while compiling"
    assert seconds < 5


def test_damage_is_found_named_and_stepped_over(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(MLP))
    for epochs in (1, 2):
        arguments = ["--stop-after", "1"] + (["--resume"] if epochs > 1 else [])
        netspec("train", "spec.json", "--run", "run", "-q", *arguments, folder=tmp_path)
    newest, older = checkpoint.steps(tmp_path / "run" / "checkpoints")
    state = newest / "state.safetensors"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(content)
    saved, told = checkpoint.load_newest(tmp_path / "run" / "checkpoints")
    assert saved is not None
    assert saved.step == int(older.name)
    assert str(state) in told[0]
    (older / "manifest.json").unlink()
    done = netspec("train", "spec.json", "--run", "run", "--resume", folder=tmp_path, check=False)
    assert done.returncode == 5
    assert "NS530" in done.stderr


def test_a_changed_spec_is_refused_by_field(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(MLP))
    netspec("train", "spec.json", "--run", "run", "-q", "--stop-after", "1", folder=tmp_path)
    done = netspec("train", "spec.json", "--run", "run", "--resume", "--set", "train.epochs=7", folder=tmp_path, check=False)
    assert done.returncode == 1
    assert "NS534" in done.stderr
    assert "`train.epochs` (6 -> 7)" in done.stderr
    netspec(
        "train",
        "spec.json",
        "--run",
        "run",
        "-q",
        "--resume",
        "--set",
        "train.epochs=7",
        "--allow-change",
        "train.epochs",
        folder=tmp_path,
    )
    assert lines(tmp_path / "run")[-1]["epoch"] == 7


def test_resuming_what_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(MLP))
    done = netspec("train", "spec.json", "--run", "typo", "--resume", folder=tmp_path, check=False)
    assert done.returncode == 2
    assert "NS531" in done.stderr
    assert not (tmp_path / "typo").exists()


def test_divergence_stops_with_the_step_and_keeps_the_last_state(tmp_path: Path) -> None:
    document = {**MLP, "train": {**MLP["train"], "optimizer": {"sgd": 1e30}, "gradient": {}, "schedule": "constant"}}
    document["train"].pop("ema")
    (tmp_path / "spec.json").write_text(json.dumps(document))
    done = netspec("train", "spec.json", "--run", "run", folder=tmp_path, check=False)
    assert done.returncode == 6, done.stdout + done.stderr
    assert "NS520" in done.stderr
    assert "learning rate" in done.stderr


def test_one_process_a_run_folder(tmp_path: Path) -> None:
    from netspec.diagnostics import SpecError
    from netspec.training.folder import Lock

    folder = RunFolder(tmp_path / "run")
    with Lock(folder), pytest.raises(SpecError, match=rf"NS532.*process {os.getpid()}"), Lock(folder):
        pass
    with Lock(folder):
        pass
    assert not (folder.path / "lock.holder").exists()


def test_what_stands_where_the_lock_is_due(tmp_path: Path) -> None:
    """A folder is refused; a pipe does not keep anybody waiting."""
    from netspec.diagnostics import SpecError
    from netspec.training.folder import Lock

    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    os.mkfifo(folder.path / "lock")
    with Lock(folder):
        pass
    (folder.path / "lock").unlink(missing_ok=True)
    (folder.path / "lock").mkdir()
    with pytest.raises(SpecError, match="NS533"), Lock(folder):
        pass
