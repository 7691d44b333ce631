#!/usr/bin/env python3
"""Compares the random attacks with torchattacks: on the same network and pictures, ours fool at least as many, less 1 point.

python tests/reference/compare_attacks.py --denoscope target/release/denoscope [--model FILE] [--count 500]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torchattacks
from PIL import Image
from torch import Tensor, nn

from attacks import Classifier
from denoscope_reference import load, tiny

TINY = Path(__file__).parent / "goldens" / "compact-grey.safetensors"
ALLOWED = 0.01

# The preset of Denoscope, its budget, and the same of torchattacks.
CASES: list[tuple[str, float, Callable[[nn.Module, float, int], torchattacks.attack.Attack]]] = [
    ("torchattacks-pgd", 8 / 255, lambda m, e, _: torchattacks.PGD(m, eps=e)),
    ("torchattacks-pgdl2", 1.0, lambda m, e, _: torchattacks.PGDL2(m, eps=e)),
    ("torchattacks-apgd", 8 / 255, lambda m, e, _: torchattacks.APGD(m, eps=e)),
    ("torchattacks-apgdt", 8 / 255, lambda m, e, k: torchattacks.APGDT(m, eps=e, n_classes=k)),
    ("torchattacks-square", 8 / 255, lambda m, e, _: torchattacks.Square(m, eps=e, n_queries=300)),
]


def save(pictures: Tensor, folder: Path) -> list[str]:
    """Writes pictures whose values are multiples of 1/255 as PNG."""
    paths = []
    for index, picture in enumerate((pictures * 255).round().byte()):
        array = picture[0].numpy() if len(picture) == 1 else picture.permute(1, 2, 0).numpy()
        paths.append(str(folder / f"{index:05}.png"))
        Image.fromarray(array).save(paths[-1])
    return paths


def ours(arguments: argparse.Namespace, paths: list[str], preset: str, epsilon: float) -> float:
    """The share of pictures that Denoscope's attack fools."""
    command = [arguments.denoscope, "attack", *paths, "--preset", preset, "--epsilon", repr(epsilon)]
    command += ["--model", arguments.model, "--device", "cpu", "--sigma", str(arguments.sigma), "--json", "-"]
    if preset.endswith("square"):
        command += ["--set", "queries=300"]
    results = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return sum(result["success"] for result in results) / len(results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--denoscope", required=True, help="the program")
    parser.add_argument("--model", default=str(TINY), help="a checkpoint of at least four classes")
    parser.add_argument("--count", type=int, default=500, help="how many pictures")
    parser.add_argument("--sigma", type=float, default=0.1, help="the noise level that the classifier assumes")
    parser.add_argument("--scale", type=float, default=1.0, help="by what the budgets are multiplied")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = load(arguments.model)
    classifier = Classifier(model, arguments.sigma)
    image = model.description.image
    clean = (tiny.pictures(model, arguments.count, image.height, image.width, seed=11) * 255).round() / 255
    labels = classifier(clean).argmax(dim=1)
    weaker = []
    with tempfile.TemporaryDirectory() as folder:
        paths = save(clean, Path(folder))
        for preset, budget, make in CASES:
            epsilon = budget * arguments.scale
            adversarial = make(classifier, epsilon, len(model.description.classes))(clean, labels)
            theirs = (classifier(adversarial).argmax(dim=1) != labels).float().mean().item()
            fooled = ours(arguments, paths, preset, epsilon)
            print(f"{preset:22} torchattacks fools {theirs:.3f}, Denoscope {fooled:.3f}", flush=True)
            if fooled < theirs - ALLOWED:
                weaker.append(preset)
    if weaker:
        raise SystemExit(f"weaker than torchattacks: {', '.join(weaker)}")


if __name__ == "__main__":
    main()
