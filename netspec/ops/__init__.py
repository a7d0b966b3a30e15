"""JAX numerics and nnx modules that Flax lacks or does slowly. Imports only jax, flax and numpy."""
