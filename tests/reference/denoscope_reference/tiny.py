"""Tiny networks with random weights, of every path that the two real sizes have: for goldens and self-checks."""

from __future__ import annotations

import torch

from .description import Architecture, Description, Image, SigmaRange, Stem
from .model import JointNetwork

COMPACT = Architecture(Stem(4, 2), [8, 8, 16], [1, 2, 1], [1, 2, 2], group=8, sigma_frequencies=3, sigma_width=8)
GRADRESNET = Architecture(
    Stem(3, 1), [8, 8, 8, 16], [1, 1, 1, 1], [1, 2, 2, 2], group=8, sigma_frequencies=3, sigma_width=8
)
POOLED = Architecture(Stem(3, 1), [8, 8, 16], [2, 1, 1], [1, 1, 2], 8, sigma_frequencies=3, sigma_width=8, family="pooled")
HALVED = Architecture(Stem(4, 2), [16, 24], [1, 2], [1, 2], 8, sigma_frequencies=3, sigma_width=8, family="pooled")

# Numbers that f32 holds exactly, so that a computation in either precision starts from the same ones.
RANGE = SigmaRange(min=1 / 128, max=1.0)
GREY = {"image": Image(1, 16, 16), "mean": [0.125], "deviation": 0.3125, "classes": list("pqrs")}
RGB = {"image": Image(3, 16, 16), "mean": [0.5, 0.484375, 0.4375], "deviation": 0.25, "classes": list("abc")}

DESCRIPTIONS = {
    description.name: description
    for description in (
        Description("compact-rgb", architecture=COMPACT, sigma_range=RANGE, licence="CC0-1.0", **RGB),
        Description("compact-grey", architecture=COMPACT, sigma_range=RANGE, licence="CC0-1.0", **GREY),
        Description("gradresnet-rgb", architecture=GRADRESNET, sigma_range=RANGE, licence="CC0-1.0", **RGB),
        Description("pooled-rgb", architecture=POOLED, sigma_range=RANGE, licence="CC0-1.0", **RGB),
        Description("pooled-grey", architecture=HALVED, sigma_range=RANGE, licence="CC0-1.0", **GREY),
    )
}


def network(name: str, seed: int = 0) -> JointNetwork:
    """The named network in f32, every weight and bias random and of a size that matters to the output."""
    model = JointNetwork(DESCRIPTIONS[name])
    generator = torch.Generator().manual_seed(seed)
    for tensor in model.state_dict().values():
        spread = tensor[0].numel() ** -0.5 if tensor.dim() > 1 else 0.3
        tensor.copy_(spread * torch.randn(tensor.shape, generator=generator))
    return model.eval().requires_grad_(False)


def pictures(model: JointNetwork, count: int, height: int, width: int, seed: int) -> torch.Tensor:
    """Smooth random pictures in [0, 1], `[count, C, height, width]` in f32."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, model.description.image.channels, 4, 4, generator=generator)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=True).clamp(0, 1)
