"""Forty mistakes that a compiler of networks makes, each planted in every form that it has.

A mistake in one form alone is found by comparing the two; these are what such a comparison cannot see.
"""

from __future__ import annotations

from dataclasses import dataclass

Edit = tuple[str, str, str]
"""A file below `netspec/`, what stands in it once, and what shall stand there."""

LAYERS = "tests/conformance/test_interpreter.py"
OBJECTIVES = "tests/conformance/test_objectives.py"
METRICS = "tests/components/test_metrics.py"
TRAINING = "tests/training/test_training.py"
CASES = "tests/test_cases.py"
FIELDS = "tests/conformance/test_fields.py"
DATA = "tests/data"


@dataclass(frozen=True)
class Defect:
    """One mistake."""

    kind: str
    name: str
    edits: tuple[Edit, ...]
    first: tuple[str, ...] = (LAYERS,)
    """The tests that should see it; the rest of the suite is asked when they do not."""


def _defect(kind: str, name: str, *edits: Edit, first: tuple[str, ...] = (LAYERS,)) -> Defect:
    return Defect(kind, name, edits, first)


_CONV, _POOL, _CORE = "components/layers/conv.py", "components/layers/pool.py", "components/layers/core.py"
_NORM, _ATTENTION = "components/layers/norm.py", "components/layers/attention.py"
_RECURRENT, _SEQUENCES = "components/layers/recurrent.py", "exporter/sequences.py"
_ACTIVATION, _MERGE, _WINDOW = "components/layers/activation.py", "components/layers/merge.py", "components/layers/window.py"
_LOSSES, _OPTIMIZERS = "components/objectives/losses.py", "components/objectives/optimizers.py"
_STEPPING, _SUPERVISED = "training/steps/stepping.py", "training/steps/supervised.py"

