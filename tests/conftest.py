"""Test settings: the CPU, and a cache folder of the tests' own."""

from __future__ import annotations

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
