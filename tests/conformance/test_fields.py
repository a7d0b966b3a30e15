"""Every field of every component makes a difference: one that is read and then forgotten is a promise broken.

For each field two values are tried, in a place where it should matter, and what training and inference then give is
compared. A new field is covered the day it is registered: where no second value can be guessed, the test fails until
`OTHER` has one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic_core import PydanticUndefined

from netspec.compiler.network import Functional
from netspec.components.augment import AUGMENTS
from netspec.components.base import Component
from netspec.components.initializers import INITIALIZERS
from netspec.components.layers import LAYERS
from netspec.components.objectives.losses import LOSSES
from netspec.components.objectives.metrics import METRICS
from netspec.components.objectives.metrics.base import EACH, ONE_OF
from netspec.components.objectives.optimizers import OPTIMIZERS, SCHEDULES
from netspec.components.sources.files import objects
from netspec.components.transforms import TRANSFORMS
from netspec.graph.objective import losses_by_output
from netspec.training.batches import Batch
from netspec.training.steps.supervised import Supervised
from tests.support import example_of, graph_of, inputs_of, layer_document, spec_of


@pytest.fixture(autouse=True)
def _uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Single operations are compiled once for all fields; a whole step would be for each."""
    monkeypatch.setattr(jax, "jit", lambda function, **_: function)


ELSEWHERE = {
    "weight": "counts where an output has several losses: tests/training",
    "inputs": "names what is joined: the graph's own tests",
}
"""Fields whose meaning lies outside of the component itself, and where that is tested."""

OTHER: dict[tuple[str, str], Any] = {
    ("reshape", "shape"): [3, 4],
    ("permute", "axes"): [1, 2],
    ("embedding", "input_dim"): 30,
    ("concat", "axis"): 1,
    ("softmax", "axis"): 1,
    ("log_softmax", "axis"): 1,
    ("clip", "min"): -0.1,
    ("clip", "max"): 0.1,
    ("pad", "mode"): "edge",
    ("conv1d", "padding"): "same",
    ("crop", "like"): "small",
    ("group_norm", "groups"): 2,
    ("positional_embedding", "kind"): "sines",
    ("multi_head_attention", "heads"): 4,
    ("orthogonal", "scale"): 2.0,
    ("cosine", "epsilon"): 50.0,
    ("lion", "b1"): 0.1,
    ("lion", "b2"): 0.1,
    ("step", "epochs"): [1, 2],
    ("constant", "value"): 0.7,
    ("impute", "strategy"): "mean",
    ("min_max", "to"): [0.0, 5.0],
    ("rescale", "source"): [0.0, 9.0],
    ("rescale", "to"): [-1.0, 1.0],
    ("tokenize", "least"): 8,
    **{(f"{kind}_pool{rank}d", "strides"): 1 for kind in ("max", "avg") for rank in (1, 2, 3)},
}
"""A second value, where none can be guessed from the field's schema."""

BASE: dict[tuple[str, str], dict[str, Any]] = {
    ("pad", "value"): {"mode": "constant"},
    ("pad", "channels"): {"mode": "constant"},
    ("crop", "like"): {"amounts": 1},
    ("multi_head_attention", "embeddings_initializer"): {"kind": "learnt"},
    **{(name, "merge_mode"): {"bidirectional": True, "go_backwards": False} for name in ("rnn", "gru", "lstm")},
    **{(name, "go_backwards"): {"bidirectional": False} for name in ("rnn", "gru", "lstm")},
    ("activity_regularization", "l2"): {"l1": 0.0},
    ("sgd", "nesterov"): {"momentum": 0.9},
    ("constant", "value"): {"value": 0.1},
    ("impute", "value"): {"strategy": "constant", "value": 1.0},
    ("rms_norm", "bias_initializer"): {"use_bias": True},
    ("scale", "bias_initializer"): {"use_bias": True},
}
"""What else has to be set for a field to matter."""

DOCUMENTS: dict[tuple[str, str], dict[str, Any]] = {
    **{
        (f"conv{rank}d", "groups"): {
            "input": [*[6] * rank, 4],
            "model": {"layers": [{f"conv{rank}d": {"filters": 4, "kernel_size": 3}}]},
        }
        for rank in (1, 2, 3)
    },
    **{
        (f"{kind}_pool{rank}d", "padding"): {"input": [*[5] * rank, 3], "model": {"layers": [f"{kind}_pool{rank}d"]}}
        for kind in ("max", "avg")
        for rank in (1, 2, 3)
    },
    ("concat", "axis"): {"input": [4, 4], "model": {"layers": [{"dense": 4, "name": "a"}, {"concat": ["a", "input"]}]}},
    ("softmax", "axis"): {"input": [4, 3], "model": {"layers": ["softmax"]}},
    ("log_softmax", "axis"): {"input": [4, 3], "model": {"layers": ["log_softmax"]}},
    ("crop", "like"): {
        "input": [7, 7, 3],
        "model": {"layers": [{"max_pool2d": 2, "name": "small"}, {"crop": 1, "from": "input"}]},
    },
    ("group_norm", "groups"): {"input": [4, 4, 6], "model": {"layers": [{"group_norm": 3}]}},
}


