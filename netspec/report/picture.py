"""A network as a picture: boxes from top to bottom, scopes as frames around them, skips as arcs at the side.

A spec is a tree already, so the layout follows it: what stands below in the file stands below in the picture,
the paths of a `parallel` stand side by side, and equal rounds of a `repeat` are drawn once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

from netspec.graph import Graph, Port, Program
from netspec.report.table import count
from netspec.report.tree import Row, tree
from netspec.spec import Spec

_LINE, _PAD, _GAP, _HEAD = 15, 14, 26, 22
_CHARACTER = 6.7
_COLOURS = {
    "conv": "#dbeafe", "pool": "#e0f2fe", "norm": "#ede9fe", "dense": "#fef3c7", "embedding": "#fef3c7",
    "lstm": "#dcfce7", "gru": "#dcfce7", "rnn": "#dcfce7", "attention": "#dcfce7", "dropout": "#f1f5f9",
}  # fmt: skip


@dataclass(eq=False)
class Box:
    """Something drawn: a layer, a join, an input, or a frame with boxes inside. Places are set by `_place`."""

    title: str
    detail: str = ""
    kind: str = "layer"
    times: int = 1
    inside: list[Box] = field(default_factory=list)
    side_by_side: bool = False
    width: float = 0
    height: float = 0
    x: float = 0
    y: float = 0

    @property
    def middle(self) -> float:
        """The x of its middle."""
        return self.x + self.width / 2


class Drawing:
    """The boxes of one graph and the edges between them."""

    def __init__(self, graph: Graph, depth: int | None = None) -> None:
        self.graph, self.depth = graph, depth
        self.box: dict[str, Box] = {}
        self.order: list[Box] = []
        self.top = Box("", kind="top")
        inputs = [self._input(name) for name in graph.inputs]
        self.top.inside = inputs if len(inputs) == 1 else [Box("", kind="row", inside=inputs, side_by_side=True)]
        self.top.inside += self._boxes(tree(graph))
        self.edges = list(dict.fromkeys(self._edges()))

    def _input(self, name: str) -> Box:
        box = Box(name, str(self.graph.inputs[name]), "input")
        self.box[name] = box
        return box

    def _boxes(self, rows: list[Row]) -> list[Box]:
        deepest = self.depth is not None and bool(rows) and rows[0].depth + 1 >= self.depth
        return [self._framed(row) if row.rows and not deepest else self._layer(row) for row in rows]

    def _layer(self, row: Row) -> Box:
        parameters = count(row.parameters())
        named = not row.own.startswith(row.type if row.rows else row.nodes[0].op.type)
        title = f"{row.own}: {row.type}" if named else row.type
        box = Box(title, f"{row.output}" + (f"   {parameters}" if parameters else ""), "scope" if row.rows else "layer")
        for leaf in _leaves(row):
            for node in leaf.nodes:
                self.box[node.name] = box
        return box

    def _framed(self, row: Row) -> Box:
        rounds = row.rows if row.type == "repeat" else []
        same = len(rounds) > 1 and len({_outline(each) for each in rounds}) == 1
        shown = rounds[0].rows if rounds and same else row.rows
        times = len(rounds) if same else 1
        label = row.type if row.own.startswith(row.type) else f"{row.own}: {row.type}"
        frame = Box(label, kind="frame", times=times)
        inner = self._boxes(shown)
        kinds = [each.type for each in shown]
        if "path" in kinds:
            inner = [Box("", kind="row", inside=inner, side_by_side=True)]
        elif "shortcut" in kinds:
            body = Box("", kind="stack", inside=inner[:-1])
            inner = [Box("", kind="row", inside=[body, inner[-1]], side_by_side=True)]
        frame.inside = inner
        if same:
            self._stand_in(rounds)
        if row.nodes:
            kind = row.nodes[0].op.type
            join = Box({"add": "+", "multiply": "*", "subtract": "-"}.get(kind, kind), kind="join")
            frame.inside.append(join)
            for node in row.nodes:
                self.box[node.name] = join
        return frame

    def _stand_in(self, rounds: list[Row]) -> None:
        """Rounds that are not drawn are meant by the first one's boxes."""
        first = [node.name for row in _leaves(rounds[0]) for node in row.nodes]
        for other in rounds[1:]:
            for name, own in zip(first, (node.name for row in _leaves(other) for node in row.nodes), strict=True):
                if name in self.box:
                    self.box[own] = self.box[name]

    def _edges(self) -> Iterator[tuple[Box, Box]]:
        for node in self.graph.nodes:
            for port in node.inputs:
                source, target = self._box(port), self.box.get(node.name)
                if source is not None and target is not None and source is not target:
                    yield source, target

    def _box(self, port: Port) -> Box | None:
        return self.box.get(port.node)


