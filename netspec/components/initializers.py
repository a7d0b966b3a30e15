"""How weights start. Words and defaults are Keras'; each gives a JAX initializer."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from netspec.components.base import Component, OneOf, describe
from netspec.components.fields import LARGEST_FLOAT32, Float, Positive, finite
from netspec.diagnostics import Problem
from netspec.tensor import Shape

if TYPE_CHECKING:
    from jax.nn.initializers import Initializer as JaxInitializer

Distribution = Literal["uniform", "normal", "truncated_normal"]


class BaseInitializer(Component):
    """Draws a weight's first value from a key and a shape."""

    least_axes: ClassVar[int] = 0
    """Axes that a weight has at least: where it has fewer, there is nothing to be orthogonal to, or to fan in from."""

    def check(self, shape: Shape, field: str) -> None:
        """Raises Problem NS205 for a weight that cannot start so."""
        if len(shape) < self.least_axes:
            told = ", ".join(map(str, shape))
            message = f"`{self.type}` starts a matrix, but here it is given a vector, [{told}]"
            raise Problem("NS205", message, help="`zeros`, `ones`, `normal` or `constant` start a vector", field=field)

    def jax(self) -> "JaxInitializer":
        """The function `(key, shape, dtype) -> array`."""
        raise NotImplementedError


class Zeros(BaseInitializer):
    """All zeros."""

    type = "zeros"

    def jax(self) -> "JaxInitializer":
        from jax.nn import initializers

        return initializers.zeros


class Ones(BaseInitializer):
    """All ones."""

    type = "ones"

    def jax(self) -> "JaxInitializer":
        from jax.nn import initializers

        return initializers.ones


class Constant(BaseInitializer):
    """Given values: one number, or nested lists in the weight's own shape (a kernel is `[in, out]`)."""

    type = "constant"
    short = "value"
    value: Annotated[Any, BeforeValidator(lambda value: _numbers(value))] = Field(
        description="A number, or lists of numbers in the weight's shape.", examples=[0.1]
    )

    def check(self, shape: Shape, field: str) -> None:
        found = _shape_of(self.value)
        known = tuple(given if not isinstance(size, int) else size for size, given in zip(shape, found, strict=False))
        if found and (len(found) != len(shape) or found != known):
            told = ", ".join(map(str, shape))
            message = f"the values have the shape {list(found)}, but the weight is [{told}]"
            raise Problem("NS205", message, help="a kernel is `[in, out]`; one number fills any weight", field=field)

    def jax(self) -> "JaxInitializer":
        import jax.numpy as jnp

        value = self.value

        def init(key: object, shape: Any, dtype: Any = jnp.float32, out_sharding: object = None) -> Any:
            array = jnp.asarray(value, dtype)
            return jnp.broadcast_to(array.reshape(shape) if array.size > 1 else array, shape)

        return init


def _numbers(value: object) -> Any:
    """A number, or lists of numbers as deep as each other."""
    if isinstance(value, (list, tuple)) and value:
        parts = tuple(_numbers(each) for each in value)
        if len({_shape_of(part) for part in parts}) == 1:
            return parts
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        return finite(value, LARGEST_FLOAT32)
    expected = {"expected": "a number, or lists of numbers of one length", "found": describe(value), "help": ""}
    raise PydanticCustomError("ns204", "expected {expected}, found {found}", expected)


def _shape_of(value: Any) -> tuple[int, ...]:
    return (len(value), *_shape_of(value[0])) if isinstance(value, tuple) else ()


class Normal(BaseInitializer):
    """A normal distribution around zero."""

    type = "normal"
    short = "stddev"
    stddev: Positive = Field(0.05, description="Standard deviation.")

    def jax(self) -> "JaxInitializer":
        from jax.nn import initializers

        return initializers.normal(self.stddev)


class Uniform(BaseInitializer):
    """A uniform distribution around zero."""

    type = "uniform"
    short = "limit"
    limit: Positive = Field(0.05, description="Values lie between -limit and limit.")

    def jax(self) -> "JaxInitializer":
        import jax
        import jax.numpy as jnp

        limit = self.limit

        def init(key: Any, shape: Any, dtype: Any = jnp.float32, out_sharding: object = None) -> "jax.Array":
            return jax.random.uniform(key, shape, dtype, -limit, limit)

        return init


class TruncatedNormal(BaseInitializer):
    """A normal distribution cut at two standard deviations."""

    type = "truncated_normal"
    short = "stddev"
    stddev: Positive = Field(0.05, description="Standard deviation before the cut.")

    def jax(self) -> "JaxInitializer":
        from jax.nn import initializers

        return initializers.truncated_normal(self.stddev)


class _VarianceScaling(BaseInitializer):
    """Variance scaled to the layer's width."""

    least_axes = 2
    short = "distribution"
    scale: ClassVar[float] = 1.0
    mode: ClassVar[Literal["fan_in", "fan_avg"]] = "fan_in"

    def jax(self) -> "JaxInitializer":
        from jax.nn import initializers

        return initializers.variance_scaling(self.scale, self.mode, getattr(self, "distribution"))  # noqa: B009


class Glorot(_VarianceScaling):
    """Variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""

    type = "glorot"
    mode = "fan_avg"
    distribution: Distribution = Field("uniform", description="Shape of the distribution.")


class He(_VarianceScaling):
    """Variance 2 / fan_in, for relu networks (He et al. 2015)."""

    type = "he"
    scale = 2.0
    distribution: Distribution = Field("truncated_normal", description="Shape of the distribution.")


class Lecun(_VarianceScaling):
    """Variance 1 / fan_in, for selu networks (LeCun et al. 1998)."""

    type = "lecun"
    distribution: Distribution = Field("truncated_normal", description="Shape of the distribution.")


class Orthogonal(BaseInitializer):
    """An orthogonal matrix (Saxe et al. 2014), the usual start of recurrent kernels."""

    type = "orthogonal"
    least_axes = 2
    short = "gain"
    gain: Float = Field(1.0, description="Factor on the matrix.")

    def jax(self) -> "JaxInitializer":
        from jax.nn import initializers

        return initializers.orthogonal(self.gain)


class IdentityStart(BaseInitializer):
    """The identity matrix times a gain (Le et al. 2015: an IRNN)."""

    type = "identity"
    least_axes = 2
    short = "gain"
    gain: Float = Field(1.0, description="Factor on the matrix.")

    def jax(self) -> "JaxInitializer":
        import jax.numpy as jnp

        gain = self.gain

        def init(key: object, shape: Any, dtype: Any = jnp.float32, out_sharding: object = None) -> Any:
            return gain * jnp.broadcast_to(jnp.eye(shape[-2], shape[-1], dtype=dtype), shape)

        return init


INITIALIZERS: dict[str, type[BaseInitializer]] = {
    cls.type: cls
    for cls in (Zeros, Ones, Constant, Normal, Uniform, TruncatedNormal, Glorot, He, Lecun, Orthogonal, IdentityStart)
}

Initializer: TypeAlias = Annotated[BaseInitializer, OneOf(lambda: INITIALIZERS, "initializer")]
