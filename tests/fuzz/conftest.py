"""One sandbox for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.sandbox import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Answers for hostile input; see `tests/fuzz/sandbox.py`."""
    with Sandbox() as server:
        yield server
