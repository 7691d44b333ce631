"""The training objective and its optimiser: Muon for convolutions, AdamW for the rest, and averaged weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from .model import JointNetwork
from .program import tensors_of


def initialise(model: JointNetwork) -> None:
    """The weights that training starts from, drawn by PyTorch's generator.

    Gains, offsets and read-outs begin at zero, so that the untrained network is the Gaussian model alone. All other
    weights are normal with variance 1 over the inputs.
    """
    tensors = tensors_of(model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if tensors[name].start == "zero":
                weight.zero_()
            else:
                weight.normal_(0, weight[0].numel() ** -0.5)


def losses(model: JointNetwork, clean: Tensor, labels: Tensor, sigma: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """CE(p(c | y), label) and mean((σ∇log p_σ(y) + ε)²) at y = x + σε, both differentiable in the weights.

    The second is ‖D − x‖²/σ² a pixel. The score is a gradient, so the loss differentiates through a backward pass.
    """
    scale = sigma[:, None, None, None]
    noisy = (clean + scale * noise).requires_grad_()
    log_joint = model.log_joint(noisy, sigma)
    (score,) = torch.autograd.grad(log_joint.logsumexp(dim=1).sum(), noisy, create_graph=True)
    return F.cross_entropy(log_joint, labels), (scale * score + noise).square().mean()


def draw_sigma(model: JointNetwork, count: int) -> Tensor:
    """Noise levels log-uniform over the trained range: `[count]`."""
    low, high = math.log(model.description.sigma_range.min), math.log(model.description.sigma_range.max)
    return torch.empty(count, device=model.mean.device).uniform_(low, high).exp()


class Muon(torch.optim.Optimizer):
    """Nesterov momentum whose update is orthogonalised (Jordan et al. 2024); a weight is seen as `[out, rest]`."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.mul_(group["momentum"]).add_(weight.grad)
                ahead = weight.grad + group["momentum"] * momentum
                update = orthogonalised(ahead.flatten(1))
                scale = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                weight.add_(update.view_as(weight), alpha=-group["lr"] * scale)


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest matrix with singular values about 1, by a quintic Newton–Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (matrix.norm() + 1e-7)
    transposed = x.shape[0] > x.shape[1]
    x = x.T if transposed else x
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if transposed else x


RULES = ("muon", "adam-w", "plain")


class Trainer:
    """One optimisation step after another, for a run of a known length."""

    def __init__(
        self,
        model: JointNetwork,
        steps: int,
        denoising_weight: float = 10.0,
        muon_rate: float = 0.02,
        adamw_rate: float = 2e-3,
        average_decay: float = 0.999,
        warm_up: int = 200,
    ) -> None:
        self.model, self.done = model, 0
        self.denoising_weight, self.average_decay = denoising_weight, average_decay
        self.average = copy.deepcopy(model).requires_grad_(False)
        tensors = tensors_of(model)
        by_rule = {rule: [p for n, p in model.named_parameters() if tensors[n].rule == rule] for rule in RULES}
        muon, matrices, vectors = by_rule["muon"], by_rule["adam-w"], by_rule["plain"]
        groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
        self.optimisers = [Muon(muon, muon_rate), torch.optim.AdamW(groups, adamw_rate, betas=(0.9, 0.99))]

        def rate(step: int) -> float:
            return min(1.0, (step + 1) / (warm_up + 1)) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))

        self.schedules = [torch.optim.lr_scheduler.LambdaLR(optimiser, rate) for optimiser in self.optimisers]

    def step(self, clean: Tensor, labels: Tensor) -> tuple[float, float]:
        """One step on a batch of clean pictures; returns its cross-entropy and denoising loss."""
        sigma = draw_sigma(self.model, len(clean))
        cross_entropy, denoising = losses(self.model, clean, labels, sigma, torch.randn_like(clean))
        self.model.zero_grad()
        (cross_entropy + self.denoising_weight * denoising).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser, schedule in zip(self.optimisers, self.schedules, strict=True):
            optimiser.step()
            schedule.step()
        # The average is short at first, so that the initial weights are soon forgotten.
        decay = min(self.average_decay, (1 + self.done) / (10 + self.done))
        with torch.no_grad():
            for average, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
                average.lerp_(now, 1 - decay)
        self.done += 1
        return cross_entropy.item(), denoising.item()
