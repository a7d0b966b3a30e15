"""Not a test, and not run: what a type checker has to refuse. Each line with `# refused` is an error to mypy."""

from __future__ import annotations

import netspec
from netspec.components.layers.conv import Conv2d
from netspec.components.layers.core import Dense
from netspec.components.objectives.optimizers import Adam
from netspec.spec.training import TrainSection

Dense(units={"not": "a size"})  # refused
Dense(units=8)
Dense(unit=8)  # refused
Conv2d(filters=8, kernel_size=3, padding="causal")  # refused
Conv2d(filters=8, kernel_size=3, padding="same")
TrainSection(loss="cross_entropy", optimizer=Adam())  # refused
netspec.export("run", "model.onnx", outputs="probabilites")  # refused
netspec.export("run", "model.onnx", outputs="probabilities")
netspec.evaluate("run", prt="test")  # refused
netspec.sample("run", rows="many")  # refused
