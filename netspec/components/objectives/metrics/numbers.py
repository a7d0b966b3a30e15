"""Metrics of numbers: how far answers lie from what is true, column by column."""

from typing import Any

from netspec.components.objectives.metrics.base import EACH, Array, Metric, Reading, Tally


class _Errors(Tally):
    """Sums of errors in float64, for each column of the last axis."""

    def __init__(self) -> None:
        self.count = 0
        self.absolute: Any = 0.0
        self.squared: Any = 0.0
        self.relative: Any = 0.0
        self.target_mean: Any = 0.0
        self.target_spread: Any = 0.0

    def update(self, output: Array, target: Array) -> None:
        import numpy as np

        columns = output.shape[-1] if output.ndim > 1 else 1
        wide = target.reshape(-1, columns).astype(np.float64)
        error = output.reshape(-1, columns).astype(np.float64) - wide
        if not error.size:
            return
        # Means and spreads of batches are joined as Chan et al. (1983) do: sums of squares would cancel far from zero.
        mean, before = wide.mean(0), self.count
        self.count += len(error)
        gap = mean - self.target_mean
        self.target_mean = self.target_mean + gap * len(error) / self.count
        self.target_spread = self.target_spread + ((wide - mean) ** 2).sum(0) + gap * gap * before * len(error) / self.count
        self.absolute = self.absolute + np.abs(error).sum(0)
        self.squared = self.squared + (error * error).sum(0)
        self.relative = self.relative + (np.abs(error) / np.maximum(np.abs(wide), np.finfo(np.float64).eps)).sum(0)

    def mean(self, sums: Any) -> float:
        """The mean over rows and columns."""
        import numpy as np

        return float(np.mean(sums)) / self.count if self.count else float("nan")


class _Rmse(_Errors):
    def result(self) -> float:
        return self.mean(self.squared) ** 0.5


class _Mse(_Errors):
    def result(self) -> float:
        return self.mean(self.squared)


class _Mae(_Errors):
    def result(self) -> float:
        return self.mean(self.absolute)


class _Mape(_Errors):
    def result(self) -> float:
        return self.mean(self.relative)


class _R2(_Errors):
    def result(self) -> float:
        import numpy as np

        squared, spread = np.atleast_1d(self.squared), np.atleast_1d(self.target_spread)
        if self.count < 2:
            return float("nan")
        # As scikit-learn has it: what never varies is explained when it is met exactly, and not at all otherwise.
        constant = spread <= self.count * (4 * np.finfo(np.float64).eps * np.abs(np.atleast_1d(self.target_mean))) ** 2
        each = 1 - squared / np.where(constant, 1, spread)
        return float(np.where(constant, np.where(squared > 0, 0.0, 1.0), each).mean())


class Rmse(Metric):
    """Root of the mean squared error over all columns, in the target's units.

    ```yaml
    rmse
    ```
    """

    type = "rmse"
    larger_is_better = False
    needs = "numbers"

    def start(self, reading: Reading = EACH) -> Tally:
        return _Rmse()


class Mse(Metric):
    """Mean squared error, in the target's units squared.

    ```yaml
    mse
    ```
    """

    type = "mse"
    larger_is_better = False
    needs = "numbers"

    def start(self, reading: Reading = EACH) -> Tally:
        return _Mse()


class Mae(Metric):
    """Mean absolute error, in the target's units.

    ```yaml
    mae
    ```
    """

    type = "mae"
    larger_is_better = False
    needs = "numbers"

    def start(self, reading: Reading = EACH) -> Tally:
        return _Mae()


class Mape(Metric):
    """Mean absolute error relative to the target.

    ```yaml
    mape
    ```
    """

    type = "mape"
    larger_is_better = False
    needs = "numbers"

    def start(self, reading: Reading = EACH) -> Tally:
        return _Mape()


class R2(Metric):
    """Share of the target's variance that is explained; the mean over columns where there are several.

    Source: `sklearn.metrics.r2_score`, uniform average.

    ```yaml
    r2
    ```
    """

    type = "r2"
    needs = "numbers"

    def start(self, reading: Reading = EACH) -> Tally:
        return _R2()


METRICS: tuple[type[Metric], ...] = (Rmse, Mse, Mae, Mape, R2)
