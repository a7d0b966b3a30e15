"""Metrics of classes and labels: how often they are right, and how well scores rank."""

from pydantic import Field

from netspec.components.fields import Count
from netspec.components.objectives.metrics.base import EACH, ONE_OF, Array, Metric, Reading, Tally


class _Counts(Tally):
    """How often each class, or each label, was found, missed and taken for another."""

    def __init__(self, reading: Reading) -> None:
        import numpy as np

        self.reading = reading
        self.hits: Array = np.zeros(0, np.int64)
        self.said: Array = np.zeros(0, np.int64)
        self.true: Array = np.zeros(0, np.int64)
        self.right, self.seen = 0, 0

    def update(self, output: Array, target: Array) -> None:
        import numpy as np

        scores, true = self.reading.flat(output, target)
        said = self.reading.decided(scores)
        self.right += int((said == true).sum())
        self.seen += said.size
        if self.reading.one_of:
            size = max([scores.shape[-1], *(int(each.max()) + 1 for each in (said, true) if each.size)])
            counts = [np.bincount(each, minlength=size) for each in (said[said == true], said, true)]
        else:
            counts = [(said & true).sum(0), said.sum(0), true.sum(0)]
        self.hits, self.said, self.true = (
            _added(before, now) for before, now in zip((self.hits, self.said, self.true), counts, strict=True)
        )

    def scores(self) -> tuple[Array, Array]:
        """Precision and recall of each class that is true or predicted, of the positive one alone where there are two; or of
        each label."""
        import numpy as np

        precision = self.hits / np.maximum(self.said, 1)
        recall = self.hits / np.maximum(self.true, 1)
        if not self.reading.one_of:
            return precision, recall
        kept = slice(1, 2) if len(self.hits) == 2 else self.said + self.true > 0
        return precision[kept], recall[kept]


def _added(before: Array, now: Array) -> Array:
    """Two counts, the shorter one filled up with zeros."""
    import numpy as np

    size = max(len(before), len(now))
    return np.pad(before, (0, size - len(before))) + np.pad(now, (0, size - len(now)))


class _Accuracy(_Counts):
    def result(self) -> float:
        return self.right / self.seen if self.seen else float("nan")


class _Precision(_Counts):
    def result(self) -> float:
        return _mean(self.scores()[0])


class _Recall(_Counts):
    def result(self) -> float:
        return _mean(self.scores()[1])


class _F1(_Counts):
    def result(self) -> float:
        import numpy as np

        precision, recall = self.scores()
        both = precision + recall
        return _mean(np.where(both > 0, 2 * precision * recall / np.where(both > 0, both, 1), 0))


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")


class Accuracy(Metric):
    """Share of right answers; of several labels an example, the share of right labels.

    ```yaml
    accuracy
    ```
    """

    type = "accuracy"
    needs = "classes"

    def start(self, reading: Reading = EACH) -> Tally:
        return _Accuracy(reading)


class Precision(Metric):
    """Share of right ones among the positive answers; the mean over more classes than two, or over labels.

    Source: `sklearn.metrics.precision_score`, binary or macro.

    ```yaml
    precision
    ```
    """

    type = "precision"
    needs = "classes"
    of_positive = True

    def start(self, reading: Reading = EACH) -> Tally:
        return _Precision(reading)


class Recall(Metric):
    """Share of the positives that were found; the mean over more classes than two, or over labels.

    Source: `sklearn.metrics.recall_score`, binary or macro.

    ```yaml
    recall
    ```
    """

    type = "recall"
    needs = "classes"
    of_positive = True

    def start(self, reading: Reading = EACH) -> Tally:
        return _Recall(reading)


class F1(Metric):
    """The harmonic mean of precision and recall; the mean over more classes than two, or over labels.

    Source: `sklearn.metrics.f1_score`, binary or macro.

    ```yaml
    f1
    ```
    """

    type = "f1"
    needs = "classes"
    of_positive = True

    def start(self, reading: Reading = EACH) -> Tally:
        return _F1(reading)


class _TopK(Tally):
    def __init__(self, k: int) -> None:
        self.k, self.hits, self.seen = k, 0, 0

    def update(self, output: Array, target: Array) -> None:
        scores, labels = ONE_OF.flat(output, target)
        best = (-scores).argsort(-1, kind="stable")[:, : self.k]
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

    def start(self, reading: Reading = EACH) -> Tally:
        return _TopK(self.k)


class _Ranked(Tally):
    """Keeps every score, for metrics that rank them; scikit-learn does the ranking."""

    def __init__(self, function: str, reading: Reading) -> None:
        self.function, self.reading = function, reading
        self.scores: list[Array] = []
        self.true: list[Array] = []

    def update(self, output: Array, target: Array) -> None:
        scores, true = self.reading.flat(output, target)
        self.scores.append(scores)
        self.true.append(true)

    def result(self) -> float:
        import numpy as np
        from sklearn import metrics

        function = getattr(metrics, self.function)
        scores, true = np.concatenate(self.scores), np.concatenate(self.true)
        if self.reading.one_of:
            classes = [1] if scores.shape[1] == 2 else list(range(scores.shape[1]))
            pairs = [(true == index, scores[:, index]) for index in classes]
        else:
            pairs = [(true[:, index], scores[:, index]) for index in range(scores.shape[1])]
        # A class that no row has, or that all have, cannot be ranked against the others.
        found = [float(function(is_true, score)) for is_true, score in pairs if 0 < is_true.sum() < len(is_true)]
        return float(np.mean(found)) if found else float("nan")


class RocAuc(Metric):
    """Area under the ROC curve; the mean of one class against the rest where there are more than two, or over labels.

    Source: `sklearn.metrics.roc_auc_score`, one against the rest, macro.

    ```yaml
    roc_auc
    ```
    """

    type = "roc_auc"
    needs = "classes"

    def start(self, reading: Reading = EACH) -> Tally:
        return _Ranked("roc_auc_score", reading)


class PrAuc(Metric):
    """Average precision, the area under the precision-recall curve; the mean over more classes than two, or over labels.

    Source: `sklearn.metrics.average_precision_score`, binary or macro.

    ```yaml
    pr_auc
    ```
    """

    type = "pr_auc"
    needs = "classes"
    of_positive = True

    def start(self, reading: Reading = EACH) -> Tally:
        return _Ranked("average_precision_score", reading)


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
    needs = "chances"
    larger_is_better = False

    def start(self, reading: Reading = EACH) -> Tally:
        return _Perplexity()


METRICS: tuple[type[Metric], ...] = (Accuracy, Precision, Recall, F1, TopKAccuracy, RocAuc, PrAuc, Perplexity)
