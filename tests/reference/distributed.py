#!/usr/bin/env python3
"""Checks that two processes (gloo) take the very steps of one with the whole batch: `python tests/reference/distributed.py`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import Tensor

from denoscope_reference import Image, JointNetwork
from denoscope_reference.recipe import Recipe
from denoscope_reference.training import Batch, Trainer, initialise

TOLERANCE = 1e-5
STEPS = 2


def recipe(objective: str) -> Recipe:
    """A small run that steps as far at once as a long one does."""
    sizes = {"widths": [8, 16], "blocks": [1, 2], "strides": [1, 2]}
    return Recipe(objective=objective, batch=8, warmup=0, conditional_share=0.25, out="x", **sizes)


def weights(objective: str) -> list[Tensor]:
    """What the steps make of the network's weights, in this process or in all of them together."""
    torch.manual_seed(3)
    torch.set_num_threads(1)
    options, generator = recipe(objective), torch.Generator().manual_seed(5)
    classes = ["one"] if objective == "denoise" else ["one", "two", "three"]
    model = JointNetwork(options.description(classes, Image(3, 16, 16), [0.5, 0.4, 0.3], 0.25))
    initialise(model)
    with torch.no_grad():
        # Of weights that begin at zero the gradients of the others say little.
        for weight in model.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    trainer = Trainer(model, options, 100)
    for _ in range(STEPS):
        clean = torch.rand(options.batch, 3, 16, 16, generator=generator)
        labels = torch.randint(len(classes), (options.batch,), generator=generator)
        trainer.step(Batch.draw(options, clean, labels, generator))
    return [*model.parameters(), *trainer.average.parameters()]


def process(rank: int, folder: str) -> None:
    """One process of two."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    for objective in ("joint", "classify", "denoise"):
        torch.save([weight.detach() for weight in weights(objective)], Path(folder) / f"{objective}-{rank}")
    dist.destroy_process_group()


def main() -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(process, (folder,), nprocs=2)
        for objective in ("joint", "classify", "denoise"):
            alone = [weight.detach() for weight in weights(objective)]
            both = [torch.load(Path(folder) / f"{objective}-{rank}", weights_only=True) for rank in (0, 1)]
            same = all(torch.equal(a, b) for a, b in zip(*both, strict=True))
            moved = max((a - b).abs().max().item() for a, b in zip(alone, both[0], strict=True))
            print(f"{objective}: the processes agree {'to the bit' if same else 'NOT'}, with one process to {moved:.1e}")
            worst = max(worst, moved if same else float("inf"))
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
