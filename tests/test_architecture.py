"""The house rules: import arrows, no framework where `validate` goes, nothing that runs a stranger's text."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "netspec"
CORE = {"tensor", "emit", "diagnostics", "files", "machine", "randomness"}
SPEC = CORE | {"source", "components", "spec"}
GRAPH = SPEC | {"graph"}
MAY_IMPORT: dict[str, set[str]] = {
    "tensor": set(),
    "emit": {"tensor"},
    "diagnostics": set(),
    "files": {"diagnostics"},
    "machine": set(),
    "randomness": set(),
    "source": {"diagnostics", "files"},
    "components": CORE | {"ops", "components"},
    "spec": SPEC,
    "graph": GRAPH,
    "ops": {"ops"},
    "compiler": GRAPH | {"ops", "compiler"},
    "data": GRAPH | {"data"},
    "training": GRAPH | {"compiler", "data", "training"},
    "exporter": GRAPH | {"exporter"},
    "inference": GRAPH | {"compiler", "data", "training", "exporter", "inference"},
    "proof": GRAPH | {"compiler", "data", "training", "exporter", "proof"},
    "verbs": GRAPH | {"compiler", "data", "training", "exporter", "inference", "proof", "verbs"},
    "report": GRAPH | {"verbs"} | {"compiler", "data", "training", "exporter", "inference", "proof", "report"},
    "cli": GRAPH | {"verbs"} | {"compiler", "data", "training", "exporter", "inference", "proof", "report", "cli"},
    "arguments": {"components", "diagnostics"},
    "api": GRAPH | {"verbs"} | {"arguments", "compiler", "data", "training", "exporter", "inference", "proof"},
    "__init__": {"api", "diagnostics"},
    "__main__": {"cli"},
}
FRAMEWORKS = {"numpy", "jax", "jaxlib", "flax", "optax", "onnx", "onnx_ir", "onnxruntime", "sklearn", "polars"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST, *, typing_too: bool = False) -> list[tuple[str, int]]:
    """Every module that a file imports with the depth of its scope: 0 is at import time."""
    found: list[tuple[str, int]] = []

    def visit(node: ast.AST, depth: int) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) and not typing_too:
            for child in node.orelse:
                visit(child, depth)
            return
        if isinstance(node, ast.Import):
            found.extend((alias.name, depth) for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, depth))
            if node.module == "netspec":
                found.extend((f"netspec.{alias.name}", depth) for alias in node.names)
        inner = depth + isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inner)

    visit(tree, 0)
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_run_one_way(path: Path) -> None:
    here = room(path)
    for name, _ in imports(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] == "netspec" and len(parts) > 1:
            assert parts[1] in MAY_IMPORT[here] | {here}, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_each_framework_has_its_rooms(path: Path) -> None:
    here = room(path)
    for name, depth in imports(ast.parse(path.read_text())):
        top = name.split(".")[0]
        if top in ("onnx", "onnx_ir"):
            assert here == "exporter" or (here == "proof" and depth >= 0), f"{path.name} imports {name}"
        if top in ("jax", "flax", "optax") and here in ("exporter", "source", "spec", "graph", "data", "diagnostics"):
            raise AssertionError(f"{path.name} imports {name}")
        if here == "components" and top in FRAMEWORKS:
            assert depth > 0, f"{path.name} imports {name} at import time"


@pytest.mark.parametrize("verb", [["validate", "SPEC"], ["show", "SPEC"], ["show", "SPEC", "--expand"], ["explain", "NS401"]])
def test_no_framework_loads_where_nothing_runs(verb: list[str]) -> None:
    spec = str(PACKAGE.parent / "specs" / "digits-cnn.yaml")
    arguments = [spec if word == "SPEC" else word for word in verb]
    program = (
        f"import sys; sys.argv = ['netspec', *{arguments!r}]\n"
        "from netspec.cli.main import run\n"
        "try: run()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        f"print('LOADED', sorted({FRAMEWORKS!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "LOADED []" in done.stdout, done.stdout[-300:]


@pytest.mark.parametrize("verb", [["compile", "SPEC", "-o", "out"], ["train", "SPEC"]])
def test_what_cannot_fit_is_refused_before_a_framework_loads(verb: list[str], tmp_path: Path) -> None:
    spec = tmp_path / "huge.yaml"
    layers = "{layers: [{conv2d: {filters: 1M, kernel_size: 3}}, {conv2d: {filters: 1M, kernel_size: 3}}, global_avg_pool]}"
    train = "data: {source: {npz: d.npz}}\ntrain: {loss: mean_squared_error, optimizer: {adam: 1.0e-3}}"
    spec.write_text(f"netspec: 1\nname: huge\ninput: [4096, 4096, 64]\nmodel: {layers}\n{train}\n")
    arguments = [str(spec) if word == "SPEC" else word for word in verb]
    program = (
        f"import sys; sys.argv = ['netspec', *{arguments!r}]\n"
        "from netspec.cli.main import run\n"
        "try: run()\n"
        "except SystemExit as stop: assert stop.code == 1, stop.code\n"
        f"print('LOADED', sorted({FRAMEWORKS!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "LOADED []" in done.stdout, done.stdout[-300:]
    assert "huge.yaml:4:" in done.stderr
    assert "error[NS007]" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"huge.yaml"}, "something was left half written"


FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "breakpoint", "input"}
FORBIDDEN_MODULES = {
    "pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib",  # what runs when it is read
    "subprocess", "multiprocessing", "pty", "runpy", "code", "codeop",  # what starts or runs something
    "socket", "ssl", "http", "urllib", "ftplib", "smtplib", "requests", "httpx", "asyncio", "webbrowser",  # what reaches out
    "ctypes", "cffi",
}  # fmt: skip
FORBIDDEN_ATTRIBUTES = {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "execv", "execve", "execvp", "execl", "startfile"}  # fmt: skip
BY_NAME = {"__init__.py", "cli/main.py"}
"""The files that import a module by a name, which comes from a table of their own."""


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_runs_a_strangers_text(path: Path) -> None:
    tree, here = ast.parse(path.read_text()), path.relative_to(PACKAGE).as_posix()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS, f"{here}:{node.lineno} calls {node.func.id}"
            if node.func.id == "import_module":
                assert here in BY_NAME, f"{here}:{node.lineno} imports by name"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            assert node.attr not in FORBIDDEN_ATTRIBUTES, f"{here}:{node.lineno} uses os.{node.attr}"
        if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "shell"):
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False, f"{here}:{node.value.lineno} has {node.arg}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "yaml":
            # A spec is read from YAML's events: nothing is ever built from what its tags name.
            assert node.attr not in {"load", "load_all", "full_load", "unsafe_load", "safe_load"}, f"{here}:{node.lineno}"
    for name, _ in imports(tree):
        assert name.split(".")[0] not in FORBIDDEN_MODULES, f"{here} imports {name}"


def test_the_top_level_is_the_agreed_one() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    agreed = {"pyproject.toml", "README.md", "LICENSE", "netspec", "schemas", "specs", "tests"}
    assert {name for name in top if not name.startswith(".")} <= agreed
