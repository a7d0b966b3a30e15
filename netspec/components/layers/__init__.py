"""The layers of the language, listed by hand."""

from collections.abc import Mapping, Sequence

from netspec.components.layers import activation, attention, conv, core, latent, merge, norm, pool, recurrent
from netspec.components.layers.activation import ACTIVATIONS
from netspec.components.layers.base import KernelLayer, Layer, Priced, Weight, WeightedLayer
from netspec.components.layers.merge import Merge

GROUPS: Mapping[str, Sequence[type[Layer]]] = {
    "Core": core.LAYERS,
    "Activations and element-wise functions": activation.LAYERS,
    "Convolution": conv.LAYERS,
    "Pooling and resizing": pool.LAYERS,
    "Normalisation": norm.LAYERS,
    "Recurrence": recurrent.LAYERS,
    "Attention": attention.LAYERS,
    "Latent codes": latent.LAYERS,
    "Merging": merge.LAYERS,
}
LAYERS: dict[str, type[Layer]] = {layer.type: layer for group in GROUPS.values() for layer in group}
MERGES: dict[str, type[Merge]] = {layer.type: layer for layer in merge.LAYERS}

__all__ = ["ACTIVATIONS", "GROUPS", "KernelLayer", "LAYERS", "Layer", "MERGES", "Merge", "Priced", "Weight", "WeightedLayer"]
