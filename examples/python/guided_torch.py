"""A noise-conditional classifier and a denoiser together, as in classifier guidance: D_c = D + sigma^2 grad log p(c | y).

denoscope analyze photo.jpg --sigma 0.3 --model python:examples/python/guided_torch.py
"""

import torch
from torch import nn
from unet_denoiser_torch import denoise, range, shape, sigma_range  # noqa: F401 (the denoiser beside this file)

torch.manual_seed(1)
classes = ["cat", "dog"]
network = nn.Sequential(nn.Conv2d(4, 32, 4, 4), nn.GELU(), nn.Flatten(), nn.Linear(32 * 8 * 8, len(classes)))


def logits(y, sigma):
    """Of noisy pictures, with a plane that tells the noise level; [N, 2]."""
    level = sigma.log()[:, None, None, None].expand(-1, 1, *y.shape[2:])
    return network(torch.cat([y, level], dim=1))
