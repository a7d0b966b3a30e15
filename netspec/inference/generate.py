"""What a language model says next: one compiled step a token, the states carried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netspec.compiler.exact import exactly
from netspec.components.transforms.sequences import FIRST, UNKNOWN, Tokenize
from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph.objective import logits
from netspec.inference.run import Run
from netspec.randomness import key

Array = np.ndarray[Any, Any]


class Generator:
    """Draws tokens from a run whose spec reads one long text (`series: {target: next}`).

    Where every layer works step by step or carries a state, a token costs one step. Otherwise (attention, causal
    convolutions) each token reads the last `window` tokens again. Raises SpecError NS510 for any other spec.
    """

    def __init__(self, run: Run) -> None:
        series = run.spec.data.series if run.spec.data else None
        if series is None or series.target != "next":
            help = "such a spec has `series: {window: 128, target: next}`"
            raise SpecError(Diagnostic("NS510", "this run is no language model: it does not say what comes next", help=(help,)))
        self.run, self.window = run, series.window
        (pipe,), (self.output,) = run.preprocess.inputs.values(), run.preprocess.targets
        self.fitted = pipe.columns[0].steps[0]
        assert isinstance(self.fitted.transform, Tokenize)
        self.tokenize = self.fitted.transform
        self.words = self.tokenize.names(self.fitted.state)
        self.carries = all(node.op.stepwise(node.input_types) for node in run.graph.nodes)
        self._read = exactly(self._next)
        self._draw = jax.jit(_drawn)

    def text(self, length: int, prompt: str = "", *, temperature: float = 1.0, seed: int = 0) -> Iterator[str]:
        """`length` tokens that follow the prompt, one at a time, as they stand in a text.

        At temperature 0 each is the likeliest one. Each draw is a pure function of the seed and its place.
        Raises SpecError NS506 for a prompt with what the training part never had.
        """
        return self._said(self._ids(prompt), length, temperature, seed)

    def _said(self, ids: list[int], length: int, temperature: float, seed: int) -> Iterator[str]:
        blank = "" if self.tokenize.by == "character" else " "
        for place, scores in zip(range(length), self._scores(ids), strict=False):
            token = int(self._draw(key(seed, "tokens", place), scores, temperature))
            ids.append(token)
            yield blank + self.words[token]

    def _ids(self, prompt: str) -> list[int]:
        """The prompt's ids; without a prompt a line begins, or else the commonest token comes first."""
        if not prompt:
            return [self.words.index("\n") if "\n" in self.words else FIRST]
        (ids,) = self.fitted.transform.numpy(self.fitted.state, np.asarray([prompt], dtype=object))
        strange = [piece for piece, id in zip(self.tokenize.pieces(prompt), ids, strict=False) if id == UNKNOWN]
        if strange or not self.tokenize.pieces(prompt):
            told = ", ".join(repr(piece) for piece in dict.fromkeys(strange)) or "nothing but blanks"
            help = "write the prompt with what the text has"
            raise SpecError(Diagnostic("NS506", f"the prompt has {told}, which training never saw", help=(help,), exit_code=2))
        return [int(id) for id in ids]

    def _scores(self, ids: list[int]) -> Iterator[jax.Array]:
        """Logits [vocabulary] of what follows `ids`, which grows from outside between one answer and the next."""
        if not self.carries:
            while True:
                last = ids[-self.window :]
                filled = np.zeros((1, self.window), np.int32)
                filled[0, : len(last)] = last
                yield self._read(self.run.weights, filled, len(last) - 1, None)[0]
        scores, carry = self._read(self.run.weights, np.asarray([ids], np.int32), len(ids) - 1, None)
        yield scores
        while True:
            scores, carry = self._read(self.run.weights, np.asarray([ids[-1:]], np.int32), 0, carry)
            yield scores

    def _next(
        self, weights: dict[str, jax.Array], ids: jax.Array, place: jax.Array, carry: dict[str, Any] | None
    ) -> tuple[jax.Array, dict[str, Any]]:
        """Logits at one place of `ids` [1, time], and the states after the last."""
        values, after = self.run.network.onward(weights, (ids,), carry)
        scores = values[logits(self.run.graph, self.output, self.run.losses[self.output].link)]
        return scores[0, place], after


def _drawn(key: jax.Array, scores: jax.Array, temperature: jax.Array) -> jax.Array:
    """One id by its chance; padding and the unknown word are never said."""
    said = jnp.where(jnp.arange(len(scores)) < FIRST, -jnp.inf, scores)
    hot = jax.random.categorical(key, said / jnp.maximum(temperature, 1e-6))
    return jnp.where(temperature > 0, hot, said.argmax())
