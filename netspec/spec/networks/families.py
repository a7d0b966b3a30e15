"""The families: short forms that expand to layers before anything else sees them."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import Field, field_validator

from netspec.components.base import OneOf
from netspec.components.fields import Bool, Padding, Rate, Size, Window
from netspec.components.layers import LAYERS, Layer
from netspec.components.layers.activation import Relu
from netspec.components.layers.base import ActivationChoice
from netspec.components.layers.core import Dense, Dropout, Embedding, Flatten
from netspec.components.layers.norm import LAYERS as NORMS
from netspec.diagnostics import Path, Problem
from netspec.spec.items import LayerItem, Net
from netspec.spec.networks.base import LayerList, Network
from netspec.tensor import TensorType

_NORMS: dict[str, type[Layer]] = {layer.type: layer for layer in NORMS}
Normalization: TypeAlias = Annotated[Layer, OneOf(lambda: _NORMS, "normalization")]


class Family(Network):
    """A chain of layers by its sizes: a short form that expands to layers."""

    activation: ActivationChoice | None = Field(default_factory=Relu, description="After every hidden layer.")
    normalization: Normalization | None = Field(
        None, description="Between each hidden layer and its activation.", examples=["batch_norm"]
    )
    dropout: Rate | None = Field(None, description="After the activation of each hidden dense layer.", examples=[0.2])
    output: Size | None = Field(
        None, description="Units of the last layer; without it the last hidden layer is the output.", examples=[10]
    )
    output_activation: ActivationChoice | None = Field(None, description="After the last layer.", examples=["sigmoid"])

    def layers(self, rank: int) -> list[Layer]:
        """The layers for an input of `rank` axes. Raises Problem where the family does not fit it."""
        raise NotImplementedError

    def networks(self, inputs: Mapping[str, TensorType], at: Path) -> dict[str, Net]:
        if len(inputs) != 1:
            help = f"write `layers:`, and join the inputs first: `- concat: [{', '.join(inputs)}]`"
            raise Problem("NS213", f"`{self.type}` reads one input, but there are {len(inputs)}", help=help)
        (x,) = inputs.values()
        items = tuple(LayerItem(at, layer.type, layer) for layer in self.layers(x.rank))
        return {"network": Net(inputs, items, at[:1])}

    def canonical(self, nets: Mapping[str, Net]) -> Network:
        """Families have become layers."""
        (net,) = nets.values()
        return LayerList(layers=net.items)

    def _hidden(self, layer: Layer) -> list[Layer]:
        """A hidden layer with its normalisation and activation."""
        if self.normalization is None:
            return [layer.model_copy(update={"activation": self.activation})]
        return [layer, self.normalization, *([self.activation] if self.activation else [])]

    def _head(self, dense: tuple[Any, ...]) -> list[Layer]:
        layers: list[Layer] = []
        for units in dense:
            layers += self._hidden(Dense(units=units))
            if self.dropout:
                layers.append(Dropout(rate=self.dropout))
        if self.output is not None:
            layers.append(Dense(units=self.output, activation=self.output_activation))
        return layers


class Mlp(Family):
    """Dense layers one after the other; an image is flattened first."""

    type = "mlp"
    hidden: tuple[Size, ...] = Field((), description="Units of each hidden layer.", examples=[[128, 64]])

    def layers(self, rank: int) -> list[Layer]:
        layers = ([Flatten()] if rank > 1 else []) + self._head(self.hidden)
        if not layers:
            raise Problem("NS202", "`mlp` needs `hidden` or `output`")
        return layers


class Cnn(Family):
    """Convolutions with pooling, then dense layers; 1d, 2d or 3d from the input's rank."""

    type = "cnn"
    filters: tuple[Size, ...] = Field(description="Filters of each convolution.", examples=[[32, 64]])
    kernel_size: Window = Field(3, description="Window of the convolutions.")
    strides: Window = Field(1, description="Step of the convolutions.")
    padding: Padding = Field("same", description="Padding of the convolutions.")
    pool_size: Window | None = Field(2, description="Max pool after each convolution; null for none.")
    dense: tuple[Size, ...] = Field((), description="Units of each dense layer after the convolutions.")

    @field_validator("filters")
    @classmethod
    def _some(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not value:
            raise ValueError("`filters` needs at least one number")
        return value

    def layers(self, rank: int) -> list[Layer]:
        if rank not in (2, 3, 4):
            raise Problem(
                "NS402",
                f"`cnn` needs a series, an image or a volume, but the input has {rank} {'axis' if rank == 1 else 'axes'}",
                help="`mlp` is for vectors; an image is `input: [height, width, channels]`",
            )
        dims = rank - 1
        fields = {"kernel_size": self.kernel_size, "strides": self.strides, "padding": self.padding}
        layers: list[Layer] = []
        for filters in self.filters:
            layers += self._hidden(LAYERS[f"conv{dims}d"].model_validate({"filters": filters, **fields}))
            if self.pool_size is not None:
                layers.append(LAYERS[f"max_pool{dims}d"].model_validate({"pool_size": self.pool_size}))
        return [*layers, Flatten(), *self._head(self.dense)]


class Recurrence(Family):
    """Recurrent layers one above the other, then dense layers on the last state, or on every step."""

    units: tuple[Size, ...] = Field(description="Units of each recurrent layer.", examples=[[128, 64]])
    bidirectional: Bool = Field(False, description="Reads each sequence from both ends.")
    embedding: Size | None = Field(
        None, description="Length of the vector of each id, where the input holds ids.", examples=[64]
    )
    dense: tuple[Size, ...] = Field((), description="Units of each dense layer after the recurrent ones.")
    return_sequences: Bool = Field(False, description="An output for every step (labelling), not one for the sequence.")

    @field_validator("units")
    @classmethod
    def _some(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not value:
            raise ValueError("`units` needs at least one number")
        return value

    def layers(self, rank: int) -> list[Layer]:
        layers: list[Layer] = [] if self.embedding is None else [Embedding(output_dim=self.embedding)]
        for index, units in enumerate(self.units):
            every = self.return_sequences or index < len(self.units) - 1
            fields = {"units": units, "bidirectional": self.bidirectional, "return_sequences": every}
            layers.append(LAYERS[self.type].model_validate(fields))
            if self.dropout:
                layers.append(Dropout(rate=self.dropout))
        return [*layers, *self._head(self.dense)]


class RnnFamily(Recurrence):
    """Simple recurrent layers, then dense ones."""

    type = "rnn"


class GruFamily(Recurrence):
    """GRU layers, then dense ones."""

    type = "gru"


class LstmFamily(Recurrence):
    """LSTM layers, then dense ones."""

    type = "lstm"


FAMILIES: dict[str, type[Family]] = {family.type: family for family in (Mlp, Cnn, RnnFamily, GruFamily, LstmFamily)}
