"""What the scopes of the language become in a graph: one rule for each of `spec.scopes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from netspec.components.layers import LAYERS, Merge
from netspec.diagnostics import Problem
from netspec.graph.ir import Port
from netspec.graph.nodes import UNKNOWN
from netspec.graph.projection import projection_layers
from netspec.graph.scope import Place, Placed, Scope, names_of
from netspec.graph.way import way_to
from netspec.spec import scopes
from netspec.spec.items import Item, LayerItem, ScopeItem
from netspec.spec.reader import TooLarge, too_many_layers

if TYPE_CHECKING:
    from netspec.graph.build import Builder

_SHARED = "name the layer, block, residual or parallel whose weights are meant"


class Standing(NamedTuple):
    """A scope where it stands: what was written, its place, and the names around it."""

    item: ScopeItem
    place: Place
    around: Scope
    sources: tuple[Port, ...]


Placing: TypeAlias = tuple[Port, Scope | None]
"""What an item gives, and the scope that others may look into."""
Rule: TypeAlias = Callable[["Builder", Any, Standing], Placing]
"""The nodes of a scope: what it was read as, and where it stands."""


def rule(scope: scopes.Scope) -> Rule:
    """The rule of a scope of the language."""
    return RULES[type(scope)]


def _residual(builder: Builder, scope: scopes.Residual, at: Standing) -> Placing:
    if len(at.sources) > 1:
        return builder.too_many(at.item, at.place, at.sources), None
    (start,) = at.sources
    inner = at.around.inner(at.place, names_of(scope.layers))
    end = builder.place(scope.layers, inner, start)
    if start is UNKNOWN or end is UNKNOWN:
        return UNKNOWN, inner
    shortcut = _shortcut(builder, scope, at, inner, end)
    if shortcut is UNKNOWN:
        return UNKNOWN, inner
    types = builder.nodes.types
    if scope.shortcut is None and types[shortcut].shape != types[end].shape:
        _changes_shape(builder, at.item, shortcut, end)
        return UNKNOWN, inner
    return builder.nodes.put(at.place, LAYERS["add"](), (end, shortcut), at.item.path), inner


def _changes_shape(builder: Builder, item: Item, start: Port, end: Port) -> None:
    """The body of a residual gives another shape than it reads."""
    source, target = builder.nodes.types[start], builder.nodes.types[end]
    help = "keep the shape: the last layer has the channels of the input, and `padding: same` keeps the axes"
    try:
        projection_layers(source, target)
        help = "add `shortcut: project`, or keep the shape"
    except Problem:
        pass
    builder.reader.report(
        "NS404",
        f"`residual` adds {source} and {target}",
        item.path,
        key=True,
        caption="its layers change the shape",
        help=help,
        labels=way_to(builder.spec.document, builder.nodes.by_name, end, item.path),
    )


def _shortcut(builder: Builder, scope: scopes.Residual, at: Standing, inner: Scope, end: Port) -> Port:
    """What is added to the body's result: the input, its projection, or layers of its own."""
    (start,) = at.sources
    place = at.place.inside("shortcut")
    builder.scopes[place.name] = "shortcut"
    if isinstance(scope.shortcut, tuple):
        return builder.place(scope.shortcut, inner.inner(place, names_of(scope.shortcut)), start)
    source, target = builder.nodes.types[start], builder.nodes.types[end]
    if scope.shortcut is None or source.shape == target.shape:
        return start
    try:
        projection = projection_layers(source, target)
    except Problem as problem:
        builder.reader.problem(problem, at.item.path, key=True)
        return UNKNOWN
    items = tuple(LayerItem(at.item.path, layer.type, layer) for layer in projection)
    return builder.place(items, inner.inner(place), start)


