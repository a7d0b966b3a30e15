"""What layers themselves add to the loss: the divergence of codes that are drawn, the size of codes that are to be sparse."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import jax
import jax.numpy as jnp

from netspec.compiler.network import Lengths, lengths_of, zeroed
from netspec.components.layers import Priced
from netspec.graph.ir import Graph, Node, Port
from netspec.spec.training import KlSection


class Costs:
    """The costs of a graph's priced layers.

    A divergence is divided by the elements of the output that is trained, over which losses are averaged too: with
    `binary_cross_entropy` and a weight of 1 the sum is the negative evidence lower bound for each element.
    """

    def __init__(self, graph: Graph, trained: str, kl: KlSection, steps_per_epoch: int) -> None:
        self.nodes = [node for node in graph.nodes if isinstance(node.op, Priced)]
        self.kl = kl
        self.warmup = kl.warmup_epochs * steps_per_epoch
        self.elements = prod(size for size in graph.output_types[trained].shape if isinstance(size, int))

    @property
    def draws(self) -> bool:
        """Whether some code is drawn, so that there is a divergence to tell."""
        return any(_price(node).price == "kl" for node in self.nodes)

    def divergence(self, values: Mapping[Port, jax.Array], lengths: Lengths) -> jax.Array:
        """The Kullback-Leibler divergence of each example's codes from the standard normal distribution, [batch], in nats."""
        return self._summed("kl", values, lengths)

    def each(self, values: Mapping[Port, jax.Array], lengths: Lengths, step: jax.Array | None = None) -> jax.Array:
        """What each example costs, [batch]; `step` given, the divergence counts as much as the warm-up says."""
        weight: float | jax.Array = self.kl.weight
        if step is not None and self.warmup:
            weight = weight * jnp.minimum(1.0, step / self.warmup)
        return weight / self.elements * self._summed("kl", values, lengths) + self._summed("activity", values, lengths)

    def _summed(self, price: str, values: Mapping[Port, jax.Array], lengths: Lengths) -> jax.Array:
        found = jnp.zeros(())
        for node in self.nodes:
            if _price(node).price == price:
                found = found + _price(node).cost(*_counting(node, values, lengths))
        return found


def _counting(node: Node, values: Mapping[Port, jax.Array], lengths: Lengths) -> list[jax.Array]:
    """What a node reads, [batch, ...]; past the end of a sequence nothing costs anything: a zero has no price."""
    found = []
    for port, type in zip(node.inputs, node.input_types, strict=True):
        steps = lengths_of(type, lengths)
        x = values[port].astype(jnp.float32)
        found.append(x if steps is None else zeroed(x, steps))
    return found


def _price(node: Node) -> Priced:
    assert isinstance(node.op, Priced)
    return node.op
