"""Samples a second of the compiled step, beside peers, in one run: `python -m tests.benchmarks.training`.

The same network, data, batch and precision; contenders take turns and the median of the rounds counts.
Peers that are not installed are left out. Figures are ratios: machines differ, and this one drifts.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from netspec.compiler.network import Functional
from netspec.graph import build
from netspec.graph.objective import losses_by_output
from netspec.source import read_text
from netspec.spec import read_spec
from netspec.training.batches import on_device
from netspec.training.loop import scans
from netspec.training.steps.stepping import compiled_chunk, compiled_step
from netspec.training.steps.supervised import Supervised
from tests.benchmarks.jax_peers import by_hand, flax_loop
from tests.benchmarks.peers import Runner, data_of, keras_fit, order_of, torch_eager
from tests.benchmarks.turns import present, show, turns

WORKLOADS: dict[str, dict[str, Any]] = {
    "a: MLP 784-512-256-10, batch 128": {
        "input": [784],
        "model": {"mlp": {"hidden": [512, 256], "output": 10}},
        "batch": 128,
        "rows": 12_800,
        "steps": 200,
    },
    "b: CNN 32-64-128, batch norm, 28x28, batch 128": {
        "input": [28, 28, 1],
        "model": {
            "layers": [
                {"conv2d": {"filters": 32, "kernel_size": 3, "padding": "same"}},
                "batch_norm",
                "relu",
                {"conv2d": {"filters": 64, "kernel_size": 3, "padding": "same"}},
                "batch_norm",
                "relu",
                {"max_pool2d": 2},
                {"conv2d": {"filters": 128, "kernel_size": 3, "padding": "same"}},
                "batch_norm",
                "relu",
                {"max_pool2d": 2},
                "flatten",
                {"dense": {"units": 256, "activation": "relu"}},
                {"dense": 10},
            ]
        },
        "batch": 128,
        "rows": 1_280,
        "steps": 5,
    },
    "c: LSTM over words, embedding 10k x 128, LSTM 128, length 100, batch 64": {
        "input": {"shape": [100], "vocabulary": 10_000},
        "model": {"layers": [{"embedding": 128}, {"lstm": 128}, {"dense": 2}]},
        "batch": 64,
        "rows": 1_280,
        "steps": 20,
    },
    "d: GRU forecast, length 50, hidden 64, batch 64": {
        "input": [50, 1],
        "model": {"layers": [{"gru": 64}, {"dense": 1}]},
        "batch": 64,
        "rows": 6_400,
        "steps": 100,
    },
    "f: MLP 4-16-3, batch 16": {
        "input": [4],
        "model": {"mlp": {"hidden": [16], "output": 3}},
        "batch": 16,
        "rows": 144,
        "steps": 9_000,
    },
}


def loss_of(work: dict[str, Any]) -> str:
    return "mean_squared_error" if work["model"].get("layers", [{}])[-1] == {"dense": 1} else "cross_entropy"


def netspec(work: dict[str, Any], *, otherwise: bool = False) -> Runner:
    """What `netspec train` runs; `otherwise` with one step a dispatch where it would have several, or the reverse."""
    train = {"loss": loss_of(work), "optimizer": {"adam": 1e-3}, "batch_size": work["batch"]}
    text = json.dumps({"netspec": 1, "name": "bench", "input": work["input"], "model": work["model"], "train": train})
    spec, _ = read_spec(read_text(text, "bench.json"), {})
    assert spec is not None
    assert spec.train is not None
    program, _ = build(spec)
    assert program is not None
    network = Functional(program.main)
    objective = Supervised(network, losses_by_output(spec, program.main), spec.train, steps_per_epoch=100)
    state = objective.init(0)
    x, y = data_of(work)
    data = on_device({"input": x}, {"output": y}, {})
    order = jnp.asarray(order_of(work, work["steps"]))
    if scans([program.main]) == otherwise:
        one = compiled_step(objective.step)

        def stepwise(steps: int) -> None:
            nonlocal state
            for index in range(steps):
                state, figures = one(state, data, order[index])
            jax.block_until_ready(figures)

        return stepwise
    many = compiled_chunk(objective.step)

    def chunked(steps: int) -> None:
        nonlocal state
        told = {"train_loss": jnp.zeros(work["steps"])}
        state, figures = many(state, told, data, order, jnp.int32(0), jnp.int32(steps))
        jax.block_until_ready(figures)

    return chunked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="letters of the workloads, such as `cd`")
    parser.add_argument("--otherwise", action="store_true", help="netspec also with or without several steps a dispatch")
    arguments = parser.parse_args()
    for name, work in WORKLOADS.items():
        if arguments.only and name[0] not in arguments.only:
            continue
        made: dict[str, Runner | None] = {
            "netspec": netspec(work),
            "the other way": netspec(work, otherwise=True) if arguments.otherwise else None,
            "torch": torch_eager(work),
            "keras": keras_fit(work),
            "flax loop": flax_loop(work),
            "jax by hand": by_hand(work),
        }
        steps, examples = work["steps"], work["steps"] * work["batch"]
        seconds = turns({who: partial(runner, steps) for who, runner in present(made).items()}, arguments.rounds)
        show(name, seconds, lambda median, examples=examples: f"{examples / median:,.0f} examples/s")


if __name__ == "__main__":
    main()
