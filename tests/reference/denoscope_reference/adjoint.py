"""The network's adjoint written out by hand, as Denoscope's engine computes it, to check it against autograd.

Cotangents carry M rows a picture: activations `[N, 1, …]` broadcast against cotangents `[N, M, …]`, so one forward pass
serves all M. Here the two leading axes are folded only around convolutions.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .model import Block, JointNetwork, Readout, activate


def pullback(model: JointNetwork, noisy: Tensor, sigma: Tensor | float, cotangents: Tensor) -> Tensor:
    """Σ_c w_c ∇_y log p_σ(y, c) for each of the M cotangents w of each picture: `[N, M, K]` to `[N, M, C, H, W]`."""
    a = model.description.architecture
    sigma = model.clamped(noisy, sigma)
    z = model.standardised(noisy, sigma)
    e = model.sigma(sigma)

    # Forward, keeping what the adjoint reads.
    bottom, right = (1 + int(a.stem.kernel == 4 and size % 2 == 1) for size in z.shape[2:])
    padded = F.pad(z, (1, right, 1, bottom))
    h = model.stem(padded)
    before_down, inputs = [], []
    for stage in model.stages:
        before_down.append(h)
        h = h if stage.down is None else stage.down(h)
        kept = []
        for block in stage.blocks:
            kept.append(h)
            h = block(h, e)
        inputs.append((kept, h))

    # Adjoint. u's weight is Σ_c w_c: every class's log-joint holds the energy once.
    w_u = cotangents.sum(dim=2)
    pixels = h.shape[2] * h.shape[3]
    g = (cotangents @ model.head.linear.weight)[..., None, None].expand(-1, -1, -1, *h.shape[2:]) / pixels
    g = _activation(h, model.head.film, e, a.group, g)
    for stage, start, (kept, end) in reversed(list(zip(model.stages, before_down, inputs, strict=True))):
        energy = w_u * (model.description.deviation / sigma)[:, None]
        g = g + _readout(stage.readout, end, e, energy)
        for block, x in reversed(list(zip(stage.blocks, kept, strict=True))):
            g = g + _block(block, x, e, g)
        if stage.down is not None:
            g = _convolution(start, stage.down.weight, stage.down.stride, 1, g)
    g = _convolution(padded, model.stem.weight, model.stem.stride, 0, g)
    g = g[..., 1 : 1 + z.shape[2], 1 : 1 + z.shape[3]] - w_u[..., None, None, None] * z[:, None]
    return g / (model.description.deviation**2 + sigma**2).sqrt()[:, None, None, None, None]


def _convolution(x: Tensor, weight: Tensor, stride: tuple[int, int], padding: int, g: Tensor) -> Tensor:
    n, m = g.shape[:2]
    shape = (n * m, *x.shape[1:])
    return torch.nn.grad.conv2d_input(shape, weight, g.flatten(0, 1), stride, padding).unflatten(0, (n, m))


def _activation(x: Tensor, film: torch.nn.Linear, e: Tensor, group: int, g: Tensor) -> Tensor:
    """Of φ(x̂⊙(1 + gain) + offset) with x̂ the group norm of x."""
    gain, offset = film(e)[:, :, None, None].chunk(2, dim=1)
    groups = x.unflatten(1, (-1, group))
    centred = groups - groups.mean(dim=(2, 3, 4), keepdim=True)
    inverse = (centred.square().mean(dim=(2, 3, 4), keepdim=True) + 1e-5).rsqrt()
    normal = (centred * inverse).flatten(1, 2)
    t = normal * (1 + gain) + offset
    slope = 0.5 * (1 + torch.erf(t / math.sqrt(2))) + t * torch.exp(-t.square() / 2) / math.sqrt(2 * math.pi)
    d = (g * (slope * (1 + gain))[:, None]).unflatten(2, (-1, group))
    x_hat = normal.unflatten(1, (-1, group))[:, None]
    axes = (3, 4, 5)
    d = d - d.mean(axes, keepdim=True) - x_hat * (d * x_hat).mean(axes, keepdim=True)
    return (d * inverse[:, None]).flatten(2, 3)


def _block(block: Block, x: Tensor, e: Tensor, g: Tensor) -> Tensor:
    """Of the residual branch alone."""
    first = activate(x, block.film1, e, block.group)
    inner = block.conv1(first)
    second = activate(inner, block.film2, e, block.group)
    g = _convolution(second, block.conv2.weight, block.conv2.stride, 1, g)
    g = _activation(inner, block.film2, e, block.group, g)
    g = _convolution(first, block.conv1.weight, block.conv1.stride, 1, g)
    return _activation(x, block.film1, e, block.group, g)


def _readout(readout: Readout, h: Tensor, e: Tensor, weight: Tensor) -> Tensor:
    """Of the bilinear form: Pᵀ(γ ⊙ Qh) + Qᵀ(γ ⊙ Ph), which is how h_s feeds back into the adjoint."""
    p, q = readout.p.weight, readout.q.weight
    gamma = readout.gamma(e)[:, :, None, None] / math.sqrt(h.shape[1])
    ph, qh = (torch.einsum("oc,nchw->nohw", w, h) * gamma for w in (p, q))
    both = torch.einsum("oc,nohw->nchw", p, qh) + torch.einsum("oc,nohw->nchw", q, ph)
    return weight[..., None, None, None] * both[:, None]
