#!/usr/bin/env python3
"""Trains the reference and saves a checkpoint that Denoscope opens.

python tests/reference/train.py --data cifar-10-batches-bin --steps 7000 --out mine.safetensors
"""

from __future__ import annotations

import argparse
import time

import torch

from denoscope_reference import Image, JointNetwork, data, preset, store
from denoscope_reference.training import Trainer, initialise


@torch.no_grad()
def measure(model: JointNetwork, test: data.DataSet, sigma: float, batch: int) -> tuple[float, float]:
    """Accuracy of p(c | y) and mean PSNR of D on noisy test pictures."""
    correct, psnr = 0.0, 0.0
    for indices in torch.arange(len(test.labels)).split(batch):
        clean, labels = test.batch(indices)
        noisy = clean + sigma * torch.randn_like(clean)
        correct += (model.posterior(noisy, sigma).argmax(dim=1) == labels).sum().item()
        with torch.enable_grad():
            error = (model.denoised(noisy, sigma).detach() - clean).square().mean(dim=(1, 2, 3))
        psnr += (-10 * error.log10()).sum().item()
    return correct / len(test.labels), psnr / len(test.labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with CIFAR-10's binary or MNIST's IDX files")
    parser.add_argument("--out", required=True, help="the checkpoint to write")
    parser.add_argument("--preset", default="compact", help="compact or gradresnet18")
    parser.add_argument("--widths", type=int, nargs="+", help="channels of each stage, instead of the preset's")
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--denoising-weight", type=float, default=10.0, help="λ")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", type=int, default=1000, help="how many test pictures to measure on")
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    pictures = data.read(options.data, train=True)
    mean, deviation = data.statistics(pictures)
    image = Image(*pictures.pictures.shape[1:])
    description = preset(options.preset, pictures.classes, image, mean, deviation)
    description.architecture.widths = options.widths or description.architecture.widths
    model = JointNetwork(description)
    initialise(model)
    model.to(memory_format=torch.channels_last)
    trainer = Trainer(model, options.steps, options.denoising_weight, warm_up=min(200, options.steps // 10))

    start = time.monotonic()
    for step in range(1, options.steps + 1):
        clean, labels = pictures.batch(torch.randint(len(pictures.labels), (options.batch,)))
        # A mirrored digit is another sign; a mirrored photograph is another photograph.
        clean = data.augmented(clean, mirror=image.channels == 3).contiguous(memory_format=torch.channels_last)
        cross_entropy, denoising = trainer.step(clean, labels)
        if not (cross_entropy < float("inf") and denoising < float("inf")):
            raise SystemExit(f"the loss became {cross_entropy}, {denoising} at step {step}; nothing was written")
        if step % 50 == 0 or step == options.steps:
            speed = step * options.batch / (time.monotonic() - start)
            print(f"step {step}: cross-entropy {cross_entropy:.3f}, denoising {denoising:.4f}, {speed:.0f} pictures/s")

    test = data.read(options.data, train=False)
    test.pictures, test.labels = test.pictures[: options.test], test.labels[: options.test]
    results = {}
    for sigma in (1 / 255, 25 / 255):
        accuracy, psnr = measure(trainer.average, test, sigma, options.batch)
        print(f"sigma {255 * sigma:.0f}/255: accuracy {accuracy:.3f}, PSNR {psnr:.2f} dB")
        results[f"sigma {255 * sigma:.0f}/255"] = {"accuracy": accuracy, "psnr_db": psnr}
    description.training = {
        "data": pictures.name,
        "objective": "joint",
        "seed": options.seed,
        "steps": options.steps,
        "pictures": options.steps * options.batch,
        "options": {"trainer": "tests/reference/train.py", "lambda": options.denoising_weight, "batch": options.batch},
        "results": {"test pictures": len(test.labels), **results},
    }
    trainer.average.description = description
    store(trainer.average, options.out)


if __name__ == "__main__":
    main()