DEFECTS: tuple[Defect, ...] = (
    _defect(
        "padding", "the odd element of `same` goes before",
        (_CONV, '"padding": pads.upper() if isinstance(pads, str) else pads,', '"padding": pads.upper().replace("SAME", "SAME_LOWER") if isinstance(pads, str) else pads,'),
        (_WINDOW, "return total // 2, total - total // 2", "return total - total // 2, total // 2"),
    ),
    _defect(
        "padding", "a pool counts what was added at the border",
        ("ops/pool.py", "    if not any(map(any, widths)):\n        count = 1\n", "    if True:\n        count = 1\n"),
        (_POOL, "kernel_shape=self.windows(), strides=self.steps(), **placing)", "kernel_shape=self.windows(), strides=self.steps(), **placing, **({'count_include_pad': 1} if self.operator == 'AveragePool' else {}))"),
    ),
    _defect(
        "padding", "`pad` exchanges before and behind",
        (_POOL, "widths = ((0, 0), *self._pads(inputs[0]), self._channels())", "widths = ((0, 0), *((b, a) for a, b in self._pads(inputs[0])), self._channels())"),
        (_POOL, "for axis, (before, after) in enumerate((*pads, self._channels()), start=1):", "for axis, (before, after) in enumerate((*((b, a) for a, b in pads), self._channels()), start=1):"),
    ),
    _defect(
        "padding", "a crop to another's size keeps the first rows",
        (_POOL, "cuts.append((extra // 2, extra - extra // 2))", "cuts.append((0, extra))"),
    ),
    _defect(
        "kernel", "a transposed convolution flips its kernel",
        ("ops/conv.py", "y = data_gradient(x, k.astype(x.dtype), window, spatial)", "y = data_gradient(x, k.astype(x.dtype)[tuple(slice(None, None, -1) for _ in k.shape[:-2])], window, spatial)"),
        (_CONV, 'kernel = g.weight("kernel", channels_first_kernel(weights["kernel"]))  # [in', 'kernel = g.weight("kernel", channels_first_kernel(weights["kernel"][tuple(slice(None, None, -1) for _ in weights["kernel"].shape[:-2])]))  # [in'),
    ),
    _defect(
        "kernel", "a convolution flips its kernel",
        ("ops/conv.py", "    return convolve(x, k, Window(strides, pads, dilation, feature_group_count))", "    return convolve(x, k[tuple(slice(None, None, -1) for _ in strides)], Window(strides, pads, dilation, feature_group_count))"),
        (_CONV, "    return kernel.transpose(kernel.ndim - 1, kernel.ndim - 2, *spatial)", "    return kernel[tuple(slice(None, None, -1) for _ in spatial)].transpose(kernel.ndim - 1, kernel.ndim - 2, *spatial)"),
    ),
    _defect(
        "kernel", "a dilated window is one wider",
        (_CONV, '"kernel_dilation": per_axis(self, "dilation_rate", self.rank),', '"kernel_dilation": tuple(1 for _ in per_axis(self, "dilation_rate", self.rank)),'),
        (_CONV, '        strides, dilation = per_axis(self, "strides", self.rank), per_axis(self, "dilation_rate", self.rank)\n        pads = onnx', '        strides, dilation = per_axis(self, "strides", self.rank), (1,) * self.rank\n        pads = onnx'),
    ),
    _defect(
        "kernel", "spectral norm divides by the square of the singular value",
        ("ops/spectral.py", "        sigma = v @ matrix @ u\n", "        sigma = (v @ matrix @ u) ** 2\n"),
        ("ops/spectral.py", "(float(v @ matrix @ direction) or 1.0)", "(float(v @ matrix @ direction) ** 2 or 1.0)"),
    ),
    _defect(
        "epsilon", "batch norm forgets epsilon",
        ("ops/norm.py", "factor = lax.rsqrt(variance + self.epsilon)", "factor = lax.rsqrt(variance)"),
        (_NORM, "factor = (variance + self.epsilon) ** -0.5", "factor = variance ** -0.5"),
    ),
    _defect(
        "epsilon", "rms norm adds epsilon behind the root",
        ("ops/norm.py", "y = wide * lax.rsqrt((wide * wide).mean(-1, keepdims=True) + self.epsilon)", "y = wide / (jnp.sqrt((wide * wide).mean(-1, keepdims=True)) + self.epsilon)"),
        (_NORM, "self.scaled(g, g.normalize(x, axes, self.epsilon, centred=False), weights)", "self.scaled(g, g.op('Div', [x, g.op('Add', [g.op('Sqrt', [g.op('ReduceMean', [g.op('Mul', [x, x]), g.integers(axes)], keepdims=1)]), g.constant(self.epsilon)])]), weights)"),
    ),
    _defect(
        "norm", "layer norm knows one epsilon, ten times larger",
        (_NORM, "return nnx.LayerNorm(**self.options(inputs[0], rngs), use_fast_variance=False)", "return nnx.LayerNorm(**{**self.options(inputs[0], rngs), 'epsilon': self.epsilon * 10}, use_fast_variance=False)"),
        (_NORM, "g.normalize(x, [g.axis(x, x.type.rank)], self.epsilon)", "g.normalize(x, [g.axis(x, x.type.rank)], self.epsilon * 10)"),
    ),
    _defect(
        "norm", "group norm has one group",
        (_NORM, "num_groups=self.groups, use_fast_variance=False)", "num_groups=1, use_fast_variance=False)"),
        (_NORM, "g.integers([0, self.groups, -1])", "g.integers([0, 1, -1])"),
    ),
    _defect(
        "norm", "batch norm keeps the new statistics' share of the old",
        ("ops/norm.py", "keep = self.momentum", "keep = 1 - self.momentum"),
        first=("tests/conformance/test_training_forms.py",),
    ),
    _defect(
        "order", "flatten goes through the channels first",
        (_CORE, "return lambda x: x.reshape(x.shape[0], -1)\n\n    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:\n        x = inputs[0]\n        if x.type.rank == 1:", "return lambda x: __import__('jax').numpy.moveaxis(x, -1, 1).reshape(x.shape[0], -1)\n\n    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:\n        x = inputs[0]\n        if x.type.rank > 1:\n            return g.op('Flatten', [g.channels_first(x)], axis=1, layout='channels_last')\n        if x.type.rank == 1:"),
    ),
    _defect(
        "order", "`subtract` takes the first from the second",
        (_MERGE, "return lambda a, b: a - b", "return lambda a, b: b - a"),
        (_MERGE, "return reduce(lambda a, b: g.op(self.operator, [a, b]), g.agree(inputs))", "return reduce(lambda a, b: g.op(self.operator, [b, a]), g.agree(inputs))"),
    ),
    _defect(
        "order", "`concat` joins from the end",
        (_MERGE, "return lambda *arrays: jnp.concatenate(arrays, axis=axis)", "return lambda *arrays: jnp.concatenate(arrays[::-1], axis=axis)"),
        (_MERGE, 'return g.op("Concat", values, axis=g.axis(values[0], axis))', 'return g.op("Concat", values[::-1], axis=g.axis(values[0], axis))'),
    ),
    _defect(
        "order", "cosines stand where sines belong",
        ("ops/tables.py", "np.where(np.arange(features) % 2 == 0, np.sin(angles), np.cos(angles))", "np.where(np.arange(features) % 2 == 1, np.sin(angles), np.cos(angles))"),
        first=(LAYERS, CASES, "tests/compiler"),
    ),
    _defect(
        "gates", "an LSTM's input and forget gates are exchanged",
        ("ops/cells.py", "zi, zf, zg, zo = jnp.split(x_BG + r_BG, 4, axis=-1)", "zf, zi, zg, zo = jnp.split(x_BG + r_BG, 4, axis=-1)"),
        ("ops/cells.py", "            dc * g * self.gate.slope(i),\n            dc * c * self.gate.slope(f),\n", "            dc * c * self.gate.slope(f),\n            dc * g * self.gate.slope(i),\n"),
        (_RECURRENT, "order = (0, 3, 1, 2)", "order = (1, 3, 0, 2)"),
    ),
    _defect(
        "gates", "a GRU's reset and update gates are exchanged",
        ("ops/cells.py", "        xr, xz, xn = jnp.split(x_BG, 3, axis=-1)\n        hr, hz, hn = jnp.split(r_BG, 3, axis=-1)\n", "        xz, xr, xn = jnp.split(x_BG, 3, axis=-1)\n        hz, hr, hn = jnp.split(r_BG, 3, axis=-1)\n"),
        ("ops/cells.py", "jnp.concatenate([dr, dz, dn], -1), jnp.concatenate([dr, dz, dn * r], -1)", "jnp.concatenate([dz, dr, dn], -1), jnp.concatenate([dz, dr, dn * r], -1)"),
        (_RECURRENT, "order = (1, 0, 2)", "order = (0, 1, 2)"),
    ),
    _defect(
        "gates", "a GRU resets before the product, whatever it says",
        (_RECURRENT, "made = GruCell if self.reset_after else GruBefore", "made = GruBefore"),
        (_RECURRENT, '{"linear_before_reset": int(self.reset_after)}', '{"linear_before_reset": 0}'),
    ),
    _defect(
        "directions", "the backward direction stands before the forward one",
        ("ops/recurrence.py", '"concat": lambda pair: jnp.concatenate(pair, -1),', '"concat": lambda pair: jnp.concatenate(pair[::-1], -1),'),
        (_SEQUENCES, 'moved = self.op("Transpose", [value], perm=order, type=plain)', 'moved = self.op("Transpose", [self.op("Gather", [value, self.integers([1, 0])], axis=first_axis, type=plain)], perm=order, type=plain)'),
    ),
    _defect(
        "directions", "`average` adds",
        ("ops/recurrence.py", '"average": lambda pair: (pair[0] + pair[1]) * 0.5,', '"average": lambda pair: pair[0] + pair[1],'),
        (_SEQUENCES, 'operator = "ReduceSum" if layer.merge_mode == "add" else "ReduceMean"', 'operator = "ReduceSum"'),
    ),
    _defect(
        "attention", "the root of the head's size is forgotten",
        ("ops/attention.py", "query * self.size**-0.5, key)", "query, key)"),
        (_ATTENTION, "g.constant(size**-0.5)", "g.constant(1.0)"),
    ),
    _defect(
        "attention", "a causal step sees the one behind it",
        ("ops/attention.py", "before = (positions[None, :] <= positions[:, None])[None, None]", "before = (positions[None, :] <= positions[:, None] + 1)[None, None]"),
        (_SEQUENCES, 'rows = self.op("Unsqueeze", [steps, self.integers([1])])', 'rows = self.op("Add", [self.op("Unsqueeze", [steps, self.integers([1])]), self.integers([1])])'),
    ),
    _defect(
        "axis", "softmax runs along the first axis",
        (_ACTIVATION, "return axis if axis > 0 else x.rank + 1 + axis", "return axis if axis > 0 else 1"),
    ),
    _defect(
        "curve", "gelu is always the tanh form",
        (_ACTIVATION, "        approximate = self.approximate\n", "        approximate = True\n"),
        (_ACTIVATION, "g.gelu(inputs[0], tanh=self.approximate)", "g.gelu(inputs[0], tanh=True)"),
    ),
    _defect(
        "curve", "hard sigmoid has a slope of 0.2",
        (_ACTIVATION, "        return jax.nn.hard_sigmoid\n", "        return lambda x: jax.numpy.clip(x * 0.2 + 0.5, 0, 1)\n"),
        (_ACTIVATION, '[inputs[0]], alpha=1 / 6, beta=0.5)', '[inputs[0]], alpha=0.2, beta=0.5)'),
    ),
    _defect(
        "curve", "the table of an embedding is read one row further",
        (_CORE, "return nnx.Embed(rows, width, embedding_init=self.embeddings_initializer.jax(), rngs=rngs)", "inner = nnx.Embed(rows, width, embedding_init=self.embeddings_initializer.jax(), rngs=rngs)\n        call = type(inner).__call__\n        inner.__class__ = type('Shifted', (type(inner),), {'__call__': lambda self, x: call(self, (x + 1) % rows)})\n        return inner"),
        (_CORE, 'g.op("Gather", [g.weight("embedding", weights["embedding"]), g.channels_last(inputs[0])], axis=0)', 'g.op("Gather", [g.weight("embedding", __import__("numpy").roll(weights["embedding"], -1, axis=0)), g.channels_last(inputs[0])], axis=0)'),
    ),
    _defect(
        "inference", "dropout scales at inference",
        (_CORE, "        return nnx.Dropout(self.rate)\n\n    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:\n        return inputs[0]", "        rate = self.rate\n        return lambda x: x * (1 - rate)\n\n    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:\n        return g.op('Mul', [inputs[0], g.constant(1 - self.rate)])"),
        first=(LAYERS, FIELDS),
    ),
    _defect(
        "training", "dropout keeps the share that it should drop",
        (_CORE, "        return nnx.Dropout(self.rate)\n", "        return nnx.Dropout(1 - self.rate)\n"),
        first=("tests/conformance/test_training_forms.py", TRAINING),
    ),
    _defect(
        "lengths", "a mean over time counts what fills up",
        (_POOL, "            valid = jnp.arange(x.shape[1])[None, :] < lengths[:, None]", "            valid = jnp.arange(x.shape[1])[None, :] < lengths[:, None] + x.shape[1]"),
        (_POOL, "        if lengths is None:\n            return y", "        if True:\n            return y"),
    ),
    _defect(
        "lengths", "the last step is the last of the batch",
        ("ops/recurrence.py", "valid_TB = None if lengths is None else jnp.arange(steps)[:, None] < lengths[None, :]", "valid_TB = None"),
    ),
    _defect(
        "loss", "smoothing spreads over the other classes alone",
        (_LOSSES, "return optax.softmax_cross_entropy(output, optax.smooth_labels(hot, self.label_smoothing))", "return optax.softmax_cross_entropy(output, hot * (1 - self.label_smoothing) + (1 - hot) * self.label_smoothing / (output.shape[-1] - 1))"),
        first=(OBJECTIVES,),
    ),
    _defect(
        "loss", "a quantile is that of the other side",
        (_LOSSES, "above = target - output", "above = output - target"),
        first=(OBJECTIVES,),
    ),
    _defect(
        "schedule", "a warm-up takes twice as long",
        (_OPTIMIZERS, "warmup = max(1, round(self.warmup_epochs * steps_per_epoch))\n        total = max(warmup + 1, int(steps_per_epoch * epochs))\n        return optax.warmup_cosine", "warmup = max(1, round(2 * self.warmup_epochs * steps_per_epoch))\n        total = max(warmup + 1, int(steps_per_epoch * epochs))\n        return optax.warmup_cosine"),
        first=(OBJECTIVES,),
    ),
    _defect(
        "optimizer", "Adam's decays are exchanged",
        (_OPTIMIZERS, "return optax.adam(learning_rate, self.b1, self.b2, self.eps)", "return optax.adam(learning_rate, self.b2, self.b1, self.eps)"),
        first=(OBJECTIVES,),
    ),
    _defect(
        "averages", "the moving average remembers where it began",
        (_STEPPING, "share = (1 - keep) / -jnp.expm1(updates.astype(jnp.float32) * math.log(keep)) if keep else jnp.ones(())", "share = jnp.asarray(1 - keep)"),
        first=(CASES, TRAINING),
    ),
    _defect(
        "averages", "a part's loss is the mean of its batches' means",
        ("training/evaluate.py", "                total[0] += float(np.asarray(summed, np.float64))\n                total[1] += float(count)", "                total[0] += float(np.asarray(summed, np.float64)) / float(count)\n                total[1] += 1.0"),
        first=("tests/training/test_figures.py",),
    ),
    _defect(
        "metrics", "precision is that of the other class",
        ("components/objectives/metrics/base.py", "        return scores.argmax(-1) if self.one_of else (scores >= self.cut).astype(np.int64)", "        return scores.argmax(-1) if self.one_of else (scores < self.cut).astype(np.int64)"),
        first=(METRICS,),
    ),
    _defect(
        "classes", "labels count from the end of the alphabet",
        ("components/transforms/categories.py", "return sorted({str(value) for value in values if value != \"\"})", "return sorted({str(value) for value in values if value != \"\"}, reverse=True)"),
        first=(DATA, TRAINING),
    ),
    _defect(
        "data", "standardising divides by the variance",
        ("components/transforms/numbers.py", "scale = np.std(wide, axis=_axes(values))", "scale = np.var(wide, axis=_axes(values))"),
        first=(DATA, "tests/components"),
    ),
)  # fmt: skip