def _outline(row: Row) -> tuple[object, ...]:
    """What a round looks like: its layers and shapes, without names."""
    inner = tuple(_outline(each) for each in row.rows)
    return (row.type, inner, tuple((node.op.type, str(node.output)) for node in row.nodes))


def _leaves(row: Row) -> Iterator[Row]:
    for each in row.rows:
        yield from _leaves(each)
    if row.nodes:
        yield row


def svg(spec: Spec, program: Program, depth: int | None = None) -> str:
    """The picture of a program as an SVG document; the graphs of a pair stand side by side.

    With `depth` only the outermost levels are drawn, and a scope below them is one box.
    """
    drawings = [Drawing(graph, depth) for graph in program.graphs.values()]
    left, parts, height = 20.0, [], 0.0
    for drawing in drawings:
        _measure(drawing.top)
        _place(drawing.top, left, 46)
        arcs = _arcs(drawing)
        parts += [*_frames(drawing.top), *arcs.paths, *_leaf_boxes(drawing.top)]
        left = max(drawing.top.x + drawing.top.width, arcs.right) + 30
        height = max(height, drawing.top.y + drawing.top.height)
    title = f'<text x="20" y="26" class="title">{escape(spec.name)}</text>'
    size = f'width="{left:.0f}" height="{height + 16:.0f}" viewBox="0 0 {left:.0f} {height + 16:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(spec.name)}">'
    return "\n".join([head, _STYLE, '<rect width="100%" height="100%" fill="#fff"/>', title, *parts, "</svg>", ""])


_STYLE = """<style>
text { font: 11px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #0f172a; }
.title { font-weight: bold; font-size: 14px; } .detail { fill: #64748b; } .frame { fill: #475569; font-weight: bold; }
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
<path d="M0 0 L8 4 L0 8 z" fill="#64748b"/></marker></defs>"""


def _measure(box: Box) -> None:
    """Sizes from the inside out."""
    for inner in box.inside:
        _measure(inner)
    if not box.inside:
        lines = max(len(box.title), len(box.detail))
        box.width = max(44, lines * _CHARACTER + 20) if box.kind != "join" else max(26, len(box.title) * _CHARACTER + 14)
        box.height = 24 if box.kind == "join" or not box.detail else 2 * _LINE + 8
        return
    widths, heights = [b.width for b in box.inside], [b.height for b in box.inside]
    if box.side_by_side:
        box.width, box.height = sum(widths) + _GAP * (len(widths) - 1), max(heights)
    else:
        box.width, box.height = max(widths), sum(heights) + _GAP * (len(heights) - 1)
    if box.kind == "frame":
        label = (len(box.title) + 6) * _CHARACTER
        box.width, box.height = max(box.width, label) + 2 * _PAD, box.height + _HEAD + _PAD


def _place(box: Box, x: float, y: float) -> None:
    """Places from the outside in: what is narrower stands in the middle."""
    box.x, box.y = x, y
    framed = box.kind == "frame"
    left, top = x + (_PAD if framed else 0), y + (_HEAD if framed else 0)
    room = box.width - (2 * _PAD if framed else 0)
    for inner in box.inside:
        if box.side_by_side:
            _place(inner, left, top)
            left += inner.width + _GAP
        else:
            _place(inner, left + (room - inner.width) / 2, top)
            top += inner.height + _GAP


def _frames(box: Box) -> Iterator[str]:
    if box.kind == "frame":
        shape = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
        yield f'<rect {shape} rx="7" fill="#f8fafc" fill-opacity="0.7" stroke="#cbd5e1"/>'
        label = box.title + (f"   x {box.times}" if box.times > 1 else "")
        yield f'<text x="{box.x + 9:.1f}" y="{box.y + 15:.1f}" class="frame">{escape(label)}</text>'
    for inner in box.inside:
        yield from _frames(inner)


