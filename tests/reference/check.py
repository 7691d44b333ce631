#!/usr/bin/env python3
"""Checks the reference against itself in f64: `python tests/reference/check.py` takes seconds and prints each error."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from denoscope_reference import CheckpointError, Image, JointNetwork, load, preset, store, tiny
from denoscope_reference.adjoint import pullback
from denoscope_reference.analyze import VARIANTS
from denoscope_reference.program import PROGRAMS
from denoscope_reference.training import losses

TOLERANCE = 5e-9


def relative(a: Tensor, b: Tensor) -> float:
    """The largest difference over the largest value."""
    return ((a - b).abs().max() / b.abs().max().clamp(min=1e-300)).item()


def mixture_of_conditionals(model: JointNetwork, noisy: Tensor, sigma: Tensor) -> float:
    """D = Σ_c p(c | y) D_c"""
    mixture = torch.einsum("nk,nkchw->nchw", model.posterior(noisy, sigma), model.denoised_as(noisy, sigma))
    return relative(mixture, model.denoised(noisy, sigma))


def class_gradients_cancel(model: JointNetwork, noisy: Tensor, sigma: Tensor) -> float:
    """Σ_c p(c | y) ∇log p(c | y) = 0"""
    gradients = model.scores_as(noisy, sigma) - model.score(noisy, sigma)[:, None]
    total = torch.einsum("nk,nkchw->nchw", model.posterior(noisy, sigma), gradients)
    return (total.abs().max() / gradients.abs().max()).item()


def score_by_differences(model: JointNetwork, noisy: Tensor, sigma: Tensor) -> float:
    """The score along a direction against a Richardson-extrapolated central difference of the log density."""
    direction = torch.randn_like(noisy)

    def slope(step: float) -> Tensor:
        ends = [model.log_density(noisy + sign * step * direction, sigma) for sign in (1, -1)]
        return (ends[0] - ends[1]) / (2 * step)

    difference = (4 * slope(1e-4) - slope(2e-4)) / 3
    return relative((model.score(noisy, sigma) * direction).sum(dim=(1, 2, 3)), difference)


def adjoint_by_hand(model: JointNetwork, noisy: Tensor, sigma: Tensor) -> float:
    """The adjoint written out against autograd, for one-hot cotangents and a random one; of the first family only."""
    if model.description.architecture.family != "bilinear":
        return 0.0
    count = len(model.description.classes)
    cotangents = torch.cat([torch.eye(count).double(), torch.randn(1, count).double()]).expand(len(noisy), -1, -1)
    scores = model.scores_as(noisy, sigma)
    expected = torch.einsum("nmk,nkchw->nmchw", cotangents, scores)
    return relative(pullback(model, noisy, sigma, cotangents), expected)


def sigma_is_clamped(model: JointNetwork, noisy: Tensor, _: Tensor) -> float:
    """Outside the trained range the ends of the range count."""
    ends = model.description.sigma_range
    low = relative(model.log_joint(noisy, ends.min / 3), model.log_joint(noisy, ends.min))
    return max(low, relative(model.log_joint(noisy, ends.max * 3), model.log_joint(noisy, ends.max)))


def loss_gradient_by_differences(model: JointNetwork, noisy: Tensor, sigma: Tensor) -> float:
    """The loss's gradient in the weights (a second derivative of the network) against central differences."""
    labels = torch.arange(len(noisy)) % len(model.description.classes)
    noise = torch.randn_like(noisy)
    weights = list(model.parameters())
    directions = [torch.randn_like(weight) * weight.abs().mean() for weight in weights]

    def loss() -> Tensor:
        cross_entropy, denoising = losses(model, noisy, labels, sigma, noise)
        return cross_entropy + 10 * denoising

    def moved(step: float) -> Tensor:
        with torch.no_grad():
            torch._foreach_add_(weights, directions, alpha=step)
        value = loss().detach()
        with torch.no_grad():
            torch._foreach_add_(weights, directions, alpha=-step)
        return value

    model.requires_grad_()
    gradients = torch.autograd.grad(loss(), weights)
    model.requires_grad_(False)
    products = torch.stack([(g * d).sum() for g, d in zip(gradients, directions, strict=True)])
    slopes = [(moved(step) - moved(-step)) / (2 * step) for step in (1e-4, 2e-4)]
    # Against what was added up: the tensors' parts may cancel.
    difference = (4 * slopes[0] - slopes[1]) / 3
    return ((products.sum() - difference).abs() / products.abs().sum()).item()


def analyze_variants_agree(model: JointNetwork, noisy: Tensor, sigma: Tensor) -> float:
    """Every way of timing one analysis computes the same as the plain one."""
    one, level = noisy[:1], sigma[0].item()
    expected = model.denoised_as(one, level)[0]
    worst = 0.0
    for name, variant in VARIANTS.items():
        if not name.startswith("compiled"):
            worst = max(worst, relative(variant(model, one, level)().denoised_as, expected))
    return worst


def checkpoint_round_trip(model: JointNetwork, noisy: Tensor, sigma: Tensor) -> float:
    """What was stored is what is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        store(model, path)
        again = load(path)
        if again.description != model.description:
            raise AssertionError("the description changed on its way through the file")
        path.write_bytes(path.read_bytes()[:-4])
        try:
            load(path)
        except CheckpointError:
            pass
        else:
            raise AssertionError("a file that is cut off was loaded")
    return relative(again.double().log_joint(noisy, sigma), model.log_joint(noisy, sigma))


def tensors_are_the_applications(model: JointNetwork, _: Tensor, __: Tensor) -> float:
    """Names and shapes are those that the application writes."""
    wanted = {tensor.name: tensor.shape for tensor in PROGRAMS[model.description.name]}
    return float(wanted != {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()})


CHECKS: list[Callable[[JointNetwork, Tensor, Tensor], float]] = [
    mixture_of_conditionals,
    class_gradients_cancel,
    score_by_differences,
    adjoint_by_hand,
    sigma_is_clamped,
    loss_gradient_by_differences,
    analyze_variants_agree,
    checkpoint_round_trip,
    tensors_are_the_applications,
]


def main() -> int:
    torch.manual_seed(0)
    failures = 0
    for name in tiny.DESCRIPTIONS:
        model = tiny.network(name).double()
        sigma = torch.tensor([0.05, 0.3], dtype=torch.float64)
        noisy = tiny.pictures(model, 2, 11, 14, seed=1).double()
        noisy += sigma[:, None, None, None] * torch.randn_like(noisy)
        for check in CHECKS:
            error = check(model, noisy, sigma)
            good = error < TOLERANCE
            failures += not good
            print(f"{'ok  ' if good else 'FAIL'} {name:16} {check.__name__:30} {error:.1e}")
    for name in ("compact", "gradresnet18", "pooled18", "pooled-thin"):
        classes = [str(c) for c in range(10)]
        model = JointNetwork(preset(name, classes, Image(3, 32, 32), [0.5] * 3, 0.25))
        good = tensors_are_the_applications(model, torch.empty(0), torch.empty(0)) == 0
        failures += not good
        print(f"{'ok  ' if good else 'FAIL'} {name:16} {tensors_are_the_applications.__name__}")
    print(f"{failures} checks failed" if failures else "all checks passed")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
