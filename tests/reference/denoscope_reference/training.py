"""The training objective and its optimiser: Muon for convolutions, AdamW for the rest, and averaged weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from .model import JointNetwork
from .program import tensors_of
from .recipe import Recipe


def initialise(model: JointNetwork) -> None:
    """The weights that training starts from, drawn by PyTorch's generator.

    Gains, offsets and bilinear read-outs begin at zero, so that an untrained bilinear network is the Gaussian model alone.
    All other weights are normal with variance 1 over the inputs.
    """
    tensors = tensors_of(model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if tensors[name].start == "zero":
                weight.zero_()
            else:
                weight.normal_(0, weight[0].numel() ** -0.5)


def losses(
    model: JointNetwork,
    clean: Tensor,
    labels: Tensor,
    sigma: Tensor,
    noise: Tensor,
    conditional: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """CE(p(c | y), label) and mean((σ∇log p_σ(y) + ε)²) at y = x + σε, both differentiable in the weights.

    The second is ‖D − x‖²/σ² a pixel. The score is a gradient, so the loss differentiates through a backward pass. In rows that
    `conditional` marks it is that of the true class, ∇log p_σ(y, label).
    """
    scale = sigma[:, None, None, None]
    noisy = (clean + scale * noise).requires_grad_()
    log_joint = model.log_joint(noisy, sigma)
    density = log_joint.logsumexp(dim=1)
    if conditional is not None:
        density = torch.where(conditional, log_joint.gather(1, labels[:, None])[:, 0], density)
    (score,) = torch.autograd.grad(density.sum(), noisy, create_graph=True)
    return F.cross_entropy(log_joint, labels), (scale * score + noise).square().mean()


def quantiles(recipe: Recipe, share: Tensor) -> Tensor:
    """The noise levels below which these shares, in [0, 1), of the recipe's law lie, cut off at the ends of the trained range."""
    law, median, spread = recipe.law()
    low, high, share = recipe.sigma_min, recipe.sigma_max, share.double()
    if law == "uniform":
        sigma = low + share * (high - low)
    elif law == "log-uniform":
        sigma = (math.log(low) + share * (math.log(high) - math.log(low))).exp()
    else:
        normal = torch.distributions.Normal(torch.tensor(0.0).double(), torch.tensor(1.0).double())
        ends = torch.tensor([low, high]).double().log()
        below, above = normal.cdf((ends - math.log(median)) / spread).tolist()
        drawn = normal.icdf((below + share.cpu() * (above - below)).clamp(1e-300, 1 - 1e-16)).to(share.device)
        sigma = (math.log(median) + spread * drawn).exp()
    return sigma.clamp(low, high).float()


@dataclass
class Batch:
    """What a step learns from, of all processes together: pictures on the [0, 1] scale, σ, ε, and the rows of the classes' scores."""

    clean: Tensor
    labels: Tensor
    sigma: Tensor
    noise: Tensor
    conditional: Tensor

    @classmethod
    def draw(cls, recipe: Recipe, clean: Tensor, labels: Tensor, generator: torch.Generator) -> Batch:
        """Draws σ and ε. Processes whose generators have the same seed draw the same."""
        count, device = len(clean), clean.device
        share = torch.rand(count, generator=generator, device=generator.device, dtype=torch.double).to(device)
        noise = torch.randn(clean.shape, generator=generator, device=generator.device).to(device)
        conditional = torch.arange(count, device=device) < round(recipe.conditional_share * count)
        return cls(clean, labels, quantiles(recipe, share), noise, conditional)

    def part(self, rank: int, processes: int) -> Batch:
        """The rows of one process: every so many, so that each has its share of every kind."""
        some = slice(rank, None, processes)
        return Batch(*(value[some] for value in (self.clean, self.labels, self.sigma, self.noise, self.conditional)))


class Losses(nn.Module):
    """The losses as a module's forward, which is where DistributedDataParallel looks for a backward pass to come."""

    def __init__(self, model: JointNetwork, score: bool) -> None:
        super().__init__()
        self.model, self.score = model, score

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if self.score:
            conditional = batch.conditional if batch.conditional.any() else None
            return losses(self.model, batch.clean, batch.labels, batch.sigma, batch.noise, conditional)
        log_joint = self.model.log_joint(batch.clean + batch.sigma[:, None, None, None] * batch.noise, batch.sigma)
        cross_entropy = F.cross_entropy(log_joint, batch.labels)
        return cross_entropy, torch.zeros_like(cross_entropy)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum whose update is orthogonalised (Jordan et al. 2024); a weight is seen as `[out, rest]`."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.mul_(group["momentum"]).add_(weight.grad)
                ahead = weight.grad + group["momentum"] * momentum
                update = orthogonalised(ahead.flatten(1))
                scale = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                weight.mul_(1 - group["lr"] * group["decay"])
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
    """One optimisation step after another, for a run of a known length, in one process or in many at once."""

    def __init__(self, model: JointNetwork, recipe: Recipe, steps: int) -> None:
        self.model, self.recipe, self.done = model, recipe, 0
        self.average = copy.deepcopy(model).requires_grad_(False)
        tensors = tensors_of(model)
        by_rule = {rule: [p for n, p in model.named_parameters() if tensors[n].rule == rule] for rule in RULES}
        muon, matrices, vectors = by_rule["muon"], by_rule["adam-w"], by_rule["plain"]
        groups = [{"params": matrices, "weight_decay": recipe.decay_adam}, {"params": vectors, "weight_decay": 0.0}]
        self.optimisers = [
            Muon(muon, recipe.lr_muon, decay=recipe.decay_muon),
            torch.optim.AdamW(groups, recipe.lr_adam, betas=(0.9, 0.99)),
        ]

        def rate(step: int) -> float:
            return min(1.0, (step + 1) / (recipe.warmup + 1)) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))

        self.schedules = [torch.optim.lr_scheduler.LambdaLR(optimiser, rate) for optimiser in self.optimisers]
        self.losses: nn.Module = Losses(model, score=recipe.objective != "classify")
        self.rank, self.processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        if self.processes > 1:
            devices = [model.mean.device.index] if model.mean.is_cuda else None
            # The energy has no part in the classes, nor have the logits of one class in anything: there is no gradient to wait for.
            unused = recipe.objective == "classify" or len(model.description.classes) == 1
            self.losses = DistributedDataParallel(self.losses, device_ids=devices, find_unused_parameters=unused)

    def step(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """One step on a batch, of which this process computes its rows; returns their cross-entropy and denoising loss.

        Gradients are averaged over the processes, which have as many rows each, so that the step is that of one process with
        the whole batch.
        """
        cross_entropy, denoising = self.losses(batch.part(self.rank, self.processes))
        self.model.zero_grad(set_to_none=False)
        weight = 0.0 if self.recipe.objective == "denoise" else 1.0
        (weight * cross_entropy + self.recipe.lambda_ * denoising).backward()
        for weight in self.model.parameters():
            # The optimisers step everything; what has no gradient has a gradient of zero.
            weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        for optimiser, schedule in zip(self.optimisers, self.schedules, strict=True):
            optimiser.step()
            schedule.step()
        # The average is short at first, so that the initial weights are soon forgotten.
        decay = min(self.recipe.ema, (1 + self.done) / (10 + self.done))
        with torch.no_grad():
            for average, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
                average.lerp_(now, 1 - decay)
        self.done += 1
        return cross_entropy.detach(), denoising.detach()
