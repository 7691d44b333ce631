"""JEM (Grathwohl et al. 2020): a classifier whose logits are trained as log p(y, c), here with random weights.

denoscope info python:examples/python/jem_torch.py
"""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(
    *(
        nn.Conv2d(3, 32, 3, 1, 1),
        nn.SiLU(),
        nn.Conv2d(32, 64, 4, 2, 1),
        nn.SiLU(),
        nn.Conv2d(64, 64, 4, 2, 1),
        nn.SiLU(),
    ),
    *(nn.Flatten(), nn.Linear(64 * 8 * 8, 10)),
)
classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
shape = (3, 32, 32)
range = (-1, 1)


def log_joint(y, sigma):
    """log p(y, c) up to a constant, [N, 10]; y is on the scale of `range`, and this model was trained at one noise level."""
    return model(y)
