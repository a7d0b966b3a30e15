"""From a graph to a `flax.nnx.Module`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias, cast

import jax
import jax.numpy as jnp
from flax import nnx

from netspec import randomness
from netspec.graph.ir import Graph, Node, Port
from netspec.randomness import folded
from netspec.tensor import Dim, TensorType, bind, names_in

Lengths: TypeAlias = Mapping[str, jax.Array]
"""For each ragged dim, every example's length along it, [batch]."""


class Wiring:
    """The static part of a network: its graph, and the functions of layers without state."""

    def __init__(self, graph: Graph, functions: Mapping[str, Callable[..., jax.Array]]) -> None:
        self.graph, self.functions = graph, functions


class Network(nnx.Module):
    """A graph as a module. `nodes` holds the stateful layers by name.

    Call it with one array [batch, ...] for each input, in order. While training, layers that draw
    random numbers need `rngs`, a key; each uses the key folded with its own name, so that adding a
    layer leaves the others' draws as they were. With one output it returns an array, else a dict.
    """

    def __init__(self, graph: Graph, seed: jax.Array | int = 0) -> None:
        key = randomness.key(seed, "weights") if isinstance(seed, int) else seed
        modules: dict[str, nnx.Module] = {}
        functions: dict[str, Callable[..., jax.Array]] = {}
        for node in graph.nodes:
            if node.weight_scope in modules:
                continue
            form = node.op.flax(node.input_types, nnx.Rngs(params=folded(key, node.weight_scope)))
            if isinstance(form, nnx.Module):
                modules[node.weight_scope] = form
            else:
                functions[node.name] = form
        self.nodes = nnx.Dict(modules)
        self.wiring = Wiring(graph, functions)

    def __call__(
        self, *inputs: jax.Array, rngs: jax.Array | None = None, lengths: Lengths | None = None
    ) -> jax.Array | dict[str, jax.Array]:
        values = self.values(*inputs, rngs=rngs, lengths=lengths)
        outputs = {name: values[port] for name, port in self.wiring.graph.outputs.items()}
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def values(
        self,
        *inputs: jax.Array,
        rngs: jax.Array | None = None,
        lengths: Lengths | None = None,
        carry: dict[str, Any] | None = None,
    ) -> dict[Port, jax.Array]:
        """The value of every port, inputs among them.

        `lengths` gives each example's length along every ragged dim. `carry` holds the states of recurrent layers by
        name: they start from what is there, and what they end in takes its place.
        """
        graph = self.wiring.graph
        given = Given(rngs, lengths or {}, carry)
        if len(inputs) != len(graph.inputs):
            raise TypeError(f"the network takes {len(graph.inputs)} inputs ({', '.join(graph.inputs)}), got {len(inputs)}")
        values = {Port(name): jnp.asarray(array) for name, array in zip(graph.inputs, inputs, strict=True)}
        for block, nodes in groupby(graph.nodes, key=lambda node: node.remat):
            group = tuple(nodes)
            if block is None or rngs is None:
                self._run(group, values, given)
            else:
                self._run_again(group, values, given)
        return values

    def _run(self, nodes: Sequence[Node], values: dict[Port, jax.Array], given: Given) -> None:
        for node in nodes:
            values[Port(node.name)] = self._apply(node, [values[port] for port in node.inputs], given)

    def _run_again(self, nodes: Sequence[Node], values: dict[Port, jax.Array], context: Given) -> None:
        """A block under `nnx.remat`: its inner values are computed again in the backward pass, not kept."""
        own = {Port(node.name) for node in nodes}
        given = list(dict.fromkeys(port for node in nodes for port in node.inputs if port not in own))

        def forward(network: Network, arrays: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            found = dict(zip(given, arrays, strict=True))
            network._run(nodes, found, context)
            return tuple(found[Port(node.name)] for node in nodes)

        # All values are handed out, so that any later layer may read them; what nobody reads is never kept.
        answers = nnx.remat(forward)(self, tuple(values[port] for port in given))
        values.update(zip((Port(node.name) for node in nodes), answers, strict=True))

    def _apply(self, node: Node, inputs: list[jax.Array], given: Given) -> jax.Array:
        """One node alone."""
        form: Any = self.wiring.functions.get(node.name) or self.nodes[node.weight_scope]
        options: dict[str, Any] = {}
        if node.op.stochastic:
            options["rngs"] = None if given.rngs is None else folded(given.rngs, node.name)
        rule = node.op.length_rule(node.input_types)
        lengths = given.of(node.input_types[0]) if rule in ("uses", "masks") else None
        if rule == "uses":
            options["lengths"] = lengths
        elif lengths is not None:
            inputs = [zeroed(inputs[0], lengths), *inputs[1:]]
        if not node.op.carries:
            result: jax.Array = form(*inputs, **options)
            return result
        start = None if given.carry is None else given.carry.get(node.name)
        result, state = form(*inputs, **options, state=start)
        if given.carry is not None:
            given.carry[node.name] = state
        return result


class Given(NamedTuple):
    """What a forward pass has beside its inputs."""

    rngs: jax.Array | None
    lengths: Lengths
    carry: dict[str, Any] | None

    def of(self, type: TensorType) -> jax.Array | None:
        """The lengths [batch] of examples of a type; None where all their steps count."""
        return lengths_of(type, self.lengths)


def lengths_of(type: TensorType, lengths: Lengths) -> jax.Array | None:
    """The lengths [batch] of examples of a type, by its formula; None where all their steps count."""
    if not lengths or not type.shape or not names_in(type.shape[0]) & lengths.keys():
        return None
    # A formula is made of sums, products and floor divisions: arrays stand where numbers would.
    return cast(jax.Array, bind(type.shape[0], cast(Mapping[str, Dim], lengths)))


def zeroed(x: jax.Array, lengths: jax.Array) -> jax.Array:
    """Sequences [batch, time, ...] with zeros past each length."""
    valid = jnp.arange(x.shape[1])[None, :] < lengths[:, None]
    return jnp.where(valid.reshape(*valid.shape, *(1,) * (x.ndim - 2)), x, 0)


def weight_name(path: tuple[Any, ...]) -> str:
    """`stem/kernel` for the path of a variable in the network's state."""
    _, scope, *rest = (str(step) for step in path)
    return "/".join([scope, *(step for step in rest if step != "inner")])


Weights = dict[str, jax.Array]


class Functional:
    """A network as pure functions over flat dicts of weights: what training jits.

    `parameters` are learnt, `statistics` are all other weights (running statistics and frozen ones).
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        network = nnx.eval_shape(lambda: Network(graph))
        network.train()
        self._train, state = nnx.split(network)
        network.eval()
        self._eval, _ = nnx.split(network)
        self._template = list(nnx.to_flat_state(state))
        self.trainable = {name for name, weight in graph.weights() if weight.trainable}

    def init(self, seed: int) -> tuple[Weights, Weights]:
        """Fresh parameters and statistics, in one compiled call."""

        @jax.jit
        def fresh(key: jax.Array) -> Weights:
            flat = nnx.to_flat_state(nnx.state(Network(self.graph, key)))
            return {weight_name(path): variable[...] for path, variable in flat}

        weights = fresh(randomness.key(seed, "weights"))
        return self.divide(weights)

    def divide(self, weights: Mapping[str, jax.Array]) -> tuple[Weights, Weights]:
        """All weights as parameters and statistics."""
        parameters = {name: array for name, array in weights.items() if name in self.trainable}
        return parameters, {name: array for name, array in weights.items() if name not in self.trainable}

    def values(
        self,
        weights: Mapping[str, jax.Array],
        inputs: tuple[jax.Array, ...],
        *,
        rngs: jax.Array | None = None,
        lengths: Lengths | None = None,
        carry: dict[str, Any] | None = None,
    ) -> tuple[dict[Port, jax.Array], Weights]:
        """Every port's value and the new statistics; `rngs` given means training, `carry` is changed."""
        network = self.module(weights, train=rngs is not None)
        values = network.values(*inputs, rngs=rngs, lengths=lengths, carry=carry)
        state = nnx.to_flat_state(nnx.state(network))
        after = {weight_name(path): variable[...] for path, variable in state}
        return values, {name: array for name, array in after.items() if name not in self.trainable}

    def onward(
        self, weights: Mapping[str, jax.Array], inputs: tuple[jax.Array, ...], carry: dict[str, Any] | None
    ) -> tuple[dict[Port, jax.Array], dict[str, Any]]:
        """Every port's value at inference, and the states that the recurrent layers end in: the next piece's `carry`."""
        after = dict(carry or {})
        values, _ = self.values(weights, inputs, carry=after)
        return values, {name: state for name, state in after.items() if state is not None}

    def module(self, weights: Mapping[str, jax.Array], *, train: bool = False) -> Network:
        """The module with these weights."""
        state = nnx.from_flat_state([(path, variable.replace(weights[weight_name(path)])) for path, variable in self._template])
        network: Network = nnx.merge(self._train if train else self._eval, state)
        return network
