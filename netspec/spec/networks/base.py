"""What every kind of network is: a component that expands to items before anything else sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from pydantic import Field

from netspec.components.base import Component
from netspec.diagnostics import Path
from netspec.spec.fields import Layers
from netspec.spec.items import Net
from netspec.spec.training import Training, TrainSection
from netspec.tensor import TensorType


class Network(Component):
    """A network in one mapping below `model`."""

    names_outputs: ClassVar[bool] = False
    """`model.outputs` may stand beside it."""
    training: ClassVar[type[Training]] = TrainSection
    """What the section `train` is."""

    def networks(self, inputs: Mapping[str, TensorType], at: Path) -> dict[str, Net]:
        """The graphs-to-be, the one that is shipped first.

        Args:
            inputs: The type of each input of the file.
            at: Where the network stands in the file.

        Raises:
            Problem: where the network does not fit the inputs.
        """
        raise NotImplementedError

    def with_outputs(self, nets: dict[str, Net], names: tuple[str, ...]) -> dict[str, Net]:
        """The graphs-to-be with the outputs that `model.outputs` names. Raises Problem where it leaves one out."""
        return {name: replace(net, outputs=names) for name, net in nets.items()}

    def canonical(self, nets: Mapping[str, Net]) -> Network:
        """The network without shorthand."""
        return self


class LayerList(Network):
    """Layers, top to bottom.

    ```yaml
    input: [16]
    model: {layers: [{dense: 32}, relu, {dense: 10}]}
    ```
    """

    type = "layers"
    short = "layers"
    all_short = True
    names_outputs = True
    layers: Layers = Field(description="Layers, top to bottom.", examples=[[{"dense": 10}]])

    def networks(self, inputs: Mapping[str, TensorType], at: Path) -> dict[str, Net]:
        return {"network": Net(inputs, self.layers, at[:1])}


@dataclass(frozen=True, eq=False)
class Model:
    """What `model` says: the graphs-to-be by name, the one that is shipped first, and the network that they came from."""

    networks: dict[str, Net]
    network: Network
    outputs: tuple[str, ...] | None = None
    """The outputs as they were given."""
