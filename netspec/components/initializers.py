"""How weights start. Words and defaults are Keras'; each gives a JAX initializer."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from netspec.components.base import Component, one_of
from netspec.components.fields import Float, Positive

if TYPE_CHECKING:
    from jax.nn.initializers import Initializer as JaxInitializer

Distribution = Literal["uniform", "normal", "truncated_normal"]


class BaseInitializer(Component):
    """Draws a weight's first value from a key and a shape."""

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
    value: Any = Field(description="A number, or lists of numbers in the weight's shape.", examples=[0.1])

    def jax(self) -> "JaxInitializer":
        import jax.numpy as jnp

        value = self.value

        def init(key: object, shape: Any, dtype: Any = jnp.float32, out_sharding: object = None) -> Any:
            array = jnp.asarray(value, dtype)
            return jnp.broadcast_to(array.reshape(shape) if array.size > 1 else array, shape)

        return init


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
    short = "gain"
    gain: Float = Field(1.0, description="Factor on the matrix.")

    def jax(self) -> "JaxInitializer":
        from jax.nn import initializers

        return initializers.orthogonal(self.gain)


class IdentityStart(BaseInitializer):
    """The identity matrix times a gain (Le et al. 2015: an IRNN)."""

    type = "identity"
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

if TYPE_CHECKING:
    Initializer: TypeAlias = BaseInitializer
else:
    Initializer = one_of(lambda: INITIALIZERS, "initializer")