def other(name: str, cls: type[Component], field: str, now: Any) -> Any:
    """Another value of a field. Fails where none can be guessed."""
    if (name, field) in OTHER:
        return OTHER[name, field]
    schema = cls.model_json_schema()["properties"][field]
    options = [s for s in schema.get("anyOf", [schema]) if s.get("type") != "null"]
    found = next((value for option in options if (value := _guess(field, option, now)) is not None), None)
    assert found is not None, f"`{name}.{field}`: give the test a second value in `OTHER` ({schema})"
    return found


def _guess(field: str, schema: Mapping[str, Any], now: Any) -> Any:
    by_name = {
        "activation": "sigmoid" if now != "sigmoid" else "softplus",
        "recurrent_activation": "hard_sigmoid",
        "kernel_regularizer": {"l2": 0.5},
    }
    if field in by_name:
        return by_name[field]
    if field.endswith("_initializer"):
        return {"uniform": 0.3}
    if schema.get("type") == "boolean":
        return not now
    if "enum" in schema:
        return next(value for value in schema["enum"] if value != now)
    mark = schema.get("x-netspec")
    if mark in ("size", "count", "window", "amounts") or schema.get("type") == "integer":
        base = now if isinstance(now, int) else next((each for each in now or [] if isinstance(each, int)), 1)
        return base + 1
    if mark == "number" or schema.get("type") == "number":
        low, high = (schema.get(key, schema.get(f"exclusive{key.capitalize()}")) for key in ("minimum", "maximum"))
        value = float(now or 0) * 0.5 + 0.3
        return min(value, high - 0.01) if high is not None else max(value, (low or 0) + 0.01) if low is not None else value
    return None