def _leaf_boxes(box: Box) -> Iterator[str]:
    if box.inside:
        for inner in box.inside:
            yield from _leaf_boxes(inner)
        return
    colour = "#f8fafc" if box.kind == "scope" else next((c for word, c in _COLOURS.items() if word in box.title), "#fff")
    if box.kind in ("input", "join"):
        colour = {"input": "#0f172a", "join": "#fde68a"}[box.kind]
    shape = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    radius = 12 if box.kind != "layer" else 5
    yield f'<rect {shape} rx="{radius}" fill="{colour}" stroke="#94a3b8"/>'
    white = ' style="fill:#fff"' if box.kind == "input" else ""
    top = box.y + (16 if box.detail else box.height / 2 + 4)
    yield f'<text x="{box.middle:.1f}" y="{top:.1f}" text-anchor="middle"{white}>{escape(box.title)}</text>'
    if box.detail:
        place = f'x="{box.middle:.1f}" y="{top + _LINE:.1f}" text-anchor="middle" class="detail"{white}'
        yield f"<text {place}>{escape(box.detail)}</text>"


@dataclass
class _Arcs:
    paths: list[str]
    right: float


def _arcs(drawing: Drawing) -> _Arcs:
    """Edges: straight where nothing stands between, else around the right side."""
    leaves = list(_all_leaves(drawing.top))
    found = _Arcs([], drawing.top.x + drawing.top.width)
    for source, target in drawing.edges:
        start, end = source.y + source.height, target.y
        if end <= start:
            continue  # a round that is drawn once does not point back at itself
        blocked = [b for b in leaves if start - 1 <= b.y and b.y + b.height <= end + 1 and _between(b, source, target)]
        if not blocked:
            middle = (start + end) / 2
            x0, x1 = source.middle, target.middle
            line = f"M{x0:.1f} {start:.1f} C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {end:.1f}"
        else:
            out = max(b.x + b.width for b in [*blocked, source, target]) + 14 + 3 * min(len(blocked), 8)
            found.right = max(found.right, out)
            y0, y1 = source.y + source.height / 2, target.y + target.height / 2
            line = f"M{source.x + source.width:.1f} {y0:.1f} C{out:.1f} {y0 + 4:.1f} {out:.1f} {y0 + 20:.1f} "
            line += f"{out:.1f} {(y0 + y1) / 2:.1f} "
            line += f"S{out:.1f} {y1 - 4:.1f} {target.x + target.width:.1f} {y1:.1f}"
        found.paths.append(f'<path d="{line}" fill="none" stroke="#64748b" marker-end="url(#tip)"/>')
    return found


def _between(box: Box, source: Box, target: Box) -> bool:
    """Whether a straight line from source to target would run through a box."""
    if box in (source, target):
        return False
    low, high = sorted((source.middle, target.middle))
    return box.x - 4 < high and low < box.x + box.width + 4


def _all_leaves(box: Box) -> Iterator[Box]:
    if not box.inside:
        yield box
    for inner in box.inside:
        yield from _all_leaves(inner)


def mermaid(program: Program, depth: int | None = None) -> str:
    """The same drawing as a Mermaid flowchart."""
    lines = ["flowchart TD"]
    numbers: dict[int, str] = {}
    for drawing in (Drawing(graph, depth) for graph in program.graphs.values()):
        lines += _mermaid_boxes(drawing.top, numbers, 1)
        lines += [f"  {numbers[id(a)]} --> {numbers[id(b)]}" for a, b in drawing.edges if id(a) in numbers and id(b) in numbers]
    return "\n".join(lines) + "\n"


def _mermaid_boxes(box: Box, numbers: dict[int, str], depth: int) -> Iterator[str]:
    pad = "  " * depth
    if not box.inside:
        numbers[id(box)] = f"n{len(numbers)}"
        text = _mermaid_text(box.title) + (f"<br/>{_mermaid_text(box.detail)}" if box.detail else "")
        opening, closing = {"input": ("([", "])"), "join": ("((", "))")}.get(box.kind, ("[", "]"))
        yield f'{pad}{numbers[id(box)]}{opening}"{text}"{closing}'
        return
    framed = box.kind == "frame"
    if framed:
        label = box.title + (f" x {box.times}" if box.times > 1 else "")
        yield f'{pad}subgraph s{len(numbers)}["{_mermaid_text(label)}"]'
    for inner in box.inside:
        yield from _mermaid_boxes(inner, numbers, depth + framed)
    if framed:
        yield f"{pad}end"


def _mermaid_text(text: str) -> str:
    """Mermaid writes entities with `#` where HTML has `&`."""
    return text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
