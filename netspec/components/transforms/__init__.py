"""The preprocessing steps of the language, listed by hand."""

from netspec.components.transforms import categories, numbers, sequences
from netspec.components.transforms.base import State, Transform

TRANSFORMS: dict[str, type[Transform]] = {
    step.type: step for family in (numbers, categories, sequences) for step in family.TRANSFORMS
}

__all__ = ["State", "TRANSFORMS", "Transform"]
