#!/usr/bin/env python3
"""Trains the reference and saves a checkpoint that Denoscope opens, in one process or in many (torchrun).

python tests/reference/train.py --data cifar-10-batches-bin --steps 7000 --out mine.safetensors
torchrun --nproc-per-node 8 tests/reference/train.py --recipe cifar10.safetensors.toml --out mine.safetensors
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time

import torch
import torch.distributed as dist

from denoscope_reference import CheckpointError, Image, JointNetwork, data, load, store
from denoscope_reference.recipe import Recipe, RecipeError
from denoscope_reference.training import Batch, Trainer, initialise


@torch.no_grad()
def measure(model: JointNetwork, test: data.DataSet, sigma: float, batch: int) -> tuple[float, float]:
    """Accuracy of p(c | y) and mean PSNR of D on noisy test pictures."""
    correct, psnr, device = 0.0, 0.0, model.mean.device
    generator = torch.Generator().manual_seed(0)
    for indices in torch.arange(len(test.labels)).split(batch):
        clean, labels = (value.to(device) for value in test.batch(indices))
        noisy = clean + sigma * torch.randn(clean.shape, generator=generator).to(device)
        correct += (model.posterior(noisy, sigma).argmax(dim=1) == labels).sum().item()
        with torch.enable_grad():
            error = (model.denoised(noisy, sigma).detach() - clean).square().mean(dim=(1, 2, 3))
        psnr += (-10 * error.log10()).sum().item()
    return correct / len(test.labels), psnr / len(test.labels)


def options() -> tuple[Recipe, argparse.Namespace]:
    """The run's options: the recipe's, with what is typed in their place."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", help="a recipe as `denoscope train` writes it beside its model (OUT.toml)")
    parser.add_argument("--test", type=int, default=1000, help="how many test pictures to measure on, if none are held out")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="cuda where there is one, if not given")
    parser.add_argument("--data", help="a folder with CIFAR-10's binary or MNIST's IDX files")
    parser.add_argument("--out", help="the checkpoint to write")
    parser.add_argument("--denoising-weight", dest="lambda_", type=float, help="λ (default: 10)")
    for name, kind in (("preset", str), ("objective", str), ("steps", int), ("epochs", float), ("batch", int), ("seed", int)):
        parser.add_argument(f"--{name}", type=kind, help="as of denoscope train")
    for name in ("warmup", "holdout", "limit"):
        parser.add_argument(f"--{name}", type=int, help="as of denoscope train")
    for name in ("widths", "blocks", "strides"):
        parser.add_argument(f"--{name}", type=int, nargs="+", help="as of denoscope train")
    typed = parser.parse_args()
    recipe = Recipe.read(typed.recipe) if typed.recipe else Recipe()
    own = {field.name: getattr(typed, field.name, None) for field in dataclasses.fields(recipe)}
    recipe = dataclasses.replace(recipe, **{name: value for name, value in own.items() if value is not None})
    if typed.steps is None and typed.epochs is not None:
        recipe.steps = None
    recipe.check()
    return recipe, typed


def network(recipe: Recipe, pictures: data.DataSet) -> JointNetwork:
    """The network that the run begins with."""
    mean, deviation = data.statistics(pictures)
    description = recipe.description(pictures.classes, Image(*pictures.pictures.shape[1:]), mean, deviation)
    if recipe.init is None:
        model = JointNetwork(description)
        initialise(model)
        return model
    model = load(recipe.init).train().requires_grad_(True)
    if model.description.classes != description.classes or model.description.image != description.image:
        raise RecipeError(f"{recipe.init}: has other classes, or pictures of another shape, than the data")
    model.description.name, model.description.sigma_range = description.name, description.sigma_range
    return model


