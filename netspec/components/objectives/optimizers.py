"""Optimizers and schedules: optax's names and defaults."""

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from netspec.components.base import Component
from netspec.components.fields import Bool, Count, Fraction, NotNegative, Positive, Rate

if TYPE_CHECKING:
    import optax


class Optimizer(Component):
    """How gradients become updates; `learning_rate` is the field that may stand alone."""

    short = "learning_rate"
    slots: ClassVar[int] = 2
    """Arrays of the parameters' size that it remembers, for the estimate of memory."""
    usual: ClassVar[tuple[float, float]] = (1e-5, 3e-2)
    """Learning rates outside of this are nearly always slips."""
    learning_rate: Positive = Field(description="Size of a step, before the schedule.", examples=[1e-3])

    def optax(self, learning_rate: "optax.Schedule") -> "optax.GradientTransformation":
        """The optax transformation."""
        raise NotImplementedError


class Sgd(Optimizer):
    """Stochastic gradient descent (`optax.sgd`).

    ```yaml
    sgd: {learning_rate: 0.1, momentum: 0.9, nesterov: true}
    ```
    """

    type = "sgd"
    slots = 1
    usual = (1e-5, 5.0)
    momentum: Rate | None = Field(None, description="Share of the last update that is kept.", examples=[0.9])
    nesterov: Bool = Field(False, description="Looks ahead along the momentum.")

    def optax(self, learning_rate: "optax.Schedule") -> "optax.GradientTransformation":
        import optax

        return optax.sgd(learning_rate, self.momentum, self.nesterov)


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015; `optax.adam`).

    ```yaml
    adam: 1.0e-3
    ```
    """

    type = "adam"
    b1: Rate = Field(0.9, description="Decay of the mean of gradients.")
    b2: Rate = Field(0.999, description="Decay of the mean of squared gradients.")
    eps: NotNegative = Field(1e-8, description="Added to the root, against division by zero.")

    def optax(self, learning_rate: "optax.Schedule") -> "optax.GradientTransformation":
        import optax

        return optax.adam(learning_rate, self.b1, self.b2, self.eps)


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019; `optax.adamw`).

    ```yaml
    adamw: {learning_rate: 1.0e-3, weight_decay: 1.0e-4}
    ```
    """

    type = "adamw"
    b1: Rate = Field(0.9, description="Decay of the mean of gradients.")
    b2: Rate = Field(0.999, description="Decay of the mean of squared gradients.")
    eps: NotNegative = Field(1e-8, description="Added to the root, against division by zero.")
    weight_decay: NotNegative = Field(1e-4, description="Pull of the weights towards zero.")

    def optax(self, learning_rate: "optax.Schedule") -> "optax.GradientTransformation":
        import optax

        return optax.adamw(learning_rate, self.b1, self.b2, self.eps, weight_decay=self.weight_decay)


class RmsProp(Optimizer):
    """RMSProp (Tieleman and Hinton 2012; `optax.rmsprop`).

    ```yaml
    rmsprop: 1.0e-3
    ```
    """

    type = "rmsprop"
    decay: Rate = Field(0.9, description="Decay of the mean of squared gradients.")
    eps: NotNegative = Field(1e-8, description="Added under the root.")
    momentum: Rate | None = Field(None, description="Share of the last update that is kept.", examples=[0.9])
    centered: Bool = Field(False, description="Divides by the variance instead of the mean square.")

    def optax(self, learning_rate: "optax.Schedule") -> "optax.GradientTransformation":
        import optax

        return optax.rmsprop(learning_rate, self.decay, self.eps, centered=self.centered, momentum=self.momentum)


class AdaGrad(Optimizer):
    """AdaGrad (Duchi et al. 2011; `optax.adagrad`).

    ```yaml
    adagrad: 0.1
    ```
    """

    type = "adagrad"
    slots = 1
    usual = (1e-4, 2.0)
    initial_accumulator_value: NotNegative = Field(0.1, description="Where the sum of squares starts.")
    eps: NotNegative = Field(1e-7, description="Added under the root.")

    def optax(self, learning_rate: "optax.Schedule") -> "optax.GradientTransformation":
        import optax

        return optax.adagrad(learning_rate, self.initial_accumulator_value, self.eps)


class AdaDelta(Optimizer):
    """AdaDelta (Zeiler 2012; `optax.adadelta`).

    ```yaml
    adadelta: 1.0
    ```
    """

    type = "adadelta"
    usual = (1e-3, 10.0)
    rho: Rate = Field(0.9, description="Decay of the means.")
    eps: NotNegative = Field(1e-6, description="Added under the roots.")

    def optax(self, learning_rate: "optax.Schedule") -> "optax.GradientTransformation":
        import optax

        return optax.adadelta(learning_rate, self.rho, self.eps)


class Lion(Optimizer):
    """Lion (Chen et al. 2023; `optax.lion`).

    ```yaml
    lion: 1.0e-4
    ```
    """

    type = "lion"
    slots = 1
    usual = (1e-6, 1e-2)
    b1: Rate = Field(0.9, description="Decay of the update's mean.")
    b2: Rate = Field(0.99, description="Decay of the momentum.")
    weight_decay: NotNegative = Field(1e-3, description="Pull of the weights towards zero.")

    def optax(self, learning_rate: "optax.Schedule") -> "optax.GradientTransformation":
        import optax

        return optax.lion(learning_rate, self.b1, self.b2, weight_decay=self.weight_decay)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    optimizer.type: optimizer for optimizer in (Sgd, Adam, AdamW, RmsProp, AdaGrad, AdaDelta, Lion)
}


