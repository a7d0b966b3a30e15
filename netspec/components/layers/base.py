"""What every layer is: fields, a shape rule, weights, costs, a Flax form and an ONNX form."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self, TypeAlias

from pydantic import Field

from netspec.components.base import Component, OneOf
from netspec.components.fields import Bool, NotNegative
from netspec.components.initializers import Glorot, Initializer, Zeros
from netspec.diagnostics import Problem
from netspec.emit import Emitter, Value
from netspec.tensor import Dim, Formula, Shape, TensorType, bind, product

if TYPE_CHECKING:
    import jax
    import numpy
    from flax import nnx

Forward: TypeAlias = "Callable[..., jax.Array] | nnx.Module"
Arrays: TypeAlias = "Mapping[str, numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float32]]]"
Lengths: TypeAlias = Literal["passes", "uses", "masks", "refuses"]
"""What a layer does with the lengths of ragged sequences: passes them on untouched, uses them (`lengths=`), has what
lies past them zeroed in its input first, or cannot have them at all."""


_MOST_CHANNELS = 4
"""A last axis that is longer than this is hardly one of channels."""


class Weight(NamedTuple):
    """A weight's shape, whether training changes it, and whether it is a running statistic."""

    shape: Shape
    trainable: bool = True
    statistic: bool = False

    @property
    def elements(self) -> Dim:
        """How many numbers it holds."""
        return product(self.shape)


class Layer(Component):
    """One node of a network. Inputs and outputs are ports; nearly every layer has one of each.

    Shapes never hold the batch axis; arrays always do, as their first axis.
    """

    least_inputs: ClassVar[int] = 1
    most_inputs: ClassVar[int | None] = 1
    lengths: ClassVar[Lengths] = "refuses"
    """What it does with the lengths of ragged sequences, unless it works on each element alone: then it passes them on."""
    carries: ClassVar[bool] = False
    """Gives a state beside its output, which the next piece of a sequence may start from."""
    stochastic: ClassVar[bool] = False
    """Takes `rngs=` while training."""
    discontinuous: ClassVar[bool] = False
    """A tiny change of the input can change the output by a step."""
    reference_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that name another layer, whose value becomes a further input."""
    keeps_axes: ClassVar[str] = ""
    """The field that keeps the axes that the layer else takes away."""
    time_major: ClassVar[bool] = False
    """Its ONNX form is right for values that lie [time, batch, features] too, as recurrent operators give them."""
    elementwise: ClassVar[bool] = False
    """Works on each element alone, so it works in any layout."""
    takes_ids: ClassVar[bool] = False
    """Looks ids up, or moves them about without looking at them; all others are for numbers."""

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """The output types. Raises Problem where the shapes cannot hold."""
        return (self.output(inputs[0]),)

    def output(self, x: TensorType) -> TensorType:
        """The output type of a layer with one input; the input's own unless a layer says otherwise."""
        return x

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        """The weights by their name in the nnx state."""
        return {}

    def flops(self, inputs: Sequence[TensorType]) -> Dim:
        """Multiply-adds of matrix products, counted as two each, for one example."""
        return 0

    def length_rule(self, inputs: Sequence[TensorType]) -> Lengths:
        """What it does with lengths, given its fields and inputs; ragged axes are always the first."""
        return "passes" if self.elementwise else self.lengths

    def stepwise(self, inputs: Sequence[TensorType]) -> bool:
        """Whether a step's output needs of other steps no more than a carried state holds."""
        return self.length_rule(inputs) == "passes"

    def bound(self, lengths: Mapping[str, Dim]) -> Self:
        """The layer with named sizes replaced by their lengths."""
        named = {name: value for name in type(self).model_fields if isinstance(value := getattr(self, name), Formula)}
        return self.model_copy(update={name: bind(value, lengths) for name, value in named.items()}) if named else self

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        """A function or module from arrays [batch, ...] to an array."""
        raise NotImplementedError

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        """The ONNX form of the layer at inference."""
        raise NotImplementedError


class Priced(Layer):
    """A layer whose values cost something: training adds it to the loss."""

    price: ClassVar[Literal["kl", "activity"]]
    """`kl` is weighed by `train.kl`, `activity` by the layer's own fields."""

    def cost(self, *inputs: "jax.Array") -> "jax.Array":
        """What each example costs, [batch], from the layer's inputs [batch, ...]."""
        raise NotImplementedError


class WeightedLayer(Layer):
    """A layer with weights that can be frozen."""

    trainable: Bool = Field(True, description="`false` keeps the weights as they start.")

    def penalty_on(self, weight: str) -> "Regularizer | None":
        """The layer's own penalty on one of its weights."""
        return None

    def initializer_of(self, weight: str) -> str:
        """The field that says how one of the weights starts; '' for running statistics, which have none."""
        name = weight.rsplit("/", 1)[-1]
        stem = {"recurrent_kernel": "recurrent", "recurrent_bias": "bias", "embedding": "embeddings"}.get(name, name)
        field = f"{stem}_initializer"
        return field if field in type(self).model_fields else ""