def train(recipe: Recipe, typed: argparse.Namespace) -> None:
    """The whole run, in each of its processes."""
    rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    if recipe.batch % processes:
        raise RecipeError(f"--batch: {recipe.batch} pictures are not shared out evenly by {processes} processes")
    cuda = typed.device != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = recipe.tf32
    torch.manual_seed(recipe.seed)
    everything, generator = data.read(recipe.data, train=True), torch.Generator().manual_seed(recipe.seed)
    pictures, held_out = data.split(everything, recipe.holdout or 0, recipe.limit, generator)
    model = network(recipe, pictures).to(device, memory_format=torch.channels_last)
    count, steps = len(pictures.labels), recipe.run_length(len(pictures.labels))
    trainer = Trainer(model, recipe, steps)
    # A mirrored digit is another sign; a mirrored photograph is another photograph.
    digits = pictures.pictures.shape[1] == 1
    shift = recipe.crop if recipe.crop is not None else 2 if digits else 4
    mirror = recipe.flip if recipe.flip is not None else not digits

    # Every process draws the whole batch, from the same seed, and computes its own rows.
    start, order = time.monotonic(), torch.empty(0, dtype=torch.long)
    for step in range(1, steps + 1):
        while len(order) < recipe.batch:
            order = torch.cat([order, torch.randperm(count, generator=generator)])
        indices, order = order[: recipe.batch], order[recipe.batch :]
        clean, labels = pictures.batch(indices)
        clean = data.augmented(clean, shift, mirror, generator).contiguous(memory_format=torch.channels_last)
        found = trainer.step(Batch.draw(recipe, clean.to(device), labels.to(device), generator))
        if step % 50 and step != steps:
            continue
        means = torch.stack(found) / processes
        if processes > 1:
            dist.all_reduce(means)
        cross_entropy, denoising = means.tolist()
        if not (cross_entropy < float("inf") and denoising < float("inf")):
            raise RecipeError(f"the loss became {cross_entropy}, {denoising} by step {step}; nothing was written")
        if rank == 0:
            speed = step * recipe.batch / (time.monotonic() - start)
            print(f"step {step}: cross-entropy {cross_entropy:.3f}, denoising {denoising:.4f}, {speed:.0f} pictures/s")
    if rank == 0:
        finish(trainer, steps, pictures, held_out, typed.test)


def finish(trainer: Trainer, steps: int, pictures: data.DataSet, held_out: data.DataSet, test: int) -> None:
    """Measures the averaged weights and writes them."""
    recipe, average = trainer.recipe, trainer.average
    kind = "held-out pictures" if len(held_out.labels) else "test pictures"
    if not len(held_out.labels):
        held_out = data.read(recipe.data, train=False)
        held_out.pictures, held_out.labels = held_out.pictures[:test], held_out.labels[:test]
    results = {}
    for sigma in (1 / 255, 25 / 255):
        if len(held_out.labels):
            accuracy, psnr = measure(average, held_out, sigma, recipe.batch)
            print(f"sigma {255 * sigma:.0f}/255: accuracy {accuracy:.3f}, PSNR {psnr:.2f} dB")
            results[f"sigma {255 * sigma:.0f}/255"] = {"accuracy": accuracy, "psnr_db": psnr}
    options = {k.rstrip("_"): v for k, v in dataclasses.asdict(recipe).items() if k not in ("data", "out") and v is not None}
    average.description.training = {
        "data": pictures.name,
        "objective": recipe.objective,
        "seed": recipe.seed,
        "steps": steps,
        "pictures": steps * recipe.batch,
        "options": {"trainer": "tests/reference/train.py", "processes": trainer.processes, **options},
        "results": {kind: len(held_out.labels), **results},
    }
    store(average, recipe.out)


def main() -> None:
    try:
        recipe, typed = options()
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            cuda = typed.device != "cpu" and torch.cuda.is_available()
            if cuda:
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            dist.init_process_group("nccl" if cuda else "gloo")
        train(recipe, typed)
    except (RecipeError, CheckpointError, FileNotFoundError) as error:
        raise SystemExit(f"error: {error}") from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


if __name__ == "__main__":
    main()
