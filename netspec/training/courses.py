"""How a program is trained: supervised, or as a pair of adversaries."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.compiler.network import Functional
from netspec.components.augment import Augment
from netspec.data.prepare import Dataset
from netspec.graph.ir import Program
from netspec.graph.objective import losses_by_output
from netspec.spec import Spec
from netspec.training.batches import RoundFeed, feed
from netspec.training.evaluate import Evaluator
from netspec.training.judge import ByValidation
from netspec.training.loop import Course, scans
from netspec.training.samples import Exhibition, Features
from netspec.training.setup import class_weights, fills, monitored
from netspec.training.steps.adversarial import Adversarial
from netspec.training.steps.supervised import Supervised


def course(spec: Spec, program: Program, dataset: Dataset, features: Features | None = None) -> Course:
    """What is trained, on what, and who judges it; `features` is the classifier of the Frechet distance."""
    augment: Sequence[Augment] = spec.data.augment if spec.data is not None else ()
    if spec.adversarial is not None:
        return _adversarial(spec, program, dataset, augment, features)
    return _supervised(spec, program, dataset, augment)


def _supervised(spec: Spec, program: Program, dataset: Dataset, augment: Sequence[Augment]) -> Course:
    train, graph = spec.train, program.main
    assert train is not None
    losses, network = losses_by_output(spec, graph), Functional(graph)
    rows = feed(dataset.train, train.batch_size, train.seed)
    objective = Supervised(
        network,
        losses,
        train,
        steps_per_epoch=rows.steps,
        augment=tuple(augment),
        fills=fills(dataset.preprocess),
        class_weights=class_weights(train, losses, dataset),
        mirrors=tuple(dataset.preprocess.mirrors),
    )
    evaluator = Evaluator(network, losses, train.metrics, dataset.preprocess, train.batch_size, objective.costs)
    judge = ByValidation(evaluator, dataset.parts.get("validation"), *monitored(train, "validation" in dataset.parts))
    return Course(train, objective, rows, judge, scans([graph]))


def _adversarial(
    spec: Spec, program: Program, dataset: Dataset, augment: Sequence[Augment], features: Features | None
) -> Course:
    train, gan = spec.adversarial, spec.gan
    assert train is not None
    assert gan is not None
    generator, discriminator = (Functional(program.graphs[name]) for name in ("generator", "discriminator"))
    rows = RoundFeed(dataset.train, train.batch_size, train.discriminator.steps, train.seed)
    several = scans(program.graphs.values())
    objective = Adversarial(
        generator,
        discriminator,
        train,
        (gan.latent.size, gan.latent.distribution),
        steps_per_epoch=rows.steps,
        unrolled=not several,
        augment=tuple(augment),
        fills=fills(dataset.preprocess),
    )
    return Course(train, objective, rows, Exhibition(gan, train, generator, dataset, rows.steps, features), several)
