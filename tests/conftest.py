"""Test settings: the CPU, and no property that fails for being slow on a busy machine."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("JAX_PLATFORMS", "cpu")
settings.register_profile("netspec", deadline=None)
settings.load_profile("netspec")