def values_of(name: str, cls: type[Component], field: str, given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a component with the one value and with the other."""
    fields = dict(cls.fields_from(given))  # type: ignore[call-overload]
    fields = {key: value for key, value in {**fields, **BASE.get((name, field), {})}.items() if value is not None}
    info = cls.model_fields[field]
    default = info.get_default(call_default_factory=True) if not info.is_required() else None
    now = fields.get(field, None if default is PydanticUndefined else default)
    changed = {**fields, info.alias or field: other(name, cls, field, now)}
    if (name, field) == ("crop", "like"):
        del changed["amounts"]  # the one takes the other's place
    return fields, changed


def fields_of(catalogue: Mapping[str, type[Component]]) -> Iterator[Any]:
    """Every field of a catalogue that has to matter."""
    for name, cls in catalogue.items():
        for field in cls.model_fields:
            if field not in ELSEWHERE:
                yield pytest.param(name, field, id=f"{name}.{field}")


def differ(one: Any, two: Any) -> bool:
    """Whether two trees of arrays differ anywhere."""
    if jax.tree.structure(one) != jax.tree.structure(two):
        return True
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True)
    return any(np.shape(a) != np.shape(b) or not np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True) for a, b in pairs)


@cache
def trained_and_asked(text: str) -> Any:
    """The weights before and after one update of a document in JSON, its figures, and what the network answers."""
    document = json.loads(text)
    spec = spec_of({**document, "train": {"loss": "mean_squared_error", "optimizer": {"sgd": 0.1}, "epochs": 1}})
    graph = graph_of(document)
    assert spec.train is not None
    from netspec.spec.training import TrainSection

    assert isinstance(spec.train, TrainSection)
    objective = Supervised(Functional(graph), losses_by_output(spec, graph), spec.train, 4)
    state, inputs = objective.init(0), inputs_of(graph)
    targets = {name: jnp.ones((3, *map(int, type.shape))) for name, type in graph.output_types.items()}
    after, figures = objective.step(state, Batch(tuple(map(jnp.asarray, inputs)), targets, {}))
    weights = {**after["parameters"], **after["statistics"]}
    values, _ = objective.network.values(weights, tuple(map(jnp.asarray, inputs)))
    keep = ("parameters", "statistics")
    return {k: state[k] for k in keep}, {k: after[k] for k in keep}, figures, [values[p] for p in graph.outputs.values()]


@pytest.mark.parametrize(("name", "field"), list(fields_of(LAYERS)))
def test_every_field_of_a_layer_matters(name: str, field: str) -> None:
    document = DOCUMENTS.get((name, field)) or layer_document(LAYERS[name])
    items = document["model"]["layers"]
    at = max(i for i, item in enumerate(items) if item == name or (isinstance(item, dict) and name in item))
    item = items[at] if isinstance(items[at], dict) else {name: None}
    results = []
    for fields in values_of(name, LAYERS[name], field, item[name]):
        layers = [*items[:at], {**item, name: fields}, *items[at + 1 :]]
        results.append(trained_and_asked(json.dumps({**document, "model": {"layers": layers}})))
    assert differ(*results), f"`{name}.{field}` changes nothing"


def made(catalogue: Mapping[str, type[Any]], name: str, field: str) -> tuple[Any, Any]:
    """A component of a catalogue with the one value of a field and with the other."""
    cls = catalogue[name]
    written = example_of(cls) if "```yaml" in (cls.__doc__ or "") else None
    given = written.get(name) if isinstance(written, dict) else None
    one, two = values_of(name, cls, field, given)
    return cls.model_validate(one), cls.model_validate(two)


@pytest.mark.parametrize(("name", "field"), list(fields_of(LOSSES)))
def test_every_field_of_a_loss_matters(name: str, field: str) -> None:
    generator = np.random.default_rng(0)
    outputs, numbers = jnp.asarray(generator.normal(0, 2, (6, 4))), jnp.asarray(generator.normal(0, 2, (6, 4)))
    target = jnp.asarray(generator.integers(0, 4, 6)) if LOSSES[name].target == "classes" else numbers
    target = (numbers > 0).astype(jnp.float32) if LOSSES[name].target == "binary" else target
    assert differ(*(loss.each(outputs, target) for loss in made(LOSSES, name, field)))


@pytest.mark.parametrize(("name", "field"), list(fields_of(METRICS)))
def test_every_field_of_a_metric_matters(name: str, field: str) -> None:
    generator, results = np.random.default_rng(0), []
    for metric in made(METRICS, name, field):
        tally = metric.start(EACH if metric.needs == "numbers" or metric.of_positive else ONE_OF)
        scores = generator.uniform(0, 1, (40, 1 if metric.needs == "numbers" or metric.of_positive else 5))
        target = scores + 0.3 if metric.needs == "numbers" else generator.integers(0, scores.shape[1], 40)
        tally.update(scores, target)
        results.append((metric.label, tally.result()))
        generator = np.random.default_rng(0)
    assert results[0] != results[1]


@pytest.mark.parametrize(("name", "field"), list(fields_of(OPTIMIZERS)))
def test_every_field_of_an_optimizer_matters(name: str, field: str) -> None:
    results = []
    for optimizer in made(OPTIMIZERS, name, field):
        weights = {"kernel": jnp.ones((3, 4)), "bias": jnp.full(4, 2.0)}
        transformation = optimizer.optax(lambda _, rate=optimizer.learning_rate: rate)
        state = transformation.init(weights)
        for step in range(8):
            by = (100, 1, -1, 2, -2, -3, 1, -1)[step]  # an early one that a mean remembers, and turns
            gradient = jax.tree.map(lambda w, by=by: w * by + 1e-3, weights)
            updates, state = transformation.update(gradient, state, weights)
            weights = jax.tree.map(jnp.add, weights, updates)
        results.append(weights)
    assert differ(*results)


@pytest.mark.parametrize(("name", "field"), list(fields_of(SCHEDULES)))
def test_every_field_of_a_schedule_matters(name: str, field: str) -> None:
    curves = [[float(s.optax(0.1, 5, 10)(step)) for step in range(60)] for s in made(SCHEDULES, name, field)]
    assert curves[0] != curves[1]


@pytest.mark.parametrize(("name", "field"), list(fields_of(INITIALIZERS)))
def test_every_field_of_an_initializer_matters(name: str, field: str) -> None:
    assert differ(*(each.jax()(jax.random.key(0), (6, 6), jnp.float32) for each in made(INITIALIZERS, name, field)))


@pytest.mark.parametrize(("name", "field"), list(fields_of(AUGMENTS)))
def test_every_field_of_an_augmentation_matters(name: str, field: str) -> None:
    x = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (4, 12, 12, 3)), jnp.float32)
    assert differ(*(each.apply(x, jax.random.key(1), jnp.zeros(3)) for each in made(AUGMENTS, name, field)))


def examples_for(transform: Any, random: random.Random) -> Any:
    """Values of the first kind that a transform takes."""
    kind = next(each for each in ("number", "category", "array", "sequence") if each in transform.accepts)
    generator = np.random.default_rng(random.randint(0, 9))
    if kind == "category":
        words = ["one", "two two", "Three, three!", "", "one one two"] * 6
        return np.asarray(words, dtype=object)
    if kind == "sequence":
        return objects([generator.normal(0, 1, 4000).astype(np.float32) for _ in range(3)])
    if transform.flattens:
        return objects([generator.normal(0, 1, 4000).astype(np.float32) for _ in range(3)])
    missing = [np.nan] * 4 if transform.handles_missing else []
    return np.append(generator.gamma(2, 2, 40), missing) if kind == "number" else generator.gamma(2, 2, (10, 8, 4))


@pytest.mark.parametrize(("name", "field"), list(fields_of(TRANSFORMS)))
def test_every_field_of_a_transform_matters(name: str, field: str) -> None:
    results = []
    for transform in made(TRANSFORMS, name, field):
        values = examples_for(transform, random.Random(0))
        results.append(np.asarray(transform.numpy(transform.fit(values), values), dtype=object).tolist())
    assert str(results[0]) != str(results[1])
