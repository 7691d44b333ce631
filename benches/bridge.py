"""A residual classifier of 32x32 pictures, as a script for the bridge and, run by itself, in a plain PyTorch loop.

    python benches/bridge.py

reads lines of a number of pictures and `forward` or `gradient`, and answers each with the milliseconds that it took. It is one half
of `cargo bench --bench bridge`, which runs it with the same Python as the bridge does.
"""

import sys
import time

import torch
from torch import nn


class Block(nn.Module):
    """x + two convolutions."""

    def __init__(self, width):
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x):
        return x + self.second(torch.relu(self.first(torch.relu(x))))


class Tiny(nn.Module):
    """Next to nothing, to time what a call costs."""

    shape, classes = (1, 4, 4), 2

    def logits(self, x):
        return x.mean(dim=(2, 3)) * torch.ones(2)


torch.manual_seed(0)
model = nn.Sequential(
    *(nn.Conv2d(3, 32, 3, padding=1), Block(32), nn.Conv2d(32, 64, 4, 2, 1), Block(64), nn.Conv2d(64, 128, 4, 2, 1)),
    *(Block(128), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)),
)
shape, classes = (3, 32, 32), 10
tiny = Tiny()


def logits(x):
    return model(x)


def plain(what, count):
    """What a loop of one's own does."""
    network, sides = (logits, shape) if not what.startswith("tiny") else (tiny.logits, tiny.shape)
    y = torch.rand(count, *sides)
    weights = torch.zeros(count, 10 if network is logits else 2)
    weights[:, 0] = 1
    begin = time.perf_counter()
    if what.endswith("forward"):
        with torch.no_grad():
            network(y).double()
    else:
        y.requires_grad_()
        torch.autograd.grad(network(y), y, weights)
    return 1e3 * (time.perf_counter() - begin)


if __name__ == "__main__":
    model.eval().requires_grad_(False)
    for line in sys.stdin:
        count, what = line.split()
        print(plain(what, int(count)), flush=True)
