"""A noise-conditional U-Net denoiser, here with random weights: E[x | y] alone, on the scale of -1 to 1.

denoscope denoise photo.jpg --sigma 25/255 --model python:examples/python/unet_denoiser_torch.py -o out.png
"""

import torch
from torch import nn

torch.manual_seed(0)
shape = (3, 32, 32)
range = (-1, 1)
sigma_range = (0.005, 1.0)


class Block(nn.Module):
    """Two convolutions under a gain and an offset a channel, which follow from log sigma."""

    def __init__(self, before, width):
        super().__init__()
        self.first, self.second = nn.Conv2d(before, width, 3, 1, 1), nn.Conv2d(width, width, 3, 1, 1)
        self.norm, self.film = nn.GroupNorm(8, width), nn.Linear(1, 2 * width)

    def forward(self, x, level):
        gain, offset = self.film(level)[:, :, None, None].chunk(2, dim=1)
        return self.second(nn.functional.gelu(self.norm(self.first(x)) * (1 + gain) + offset))


class UNet(nn.Module):
    """Three scales with skip connections, and EDM's scaling about the network (Karras et al. 2022)."""

    def __init__(self, width=32, data=0.5):
        super().__init__()
        self.data = data
        widths = [width, 2 * width, 2 * width]
        self.down = nn.ModuleList(Block(b, w) for b, w in zip([3, *widths], widths))
        self.up = nn.ModuleList(Block(b, w) for b, w in ((4 * width, width), (2 * width, width)))
        self.last = nn.Conv2d(width, 3, 3, 1, 1)

    def forward(self, y, sigma):
        s = sigma[:, None, None, None]
        total = s**2 + self.data**2
        level = sigma.log()[:, None] / 4
        one = self.down[0](y / total.sqrt(), level)
        two = self.down[1](nn.functional.avg_pool2d(one, 2), level)
        three = self.down[2](nn.functional.avg_pool2d(two, 2), level)
        two = self.up[0](torch.cat([two, nn.functional.interpolate(three, scale_factor=2)], dim=1), level)
        one = self.up[1](torch.cat([one, nn.functional.interpolate(two, scale_factor=2)], dim=1), level)
        return self.data**2 / total * y + s * self.data / total.sqrt() * self.last(one)


model = UNet()


def denoise(y, sigma):
    """E[x | y] for each picture; sigma is on the scale of `range` too."""
    return model(y, sigma)
