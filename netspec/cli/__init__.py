"""The `netspec` command."""

import atexit
import gc
import os

# Importing makes some hundred thousand objects that all stay: looking for garbage among them is a
# tenth of the time that `netspec validate` takes.
gc.set_threshold(200_000, 20, 20)
atexit.register(gc.freeze)

# Pydantic would look through every installed distribution for plug-ins of its own: a spec is checked
# by netspec alone.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
