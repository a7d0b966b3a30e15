"""The kinds of network that `model` may hold, by their words."""

from netspec.spec.networks.base import LayerList, Model, Network
from netspec.spec.networks.composites import COMPOSITES, Autoencoder, Gan
from netspec.spec.networks.families import FAMILIES

NETWORKS: dict[str, type[Network]] = {LayerList.type: LayerList, **FAMILIES, **COMPOSITES}

__all__ = ["NETWORKS", "Autoencoder", "Gan", "LayerList", "Model", "Network"]
