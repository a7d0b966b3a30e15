"""What the command sets before jax is there; what a user has set stands."""

from __future__ import annotations

import os

import pytest

from netspec.cli import environment


@pytest.mark.parametrize(
    ("device", "given", "expected"),
    [
        (None, "", {"--xla_gpu_deterministic_ops=true", environment._CONVOLUTION_FLAG}),
        ("cpu", "", {environment._CONVOLUTION_FLAG}),
        ("gpu", "", {"--xla_gpu_deterministic_ops=true"}),
        ("gpu", "--xla_gpu_deterministic_ops=false", {"--xla_gpu_deterministic_ops=false"}),
        ("gpu", "--xla_dump_to=here", {"--xla_dump_to=here", "--xla_gpu_deterministic_ops=true"}),
    ],
)
def test_flags_are_added_and_never_changed(
    device: str | None, given: str, expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_FLAGS", given)
    monkeypatch.setattr(environment, "_installed", lambda: environment._TRIED_ON)
    environment._set_flags(device)
    assert set(os.environ["XLA_FLAGS"].split()) == expected


def test_a_flag_that_xla_may_not_know_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(environment, "_installed", lambda: frozenset({"0.99"}))
    environment._set_flags("cpu")
    assert os.environ["XLA_FLAGS"] == ""
