"""Ways in which a PyTorch user computes what Denoscope computes, to time it against (see benches/peer.py).

An analysis is one picture's log-joint and all K conditional denoisers. A variant is prepared once, outside the clock,
and then called: `run = VARIANTS[name](model, noisy, sigma); run()`.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .checkpoint import load
from .model import JointNetwork
from .recipe import Recipe
from .training import Batch, Trainer


@dataclass
class Analysis:
    """One picture's log-joint `[K]` and its denoised pictures under each class `[K, C, H, W]`."""

    log_joint: Tensor
    denoised_as: Tensor


Run = Callable[[], Analysis]
Variant = Callable[[JointNetwork, Tensor, float], Run]


def loop(model: JointNetwork, noisy: Tensor, sigma: float) -> Run:
    """One forward pass, then a backward pass a class, in eager mode."""
    square = _square(model, noisy, sigma)

    def run() -> Analysis:
        y = noisy.detach().requires_grad_()
        log_joint = model.log_joint(y, sigma)[0]
        scores = [torch.autograd.grad(value, y, retain_graph=True)[0] for value in log_joint]
        return Analysis(log_joint.detach(), noisy + square * torch.cat(scores))

    return run


def batched(model: JointNetwork, noisy: Tensor, sigma: float) -> Run:
    """One forward pass, then one backward pass of K cotangents (`is_grads_batched`)."""
    square = _square(model, noisy, sigma)
    count = len(model.description.classes)
    cotangents = torch.eye(count, dtype=noisy.dtype, device=noisy.device)

    def run() -> Analysis:
        y = noisy.detach().requires_grad_()
        log_joint = model.log_joint(y, sigma)[0]
        (scores,) = torch.autograd.grad(log_joint, y, cotangents, is_grads_batched=True)
        return Analysis(log_joint.detach(), noisy + square * scores[:, 0])

    return run


def repeated(model: JointNetwork, noisy: Tensor, sigma: float) -> Run:
    """The picture K times in one batch, one forward and one backward pass: more arithmetic, but no vmap."""
    square = _square(model, noisy, sigma)
    step = _repeated_step(model, sigma)

    def run() -> Analysis:
        log_joint, scores = step(noisy)
        return Analysis(log_joint, noisy + square * scores)

    return run


def compiled(model: JointNetwork, noisy: Tensor, sigma: float) -> Run:
    """`repeated` with its forward (and so its backward) compiled by `torch.compile`. Needs a C++ compiler."""
    square = _square(model, noisy, sigma)
    step = _repeated_step(model, sigma, torch.compile(lambda y, s: model.log_joint(y, s)))

    def run() -> Analysis:
        log_joint, scores = step(noisy)
        return Analysis(log_joint, noisy + square * scores)

    run()
    return run


def _repeated_step(
    model: JointNetwork, sigma: float, log_joint: Callable[[Tensor, Tensor], Tensor] | None = None
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    count = len(model.description.classes)
    log_joint = log_joint or model.log_joint

    def step(noisy: Tensor) -> tuple[Tensor, Tensor]:
        form = (
            torch.channels_last if noisy.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
        )
        y = noisy.expand(count, -1, -1, -1).contiguous(memory_format=form).requires_grad_()
        values = log_joint(y, torch.full((count,), sigma, dtype=y.dtype, device=y.device))
        (scores,) = torch.autograd.grad(values.diagonal().sum(), y)
        return values[0].detach(), scores

    return step


def _square(model: JointNetwork, noisy: Tensor, sigma: float) -> Tensor:
    return model.clamped(noisy, sigma)[0] ** 2


def _in_memory_order(variant: Variant, order: torch.memory_format) -> Variant:
    def prepared(model: JointNetwork, noisy: Tensor, sigma: float) -> Run:
        return variant(model.to(memory_format=order), noisy.contiguous(memory_format=order), sigma)

    return prepared


VARIANTS: dict[str, Variant] = {}
for _variant in (loop, batched, repeated, compiled):
    VARIANTS[_variant.__name__] = _in_memory_order(_variant, torch.contiguous_format)
    VARIANTS[f"{_variant.__name__}-channels-last"] = _in_memory_order(_variant, torch.channels_last)


def pgd(
    model: JointNetwork, clean: Tensor, labels: Tensor, sigma: float, epsilon: float, step: float, steps: int = 40
) -> Tensor:
    """Untargeted L∞ PGD on log p(c | y) from the clean pictures, without a random start: `[N, C, H, W]` in [0, 1]."""
    adversarial = clean
    for _ in range(steps):
        y = adversarial.detach().requires_grad_()
        _, logits = model(y, sigma)  # the energy is common to the classes, so the logits alone give the posterior
        (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"), y)
        moved = adversarial + step * gradient.sign()
        adversarial = torch.clamp(clean + (moved - clean).clamp(-epsilon, epsilon), 0, 1)
    return adversarial


def training_step(model: JointNetwork, clean: Tensor, labels: Tensor) -> Callable[[], tuple[Tensor, Tensor]]:
    """A step of the trainer on the given batch, with a schedule long enough not to matter."""
    recipe, generator = Recipe(), torch.Generator().manual_seed(0)
    trainer = Trainer(model.train().requires_grad_(), recipe, steps=1_000_000)
    return lambda: trainer.step(Batch.draw(recipe, clean, labels, generator))


def peak_memory(
    checkpoint: str, variant: str, height: int, width: int, threads: int, repeats: int = 3
) -> tuple[int, int]:
    """Peak resident bytes of a fresh process that runs a variant, and of one that only loads the checkpoint.

    The difference is what the analysis itself takes.
    """
    return tuple(
        _in_fresh_process(_measure, checkpoint, variant, height, width, threads, count) for count in (repeats, 0)
    )


def _measure(checkpoint: str, variant: str, height: int, width: int, threads: int, repeats: int) -> int:
    torch.set_num_threads(threads)
    model = load(checkpoint)
    if repeats:
        noisy = torch.rand(1, model.description.image.channels, height, width)
        run = VARIANTS[variant](model, noisy, 25 / 255)
        for _ in range(repeats):
            run()
    return _peak_bytes()


def _peak_bytes() -> int:
    # Linux passes ru_maxrss on from the process that spawned this one; VmHWM starts at zero with the program.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _in_fresh_process(function: Callable[..., int], *arguments: object) -> int:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)
