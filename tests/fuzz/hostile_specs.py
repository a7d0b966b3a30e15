"""Specs that a stranger might send to hurt: each must be answered in a second, within 150 MB, by one code in its place.

Each case says which codes may answer it: a spec may be wrong in one way only, so usually that is one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAYERS = [{"dense": 1}]


@dataclass(frozen=True)
class Hostile:
    """One hostile spec: its text, what is asked of it, and the codes that are right."""

    name: str
    kind: str
    text: str | bytes
    codes: tuple[str, ...]
    """Codes that may be told; empty for a spec that is only large, and valid."""
    arguments: tuple[str, ...] = ("validate", "spec.yaml")
    file: str = "spec.yaml"
    prepare: Callable[[Path], None] | None = None

    def write(self, folder: Path) -> None:
        """Put the case into a folder."""
        (folder / "pyproject.toml").write_text("")
        if self.file:
            data = self.text.encode("utf-8", "surrogatepass") if isinstance(self.text, str) else self.text
            (folder / self.file).write_bytes(data)
        if self.prepare is not None:
            self.prepare(folder)


def spec(**keys: Any) -> str:
    """A spec as JSON text, which YAML is too."""
    base: dict[str, Any] = {"netspec": 1, "name": "hostile", "input": [4], "model": {"layers": LAYERS}}
    return json.dumps({**base, **keys})


def yaml(head: str = "", model: str = "model: {layers: [{dense: 1}]}", input: str = "input: [4]") -> str:
    """A spec as block YAML."""
    return f"netspec: 1\nname: hostile\n{input}\n{head}\n{model}\n"


def cases() -> Iterator[Hostile]:
    """All of them."""
    yield from _expansions()
    yield from _substitutions()
    yield from _polynomials()
    yield from _quadratic()
    yield from _numbers()
    yield from _depths()
    yield from _encodings()
    yield from _options()
    yield from _files()
    yield from _paths()


def _expansions() -> Iterator[Hostile]:
    def hostile(name: str, model: Any, codes: tuple[str, ...] = ("NS004",), **keys: Any) -> Hostile:
        return Hostile(name, "expansion", spec(model=model, **keys), codes)

    def nested(times: int, depth: int, body: Any) -> Any:
        for _ in range(depth):
            body = [{"repeat": {"times": times, "layers": body}}]
        return {"layers": body}

    for times, depth in (
        (20000, 1),
        (20000, 2),
        (20000, 3),
        (19999, 2),
        (100, 4),
        (2, 20),
        (3, 13),
        (141, 2),
        (142, 2),
        (20001, 1),
        (9999, 1),
        (70, 2),
    ):
        yield hostile(f"{times} rounds, {depth} deep, of nothing", nested(times, depth, []), ("NS004", "NS202"))
        yield hostile(f"{times} rounds, {depth} deep", nested(times, depth, LAYERS), ("NS004",) if times**depth > 4999 else ())
    yield hostile("rounds of a bad layer", nested(20000, 2, [{"dens": 1}]), ("NS206", "NS004"))
    yield hostile("rounds of an unknown source", nested(20000, 2, [{"dense": 1, "from": "nowhere"}]), ("NS303", "NS004"))
    yield hostile("rounds of a share", nested(150, 2, [{"share": "a", "from": "input"}]), ("NS303", "NS004"))
    yield hostile("rounds of a residual of nothing", nested(20000, 2, [{"residual": []}]), ("NS202", "NS004"))
    yield hostile("rounds of a block of nothing", nested(20000, 2, [{"block": {"layers": []}}]), ("NS202", "NS004"))
    yield hostile("2^64 rounds", nested(2**64, 1, LAYERS), ("NS004", "NS205"))
    yield hostile("1000G rounds", nested("1000G", 1, LAYERS), ("NS004",))  # type: ignore[arg-type]
    for width in (2, 3, 10):
        for depth in (16, 25, 31, 33, 60):
            blocks: dict[str, Any] = {"b0": {"layers": [{"dense": 2}]}}
            for i in range(1, depth):
                blocks[f"b{i}"] = {"layers": [f"b{i - 1}"] * width}
            yield hostile(f"calls {width} wide, {depth} deep", {"layers": [f"b{depth - 1}"]}, ("NS004",), blocks=blocks)
            blocks = {**blocks, "b0": {"layers": []}}
            codes = ("NS004", "NS202")
            yield hostile(f"calls {width} wide, {depth} deep, of nothing", {"layers": [f"b{depth - 1}"]}, codes, blocks=blocks)
    # Each call has another value, so that no body is read twice.
    for depth in (16, 24, 30):
        blocks = {"b0": {"vars": {"n": 1}, "layers": [{"dense": "$n"}]}}
        for i in range(1, depth):
            calls = [{f"b{i - 1}": {"n": f"$(2 * n + {k})"}} for k in (0, 1)]
            blocks[f"b{i}"] = {"vars": {"n": 1}, "layers": calls}
        yield hostile(f"calls of other values, {depth} deep", {"layers": [f"b{depth - 1}"]}, ("NS004",), blocks=blocks)
    for depth in (16, 30):
        blocks = {"b0": {"vars": {"n": ["x"]}, "layers": [{"repeat": {"over": {"k": "$n"}, "layers": LAYERS}}]}}
        for i in range(1, depth):
            blocks[f"b{i}"] = {"vars": {"n": ["x"]}, "layers": [{f"b{i - 1}": {"n": ["$n", "$n"]}}]}
        codes = ("NS004",) if depth > 16 else ("valid", "NS316")
        yield hostile(f"lists doubled through calls, {depth} deep", {"layers": [f"b{depth - 1}"]}, codes, blocks=blocks)
        blocks = {"b0": {"vars": {"n": "x"}, "layers": [{"dense": {"units": 1, "kernel_initializer": "$n"}}]}}
        for i in range(1, depth):
            blocks[f"b{i}"] = {"vars": {"n": "x"}, "layers": [{f"b{i - 1}": {"n": "$n$n"}}]}
        codes = ("NS004", "NS206", "NS302", "NS002")
        yield hostile(f"texts doubled through calls, {depth} deep", {"layers": [f"b{depth - 1}"]}, codes, blocks=blocks)
    over = {
        "repeat": {"over": {"k": list(range(140))}, "layers": [{"repeat": {"over": {"j": list(range(150))}, "layers": []}}]}
    }
    yield hostile("over times over, of nothing", {"layers": [over]}, ("NS004", "NS202"))
    paths = {f"p{i}": [] for i in range(3000)}
    inner = {"parallel": {"paths": paths}}
    yield hostile("paths of nothing in rounds", nested(300, 1, [inner]), ("NS004", "NS202"))
    shared = [{"dense": 1, "name": "a"}]
    for i in range(1, 40):
        shared.append(
            {
                "residual": {"layers": [{"share": chr(96 + i) if i < 27 else f"z{i}", "from": "input"}] * 2},
                "name": chr(97 + i) if i < 26 else f"z{i + 1}",
            }
        )  # type: ignore[dict-item]
    yield hostile("shares that double", {"layers": shared}, ("NS004", "NS303", "NS404"))
    # Families.
    yield hostile("a family of 100,000 layers", {"mlp": {"hidden": [1] * 90000, "output": 1}}, ("NS004",))
    yield hostile(
        "a cnn of 30,000 layers", {"cnn": {"filters": [1] * 30000, "pool_size": None, "output": 1}}, ("NS004", "NS402")
    )
    yield hostile("an lstm of 30,000 layers", {"lstm": {"units": [1] * 30000, "output": 1}}, ("NS004", "NS402"))


def _substitutions() -> Iterator[Hostile]:
    def hostile(name: str, head: str, codes: tuple[str, ...], **keys: Any) -> Hostile:
        return Hostile(name, "substitution", yaml(head, **keys), codes)

    use = {"model": "model: {layers: [{dense: {units: 1, kernel_initializer: $v}}]}"}
    for lines in (20, 28, 40, 1000):
        head = "vars:\n  v0: aaaa\n" + "".join(f"  v{i}: $v{i - 1}$v{i - 1}\n" for i in range(1, lines))
        yield hostile(f"{lines} lines that double a text", head, ("NS002", "NS004", "NS302"))
        head = "vars:\n  v0: [1, 2]\n" + "".join(f"  v{i}: [$v{i - 1}, $v{i - 1}]\n" for i in range(1, lines))
        yield hostile(f"{lines} lines that double a list", head, ("NS004",))
        head = "vars:\n  v0: {a: 1}\n" + "".join(f"  v{i}: {{a: $v{i - 1}, b: $v{i - 1}}}\n" for i in range(1, lines))
        yield hostile(f"{lines} lines that double a mapping", head, ("NS004",))
        head = "vars:\n  v0: 2\n" + "".join(f"  v{i}: $(v{i - 1} * v{i - 1})\n" for i in range(1, lines))
        yield hostile(f"{lines} lines that square a number", head, ("NS302",))
    big = "a" * 60000
    yield hostile("a text of many texts", f"vars:\n  v: {big}\n  w: '{'$v' * 2000}'\n", ("NS002", "NS206"), **use)
    yield hostile(
        "a text in many places",
        f"vars:\n  v: [{', '.join(['1'] * 5000)}]\ndata: {{source: {{csv: a.csv}}, inputs: {{{', '.join(f'k{i}: $v' for i in range(5000))}}}}}\n",
        ("NS004",),
    )
    yield hostile(
        "billion laughs",
        "vars:\n  a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"  {chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)),
        ("NS004",),
    )
    yield hostile("an anchor that holds itself", "vars: &a {b: *a}\n", ("NS101",))
    yield hostile("merge keys", "vars: {a: &a {x: 1}, b: {<<: *a}}\n", ("NS103",))
    yield hostile("an expression of 70,000 signs", f"vars:\n  v: $({'1+' * 35000}1)\n", ("NS002", "NS302"))
    yield hostile("an expression of 999 signs", f"vars:\n  v: $({'1+' * 499}1)\n", (), model="model: {layers: [{dense: $v}]}")
    yield hostile(
        "many expressions",
        "vars:\n" + "".join(f"  v{i}: $({'1+' * 480}1)\n" for i in range(1000)),
        ("NS302", "NS004", "NS310", "NS316"),
    )
    yield hostile("minus signs", f"vars:\n  v: $({'-' * 900}1)\n", ("NS302",))
    yield hostile("brackets", f"vars:\n  v: $({'(' * 400}1{')' * 400})\n", ("NS302",))
    yield hostile("open brackets", f"vars:\n  v: {'$(' * 20000}\n", ("NS109", "NS302"))
    yield hostile("a power by products", "vars:\n  v: $(" + "*".join(["9999999"] * 100) + ")\n", ("NS302",))
    yield hostile("dollars", f"vars:\n  v: '{'$' * 60001}'\n", ("NS301", "NS302", "NS310", "NS316"))
    yield hostile("references to nothing", f"vars:\n  v: '{'$x' * 30000}'\n", ("NS301",))


def _polynomials() -> Iterator[Hostile]:
    def hostile(name: str, inputs: dict[str, Any], layers: list[Any], codes: tuple[str, ...] = ("NS004",)) -> Hostile:
        text = json.dumps({"netspec": 1, "name": "hostile", "inputs": inputs, "model": {"layers": layers}})
        return Hostile(name, "polynomial", text, codes)

    for n in (8, 20, 60):
        inputs: dict[str, Any] = {}
        layers: list[Any] = []
        for i in range(n):
            inputs[f"x{i}"] = [f"a{i}", "b0", "c0", 1]
            inputs[f"y{i}"] = ["a0", f"b{i}", "c0", 1]
            inputs[f"z{i}"] = ["a0", "b0", f"c{i}", 1]
        # Sums on three axes by concat of reshaped inputs: (a0 + ... ) (b0 + ...) (c0 + ...).
        layers += [{"concat": {"inputs": [f"x{i}" for i in range(n)], "axis": 1}, "name": "sum_a"}]
        layers += [{"flatten": None, "from": "sum_a"}]
        yield hostile(f"a product of a sum of {n} names", inputs, layers, ("NS004", "NS310") if n > 20 else ("NS310",))
    many = {f"x{i}": [f"a{i}"] for i in range(3000)}
    yield hostile("a sum of 3,000 names", many, [{"concat": list(many)}, {"dense": 1}], ("NS004",))
    powers = [{"flatten": None}]
    for _ in range(40):
        powers += [{"reshape": [-1, 1]}, {"concat": ["above", "above"]}, {"flatten": None}]
    yield Hostile("reshapes of products", "polynomial", spec(input=["t", "u", "v", "w"], model={"layers": powers}), ())
    floors: list[Any] = []
    for i in range(200):
        floors += [{"pad": {"amounts": 1 + i % 5}}, {"max_pool1d": {"pool_size": 3, "strides": 2 + i % 7}}]
    yield Hostile("floors in floors", "polynomial", spec(input=["t", 2], model={"layers": floors}), ("NS405", "NS406", "NS004"))
    grid: list[Any] = []
    for i in range(60):
        grid += [{"conv2d": {"filters": 1, "kernel_size": 2, "strides": 1 + i % 3, "padding": 1 + i % 2}}]
    yield Hostile(
        "floors in two axes", "polynomial", spec(input=["h", "w", 1], model={"layers": [*grid, "flatten"]}), ("NS004", "valid")
    )
    both: list[Any] = [
        {"conv1d": {"filters": 1, "kernel_size": 2, "padding": "same", "strides": 2, "name": f"c{i}"}} for i in range(2)
    ]
    for item in both:
        item["conv1d"].pop("name")
    doubling: list[Any] = [{"max_pool1d": {"pool_size": 2, "strides": 3, "padding": 1}}]
    for _ in range(30):
        doubling += [
            {"concat": {"inputs": ["above", "above"], "axis": 1}},
            {"max_pool1d": {"pool_size": 2, "strides": 3, "padding": 1}},
        ]
    yield Hostile("floors of sums", "polynomial", spec(input=["t", 2], model={"layers": doubling}), ("NS004", "valid"))
    cross: list[Any] = []
    for _ in range(50):
        cross += [{"upsample": {"size": 10**6}}]
    yield Hostile(
        "upsampled without an end",
        "polynomial",
        spec(input=["t", "u", 2], model={"layers": cross}),
        ("NS004", "NS205", "NS408"),
    )
    yield Hostile(
        "sizes beyond counting",
        "polynomial",
        spec(input=[2**40, 2**40, 2**40], model={"layers": ["flatten", {"dense": 2**40}, {"dense": 2**60}]}),
        ("NS004", "NS205", "NS408"),
    )
    yield Hostile(
        "divided without an end",
        "polynomial",
        spec(input=["t", 2], model={"layers": [{"avg_pool1d": {"pool_size": 1, "strides": 10**9}}] * 900}),
        ("NS004",),
    )
    yield Hostile(
        "upsampled beyond writing",
        "polynomial",
        spec(input=[4, 4, 2], model={"layers": [{"upsample": {"size": 10**9}}] * 900}),
        ("NS004",),
    )
    for depth in (1000, 4000):
        deep = [{"pad": {"amounts": 1}}, {"max_pool1d": {"pool_size": 3, "strides": 2}}] * depth
        yield Hostile(f"{depth} floors in floors", "polynomial", spec(input=["t", 2], model={"layers": deep}), ("NS004",))
        deep = [
            {"max_pool1d": {"pool_size": 2, "strides": 3, "padding": 1}},
            {"concat": {"inputs": ["above", "above"], "axis": 1}},
            {"pad": {"amounts": 1}},
        ] * depth
        yield Hostile(
            f"{depth} sums of floors in floors", "polynomial", spec(input=["t", 2], model={"layers": deep}), ("NS004",)
        )
    for n in (30, 300, 2000):
        wide: dict[str, Any] = {}
        for i in range(n):
            wide |= {f"x{i}": [f"a{i}", 1, 1], f"y{i}": [1, f"b{i}", 1], f"z{i}": [1, 1, f"c{i}"]}
        sums = [
            {"concat": {"inputs": [f"{v}{i}" for i in range(n)], "axis": k}, "name": f"sum_{v}"}
            for k, v in ((1, "x"), (2, "y"), (3, "z"))
        ]
        layers = [*sums, {"multiply": ["sum_x", "sum_y"], "name": "two"}, {"multiply": ["two", "sum_z"]}, {"flatten": None}]
        yield hostile(f"products of sums of {n} names", wide, layers, ("NS004", "NS404", "NS403"))
    axes = [{"multi_head_attention": {"heads": 1}}] * 3
    yield Hostile(
        "attention over a sum",
        "polynomial",
        json.dumps(
            {
                "netspec": 1,
                "name": "h",
                "inputs": {f"x{i}": [f"t{i}", 4] for i in range(300)},
                "model": {
                    "layers": [
                        {"concat": {"inputs": [f"x{i}" for i in range(300)], "axis": 1}},
                        *axes,
                        {"global_avg_pool": None},
                    ]
                },
            }
        ),
        ("NS004", "NS203", "NS402"),
    )


def _quadratic() -> Iterator[Hostile]:
    def hostile(name: str, text: str | bytes, codes: tuple[str, ...], **more: Any) -> Hostile:
        return Hostile(name, "quadratic", text, codes, **more)

    as_json = {"file": "spec.json", "arguments": ("validate", "spec.json")}
    for size in (32000, 65000, 500000):
        yield hostile(f"{size} escaped quotes, open", 'a: "' + '\\"' * size, ("NS101", "NS002", "NS201"))
        yield hostile(f"{size} escaped quotes, a bracket open", 'a: [\n"' + '\\"' * size + "\n", ("NS101", "NS002"))
        yield hostile(f"{size} quotes", "a: [" + "'" * (2 * size + 1), ("NS101", "NS002"))
        yield hostile(f"{size} escaped quotes in JSON", '{"a": "' + '\\"' * size, ("NS101", "NS002"), **as_json)
        yield hostile(f"{size} backslashes in JSON", '{"a": "' + "\\" * size, ("NS101", "NS002"), **as_json)
        yield hostile(f"{size} digits in JSON", '{"a": ' + "1" * size + "}", ("NS101", "NS201", "NS002"), **as_json)
        yield hostile(
            f"{size} digits",
            "netspec: 1\nname: x\ninput: [" + "1" * size + "]\nmodel: {layers: [dense: 1]}\n",
            ("NS204", "NS205", "NS002"),
        )
        yield hostile(f"{size} blanks in JSON", '{"netspec": 1,' + " " * size + "x}", ("NS101",), **as_json)
        yield hostile(f"{size} brackets", "a: " + "[" * size, ("NS003",))
        yield hostile(f"{size} brackets in JSON", '{"a": ' + "[" * size, ("NS003",), **as_json)
        yield hostile(f"{size} closing brackets", "a: " + "]" * size, ("NS101",))
        yield hostile(f"{size} dashes", "a:\n" + "- " * size, ("NS003", "NS101"))
        yield hostile(f"{size} colons", "a:" * size, ("NS101", "NS106", "NS107", "NS201", "NS002", "NS110"))
        yield hostile(f"{size} question marks", "? " * size, ("NS003", "NS110", "NS101"))
        yield hostile(f"{size} hashes", "a: [" + " #" * size, ("NS101",))
        yield hostile(f"{size} line breaks", "a: [" + "\n" * size, ("NS101",))
        yield hostile(f"{size} tabs", "a:\n" + "\t" * size + "b: 1", ("NS101", "NS108", "NS201"))
        yield hostile(f"{size} ampersands", "a: " + "&" * size, ("NS108",))
        yield hostile(f"{size} words", "a: b\n" + "c d " * (size // 4) + ": e", ("NS101", "NS106", "NS201", "NS107"))
    keys = {f"k{i}": i for i in range(49000)}
    yield hostile(
        "40,000 keys twice in JSON",
        json.dumps(keys)[:-1] + ", " + json.dumps(keys)[1:]
        if False
        else "{" + ", ".join(f'"k{i % 20000}": 1' for i in range(40000)) + "}",
        ("NS102",),
        **as_json,
    )
    yield hostile("one key 40,000 times in JSON", "{" + ", ".join(['"a": 1'] * 40000) + "}", ("NS102",), **as_json)
    yield hostile("40,000 keys twice", "".join(f"k{i % 20000}: 1\n" for i in range(40000)), ("NS102",))
    yield hostile("one key 40,000 times", "a: 1\n" * 40000, ("NS102",))
    variables = {f"v{i}": i for i in range(20000)}
    yield hostile("20,000 variables", spec(vars=variables), ("NS316",))
    yield hostile(
        "20,000 variables, each from the one above",
        yaml("vars:\n  v0: 1\n" + "".join(f"  v{i}: $v{i - 1}\n" for i in range(1, 20000))),
        ("NS316",),
    )
    yield hostile(
        "20,000 variables that are not there", yaml("vars:\n" + "".join(f"  v{i}: $w{i}\n" for i in range(20000))), ("NS301",)
    )
    yield hostile("8,000 bad names", yaml("vars:\n" + "".join(f"  V{i}: 1\n" for i in range(8000))), ("NS210",))
    yield hostile("20,000 unknown keys", spec(**{f"kez{i}": 1 for i in range(20000)}), ("NS203",))
    yield hostile("20,000 unknown fields", spec(train={f"optimiser{i}": 1 for i in range(20000)}), ("NS203", "NS202"))
    yield hostile(
        "20,000 unknown fields of a layer",
        spec(model={"layers": [{"dense": {f"unitz{i}": 1 for i in range(20000)}}]}),
        ("NS203", "NS202"),
    )
    yield hostile("15,000 unknown layers", spec(model={"layers": [f"densee{i}" for i in range(15000)]}), ("NS206",))
    named = [{"dense": 1, "name": f"layer_{i}"} for i in range(6000)]
    yield hostile(
        "6,000 layers that read an unknown one",
        spec(model={"layers": [*named, *({"dense": 1, "from": f"layre_{i}"} for i in range(6000))]}),
        ("NS303", "NS004"),
    )
    yield hostile(
        "6,000 unknown layers beside 6,000 blocks",
        spec(
            blocks={f"block_{i}": {"layers": LAYERS} for i in range(6000)},
            model={"layers": [f"blokc_{i}" for i in range(6000)]},
        ),
        ("NS206", "NS310"),
    )
    yield hostile(
        "10,000 shares of an unknown",
        spec(
            model={
                "layers": [
                    *({"dense": 1, "name": f"l{i}"} for i in range(5000)),
                    *({"share": f"m{i}", "from": "input"} for i in range(10000)),
                ]
            }
        ),
        ("NS303", "NS004"),
    )
    for size in (1000, 65000):
        name = "a" * size
        yield hostile(f"a name of {size} letters", spec(name=name), ("NS210",))
        yield hostile(f"a layer's name of {size} letters", spec(model={"layers": [{"dense": 1, "name": name}]}), ("NS210",))
        yield hostile(f"a layer of {size} letters", spec(model={"layers": [name]}), ("NS206",))
        yield hostile(f"a field of {size} letters", spec(model={"layers": [{"dense": {"units": 1, name: 1}}]}), ("NS203",))
        yield hostile(f"a section of {size} letters", spec(**{name: 1}), ("NS203",))
        yield hostile(f"a variable of {size} letters", spec(vars={name: 1}), ("NS210",))
        yield hostile(f"an input of {size} letters", spec(input=[name]), ("NS210", "NS204"))
        yield hostile(f"a reference of {size} letters", spec(model={"layers": [{"dense": f"${name}"}]}), ("NS301",))
        yield hostile(f"a source of {size} letters", spec(model={"layers": [{"dense": 1, "from": name}]}), ("NS303", "NS210"))
        yield hostile(f"a description of {size} letters", spec(description=name), ())
        yield hostile(f"a path of {size} letters", spec(data={"source": {"csv": name}}), ("NS006", "NS501"))
        yield hostile(f"a path of {size} slashes", spec(data={"source": {"csv": "a/" * (size // 2)}}), ("valid", "NS006"))
        yield hostile(f"a metric of {size} letters", spec(expect={"metrics": {name: {"min": 1}}}), ("NS508", "NS510"))
        yield hostile(f"upper case, {size} letters", spec(name="A" * size), ("NS210",))
        yield hostile(f"accents, {size} letters", spec(name="\u00e9" * size), ("NS210", "NS002"))
        yield hostile(f"a block of {size} letters", spec(blocks={name: {"layers": LAYERS}}), ("NS210",))
        yield hostile(
            f"dots, {size}", spec(model={"layers": [{"dense": 1, "from": ".".join("a" * (size // 2))}]}), ("NS303", "NS210")
        )
    columns = [f"c{i}" for i in range(50000)]
    yield hostile("50,000 columns", spec(data={"source": {"csv": "d.csv"}, "inputs": {"input": columns}}), (), prepare=None)
    yield hostile(
        "50,000 columns twice",
        spec(data={"source": {"csv": {"path": "d.csv", "columns": [*columns[:49000], "c1"]}}}),
        ("NS501", "NS205", "NS304"),
    )
    yield hostile(
        "50,000 preprocess keys",
        spec(data={"source": {"csv": "d.csv"}, "preprocess": {f"c{i}": "standardize" for i in range(24000)}}),
        (),
    )
    yield hostile(
        "50,000 metrics",
        spec(train={"loss": "mean_squared_error", "optimizer": {"adam": 0.1}, "metrics": ["mae"] * 40000}),
        ("NS304",),
    )
    yield hostile(
        "20,000 outputs", spec(model={"layers": [*named[:3000]], "outputs": [f"layer_{i}" for i in range(2999, -1, -1)]}), ()
    )
    yield hostile(
        "20,000 unknown outputs",
        spec(model={"layers": named[:3000], "outputs": [f"lyaer_{i}" for i in range(20000)]}),
        ("NS303",),
    )
    yield hostile(
        "3,000 inputs",
        json.dumps(
            {
                "netspec": 1,
                "name": "h",
                "inputs": {f"x{i}": [4] for i in range(3000)},
                "model": {"layers": [{"add": [f"x{i}" for i in range(3000)]}]},
            }
        ),
        (),
    )
    yield hostile("12,000 unused layers", spec(model={"layers": [{"dense": 1, "from": "input"}] * 12000}), ("NS004",))
    yield hostile("12,000 layers", spec(model={"layers": [{"dense": 1}] * 12000}), ("NS004",))
    yield hostile(
        "12,000 named layers with ignores",
        yaml(model="model:\n  layers:\n" + "    - dense: 1  # netspec: ignore[NS310]\n" * 8000),
        (),
    )
    yield hostile("ignores that are not closed", yaml("# netspec: ignore[" * 30000), ())
    yield hostile("comments of comments", "#" * 1000000 + "\n" + yaml(), ())
    yield hostile("a hundred thousand short lines", "#\n" * 500000 + yaml(), ())
    yield hostile("dims of nothing", spec(dims={f"d{i}": {"max": 5} for i in range(20000)}), ("NS303",))


_HUGE = (
    "9" * 309,
    "1e309",
    "-1e309",
    ".inf",
    "-.inf",
    ".nan",
    "0x" + "f" * 300,
    "1e-400",
    "123456789012345678901234567890",
    "1" * 390,
    "1" * 401,
    "0o" + "7" * 300,
)


def _numbers() -> Iterator[Hostile]:
    train = "train: {loss: mean_squared_error, optimizer: {adam: 0.1}%s}"
    places = {
        "units": "model: {layers: [{dense: %s}]}",
        "an input": "input: [%s]",
        "a vocabulary": "input: {shape: [4], vocabulary: %s}",
        "a rate": "model: {layers: [{dropout: %s}]}",
        "a slope": "model: {layers: [{leaky_relu: %s}]}",
        "a clip": "model: {layers: [{clip: {min: %s, max: 1}}]}",
        "a window": "model: {layers: [{max_pool2d: %s}]}",
        "a padding": "model: {layers: [{pad: {amounts: %s}}]}",
        "a shape": "model: {layers: [{reshape: [%s, -1]}]}",
        "rounds": "model: {layers: [{repeat: {times: %s, layers: [{dense: 1}]}}]}",
        "a variable": "vars: {v: %s}",
        "an expression": "vars: {v: $(2 * %s)}",
        "netspec": "netspec: %s",
        "a learning rate": "train: {loss: mean_squared_error, optimizer: {adam: %s}}",
        "a decay": "train: {loss: mean_squared_error, optimizer: {adamw: {learning_rate: 0.1, weight_decay: %s}}}",
        "epochs": train % ", epochs: %s",
        "a batch": train % ", batch_size: %s",
        "a seed": train % ", seed: %s",
        "an average": train % ", ema: %s",
        "a norm": train % ", gradient: {clip_norm: %s}",
        "patience": train % ", early_stopping: {patience: %s}",
        "least change": train % ", early_stopping: {min_delta: %s}",
        "accumulation": train % ", gradient: {accumulate: %s}",
        "a split": "data: {source: {csv: d.csv}, split: {test: %s}}",
        "a split's seed": "data: {source: {csv: d.csv}, split: {test: 0.1, seed: %s}}",
        "a window of a series": "data: {source: {csv: d.csv}, series: {window: %s}}",
        "a promise": "expect: {parameters: {max: %s}}",
        "a metric's promise": "expect: {metrics: {test_mae: {min: %s}}}",
        "an expected output": "expect: {output: [%s]}",
        "an opset": "export: {opset: %s}",
        "a rescale": "data: {source: {csv: d.csv}, preprocess: {numbers: {rescale: {from: [0, %s], to: [0, 1]}}}}",
        "a regularizer": "model: {layers: [{dense: {units: 1, kernel_regularizer: {l2: %s}}}]}",
        "an initializer": "model: {layers: [{dense: {units: 1, kernel_initializer: {normal: %s}}}]}",
        "an epsilon": "model: {layers: [{batch_norm: {epsilon: %s}}]}",
        "a momentum": "model: {layers: [{batch_norm: {momentum: %s}}]}",
        "inline data": "data: {source: {inline: {x: [1, %s], y: [0, 1]}}, target: y}",
        "a dim": "dims: {t: {max: %s}}",
    }
    any_code = (
        "valid",
        "NS004",
        "NS006",
        "NS101",
        "NS201",
        "NS203",
        "NS204",
        "NS205",
        "NS302",
        "NS303",
        "NS316",
        "NS401",
        "NS402",
    )
    any_code = (
        *any_code,
        *("NS403", "NS404", "NS405", "NS406", "NS408", "NS505", "NS508", "NS510", "NS515", "NS541", "NS701", "NS702"),
    )
    for where, line in places.items():
        for number in _HUGE:
            text = "netspec: 1\nname: hostile\ninput: [4, 4, 2]\nmodel: {layers: [{dense: 1}]}\n"
            key = line.partition(":")[0]
            kept = [each for each in text.splitlines() if not each.startswith(f"{key}:")]
            label = number if len(number) < 12 else f"{number[:3]}... ({len(number)})"
            yield Hostile(f"{where}: {label}", "number", "\n".join([*kept, line % number]) + "\n", any_code, prepare=_table)


def _table(folder: Path) -> None:
    (folder / "d.csv").write_text("x,y\n" + "1,2\n" * 30)


def _depths() -> Iterator[Hostile]:
    for depth in (30, 63, 64, 65, 100, 1000):
        text = spec(model={"layers": "BODY"}).replace('"BODY"', '[{"residual": ' * depth + '[{"dense": 4}]' + "}]" * depth)
        codes = ("NS003", "NS004")
        yield Hostile(f"residuals {depth} deep", "depth", text, codes if depth > 30 else ("valid",))
        yield Hostile(
            f"lists {depth} deep",
            "depth",
            spec(vars={"v": "BODY"}).replace('"BODY"', "[" * depth + "]" * depth),
            ("NS003", "NS316"),
        )
        yield Hostile(
            f"mappings {depth} deep",
            "depth",
            spec(vars={"v": "BODY"}).replace('"BODY"', '{"a": ' * depth + "1" + "}" * depth),
            ("NS003", "NS316"),
        )
        yield Hostile(
            f"lists {depth} deep in a field",
            "depth",
            spec(model={"layers": [{"dense": "BODY"}]}).replace('"BODY"', "[" * depth + "]" * depth),
            ("NS003", "NS204"),
        )
        yield Hostile(
            f"activations {depth} deep",
            "depth",
            spec(model={"layers": [{"dense": {"units": 1, "activation": "BODY"}}]}).replace(
                '"BODY"', '{"a": ' * depth + "1" + "}" * depth
            ),
            ("NS003", "NS206"),
        )
        yield Hostile(
            f"sources {depth} deep",
            "depth",
            spec(data={"source": "BODY"}).replace('"BODY"', '{"csv": ' * depth + "1" + "}" * depth),
            ("NS003", "NS204", "NS202", "NS203"),
        )
        yield Hostile(
            f"block YAML {depth} deep",
            "depth",
            yaml("vars:\n" + "".join(" " * (i + 1) + "a:\n" for i in range(depth))),
            ("NS003", "NS316"),
        )


def _encodings() -> Iterator[Hostile]:
    plain = yaml()
    yield Hostile("UTF-16", "encoding", plain.encode("utf-16"), ("NS005", "NS101"))
    yield Hostile("latin-1", "encoding", yaml("description: \u00e9").encode("latin-1"), ("NS005",))
    yield Hostile("zero bytes", "encoding", b"\0" * 1000, ("NS101",))
    yield Hostile("control characters", "encoding", plain + "\x1b]0;x\x07: 1\n", ("NS101",))
    yield Hostile("C1 control characters", "encoding", plain + "\x9b31m: 1\n", ("NS101", "NS203"))
    yield Hostile(
        "half a surrogate pair in JSON",
        "encoding",
        spec()[:-1] + ', "vars": {"a": "\\ud800"}}',
        ("NS101",),
        file="spec.json",
        arguments=("validate", "spec.json"),
    )
    yield Hostile(
        "half a surrogate pair as a key",
        "encoding",
        spec()[:-1] + ', "\\udfff": 1}',
        ("NS101",),
        file="spec.json",
        arguments=("validate", "spec.json"),
    )
    yield Hostile("half a surrogate pair in YAML", "encoding", plain + 'description: "\\ud800"\n', ("NS101",))
    yield Hostile("right to left", "encoding", plain + "\u202evars: 1\n", ("NS203", "NS101"))
    yield Hostile(
        "a workflow command",
        "encoding",
        plain + "'::error::x': 1\n",
        ("NS203",),
        arguments=("validate", "--format", "github", "spec.yaml"),
    )
    yield Hostile("line separators", "encoding", plain + "a\u2028b: 1\n", ("NS203", "NS101"))
    yield Hostile("a file of blanks", "encoding", " " * 1000000, ("NS201",))
    yield Hostile("an empty file", "encoding", "", ("NS201",))
    yield Hostile("a megabyte and one", "encoding", "#" * (1 << 20) + "\n", ("NS002",))
    yield Hostile("tags of Python", "encoding", plain + "vars: !!python/object/apply:os.system ['true']\n", ("NS104",))
    yield Hostile("a binary tag", "encoding", plain + "vars: {a: !!binary aGVsbG8=}\n", ("NS104",))
    yield Hostile("two documents", "encoding", plain + "---\n" + plain, ("NS105",))
    yield Hostile("a thousand documents", "encoding", (plain + "---\n") * 1000, ("NS105",))
    yield Hostile("a directive", "encoding", "%YAML 9.9\n---\n" + plain, ("NS101",))


def _options() -> Iterator[Hostile]:
    def hostile(name: str, *arguments: str, codes: tuple[str, ...], **more: Any) -> Hostile:
        return Hostile(
            name,
            "option",
            yaml(input="input: [t, 4]", model="model: {layers: [{dense: 1, name: head}, global_avg_pool]}"),
            codes,
            arguments,
            **more,
        )

    for value in ("\u00b2", "\u0663", "", "0", "-1", "1.5", "1e3", "9" * 400, "x", " 3", "3\n", "\u2460", "2**3", "9" * 5000):
        yield hostile(f"--dim t={value[:9]!r}", "validate", "spec.yaml", "--dim", f"t={value}", codes=("NS410", "NS205"))
    for text in ("t", "=", "=3", "t=3=4", "u=3", "t" * 5000 + "=3"):
        yield hostile(f"--dim {text[:9]}", "validate", "spec.yaml", "--dim", text, codes=("NS410", "NS303"))
    for text in (
        "x",
        "=",
        "=1",
        "x=1",
        "model=1",
        "model.head=1",
        "model.head.units=[",
        "train.epochs=2",
        "model.nobody.units=1",
        "." * 5000 + "=1",
        "a." * 5000 + "a=1",
        "data..=1",
        "train." + "a" * 65000 + "=1",
        "model.head.units=" + "[" * 10000,
        "train.epochs=" + "9" * 5000,
        "netspec=2",
        "train.=1",
        "model.head.=1",
        "expect.metrics.a.b.c=1",
    ):
        yield hostile(
            f"--set {text[:20]}",
            "validate",
            "spec.yaml",
            "--set",
            text,
            codes=("NS311", "NS101", "NS003", "NS202", "NS203", "NS204", "NS205", "NS201", "NS002"),
        )
    long = "a" * 5000
    for name, path in (
        ("letters", long),
        ("slashes", "a/" * 2500),
        ("of a name", "b" * 300 + ".yaml"),
        ("dots", "../" * 1700 + "x.yaml"),
    ):
        for verb in ("validate", "show", "fmt"):
            yield hostile(f"{verb}: a path of {len(path)} {name}", verb, path, codes=("NS001",))
        yield hostile(f"diff: a path of {len(path)} {name}", "diff", path, "spec.yaml", codes=("NS001",))
    yield hostile("a path with a zero byte", "validate", "a\udc00b", codes=("NS001",))
    yield hostile("an output that is a folder", "validate", "spec.yaml", "--output", ".", codes=("NS533",))
    yield hostile("an output in no folder", "validate", "spec.yaml", "--output", "no/such/folder/x.txt", codes=("NS533",))
    yield hostile("an output of 5,000 letters", "validate", "spec.yaml", "--output", long, codes=("NS533",))
    yield hostile("a picture in no folder", "show", "spec.yaml", "--graph", "no/such/x.svg", codes=("NS533",))
    yield hostile("a picture of 5,000 letters", "show", "spec.yaml", "--graph", long + ".svg", codes=("NS533",))
    yield hostile("an unknown format", "validate", "spec.yaml", "--format", "x" * 5000, codes=("NS205",))
    yield hostile("an unknown code", "explain", "NS" + "9" * 5000, codes=("NS206",))
    yield hostile("a code of letters", "explain", "\u202e\x1b[31m", codes=("NS206",))
    yield hostile("init into a folder", "init", "--from", "digits", "-o", ".", codes=("NS533", "NS532"))
    yield hostile("init into no folder", "init", "--from", "digits", "-o", "spec.yaml/x.yaml", codes=("NS533",))
    yield hostile("a glob of nothing", "validate", "*" * 200, codes=("NS008",))
    yield hostile("a glob of stars", "validate", "**/" * 60 + "*.yaml", codes=("valid", "NS008"))
    yield hostile("a glob that leads nowhere", "validate", "[" * 200, codes=("NS008", "NS001"))


def _files() -> Iterator[Hostile]:
    def hostile(
        name: str,
        prepare: Callable[[Path], None],
        *arguments: str,
        codes: tuple[str, ...] = ("NS001",),
    ) -> Hostile:
        return Hostile(name, "file", "", codes, arguments, file="", prepare=prepare)

    def fifo(folder: Path) -> None:
        os.mkfifo(folder / "spec.yaml")

    def zero(folder: Path) -> None:
        (folder / "spec.yaml").symlink_to("/dev/zero")

    def secret(folder: Path) -> None:
        (folder / "outside").mkdir()
        (folder / "spec.yaml").symlink_to("/etc/passwd")

    def huge(name: str, size: int) -> Callable[[Path], None]:
        def make(folder: Path) -> None:
            with (folder / name).open("wb") as stream:
                stream.write(b'{"netspec": 1, "x": "')
                stream.truncate(size)

        return make

    def loop(folder: Path) -> None:
        (folder / "spec.yaml").symlink_to("spec.yaml")

    def folders(folder: Path) -> None:
        (folder / "spec.yaml").mkdir()

    def circle(folder: Path) -> None:
        (folder / "a").mkdir()
        (folder / "a" / "b").symlink_to(folder)
        (folder / "a" / "spec.yaml").write_text(yaml())

    def fifo_in_folder(folder: Path) -> None:
        (folder / "specs").mkdir()
        os.mkfifo(folder / "specs" / "x.yaml")
        (folder / "specs" / "spec.yaml").write_text(yaml())

    verbs: tuple[tuple[str, ...], ...] = (
        ("validate", "spec.yaml"),
        ("show", "spec.yaml"),
        ("fmt", "spec.yaml"),
        ("diff", "spec.yaml", "spec.yaml"),
    )
    for verb in verbs:
        yield hostile(f"{verb[0]}: a pipe", fifo, *verb)
        yield hostile(f"{verb[0]}: /dev/zero", zero, *verb)
        yield hostile(f"{verb[0]}: a link to itself", loop, *verb)
        if verb[0] != "validate":
            yield hostile(f"{verb[0]}: a folder", folders, *verb, codes=("NS001", "NS008"))
        yield hostile(f"{verb[0]}: a terabyte", huge("spec.yaml", 1 << 40), *verb, codes=("NS002",))
        yield hostile(
            f"{verb[0]}: a link to something that is no spec",
            secret,
            *verb,
            codes=("NS008",),
        )
    yield hostile("validate: a folder with a pipe", fifo_in_folder, "validate", "specs", codes=())
    yield hostile(
        "validate: a folder with an 800 MB .json",
        huge("big.json", 800 << 20),
        "validate",
        ".",
        codes=("NS002", "NS008"),
    )
    yield hostile(
        "validate: a folder with a 1 TB .yaml",
        huge("big.yaml", 1 << 40),
        "validate",
        ".",
        codes=("NS002", "NS008"),
    )
    yield hostile("validate: a folder that holds itself", circle, "validate", ".", codes=())
    yield hostile("validate: no file", lambda _: None, "validate", "spec.yaml")
    yield hostile("validate: /dev/tty", lambda folder: (folder / "spec.yaml").symlink_to("/dev/tty"), "validate", "spec.yaml")
    yield hostile(
        "validate: /dev/stdin",
        lambda folder: (folder / "spec.yaml").symlink_to("/dev/stdin"),
        "validate",
        "spec.yaml",
        codes=("NS001", "NS008"),
    )
    yield hostile("validate: /dev/null", lambda folder: (folder / "spec.yaml").symlink_to("/dev/null"), "validate", "spec.yaml")
    yield hostile(
        "validate: a file without permission", lambda folder: None, "validate", "/proc/1/mem", codes=("NS001", "NS002")
    )
    yield hostile(
        "validate: /proc/self/environ",
        lambda folder: None,
        "validate",
        "/proc/self/environ",
        codes=("NS001", "NS008"),
    )


def _paths() -> Iterator[Hostile]:
    bad = {
        "out of the root": "../../../etc/passwd",
        "absolute": "/etc/passwd",
        "home": "~/x.csv",
        "a URL": "https://example.org/x.csv",
        "a zero byte": "a\0b.csv",
        "a backslash": "\\\\server\\x.csv",
        "a drive": "C:/x.csv",
        "empty": "",
        "a dot": ".",
        "a link out": "link/passwd",
        "not there": "nothing.csv",
        "of a variable": "$HOME/x.csv",
        "long": "a" * 5000,
        "deep": "a/" * 3000 + "x",
        "newlines": "a\nb.csv",
        "control": "\x1b[31mred.csv",
    }

    def link(folder: Path) -> None:
        (folder / "link").symlink_to("/etc")

    sources: dict[str, Callable[[str], Any]] = {
        "csv": lambda p: {"csv": p},
        "json_lines": lambda p: {"json_lines": p},
        "npz": lambda p: {"npz": p},
        "images": lambda p: {"images": p},
        "idx": lambda p: {"idx": {"train": [p, p]}},
        "text": lambda p: {"text": p},
    }
    for source, make in sources.items():
        for name, path in bad.items():
            if source != "csv" and name not in ("out of the root", "absolute", "a link out", "empty"):
                continue
            codes = ("valid",) if name in ("a dot", "not there") else ("NS006", "NS301")
            yield Hostile(f"{source}: a path {name}", "path", spec(data={"source": make(path)}), codes, prepare=link)
