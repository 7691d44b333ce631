"""The joint network in plain PyTorch.

    log p_σ(y, c) = −‖z‖²/2 + (σ_d/σ)·u(z, σ) + v_c(z, σ),   z = (y − μ)/√(σ_d² + σ²)

Every gradient here comes from autograd. Shapes: N pictures, K classes, C×H×W pixels, E values of the σ embedding.
Module names are the tensor names of the checkpoint.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import pooled
from .description import Architecture, Description


class SigmaEmbedding(nn.Module):
    """e = φ(W₂ φ(W₁ f + b₁) + b₂), with f = [t, sin(kπt/2), cos(kπt/2)], t = log σ scaled to [−1, 1] and φ = GELU.

    A pooled network's has no t in f, and φ = SiLU.
    """

    def __init__(self, description: Description) -> None:
        super().__init__()
        self.range = description.sigma_range
        self.frequencies = description.architecture.sigma_frequencies
        self.pooled = description.architecture.family == "pooled"
        width = description.architecture.sigma_width
        self.add_module("1", nn.Linear(2 * self.frequencies + int(not self.pooled), width))
        self.add_module("2", nn.Linear(width, width))

    def forward(self, sigma: Tensor) -> Tensor:
        low, high = math.log(self.range.min), math.log(self.range.max)
        t = (2 * (sigma.log() - low) / (high - low) - 1)[:, None]
        k = torch.arange(1, self.frequencies + 1, dtype=t.dtype, device=t.device)
        angles = k * (math.pi / 2) * t
        f = torch.cat([angles.sin(), angles.cos()] if self.pooled else [t, angles.sin(), angles.cos()], dim=1)
        activation = F.silu if self.pooled else F.gelu
        return activation(self.get_submodule("2")(activation(self.get_submodule("1")(f))))


def activate(x: Tensor, film: nn.Linear, e: Tensor, group: int) -> Tensor:
    """φ(norm(x)): group norm of `group` channels a group, gain and offset from the σ embedding, exact GELU."""
    gain, offset = film(e)[:, :, None, None].chunk(2, dim=1)
    return F.gelu(F.group_norm(x, x.shape[1] // group, eps=1e-5) * (1 + gain) + offset)


class Block(nn.Module):
    """h + conv₂(φ(norm₂(conv₁(φ(norm₁(h))))))"""

    def __init__(self, width: int, architecture: Architecture) -> None:
        super().__init__()
        self.group = architecture.group
        self.film1 = nn.Linear(architecture.sigma_width, 2 * width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.film2 = nn.Linear(architecture.sigma_width, 2 * width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        inner = self.conv1(activate(h, self.film1, e, self.group))
        return h + self.conv2(activate(inner, self.film2, e, self.group))


class Readout(nn.Module):
    """u_s = Σ_pixels Σ_c γ_c (P h)_c (Q h)_c / √C, with γ = Γe + γ₀: one energy a picture."""

    def __init__(self, width: int, architecture: Architecture) -> None:
        super().__init__()
        self.p = nn.Linear(width, width, bias=False)
        self.q = nn.Linear(width, width, bias=False)
        self.gamma = nn.Linear(architecture.sigma_width, width)

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        p = F.conv2d(h, self.p.weight[:, :, None, None])
        q = F.conv2d(h, self.q.weight[:, :, None, None])
        return ((p * q).sum(dim=(2, 3)) * self.gamma(e)).sum(dim=1) / math.sqrt(h.shape[1])


class Stage(nn.Module):
    """A strided convolution (but in the first stage), residual blocks, and a read-out of the energy."""

    def __init__(self, index: int, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.widths[index]
        self.down = None
        if index > 0:
            stride = architecture.strides[index]
            self.down = nn.Conv2d(architecture.widths[index - 1], width, 3, stride, padding=1, bias=False)
        self.blocks = nn.ModuleList(Block(width, architecture) for _ in range(architecture.blocks[index]))
        self.readout = Readout(width, architecture)

    def forward(self, h: Tensor, e: Tensor) -> tuple[Tensor, Tensor]:
        if self.down is not None:
            h = self.down(h)
        for block in self.blocks:
            h = block(h, e)
        return h, self.readout(h, e)


class Head(nn.Module):
    """v = A·mean over pixels of φ(norm(h)) + a₀"""

    def __init__(self, classes: int, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.widths[-1]
        self.group = architecture.group
        self.film = nn.Linear(architecture.sigma_width, 2 * width)
        self.linear = nn.Linear(width, classes)

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        return self.linear(activate(h, self.film, e, self.group).mean(dim=(2, 3)))


class JointNetwork(nn.Module):
    """A model of log p_σ(y, c), the joint log-probability of a noisy picture and its class.

    `noisy` is `[N, C, H, W]` on the [0, 1] scale plus noise, never clipped; `sigma` is a number or `[N]`.
    """

    def __init__(self, description: Description) -> None:
        super().__init__()
        self.description = description
        a = description.architecture
        self.sigma = SigmaEmbedding(description)
        self.stem = nn.Conv2d(description.image.channels, a.widths[0], a.stem.kernel, a.stem.stride, bias=False)
        stage, head = (pooled.Stage, pooled.Head) if a.family == "pooled" else (Stage, Head)
        self.stages = nn.ModuleList(stage(index, a) for index in range(len(a.widths)))
        self.head = head(len(description.classes), a)
        self.register_buffer("mean", torch.tensor(description.mean)[:, None, None], persistent=False)

    def clamped(self, noisy: Tensor, sigma: Tensor | float) -> Tensor:
        """The noise level that the network computes with for each picture, inside the trained range: `[N]`."""
        sigma = torch.as_tensor(sigma, dtype=noisy.dtype, device=noisy.device).expand(noisy.shape[0])
        return sigma.clamp(self.description.sigma_range.min, self.description.sigma_range.max)

    def standardised(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """z = (y − μ)/√(σ_d² + σ²)"""
        scale = (self.description.deviation**2 + sigma**2).sqrt()
        return (noisy - self.mean) / scale[:, None, None, None]

    def forward(self, noisy: Tensor, sigma: Tensor | float) -> tuple[Tensor, Tensor]:
        """The energy u `[N]` and the class logits v `[N, K]`."""
        sigma = self.clamped(noisy, sigma)
        return self._encode(self.standardised(noisy, sigma), sigma)

    def _encode(self, z: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        e = self.sigma(sigma)
        # Zero padding of 1; a 4×4 stem pads an odd size by one more at the end, so the output is ceil(size / stride).
        kernel = self.description.architecture.stem.kernel
        bottom, right = (1 + int(kernel == 4 and size % 2 == 1) for size in z.shape[2:])
        h = self.stem(F.pad(z, (1, right, 1, bottom)))
        if self.sigma.pooled:
            return pooled.energy_and_logits(self.stages, self.head, h, e, z.shape[2] * z.shape[3])
        energy = torch.zeros_like(sigma)
        for stage in self.stages:
            h, part = stage(h, e)
            energy = energy + part
        return energy, self.head(h, e)

    def log_joint(self, noisy: Tensor, sigma: Tensor | float) -> Tensor:
        """log p_σ(y, c) up to a constant that depends on neither y nor c: `[N, K]`."""
        sigma = self.clamped(noisy, sigma)
        z = self.standardised(noisy, sigma)
        energy, logits = self._encode(z, sigma)
        density = -z.square().sum(dim=(1, 2, 3)) / 2 + self.description.deviation / sigma * energy
        return density[:, None] + logits

    def log_density(self, noisy: Tensor, sigma: Tensor | float) -> Tensor:
        """log p_σ(y), up to the same constant: `[N]`."""
        return self.log_joint(noisy, sigma).logsumexp(dim=1)

    def posterior(self, noisy: Tensor, sigma: Tensor | float) -> Tensor:
        """p(c | y): `[N, K]`."""
        return self.log_joint(noisy, sigma).softmax(dim=1)

    def score(self, noisy: Tensor, sigma: Tensor | float, create_graph: bool = False) -> Tensor:
        """∇_y log p_σ(y): `[N, C, H, W]`."""
        noisy = noisy.detach().requires_grad_()
        return torch.autograd.grad(self.log_density(noisy, sigma).sum(), noisy, create_graph=create_graph)[0]

    def scores_as(self, noisy: Tensor, sigma: Tensor | float, classes: list[int] | None = None) -> Tensor:
        """∇_y log p_σ(y, c) for each asked class (default: all), in one batched adjoint: `[N, classes, C, H, W]`."""
        noisy = noisy.detach().requires_grad_()
        log_joint = self.log_joint(noisy, sigma)
        count = log_joint.shape[1]
        classes = list(range(count)) if classes is None else classes
        picked = torch.eye(count, dtype=noisy.dtype, device=noisy.device)[classes]
        cotangents = picked[:, None, :].expand(-1, *log_joint.shape)
        (scores,) = torch.autograd.grad(log_joint, noisy, cotangents, is_grads_batched=True)
        return scores.transpose(0, 1)

    def denoised(self, noisy: Tensor, sigma: Tensor | float) -> Tensor:
        """D(y) = y + σ²∇_y log p_σ(y) = E[x | y], the Tweedie–Miyasawa estimate."""
        square = self.clamped(noisy, sigma)[:, None, None, None] ** 2
        return noisy + square * self.score(noisy, sigma)

    def denoised_as(self, noisy: Tensor, sigma: Tensor | float, classes: list[int] | None = None) -> Tensor:
        """D_c(y) = y + σ²∇_y log p_σ(y, c) = E[x | y, c] for each asked class: `[N, classes, C, H, W]`."""
        square = self.clamped(noisy, sigma)[:, None, None, None, None] ** 2
        return noisy[:, None] + square * self.scores_as(noisy, sigma, classes)
