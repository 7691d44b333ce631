#!/usr/bin/env python3
"""Writes the golden files that the Rust tests compare with: `python tests/reference/make_goldens.py`.

The layout of every file is in README.md. Everything is computed in f64 from f32 weights and inputs.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from denoscope_reference import JointNetwork, store, tiny
from denoscope_reference.training import losses

FOLDER = Path(__file__).parent / "goldens"

# Height, width, and each picture's sigma. The trained range is [1/128, 1], so the last case clamps at both ends.
CASES = {"square": (8, 8, [0.01, 0.1, 0.5]), "wide": (5, 12, [0.25]), "clamped": (9, 7, [0.002, 2.0])}
DENOISING_WEIGHT = 10.0


def readings(model: JointNetwork, noisy: Tensor, sigma: Tensor) -> dict[str, Tensor]:
    """All that is read off one batch; logits in f64, pictures in f32."""
    noisy, sigma = noisy.double(), sigma.double()
    energy, logits = model(noisy, sigma)
    return {
        "energy": energy,
        "logits": logits,
        "log_joint": model.log_joint(noisy, sigma),
        "log_density": model.log_density(noisy, sigma),
        "scores_as": model.scores_as(noisy, sigma).float(),
        "denoised": model.denoised(noisy, sigma).float(),
        "denoised_as": model.denoised_as(noisy, sigma).float(),
    }


def noisy_pictures(model: JointNetwork, height: int, width: int, sigmas: list[float]) -> tuple[Tensor, Tensor, Tensor]:
    """Clean pictures, each one's sigma, and the noise to add, in f32."""
    clean = tiny.pictures(model, len(sigmas), height, width, seed=height)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(width))
    return clean, torch.tensor(sigmas), noise


def cases(model: JointNetwork) -> dict[str, Tensor]:
    """Every case of `CASES`, its tensors named `case.tensor`."""
    tensors = {}
    for case, (height, width, sigmas) in CASES.items():
        clean, sigma, noise = noisy_pictures(model, height, width, sigmas)
        noisy = clean + sigma[:, None, None, None] * noise
        given = {"noisy": noisy, "sigma": sigma} | readings(model, noisy, sigma)
        tensors |= {f"{case}.{name}": tensor for name, tensor in given.items()}
    return tensors


def loss(model: JointNetwork) -> dict[str, Tensor]:
    """The training loss on one batch and, for each weight w with gradient g, the two numbers ⟨g, w⟩ and ‖g‖."""
    clean, sigma, noise = noisy_pictures(model, 8, 8, [0.01, 0.1, 0.5])
    labels = torch.arange(len(clean)) % len(model.description.classes)
    model.requires_grad_()
    cross_entropy, denoising = losses(model, clean.double(), labels, sigma.double(), noise.double())
    total = cross_entropy + DENOISING_WEIGHT * denoising
    weights = dict(model.named_parameters())
    gradients = torch.autograd.grad(total, list(weights.values()))
    model.requires_grad_(False)
    tensors = {"clean": clean, "noise": noise, "sigma": sigma, "labels": labels.int()}
    tensors |= {"cross_entropy": cross_entropy.detach(), "denoising": denoising.detach()}
    for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
        tensors[f"gradient.{name}"] = torch.stack([(gradient * weight.detach()).sum(), gradient.norm()])
    return tensors


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for seed, name in enumerate(tiny.DESCRIPTIONS):
        model = tiny.network(name, seed)
        store(model, FOLDER / f"{name}.safetensors")
        model = model.double()
        for kind, tensors in (("cases", cases(model)), ("loss", loss(model))):
            contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
            save_file(contiguous, FOLDER / f"{name}.{kind}.safetensors")
        print(f"{name}: {sum(file.stat().st_size for file in FOLDER.glob(f'{name}*')) // 1024} KiB")


if __name__ == "__main__":
    main()
