"""What a generator or a VAE's decoder makes of draws, from a run or from an exported file alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from netspec.components.sources.base import Column
from netspec.components.transforms.categories import class_name
from netspec.data.latent import classes, codes, drawn_input
from netspec.data.pictures import picture
from netspec.diagnostics import Diagnostic, SpecError, suggest
from netspec.graph.composites import range_of
from netspec.inference.predictor import Predictor

Array = np.ndarray[Any, Any]


class Sampler:
    """Draws examples in original units. Raises SpecError NS510 for what draws nothing."""

    def __init__(self, predictor: Predictor) -> None:
        name = drawn_input(predictor.preprocess)
        if name is None or (name == "code" and not _draws(predictor)):
            help = ("samples come of a GAN's generator, or of the decoder of a variational autoencoder",)
            raise SpecError(Diagnostic("NS510", "this makes no samples: it draws nothing", help=help, exit_code=2))
        self.predictor, self.drawn = predictor, name
        (self.output,) = predictor.graph.outputs

    @property
    def classes(self) -> list[Any]:
        """The classes that can be asked for; empty where none are."""
        pipe = self.predictor.preprocess.inputs.get("condition")
        return [] if pipe is None else classes(pipe)

    def draw(self, rows: int, *, seed: int = 0, label: str | None = None) -> dict[str, Array]:
        """The draws: latent vectors or codes [rows, size], and the class of each. Raises SpecError NS506."""
        chosen = None if label is None else self._class(label)
        found = codes(self.predictor.spec, self.predictor.preprocess, rows, seed, chosen)
        assert found is not None
        return found

    def between(self, rows: int, steps: int, *, seed: int = 0, label: str | None = None) -> dict[str, Array]:
        """`rows` ways of `steps` draws, each from one latent vector to another along the sphere (White 2016)."""
        found = self.draw(rows * steps, seed=seed, label=label)
        ends = self.draw(2 * rows, seed=seed, label=label)[self.drawn]
        shares = np.linspace(0.0, 1.0, steps)
        ways = [_along(a, b, share) for a, b in zip(ends[::2], ends[1::2], strict=True) for share in shares]
        # Along a way only the draw changes, never the class.
        along = np.stack(ways).astype(np.float32)
        return {name: along if name == self.drawn else np.repeat(each[:rows], steps) for name, each in found.items()}

    def make(self, draws: dict[str, Array]) -> Array:
        """Examples [rows, ...] in original units."""
        raw = {name: Column(self._kind(name), values) for name, values in draws.items()}
        return self.predictor.predict(raw)[self.output]

    def picture(self, made: Array, grid: tuple[int, int]) -> Array | None:
        """A picture of examples, bytes [height, width, 3]; None for what has none."""
        bound = range_of(self.predictor.graph, self.output)
        scale = made
        if bound is not None and bound.low is not None and bound.high is not None and made.ndim > 2:
            plan = self.predictor.plans[self.output]
            ends = np.asarray([bound.low, bound.high], np.float32)
            for step in reversed(plan.inverse):
                ends = np.asarray(step.transform.inverse(step.state, ends))
            scale = ends
        return picture(made, scale, grid)

    def columns(self, made: Array) -> list[str]:
        """What the numbers of a sample are called: as the data's columns are, where there is one for each."""
        size = int(np.prod(made.shape[1:]))
        names = self.predictor.spec.data.inputs if self.predictor.spec.data is not None else None
        given = [name for columns in (names or {}).values() for name in columns]
        return given if len(given) == size else [f"x{index}" for index in range(size)]

    def _kind(self, name: str) -> Any:
        pipes = self.predictor.preprocess.inputs.values()
        return next(column.kind for pipe in pipes for column in pipe.columns if column.name == name)

    def _class(self, label: str) -> Any:
        known = {class_name(c): c for c in self.classes}
        if label not in known:
            message = f"there is no class `{label}`" if known else "this generator is told no class"
            raise SpecError(Diagnostic("NS506", message, help=(suggest(label, known, list_up_to=30),), exit_code=2))
        return known[label]


def _draws(predictor: Predictor) -> bool:
    """Whether an autoencoder's codes follow a distribution that they can be drawn from."""
    return predictor.spec.autoencoder is not None and predictor.spec.autoencoder.variational


def _along(a: Array, b: Array, share: float) -> Array:
    """A point on the great circle from one vector to another, its length going from the one's to the other's."""
    from_a, to_b = np.linalg.norm(a), np.linalg.norm(b)
    angle = np.arccos(np.clip((a @ b) / max(from_a * to_b, 1e-12), -1.0, 1.0))
    if np.sin(angle) < 1e-6:
        return (1 - share) * a + share * b
    way: Array = (np.sin((1 - share) * angle) * a / from_a + np.sin(share * angle) * b / to_b) / np.sin(angle)
    return way * ((1 - share) * from_a + share * to_b)
