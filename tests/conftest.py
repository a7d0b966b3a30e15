"""Test settings: the CPU, and no property that fails for being slow on a busy machine."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

CORPUS = ("test_a_project_of_the_corpus", "test_a_text_of_the_corpus")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
settings.register_profile("netspec", deadline=None)
settings.load_profile("netspec")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What failed once comes first; then what takes minutes, so that no worker ends long after the others."""
    items.sort(key=lambda item: (not item.name.startswith(CORPUS), item.get_closest_marker("slow") is None))
