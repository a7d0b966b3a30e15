"""Test settings: the CPU, and no property that fails for being slow on a busy machine."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from hypothesis import settings

CORPUS = ("test_a_project_of_the_corpus", "test_a_text_of_the_corpus")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
OWN_CACHE = "NETSPEC_TESTS_CACHE" not in os.environ
os.environ.setdefault("NETSPEC_TESTS_CACHE", tempfile.mkdtemp(prefix="netspec-tests-") if OWN_CACHE else "")
"""Where commands that tests start keep what XLA compiled: new for each session, and shared by its workers."""
settings.register_profile("netspec", deadline=None)
settings.load_profile("netspec")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What failed once comes first; then what takes minutes, so that no worker ends long after the others."""
    items.sort(key=lambda item: (not item.name.startswith(CORPUS), item.get_closest_marker("slow") is None))


def pytest_unconfigure() -> None:
    """The session that made the cache removes it; workers were given theirs."""
    if OWN_CACHE:
        shutil.rmtree(os.environ["NETSPEC_TESTS_CACHE"], ignore_errors=True)
