"""Metrics: streaming NumPy over batches of outputs and targets.

Outputs are what the exported graph gives (probabilities or numbers in original units), so the same
code judges a run and an ONNX file.
"""

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from pydantic import Field

from netspec.components.base import Component
from netspec.components.fields import Count

if TYPE_CHECKING:
    import numpy

Array: TypeAlias = "numpy.ndarray[tuple[int, ...], numpy.dtype[Any]]"


class Tally:
    """What a metric has seen so far."""

    def update(self, output: Array, target: Array) -> None:
        """Take in a batch: output [batch, ...] and target."""
        raise NotImplementedError

    def result(self) -> float:
        """The metric over everything seen."""
        raise NotImplementedError


class Metric(Component):
    """A figure of how well outputs fit targets."""

    larger_is_better: ClassVar[bool] = True
    needs: ClassVar[str] = ""
    """`classes` for labels, `scores` for one score an example, `numbers` for regression; '' for any."""

    @property
    def label(self) -> str:
        """What its figure is called, the part's name before it."""
        return self.type

    def start(self, cut: float = 0.5) -> Tally:
        """A fresh tally. One output a position means the class 1 from `cut` on: 0.5 for probabilities, 0 for margins."""
        raise NotImplementedError


def predicted_classes(output: Array, target: Array, cut: float = 0.5) -> tuple[Array, Array]:
    """Labels predicted and true, flat. One output a position means the class 1 from `cut` on."""
    import numpy as np

    if output.shape[-1] == 1 and target.shape in (output.shape, output.shape[:-1]):
        return (output.reshape(-1) >= cut).astype(np.int64), target.reshape(-1).astype(np.int64)
    if target.shape == output.shape:
        if target.ndim > 1 and np.issubdtype(target.dtype, np.floating) and np.allclose(target.sum(-1), 1.0):
            return output.argmax(-1).reshape(-1), target.argmax(-1).reshape(-1)
        return (output.reshape(-1) >= cut).astype(np.int64), target.reshape(-1).astype(np.int64)
    return output.argmax(-1).reshape(-1), target.reshape(-1).astype(np.int64)


class _Counts(Tally):
    """A confusion matrix that grows with the classes it meets; rows are true, columns predicted."""

    def __init__(self, cut: float) -> None:
        import numpy as np

        self.cut = cut
        self.matrix = np.zeros((2, 2), np.int64)

    def update(self, output: Array, target: Array) -> None:
        import numpy as np

        predicted, true = predicted_classes(output, target, self.cut)
        if not true.size:
            return
        size = max(int(predicted.max()) + 1, int(true.max()) + 1, output.shape[-1], len(self.matrix))
        if size > len(self.matrix):
            grown = np.zeros((size, size), np.int64)
            grown[: len(self.matrix), : len(self.matrix)] = self.matrix
            self.matrix = grown
        np.add.at(self.matrix, (true, predicted), 1)

    def scores(self) -> tuple[Array, Array]:
        """Precision and recall of each class that is true or predicted; of the positive class alone where there are two."""
        import numpy as np

        hits = np.diag(self.matrix).astype(np.float64)
        precision = hits / np.maximum(self.matrix.sum(0), 1)
        recall = hits / np.maximum(self.matrix.sum(1), 1)
        kept = slice(1, 2) if len(hits) == 2 else self.matrix.sum(1) + self.matrix.sum(0) > 0
        return precision[kept], recall[kept]


class _Accuracy(_Counts):
    def result(self) -> float:
        return float(self.matrix.trace() / max(self.matrix.sum(), 1))


class _Precision(_Counts):
    def result(self) -> float:
        return float(self.scores()[0].mean())


class _Recall(_Counts):
    def result(self) -> float:
        return float(self.scores()[1].mean())


class _F1(_Counts):
    def result(self) -> float:
        import numpy as np

        precision, recall = self.scores()
        both = precision + recall
        return float(np.where(both > 0, 2 * precision * recall / np.where(both > 0, both, 1), 0).mean())


class Accuracy(Metric):
    """Share of right answers.

    ```yaml
    accuracy
    ```
    """

    type = "accuracy"
    needs = "classes"

    def start(self, cut: float = 0.5) -> Tally:
        return _Accuracy(cut)


class Precision(Metric):
    """Share of right ones among the positive answers; the mean over classes where there are more than two.

    ```yaml
    precision
    ```
    """

    type = "precision"
    needs = "classes"

    def start(self, cut: float = 0.5) -> Tally:
        return _Precision(cut)


class Recall(Metric):
    """Share of the positives that were found; the mean over classes where there are more than two.

    ```yaml
    recall
    ```
    """

    type = "recall"
    needs = "classes"

    def start(self, cut: float = 0.5) -> Tally:
        return _Recall(cut)


class F1(Metric):
    """The harmonic mean of precision and recall; the mean over classes where there are more than two.

    ```yaml
    f1
    ```
    """

    type = "f1"
    needs = "classes"

    def start(self, cut: float = 0.5) -> Tally:
        return _F1(cut)


class _TopK(Tally):
    def __init__(self, k: int) -> None:
        self.k, self.hits, self.seen = k, 0, 0

    def update(self, output: Array, target: Array) -> None:
        flat = output.reshape(-1, output.shape[-1])
        labels = target.reshape(-1).astype(int)
        best = (-flat).argsort(-1, kind="stable")[:, : self.k]
        self.hits += int((best == labels[:, None]).any(-1).sum())
        self.seen += len(labels)

    def result(self) -> float:
        return self.hits / max(self.seen, 1)


