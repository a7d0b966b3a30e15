"""Attention over [time, features], and the positions that it needs to know of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from netspec.components.fields import Bool, Count, Rate, Size
from netspec.components.initializers import Glorot, Initializer, Uniform, Zeros
from netspec.components.layers.base import Arrays, Forward, Weight, WeightedLayer, expect_rank, static_size
from netspec.diagnostics import Problem
from netspec.emit import Emitter, Value
from netspec.tensor import Dim, TensorType

if TYPE_CHECKING:
    from flax import nnx


class MultiHeadAttention(WeightedLayer):
    """Scaled dot-product attention in several heads (Vaswani et al. 2017), of a sequence to itself.

    `[time, features]` stays `[time, features]`. Kernels: `query`, `key`, `value` `[features, heads * size]` and
    `output` `[heads * size, features]`. ONNX: MatMul and Softmax.

    ```yaml
    input: [6, 8]
    model: {layers: [{multi_head_attention: {heads: 2, causal: true}}]}
    ```
    """

    type = "multi_head_attention"
    short = "heads"
    lengths = "uses"
    stochastic = True
    heads: Count = Field(description="Number of heads.")
    head_size: Size | None = Field(
        None, description="Features of each head; by default the features divided by the heads.", examples=[32]
    )
    causal: Bool = Field(False, description="No step sees a later one.")
    dropout: Rate = Field(0.0, description="Share of the attention weights set to zero while training.")
    use_bias: Bool = Field(True, description="Adds learnt biases to the four products.")
    kernel_initializer: Initializer = Field(default_factory=Glorot, description="How the kernels start.")
    bias_initializer: Initializer = Field(default_factory=Zeros, description="How the biases start.")

    def output(self, x: TensorType) -> TensorType:
        expect_rank(self, x, 2, "a sequence [time, features]")
        self.size(x)
        return x

    def size(self, x: TensorType) -> Dim:
        """Features of each head. Raises NS409 where the heads do not divide them."""
        if self.head_size is not None:
            size: Dim = self.head_size
            return size
        features = x.shape[1]
        if not isinstance(features, int):
            raise Problem("NS410", f"the features `{features}` have no length yet", help="set `head_size`")
        if features % self.heads:
            raise Problem(
                "NS409", f"{self.heads} heads do not divide {features} features", field="heads", help="set `head_size`"
            )
        return features // self.heads

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        features = inputs[0].shape[1]
        inner = self.size(inputs[0]) * self.heads
        shapes: dict[str, tuple[Dim, Dim]] = dict.fromkeys(("query", "key", "value"), (features, inner))
        shapes["output"] = (inner, features)
        found = {}
        for name, (size, columns) in shapes.items():
            found[f"{name}/kernel"] = Weight((size, columns), self.trainable)
            if self.use_bias:
                found[f"{name}/bias"] = Weight((columns,), self.trainable)
        return found

    def flops(self, inputs: Sequence[TensorType]) -> Dim:
        steps, features = inputs[0].shape
        inner = self.size(inputs[0]) * self.heads
        return steps * features * inner * 8 + steps * steps * inner * 4

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.attention import MultiHeadAttention as Attention

        return Attention(
            static_size(inputs[0].shape[1], "the number of features"),
            static_size(self.size(inputs[0]), "`head_size`"),
            heads=self.heads,
            causal=self.causal,
            dropout=self.dropout,
            use_bias=self.use_bias,
            kernel_init=self.kernel_initializer.jax(),
            bias_init=self.bias_initializer.jax(),
            rngs=rngs,
        )

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = g.channels_last(inputs[0])
        size = static_size(self.size(inputs[0].type), "`head_size`")

        def product(y: Value, name: str) -> Value:
            y = g.op("MatMul", [y, g.weight(f"{name}/kernel", weights[f"{name}/kernel"])])
            return g.op("Add", [y, g.weight(f"{name}/bias", weights[f"{name}/bias"])]) if self.use_bias else y

        def split(name: str, order: list[int]) -> Value:
            heads = g.op("Reshape", [product(x, name), g.integers([0, 0, self.heads, size])])
            return g.op("Transpose", [heads], perm=order)

        query = g.op("Mul", [split("query", [0, 2, 1, 3]), g.constant(size**-0.5)])
        scores = g.op("MatMul", [query, split("key", [0, 2, 3, 1])])
        mask = g.attention_mask(x, causal=self.causal)
        if mask is not None:
            scores = g.op("Add", [scores, mask])
        mixed = g.op("MatMul", [g.op("Softmax", [scores], axis=-1), split("value", [0, 2, 1, 3])])
        joined = g.op("Reshape", [g.op("Transpose", [mixed], perm=[0, 2, 1, 3]), g.integers([0, 0, size * self.heads])])
        return product(joined, "output")


class PositionalEmbedding(WeightedLayer):
    """Adds to each step what tells its position: a learnt vector, or sines of many lengths (Vaswani et al. 2017).

    ```yaml
    input: [6, 8]
    model: {layers: [{positional_embedding: {max_length: 16}}]}
    ```
    """

    type = "positional_embedding"
    lengths = "passes"
    short = "max_length"
    max_length: Count = Field(description="The longest sequence that it can number.")
    kind: Literal["learnt", "sines"] = Field("learnt", description="Learnt vectors, or fixed sines and cosines.")
    embeddings_initializer: Initializer = Field(default_factory=Uniform, description="How learnt vectors start.")

    def output(self, x: TensorType) -> TensorType:
        expect_rank(self, x, 2, "a sequence [time, features]")
        steps = x.shape[0]
        if isinstance(steps, int) and steps > self.max_length:
            help = f"write `max_length: {steps}`"
            raise Problem(
                "NS403", f"the sequence has {steps} steps, more than {self.max_length}", field="max_length", help=help
            )
        return x

    def stepwise(self, inputs: Sequence[TensorType]) -> bool:
        return False

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        if self.kind == "sines":
            return {}
        return {"embedding": Weight((self.max_length, inputs[0].shape[1]), self.trainable)}

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        import jax.numpy as jnp

        from netspec.ops.attention import Positions, numbered
        from netspec.ops.tables import sines_table

        features = static_size(inputs[0].shape[1], "the number of features")
        if self.kind == "sines":
            table = sines_table(self.max_length, features)  # NumPy's: an array of JAX made here would belong to a trace
            return lambda x: numbered(x, jnp.asarray(table))
        return Positions(self.max_length, features, embedding_init=self.embeddings_initializer.jax(), rngs=rngs)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        from netspec.ops.tables import sines_table

        x = g.channels_last(inputs[0])
        features = static_size(x.type.shape[1], "the number of features")
        table = weights["embedding"] if self.kind == "learnt" else sines_table(self.max_length, features)
        rows = g.op("Slice", [g.weight("embedding", table), g.integers([0]), g.steps_of(x), g.integers([0])])
        return g.op("Add", [x, rows])


LAYERS = (MultiHeadAttention, PositionalEmbedding)
