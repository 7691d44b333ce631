"""A mixture of two Gaussians in plain Python: the smallest model with a density, and gradients written by hand.

denoscope analyze sample:digits/0 --model python:examples/python/mixture.py --sigma 0.3
"""

import math

shape = (1, 8, 8)
classes = ["disc", "frame"]
sigma_range = (0.01, 5)
VARIANCE = 0.05

far = [[math.hypot(row - 3.5, column - 3.5) for column in range(8)] for row in range(8)]
disc = [0.9 if r < 3 else 0.1 for row in far for r in row]
frame = [0.9 if max(abs(i // 8 - 3.5), abs(i % 8 - 3.5)) > 2.6 else 0.1 for i in range(64)]
PATTERNS = (disc, frame)


def flat(picture):
    return [value for row in picture[0] for value in row]


def log_joint(y, sigma):
    """log N(y; pattern, variance + sigma^2) of both classes, [N, 2]; y is a nested list, [N, 1, 8, 8]."""

    def one(values, total, pattern):
        square = sum((v - m) ** 2 for v, m in zip(values, pattern))
        return math.log(0.5) - 0.5 * (square / total + len(values) * math.log(2 * math.pi * total))

    return [[one(flat(p), VARIANCE + s * s, pattern) for pattern in PATTERNS] for p, s in zip(y, sigma)]


def log_joint_vjp(y, sigma, w):
    """The sum over classes of w times the gradient of log_joint, in the shape of y; w is [N, 2]."""

    def gradient(values, total, weights):
        return [sum(w * (m[i] - v) for w, m in zip(weights, PATTERNS)) / total for i, v in enumerate(values)]

    def square(values):
        return [[values[8 * row : 8 * row + 8] for row in range(8)]]

    return [square(gradient(flat(p), VARIANCE + s * s, ws)) for p, s, ws in zip(y, sigma, w)]
