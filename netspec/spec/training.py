"""How a network is trained, and how a GAN pair is."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, PlainValidator, TypeAdapter, WithJsonSchema
from pydantic_core import PydanticCustomError

from netspec.components.base import Choice, OneOf, choose_component
from netspec.components.fields import Count, CountOrZero, NotNegative, Positive, Rate
from netspec.components.objectives import (
    ADVERSARIAL_LOSSES,
    LOSSES,
    METRICS,
    OPTIMIZERS,
    SCHEDULES,
    AdversarialLoss,
    Loss,
    Metric,
    Optimizer,
    Schedule,
)
from netspec.components.objectives.optimizers import ConstantSchedule
from netspec.diagnostics import closest
from netspec.spec.section import Section, listed

AnyOptimizer: TypeAlias = Annotated[Optimizer, OneOf(lambda: OPTIMIZERS, "optimizer")]
AnySchedule: TypeAlias = Annotated[Schedule, OneOf(lambda: SCHEDULES, "schedule")]
AnyMetric: TypeAlias = Annotated[Metric, OneOf(lambda: METRICS, "metric")]
AnyLoss: TypeAlias = Annotated[Loss, OneOf(lambda: LOSSES, "loss")]
AnyAdversarialLoss: TypeAlias = Annotated[AdversarialLoss, OneOf(lambda: ADVERSARIAL_LOSSES, "loss of a pair")]


def _other_losses(theirs: Callable[[], AbstractSet[str]], help: str) -> Callable[[object], object]:
    """Tells a loss that belongs to the other kind of model."""

    def check(value: object) -> object:
        name = value if isinstance(value, str) else next(iter(value), None) if isinstance(value, Mapping) else None
        if name in theirs():
            raise PydanticCustomError("ns206", "`{name}` is not a loss of this model", {"name": name, "help": help})
        return value

    return check


def _losses(value: object) -> object:
    """One loss, or one for each output name."""
    value = _of_a_pair(value)
    if not isinstance(value, Mapping) or not value or _is_one_loss(value):
        return choose_component(LOSSES, "loss", value)
    return _losses_by_output().validate_python(value)


_of_a_pair = _other_losses(lambda: ADVERSARIAL_LOSSES.keys() - LOSSES.keys(), "it is a loss of a GAN pair: `model: {gan: ...}`")
_of_a_network = _other_losses(
    lambda: LOSSES.keys() - ADVERSARIAL_LOSSES.keys(),
    "a pair takes `non_saturating`, `hinge`, `least_squares` or `wasserstein_gp`",
)


@cache
def _losses_by_output() -> TypeAdapter[dict[str, AnyLoss]]:
    """Pydantic itself walks them, so that it knows at which output an error stands."""
    return TypeAdapter(dict[str, AnyLoss])


def _is_one_loss(value: Mapping[object, object]) -> bool:
    """Whether a mapping is one loss with its fields: its key is a loss, or its value is not one."""
    if len(value) > 1:
        return False
    ((name, inner),) = value.items()
    if isinstance(inner, str):
        return name in LOSSES or (inner not in LOSSES and bool(closest(str(name), LOSSES)))
    chosen = next(iter(inner), "") if isinstance(inner, Mapping) and len(inner) == 1 else ""
    return name in LOSSES or chosen not in LOSSES


class EarlyStopping(Section):
    """Stops when nothing gets better."""

    monitor: str = Field("validation_loss", description="The figure to watch, such as `validation_accuracy`.")
    patience: Count = Field(5, description="Epochs without improvement before it stops.")
    min_delta: NotNegative = Field(0.0, description="Less than this does not count as better.")


class Regularization(Section):
    """A penalty on all kernels."""

    l1: NotNegative = Field(0.0, description="Weight of the sum of absolute values.")
    l2: NotNegative = Field(0.0, description="Weight of the sum of squares.")


class Gradient(Section):
    """What happens to gradients before the optimizer sees them."""

    clip_norm: Positive | None = Field(None, description="Scales down gradients whose joint norm is larger.", examples=[1.0])
    clip_value: Positive | None = Field(None, description="Cuts each gradient to this size.", examples=[0.5])
    accumulate: Count = Field(1, description="Batches whose gradients are averaged before each update.")


class Checkpoint(Section):
    """When state is saved and how much of it is kept."""

    every_epochs: Count = Field(
        1, description="Epochs between two saves; where it is not written, saving takes a twentieth of the time at most."
    )
    keep: Count = Field(3, description="Checkpoints kept, beside the best.")


class KlSection(Section):
    """What a variational code costs: its divergence from the standard normal distribution, for each value of the target."""

    weight: NotNegative = Field(
        1.0, description="1 with `binary_cross_entropy` is the evidence lower bound; more is a beta-VAE."
    )
    warmup_epochs: NotNegative = Field(0.0, description="Epochs over which the weight grows from 0.", examples=[5])


class Training(Section):
    """How a network is trained."""

    epochs: Count = Field(10, description="Passes over the training part.")
    batch_size: Count = Field(32, description="Examples a step.")
    early_stopping: EarlyStopping | None = Field(
        None, description="Stops when nothing gets better.", examples=[{"monitor": "validation_loss", "patience": 5}]
    )
    precision: Literal["float32", "bfloat16"] = Field("float32", description="What is computed in; master weights are float32.")
    on_nonfinite: Literal["stop", "skip", "rollback"] = Field("stop", description="What happens at a loss that is not finite.")
    seed: CountOrZero = Field(0, description="Decides everything random.")
    checkpoint: Checkpoint = Field(default_factory=Checkpoint, description="When state is saved.")


class TrainSection(Training):
    """How the network is trained."""

    loss: Annotated[
        Loss | dict[str, Loss], PlainValidator(_losses), Choice(lambda: LOSSES), WithJsonSchema({"x-netspec": "losses"})
    ] = Field(description="What training makes small, by output name where there are several.", examples=["cross_entropy"])
    class_weights: Literal["balanced"] | dict[str, Positive] | None = Field(
        None, description="`balanced` weighs classes by how rare they are; or a weight for each class.", examples=["balanced"]
    )
    optimizer: AnyOptimizer = Field(description="How gradients become updates.", examples=[{"adam": 1e-3}])
    schedule: AnySchedule = Field(default_factory=ConstantSchedule, description="How the learning rate changes.")
    metrics: Annotated[tuple[AnyMetric, ...], BeforeValidator(listed("metrics"))] = Field(
        (), description="Figures beside the loss."
    )
    regularization: Regularization = Field(default_factory=Regularization, description="A penalty on all kernels.")
    gradient: Gradient = Field(default_factory=Gradient, description="Clipping and accumulation.")
    kl: KlSection = Field(default_factory=KlSection, description="What the code of a variational autoencoder costs.")
    ema: Rate | None = Field(
        None, description="Decay of an average of the weights, which is then evaluated and exported.", examples=[0.999]
    )


class Side(Section):
    """How one side of a GAN pair is trained."""

    optimizer: AnyOptimizer = Field(description="How gradients become updates.", examples=[{"adam": 2e-4}])
    schedule: AnySchedule = Field(default_factory=ConstantSchedule, description="How the learning rate changes.")
    clip_norm: Positive | None = Field(None, description="Scales down gradients whose joint norm is larger.", examples=[1.0])


class GeneratorSide(Side):
    """How the generator is trained."""

    ema: Rate | None = Field(
        None, description="Decay of an average of the weights, which is then sampled and exported.", examples=[0.999]
    )


class DiscriminatorSide(Side):
    """How the discriminator is trained."""

    steps: Annotated[Count, WithJsonSchema({"x-netspec": "count", "minimum": 1})] = Field(
        1, description="Its updates for each one of the generator, every one on a batch of its own."
    )
    label_smoothing: Rate = Field(0.0, description="Lowers the target of real examples by this.", examples=[0.1])


class Samples(Section):
    """The pictures of what the generator makes, drawn from the same latent vectors every time."""

    grid: tuple[Count, Count] = Field((8, 8), description="Rows and columns.")
    every_epochs: Count = Field(1, description="Epochs between two pictures.")


class Frechet(Section):
    """The Frechet distance between real and generated examples, in the features of a classifier (Heusel et al. 2017)."""

    classifier: str = Field(
        description="A run (`NAME/best` below `--runs`) or an .onnx file; what goes into its last layer are the features.",
        examples=["digits-cnn/best"],
    )
    samples: Count = Field(2000, description="Examples that are drawn of either kind.")


class AdversarialSection(Training):
    """How a GAN pair is trained."""

    loss: Annotated[AnyAdversarialLoss, BeforeValidator(_of_a_network)] = Field(
        description="What the two sides aim at.", examples=["non_saturating"]
    )
    generator: GeneratorSide = Field(description="How the generator is trained.")
    discriminator: DiscriminatorSide = Field(description="How the discriminator is trained.")
    r1: NotNegative = Field(
        0.0,
        description="Weight of the discriminator's squared gradient at real examples (Mescheder et al. 2018).",
        examples=[10],
    )
    samples: Samples = Field(default_factory=Samples, description="Pictures of what the generator makes.")
    frechet: Frechet | None = Field(
        None, description="How far what is made is from what is real.", examples=[{"classifier": "digits-cnn/best"}]
    )