class TopKAccuracy(Metric):
    """Share of examples whose class is among the k likeliest.

    ```yaml
    top_k_accuracy: 5
    ```
    """

    type = "top_k_accuracy"
    short = "k"
    needs = "classes"
    k: Count = Field(5, description="How many guesses count; the figure is called `top_5_accuracy`.")

    @property
    def label(self) -> str:
        return f"top_{self.k}_accuracy"

    def start(self, cut: float = 0.5) -> Tally:
        return _TopK(self.k)


class _Ranked(Tally):
    """Keeps every score, for metrics that rank them; scikit-learn does the ranking."""

    def __init__(self, function: str) -> None:
        self.function = function
        self.outputs: list[Array] = []
        self.targets: list[Array] = []

    def update(self, output: Array, target: Array) -> None:
        flat = output.reshape(len(output), -1) if output.ndim < 3 else output.reshape(-1, output.shape[-1])
        self.outputs.append(flat)
        self.targets.append(target.reshape(len(flat), -1)[:, 0])

    def result(self) -> float:
        import numpy as np
        from sklearn import metrics

        scores, labels = np.concatenate(self.outputs), np.concatenate(self.targets).astype(int)
        if len(np.unique(labels)) < 2:
            return float("nan")
        function = getattr(metrics, self.function)
        if scores.shape[1] <= 2:
            return float(function(labels, scores[:, -1]))
        per_class = [function(labels == i, scores[:, i]) for i in np.unique(labels)]
        return float(np.mean(per_class))


class RocAuc(Metric):
    """Area under the ROC curve; the mean of one class against the rest where there are more than two.

    ```yaml
    roc_auc
    ```
    """

    type = "roc_auc"
    needs = "classes"

    def start(self, cut: float = 0.5) -> Tally:
        return _Ranked("roc_auc_score")


class PrAuc(Metric):
    """Average precision, the area under the precision-recall curve.

    ```yaml
    pr_auc
    ```
    """

    type = "pr_auc"
    needs = "classes"

    def start(self, cut: float = 0.5) -> Tally:
        return _Ranked("average_precision_score")


class _Perplexity(Tally):
    """The sum of what each true class was not expected, in nats."""

    def __init__(self) -> None:
        self.surprise, self.seen = 0.0, 0

    def update(self, output: Array, target: Array) -> None:
        import numpy as np

        flat = output.reshape(-1, output.shape[-1]).astype(np.float64)
        chances = flat[np.arange(len(flat)), target.reshape(-1).astype(int)]
        self.surprise -= float(np.log(np.maximum(chances, 1e-30)).sum())
        self.seen += len(flat)

    def result(self) -> float:
        import math

        return math.exp(min(self.surprise / max(self.seen, 1), 700.0))


class Perplexity(Metric):
    """The exponential of the mean cross-entropy: between how many classes the network wavers at each step.

    ```yaml
    perplexity
    ```
    """

    type = "perplexity"
    needs = "classes"
    larger_is_better = False

    def start(self, cut: float = 0.5) -> Tally:
        return _Perplexity()


class _Errors(Tally):
    """Sums of errors in float64."""

    def __init__(self) -> None:
        self.count, self.absolute, self.squared, self.relative = 0, 0.0, 0.0, 0.0
        self.target_mean, self.target_spread = 0.0, 0.0

    def update(self, output: Array, target: Array) -> None:
        import numpy as np

        wide = target.reshape(output.shape).astype(np.float64)
        error = output.astype(np.float64) - wide
        if not error.size:
            return
        # Means and spreads of batches are joined as Chan et al. (1983) do: sums of squares would cancel far from zero.
        mean, before = float(wide.mean()), self.count
        self.count += error.size
        gap = mean - self.target_mean
        self.target_mean += gap * error.size / self.count
        self.target_spread += float(((wide - mean) ** 2).sum()) + gap * gap * before * error.size / self.count
        self.absolute += float(np.abs(error).sum())
        self.squared += float((error * error).sum())
        self.relative += float((np.abs(error) / np.maximum(np.abs(wide), 1e-12)).sum())


class _Rmse(_Errors):
    def result(self) -> float:
        return float((self.squared / max(self.count, 1)) ** 0.5)


class _Mse(_Errors):
    def result(self) -> float:
        return self.squared / max(self.count, 1)


class _Mae(_Errors):
    def result(self) -> float:
        return self.absolute / max(self.count, 1)


class _Mape(_Errors):
    def result(self) -> float:
        return self.relative / max(self.count, 1)


class _R2(_Errors):
    def result(self) -> float:
        return 1 - self.squared / self.target_spread if self.target_spread > 0 else float("nan")


class Rmse(Metric):
    """Root of the mean squared error, in the target's units.

    ```yaml
    rmse
    ```
    """

    type = "rmse"
    larger_is_better = False
    needs = "numbers"

    def start(self, cut: float = 0.5) -> Tally:
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

    def start(self, cut: float = 0.5) -> Tally:
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

    def start(self, cut: float = 0.5) -> Tally:
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

    def start(self, cut: float = 0.5) -> Tally:
        return _Mape()


class R2(Metric):
    """Share of the target's variance that is explained.

    ```yaml
    r2
    ```
    """

    type = "r2"
    needs = "numbers"

    def start(self, cut: float = 0.5) -> Tally:
        return _R2()


METRICS: dict[str, type[Metric]] = {
    metric.type: metric
    for metric in (Accuracy, Precision, Recall, F1, TopKAccuracy, RocAuc, PrAuc, Perplexity, Rmse, Mse, Mae, Mape, R2)
}