class Regularizer(Component):
    """A penalty on one layer's kernel, added to the loss."""

    l1: NotNegative = Field(0.0, description="Weight of the sum of absolute values.")
    l2: NotNegative = Field(0.0, description="Weight of the sum of squares.")


def _layers() -> Mapping[str, type[Layer]]:
    from netspec.components.layers import LAYERS

    return LAYERS


def _activations() -> Mapping[str, type[Layer]]:
    from netspec.components.layers.activation import ACTIVATIONS

    return ACTIVATIONS


ActivationChoice: TypeAlias = Annotated[Layer, OneOf(_activations, "activation")]


class KernelLayer(WeightedLayer):
    """A layer with a kernel, and by default a bias, that an activation may follow."""

    activation: ActivationChoice | None = Field(None, description="An activation applied to the result.", examples=["relu"])
    use_bias: Bool = Field(True, description="Adds a learnt bias.")
    kernel_initializer: Initializer = Field(default_factory=Glorot, description="How the kernel starts.")
    bias_initializer: Initializer = Field(default_factory=Zeros, description="How the bias starts.")
    kernel_regularizer: Regularizer | None = Field(
        None, description="Penalty on this kernel: `{l1: ..., l2: ...}`.", examples=[{"l2": 1e-4}]
    )
    spectral_norm: Bool = Field(False, description="Divides the kernel by its largest singular value (Miyato et al. 2018).")

    def kernel_and_bias(self, kernel: Shape, bias: Dim) -> dict[str, Weight]:
        """The usual weights: `kernel`, `bias` where used, and the vector `u` of spectral norm."""
        weights = {"kernel": Weight(kernel, self.trainable)}
        if self.use_bias:
            weights["bias"] = Weight((bias,), self.trainable)
        if self.spectral_norm:
            weights["u"] = Weight((kernel[-1],), trainable=False, statistic=True)
        return weights

    def penalty_on(self, weight: str) -> Regularizer | None:
        return self.kernel_regularizer if weight.endswith("kernel") else None

    def initializers(self) -> dict[str, Any]:
        """Flax' keyword arguments for how the weights start."""
        return {"kernel_init": self.kernel_initializer.jax(), "bias_init": self.bias_initializer.jax()}

    def normalized(self, module: "nnx.Module", rngs: "nnx.Rngs") -> "nnx.Module":
        """The module itself, or wrapped in spectral normalisation."""
        if not self.spectral_norm:
            return module
        from netspec.ops.spectral import SpectralNorm

        return SpectralNorm(module, rngs=rngs)

    def inference_weights(self, weights: Arrays) -> Arrays:
        """The weights that the exported layer multiplies by: spectral norm is folded in."""
        if not self.spectral_norm:
            return weights
        from netspec.ops.spectral import normalized_kernel

        return {**weights, "kernel": normalized_kernel(weights["kernel"], weights["u"])}


def static_size(dim: Dim, what: str) -> int:
    """A dim that must be a number by now. Raises NS410 for a name that nothing has bound."""
    if isinstance(dim, int):
        return dim
    raise Problem("NS410", f"{what} is `{dim}`, which has no length yet", help=f"give it one with `--dim {dim}=N`")


def expect_rank(layer: Layer, x: TensorType, rank: int, shape: str) -> None:
    """Raises NS402 unless `x` has `rank` axes besides the batch."""
    if x.rank != rank:
        raise Problem(
            "NS402",
            f"`{layer.type}` needs {shape}, but gets {x}",
            caption=f"needs {shape}",
            help=_rank_help(layer.type, x, rank),
        )


def divisors_help(size: int) -> str:
    """The numbers that divide a size: all where they are few."""
    found = [str(n) for n in range(1, min(size, 4096) + 1) if size % n == 0]
    return f"numbers that divide {size} are {', '.join(found[:12])}{', ...' if len(found) > 12 else ''}"


def _rank_help(name: str, x: TensorType, rank: int) -> tuple[str, ...]:
    other = f"{name[:-2]}{x.rank - 1}d"
    if name[-2:] in ("1d", "2d", "3d") and other in _layers():
        helps: tuple[str, ...] = (f"for {x} use `{other}`",)
        channels = x.shape[-1]
        if x.rank + 1 == rank and (not isinstance(channels, int) or channels > _MOST_CHANNELS):
            helps = (f"add the channels: `- reshape: {[*x.shape, 1]}`, or one size more in the input", *helps)
        return helps
    if rank == 1 and x.rank > 1:
        return ("add `- flatten` or `- global_avg_pool` above this line",)
    if rank < x.rank:
        return (f"`- reshape: [...]` gives it {rank} axes; the batch axis is never written",)
    if rank > x.rank == 1:
        shape = f"[{x.shape[0]}, 1]" if rank == 2 and isinstance(x.shape[0], int) else "[...]"
        return (f"`- reshape: {shape}` gives a vector the {rank} axes it needs",)
    return ()