def _parallel(builder: Builder, scope: scopes.Parallel, at: Standing) -> Placing:
    if len(at.sources) > 1:
        return builder.too_many(at.item, at.place, at.sources), None
    (start,) = at.sources
    outer = at.around.inner(at.place)
    ends = []
    for path, items in scope.paths.items():
        inner = outer.inner(outer.place(path), names_of(items))
        builder.scopes[outer.place(path).name] = "path"
        end = builder.place(items, inner, start)
        outer.ports[path] = end
        outer.placed[path] = Placed(at.item, outer.place(path), outer, inner)
        ends.append(end)
    if start is UNKNOWN or UNKNOWN in ends:
        return UNKNOWN, outer
    return builder.nodes.put(at.place, scope.merge, tuple(ends), at.item.path), outer


def _repeat(builder: Builder, scope: scopes.Repeat, at: Standing) -> Placing:
    """Round after round, each in a scope of its own; nobody looks inside."""
    if len(at.sources) > 1:
        return builder.too_many(at.item, at.place, at.sources), None
    (above,) = at.sources
    outer = at.around.inner(at.place)
    rounds = [scope.layers] * scope.times if scope.times else [each.layers for each in at.item.rounds_of(scopes.Repeat)]
    for layers in rounds:
        inner = outer.inner(outer.place(outer.automatic("round")), names_of(layers))
        builder.scopes[inner.at.name] = "round"
        try:
            builder.budget.spend(at.item.path)
            above = builder.place(layers, inner, above)
        except TooLarge:
            raise too_many_layers(at.item.path) from None  # the outermost repeat is what has too many rounds
    return above, None


def _block(builder: Builder, scope: scopes.Block, at: Standing) -> Placing:
    item, place = at.item, at.place
    remat = place.remat or (place.name if scope.remat else None)
    inner = at.around.inner(place._replace(remat=remat), names_of(scope.layers))
    expected = len(scope.inputs) or 1
    if UNKNOWN in at.sources:
        return UNKNOWN, inner
    if len(at.sources) != expected:
        names = ", ".join(scope.inputs)
        told = f"reads {expected} layer{'s' * (expected > 1)} ({names})" if scope.inputs else "reads one layer"
        help = f"write `from: [{names}]` with the layers in that order" if scope.inputs else ""
        where = (*item.path[:-1], "from") if item.sources else item.path
        message = f"`{item.type}` {told}, found {len(at.sources)}"
        builder.reader.report("NS213", message, where, key=not item.sources, help=help)
        return UNKNOWN, inner
    inner.ports.update(zip(scope.inputs, at.sources, strict=False))
    above = at.sources[0] if expected == 1 else None
    if item.called:
        with builder.reader.calling(item.path):
            end = builder.place(scope.layers, inner, above)
    else:
        end = builder.place(scope.layers, inner, above)
    return (end if scope.layers else UNKNOWN), inner


def _share(builder: Builder, scope: scopes.Share, at: Standing) -> Placing:
    """The nodes of the item that is meant once more, under the weights of the first."""
    meant, path = scope.target, at.item.path
    target = at.around.find_placed(meant)
    if target is None:
        if meant in builder.spec.refused:
            return UNKNOWN, None
        if at.around.find(meant) is not None:
            message = f"`{meant}` is an input, and an input has no weights to share"
            builder.reader.report("NS314", message, path, help=_SHARED)
        else:
            builder.resolve.port(meant, at.around, None, path)
        return UNKNOWN, None
    if not _has_weights_of_its_own(target.item):
        builder.reader.report("NS314", f"`{target.item.type}` cannot be shared", path, help=_SHARED)
        return UNKNOWN, None
    if target.scope.ports[meant.rpartition(".")[2]] is UNKNOWN or UNKNOWN in at.sources:
        return UNKNOWN, None
    shared = at.place._replace(weights=target.place.weights, share=path)
    with builder.reader.calling(path):
        return builder.put(target.item, shared, target.scope, at.sources)


def _has_weights_of_its_own(item: Item) -> bool:
    if isinstance(item, LayerItem):
        return not isinstance(item.layer, Merge)
    return not isinstance(item.scope, scopes.Repeat | scopes.Share)


RULES: Mapping[type[scopes.Scope], Rule] = {
    scopes.Residual: _residual,
    scopes.Parallel: _parallel,
    scopes.Repeat: _repeat,
    scopes.Block: _block,
    scopes.Share: _share,
}
