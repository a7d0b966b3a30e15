"""The augmentations of the language, listed by hand."""

from netspec.components.augment import image
from netspec.components.augment.base import Augment

AUGMENTS: dict[str, type[Augment]] = {augment.type: augment for augment in image.AUGMENTS}

__all__ = ["AUGMENTS", "Augment"]