class Schedule(Component):
    """How the learning rate changes; lengths are epochs, and the change is made every step."""

    def optax(self, peak: float, steps_per_epoch: float, epochs: int) -> "optax.Schedule":
        """A function from the update to the learning rate; `steps_per_epoch` counts updates."""
        raise NotImplementedError


class ConstantSchedule(Schedule):
    """The same learning rate throughout.

    ```yaml
    constant
    ```
    """

    type = "constant"

    def optax(self, peak: float, steps_per_epoch: float, epochs: int) -> "optax.Schedule":
        import optax

        return optax.constant_schedule(peak)


class CosineSchedule(Schedule):
    """Half a cosine down to `end` (Loshchilov and Hutter 2017; `optax.cosine_decay_schedule`).

    ```yaml
    cosine: {end: 0.01}
    ```
    """

    type = "cosine"
    end: Fraction = Field(0.0, description="Last learning rate as a share of the first.")

    def optax(self, peak: float, steps_per_epoch: float, epochs: int) -> "optax.Schedule":
        import optax

        return optax.cosine_decay_schedule(peak, max(1, int(steps_per_epoch * epochs)), self.end)


class WarmupCosine(Schedule):
    """A straight rise, then half a cosine down (`optax.warmup_cosine_decay_schedule`).

    ```yaml
    warmup_cosine: {warmup_epochs: 1}
    ```
    """

    type = "warmup_cosine"
    short = "warmup_epochs"
    warmup_epochs: Positive = Field(1.0, description="Length of the rise, in epochs.")
    start: Fraction = Field(0.0, description="First learning rate as a share of the peak.")
    end: Fraction = Field(0.0, description="Last learning rate as a share of the peak.")

    def optax(self, peak: float, steps_per_epoch: float, epochs: int) -> "optax.Schedule":
        import optax

        warmup = max(1, round(self.warmup_epochs * steps_per_epoch))
        total = max(warmup + 1, int(steps_per_epoch * epochs))
        return optax.warmup_cosine_decay_schedule(peak * self.start, peak, warmup, total, peak * self.end)


class Exponential(Schedule):
    """Times `rate` every `every_epochs`, smoothly or in steps (`optax.exponential_decay`).

    ```yaml
    exponential: {rate: 0.9}
    ```
    """

    type = "exponential"
    short = "rate"
    rate: Fraction = Field(description="Factor for each `every_epochs`.")
    every_epochs: Positive = Field(1.0, description="Epochs between two full factors.")
    staircase: Bool = Field(False, description="Changes only at the end of each stretch.")

    def optax(self, peak: float, steps_per_epoch: float, epochs: int) -> "optax.Schedule":
        import optax

        return optax.exponential_decay(
            peak, max(1, round(self.every_epochs * steps_per_epoch)), self.rate, staircase=self.staircase
        )


class Step(Schedule):
    """Times `factor` at each of the given epochs (`optax.piecewise_constant_schedule`).

    ```yaml
    step: {epochs: [10, 15], factor: 0.1}
    ```
    """

    type = "step"
    short = "epochs"
    epochs: tuple[Count, ...] = Field(description="Epochs after which the learning rate drops.")
    factor: Fraction = Field(0.1, description="What it is multiplied by.")

    def optax(self, peak: float, steps_per_epoch: float, epochs: int) -> "optax.Schedule":
        import optax

        return optax.piecewise_constant_schedule(peak, {round(epoch * steps_per_epoch): self.factor for epoch in self.epochs})


class Linear(Schedule):
    """A straight line down to `end` (`optax.linear_schedule`).

    ```yaml
    linear
    ```
    """

    type = "linear"
    end: Fraction = Field(0.0, description="Last learning rate as a share of the first.")

    def optax(self, peak: float, steps_per_epoch: float, epochs: int) -> "optax.Schedule":
        import optax

        return optax.linear_schedule(peak, peak * self.end, max(1, int(steps_per_epoch * epochs)))


class OneCycle(Schedule):
    """Up and down once, by cosines (Smith and Topin 2018; `optax.cosine_onecycle_schedule`).

    ```yaml
    one_cycle
    ```
    """

    type = "one_cycle"
    rise: Fraction = Field(0.3, description="Share of the training that rises.")
    start: Positive = Field(25.0, description="The peak divided by the first learning rate.")
    end: Positive = Field(1e4, description="The first learning rate divided by the last.")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if not 0 < self.rise < 1:
            raise ValueError("`rise` lies between 0 and 1")
        return self

    def optax(self, peak: float, steps_per_epoch: float, epochs: int) -> "optax.Schedule":
        import optax

        return optax.cosine_onecycle_schedule(max(2, int(steps_per_epoch * epochs)), peak, self.rise, self.start, self.end)


SCHEDULES: dict[str, type[Schedule]] = {
    schedule.type: schedule
    for schedule in (ConstantSchedule, CosineSchedule, WarmupCosine, Exponential, Step, Linear, OneCycle)
}
