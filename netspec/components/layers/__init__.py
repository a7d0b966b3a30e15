"""The layers of the language, listed by hand."""

from netspec.components.layers import activation, attention, conv, core, latent, merge, norm, pool, recurrent
from netspec.components.layers.activation import ACTIVATIONS
from netspec.components.layers.base import KernelLayer, Layer, Priced, Weight, WeightedLayer
from netspec.components.layers.merge import Merge

LAYERS: dict[str, type[Layer]] = {
    layer.type: layer
    for family in (core, activation, conv, pool, norm, recurrent, attention, latent, merge)
    for layer in family.LAYERS
}

MERGES: dict[str, type[Merge]] = {layer.type: layer for layer in merge.LAYERS}

__all__ = ["ACTIVATIONS", "KernelLayer", "LAYERS", "Layer", "MERGES", "Merge", "Priced", "Weight", "WeightedLayer"]
