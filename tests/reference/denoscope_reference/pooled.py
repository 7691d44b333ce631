"""GradResNet as its author made it public (FlorentinGuth/DualScoreMatching), with a class read-out of this project's choice.

    block: norm(φ(conv₂(φ(conv₁(h))) + shortcut(h)))        f = (L₀ mean h₀, L₁ mean h₁, …, mean h_last)
    u = −P·mean(f²)/2, v = A f + a₀, with P the pixels of the noisy picture

Noise enters by the norms' gains alone. Module names are the tensor names of the checkpoint.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .description import Architecture


def scale_norm(x: Tensor, film: nn.Linear, e: Tensor, group: int) -> Tensor:
    """G ⊙ s·x̂: group norm without loss of scale, s the root mean square of the groups' deviations, G = 1 + film(e)."""
    groups = x.unflatten(1, (-1, group))
    centred = groups - groups.mean(dim=(2, 3, 4), keepdim=True)
    variance = centred.square().mean(dim=(2, 3, 4), keepdim=True) + 1e-5
    scale = variance.mean(dim=1, keepdim=True).sqrt()
    return (centred * variance.rsqrt() * scale).flatten(1, 2) * (1 + film(e))[:, :, None, None]


class Shortcut(nn.Conv2d):
    """A 1×1 convolution with a stride, and a norm, where a block changes its input's shape."""

    def __init__(self, before: int, width: int, stride: int, architecture: Architecture) -> None:
        super().__init__(before, width, 1, stride, bias=False)
        self.group = architecture.group
        self.film = nn.Linear(architecture.sigma_width, width)

    def along(self, h: Tensor, e: Tensor) -> Tensor:
        return scale_norm(self(h), self.film, e, self.group)


class Block(nn.Module):
    """norm(φ(conv₂(φ(conv₁(h))) + shortcut(h)))"""

    def __init__(self, before: int, width: int, stride: int, architecture: Architecture) -> None:
        super().__init__()
        self.group = architecture.group
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        same = stride == 1 and width == before
        self.shortcut = None if same else Shortcut(before, width, stride, architecture)
        self.film = nn.Linear(architecture.sigma_width, width)

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        shortcut = h if self.shortcut is None else self.shortcut.along(h, e)
        value = F.gelu(self.conv2(F.gelu(self.conv1(h))) + shortcut)
        return scale_norm(value, self.film, e, self.group)


class Stage(nn.Module):
    """Blocks, and but for the last stage a linear map of the means over the pixels to half as many."""

    def __init__(self, index: int, architecture: Architecture) -> None:
        super().__init__()
        a, width = architecture, architecture.widths[index]
        befores = [a.widths[max(index - 1, 0)]] + [width] * (a.blocks[index] - 1)
        strides = [a.strides[index]] + [1] * (a.blocks[index] - 1)
        self.blocks = nn.ModuleList(Block(b, width, s, a) for b, s in zip(befores, strides, strict=True))
        self.side = nn.Linear(width, width // 2) if index + 1 < len(a.widths) else None

    def forward(self, h: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        for block in self.blocks:
            h = block(h, e)
        mean = h.mean(dim=(2, 3))
        return h, mean if self.side is None else self.side(mean)


class Head(nn.Module):
    """v = A f + a₀"""

    def __init__(self, classes: int, architecture: Architecture) -> None:
        super().__init__()
        *others, last = architecture.widths
        self.linear = nn.Linear(sum(width // 2 for width in others) + last, classes)

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(features)


def energy_and_logits(stages: nn.ModuleList, head: Head, h: Tensor, e: Tensor, pixels: int) -> tuple[Tensor, Tensor]:
    """u `[N]` and v `[N, K]` of the stem's result."""
    parts = []
    for stage in stages:
        h, part = stage(h, e)
        parts.append(part)
    features = torch.cat(parts, dim=1)
    return -pixels * features.square().mean(dim=1) / 2, head(features)
