"""Denoscope's own network in PyTorch (tests/reference), from a checkpoint that CHECKPOINT names.

CHECKPOINT=assets/models/digits.safetensors denoscope info python:examples/python/network_torch.py
"""

import os
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parents[1] / "tests/reference"))

from denoscope_reference import load  # noqa: E402 (found by the line above)

model = load(os.environ["CHECKPOINT"])
description = model.description
classes = description.classes
shape = (description.image.channels, description.image.height, description.image.width)
sigma_range = (description.sigma_range.min, description.sigma_range.max)
any_size = True


def log_joint(y, sigma):
    """log p(y, c), [N, K]: the large Gaussian part in double precision, so that differences between classes stay exact."""
    z = model.standardised(y, sigma)
    energy, logits = model(y, sigma)
    density = -z.double().square().sum(dim=(1, 2, 3)) / 2 + description.deviation / sigma * energy
    return density[:, None] + logits
