"""A function in JAX, compiled and differentiated there: a mixture of Gaussians around four patterns.

denoscope analyze sample:digits/0 --sigma 0.3 --model python:examples/python/mixture_jax.py
"""

import jax
import jax.numpy as jnp

shape = (1, 16, 16)
classes = ["disc", "ring", "stripes", "checks"]
VARIANCE = 0.05

row, column = jnp.mgrid[:16, :16]
far = jnp.hypot(row - 7.5, column - 7.5)
patterns = jnp.stack([far < 5, (far > 4) & (far < 7), row % 4 < 2, (row // 4 + column // 4) % 2 == 0])
means = jnp.where(patterns, 0.9, 0.1)


def log_joint(y, sigma):
    """log N(y; pattern, variance + sigma^2) of each class, [N, 4]."""
    total = VARIANCE + sigma[:, None] ** 2
    square = ((y[:, 0, None] - means) ** 2).sum((2, 3))
    return -0.5 * square / total - 128 * jnp.log(total)
