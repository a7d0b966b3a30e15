"""Networks of several parts in one mapping, autoencoders and GAN pairs: they expand to items before anything else sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from netspec.components.base import written
from netspec.components.fields import Bool, Count, Fraction, NotNegative, Size
from netspec.components.layers import LAYERS, Layer
from netspec.components.layers.base import ActivationChoice
from netspec.diagnostics import Path, Problem
from netspec.spec.fields import Layers
from netspec.spec.items import Item, LayerItem, Net, ScopeItem
from netspec.spec.networks.base import Network
from netspec.spec.scopes import Block
from netspec.spec.section import Section
from netspec.spec.training import AdversarialSection
from netspec.tensor import DType, TensorType

_LATENT = {
    "anyOf": [
        {"x-netspec": "count", "minimum": 1},
        {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"x-netspec": "count", "minimum": 1, "description": "Numbers that are drawn.", "examples": [64]},
                "distribution": {
                    "enum": ["normal", "uniform"],
                    "description": "The standard normal distribution, or even from -1 to 1.",
                    "default": "normal",
                },
            },
        },
    ]
}


class Latent(Section):
    """What a generator draws."""

    size: Count = Field(description="Numbers that are drawn.", examples=[64])
    distribution: Literal["normal", "uniform"] = Field(
        "normal", description="The standard normal distribution, or even from -1 to 1."
    )


class Condition(Section):
    """The class that both sides of a pair are told."""

    classes: Size = Field(description="The number of classes, or a name that the data bind.", examples=[10])


class Anomaly(Section):
    """The reconstruction error as a score of how strange an example is."""

    quantile: Fraction = Field(
        0.99, description="Share of the validation rows (else of the training rows) that counts as normal."
    )


class Composite(Network):
    """A network whose parts are lists of layers."""

    def _only_input(self, inputs: Mapping[str, TensorType]) -> tuple[str, TensorType]:
        if len(inputs) != 1:
            help = f"keep one of {', '.join(f'`{name}`' for name in inputs)}, or write `layers:`"
            raise Problem("NS213", f"`{self.type}` has one input, but there are {len(inputs)}", help=help)
        return next(iter(inputs.items()))


class Autoencoder(Composite):
    """A network that makes its own input again, through a code in the middle.

    It expands to the blocks `encoder` and `decoder` with the layer `code` between them, and its target is its own input:
    `data` needs none. Denoising: `data.augment` corrupts what goes in, not what is due.
    """

    type = "autoencoder"
    names_outputs = True
    encoder: Layers = Field(description="Layers from the input to what the code is made of.", examples=[[{"dense": 64}]])
    latent: Size | None = Field(
        None,
        description="Length of the code: a dense layer named `code`. Without it the encoder's value is the code.",
        examples=[32],
    )
    activation: ActivationChoice | None = Field(None, description="After the dense layer of the code.", examples=["relu"])
    decoder: Layers = Field(description="Layers from the code to something of the input's shape.", examples=[[{"dense": 784}]])
    variational: Bool = Field(
        False, description="A VAE: the code is drawn from a normal distribution; `train.kl` weighs its divergence."
    )
    sparsity: NotNegative = Field(0.0, description="Weight of the sum of the code's absolute values: a sparse code.")
    anomaly: Anomaly | None = Field(
        None, description="Gives the reconstruction error as a second output, `anomaly`.", examples=[{"quantile": 0.99}]
    )

    def networks(self, inputs: Mapping[str, TensorType], at: Path) -> dict[str, Net]:
        name, _ = self._only_input(inputs)
        made = at if self.latent is None else (*at, "latent")
        items: list[Item] = [
            _part((*at, "encoder"), self.encoder, (name,)),
            *self._code(made),
        ]
        if self.sparsity:
            items.append(_layer((*at, "sparsity"), "activity_regularization", {"l1": self.sparsity}))
        items.append(_part((*at, "decoder"), self.decoder))
        if self.anomaly is not None:
            items.append(_layer((*at, "anomaly"), "reconstruction_error", {}, "anomaly", ("decoder", name)))
        outputs = ("decoder", *(("anomaly",) if self.anomaly is not None else ()))
        return {"network": Net(inputs, tuple(items), at, outputs)}

    def with_outputs(self, nets: dict[str, Net], names: tuple[str, ...]) -> dict[str, Net]:
        """What the network is trained on has to be among them."""
        (net,) = nets.values()
        missing = [output for output in net.outputs or () if output not in names]
        if missing:
            help = f"write `outputs: {written([*missing, *names])}`"
            raise Problem("NS202", f"an {self.type} gives `{missing[0]}`, but `outputs` leaves it out", help=help)
        return super().with_outputs(nets, names)

    def _code(self, at: Path) -> list[Item]:
        if self.latent is None:
            if self.variational:
                raise Problem("NS202", "a variational autoencoder needs `latent`", help="for example `latent: 16`")
            return [_layer(at, "identity", {}, "code")]
        if not self.variational:
            return [_layer(at, "dense", {"units": self.latent, "activation": self.activation}, "code")]
        heads = (_layer(at, "dense", {"units": self.latent}, name, ("encoder",)) for name in ("mean", "log_variance"))
        return [*heads, _layer(at, "sampling", {}, "code", ("mean", "log_variance"))]


class Gan(Composite):
    """Two networks that learn from each other: what the generator draws, the discriminator tells from the data.

    The generator reads `latent`, the discriminator reads `input`; with `condition` both also have the input `condition`,
    which `data.target` fills. `predict`, `sample` and `export` mean the generator unless `--part` says otherwise.
    """

    type = "gan"
    training = AdversarialSection
    latent: Annotated[Latent, BeforeValidator(lambda value: _latent(value)), WithJsonSchema(_LATENT)] = Field(
        description="What the generator draws: how many numbers.", examples=[64]
    )
    generator: Layers = Field(
        description="Layers from `latent` to something of the input's shape.", examples=[[{"dense": 784}]]
    )
    discriminator: Layers = Field(
        description="Layers from the input to one number, without an activation.", examples=[["flatten", {"dense": 1}]]
    )
    condition: Condition | None = Field(None, description="Both sides are told a class.", examples=[{"classes": 10}])

    def networks(self, inputs: Mapping[str, TensorType], at: Path) -> dict[str, Net]:
        name, real = self._only_input(inputs)
        told = {} if self.condition is None else {"condition": TensorType((), DType.int32, self.condition.classes)}
        drawn = {"latent": TensorType((self.latent.size,)), **told}
        return {
            "generator": Net(drawn, self.generator, (*at, "generator"), prefix="generator"),
            "discriminator": Net({name: real, **told}, self.discriminator, (*at, "discriminator"), prefix="discriminator"),
        }


def _latent(value: object) -> object:
    return value if isinstance(value, Mapping | Latent) else {"size": value}


def _part(at: Path, layers: Layers, sources: tuple[str, ...] | None = None) -> ScopeItem:
    """A list of layers as a block of the same name."""
    return ScopeItem(at, (Block.called(str(at[-1]), layers),), str(at[-1]), sources)


def _layer(
    at: Path, kind: str, fields: Mapping[str, object], name: str | None = None, sources: tuple[str, ...] | None = None
) -> LayerItem:
    layer: Layer = LAYERS[kind].model_validate(dict(fields))
    return LayerItem(at, kind, layer, name, sources)


COMPOSITES: dict[str, type[Composite]] = {composite.type: composite for composite in (Autoencoder, Gan)}
