"""The `netspec` command: one function a verb, heavy imports inside the functions."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import typer

from netspec.cli.output import print_diagnostics
from netspec.diagnostics import Diagnostic, SpecError

_HELP = """Declarative neural networks: validate, train with JAX, ship as a proven ONNX file.

Exit codes: 0 fine; 1 the spec, a promise or parity is wrong; 2 usage or I/O; 3 a bug of netspec;
4 the environment (device, lock, permission); 5 storage or a damaged checkpoint; 6 training diverged;
130 and 143 signals.
"""

VERBS = {
    "validate": "netspec.cli.validate",
    "show": "netspec.cli.show",
    "explain": "netspec.cli.explain",
    "schema": "netspec.cli.schema",
    "fmt": "netspec.cli.fmt",
    "diff": "netspec.cli.diff",
    "init": "netspec.cli.init",
    "compile": "netspec.cli.compile",
    "train": "netspec.cli.train",
    "evaluate": "netspec.cli.evaluate",
    "predict": "netspec.cli.predict",
    "sample": "netspec.cli.sample",
    "export": "netspec.cli.export",
    "verify": "netspec.cli.export",
    "doctor": "netspec.cli.doctor",
}
"""Each verb and the module that its function stands in."""


def application(verbs: Iterable[str] = VERBS) -> typer.Typer:
    """The command with some verbs, or all: only the one that is called need be loaded."""
    app = typer.Typer(
        help=_HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )
    app.callback(help=_HELP)(lambda: None)
    for verb in verbs:
        app.command(verb)(getattr(import_module(VERBS[verb]), verb))
    return app


def run() -> None:
    """The entry point: every failure becomes a diagnostic and an exit code, never a traceback."""
    gc.set_threshold(100_000, 50, 100)  # a large spec is many small objects, none of them in a circle
    try:
        called = sys.argv[1:2]
        application(called if called and called[0] in VERBS else VERBS)()
    except SpecError as error:
        print_diagnostics(error.diagnostics, stream=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "netspec":
            raise
        help = ("install it with `pip install 'netspec-compiler[all]'`", "`netspec doctor` shows what is there")
        print_diagnostics((Diagnostic("NS536", f"the package `{error.name}` is not installed", help=help),), stream=sys.stderr)
        sys.exit(4)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("NETSPEC_DEBUG"):
            raise
        sys.exit(_defect(error))


def _defect(error: Exception) -> int:
    """Write what happened to a file that can be sent along with a report."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="netspec-", suffix=".log", delete=False) as log:
        traceback.print_exception(error, file=log)
    message = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    help = (f"this is a defect of netspec: please report it with `{Path(log.name)}` and the spec",)
    print_diagnostics((Diagnostic("NS901", message, help=help),), stream=sys.stderr)
    return 3
