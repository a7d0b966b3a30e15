"""The training state as flat host arrays, and the data as device arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netspec.diagnostics import Diagnostic, SpecError
from netspec.training.steps.stepping import State

Weights = Mapping[str, np.ndarray[Any, Any]]


def evaluated(state: State) -> dict[str, jax.Array]:
    """The weights that are judged and shipped: moving averages where there are some."""
    return {**state["parameters"], **state.get("ema", {}), **state["statistics"]}


def started_from(state: State, weights: Weights) -> State:
    """A state before its first step, with some weights taken from elsewhere."""
    found: State = dict(state)
    for kind in ("parameters", "statistics", "ema"):
        if kind in state:
            found[kind] = {
                name: jnp.asarray(weights[name], x.dtype) if name in weights else x for name, x in state[kind].items()
            }
    return found


def packed(tree: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """A pytree as flat host arrays by path. Copies on the device first, so that donation goes on."""
    copied = _copied(dict(tree))
    leaves = jax.tree_util.tree_flatten_with_path(copied)[0]
    return {_key(path): np.asarray(leaf) for path, leaf in leaves}


_copied: Callable[[Any], Any] = jax.jit(lambda tree: jax.tree.map(jnp.copy, tree))


def unpacked(arrays: Mapping[str, np.ndarray[Any, Any]], template: State) -> State:
    """The state that `packed` wrote, in the shape of a template. Raises SpecError NS531 where they differ."""
    leaves, tree = jax.tree_util.tree_flatten_with_path(template)
    found = []
    for path, leaf in leaves:
        name = _key(path)
        if name not in arrays or arrays[name].shape != leaf.shape:
            raise SpecError(Diagnostic("NS531", f"the checkpoint does not fit the spec: `{name}`", exit_code=5))
        found.append(jnp.asarray(arrays[name], leaf.dtype))
    state: State = jax.tree_util.tree_unflatten(tree, found)
    return state


def _key(path: tuple[Any, ...]) -> str:
    return "/".join(str(getattr(step, "key", getattr(step, "name", getattr(step, "idx", step)))) for step in path)
