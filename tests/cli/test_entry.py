"""The command ends at once by Ctrl-C and SIGTERM while it still loads: by the code of the signal, and without a traceback."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import SPECS

BEGIN = "from netspec.cli.entry import run; print('here', flush=True); run()"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_while_it_loads(number: signal.Signals, tmp_path: Path) -> None:
    for delay in (0.1, 0.3, 0.5, 0.7, 0.9):
        command = [sys.executable, "-c", BEGIN, "train", str(SPECS / "digits-mlp.yaml"), "-q", "--run", f"run{delay}"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            time.sleep(delay)
            process.send_signal(number)
            _, told = process.communicate(timeout=60)
        assert process.returncode == 128 + number
        assert "Traceback" not in told
