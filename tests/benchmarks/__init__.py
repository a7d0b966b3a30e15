"""Benchmarks: jax set up as the command sets it up, before anything imports it."""

from netspec.cli.environment import prepare_jax

prepare_jax()
