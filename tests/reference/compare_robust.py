#!/usr/bin/env python3
r"""Robust accuracy by torchattacks and by `denoscope eval`, on the same checkpoint and the same test pictures.

python tests/reference/compare_robust.py --denoscope target/release/denoscope \
    --model assets/models/cifar10.safetensors --data cifar-10-batches-bin --pictures 500

Fails if Denoscope's attack is weaker than torchattacks' by more than one point. One random start moves the figure by
more than that on a few hundred pictures, so both sides are averaged over seeds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable

import torch
import torchattacks
from torch import Tensor, nn

from attacks import Classifier
from denoscope_reference import data, load

# By the names that `denoscope eval --attacks` takes; both sides use the same published defaults.
ATTACKS: dict[str, Callable[[nn.Module], torchattacks.attack.Attack]] = {
    "fgsm:linf": torchattacks.FGSM,
    "bim:linf": torchattacks.BIM,
    "pgd:linf": torchattacks.PGD,
    "pgd:l2": torchattacks.PGDL2,
    "mi-fgsm:linf": torchattacks.MIFGSM,
    "apgd-ce:linf": lambda model: torchattacks.APGD(model, steps=100),
    "apgd-dlr:linf": lambda model: torchattacks.APGD(model, steps=100, loss="dlr"),
    "square:linf": torchattacks.Square,
}
DEFAULT = ["fgsm:linf", "bim:linf", "pgd:linf", "pgd:l2", "mi-fgsm:linf", "apgd-ce:linf"]


def peer(classifier: Classifier, name: str, clean: Tensor, labels: Tensor, batch: int) -> float:
    """The share of pictures that are classified rightly before and after torchattacks."""
    attack, right = ATTACKS[name](classifier), 0
    for pictures, answers in zip(clean.split(batch), labels.split(batch), strict=True):
        before = classifier(pictures).argmax(dim=1) == answers
        right += (before & (classifier(attack(pictures, answers)).argmax(dim=1) == answers)).sum().item()
    return right / len(labels)


def ours(options: argparse.Namespace, seed: int) -> list[float]:
    """The same by Denoscope, of each attack."""
    command = [options.denoscope, "eval", "--model", options.model, "--data", options.data, "--json", "-"]
    command += ["--limit", str(options.pictures), "--seed", str(seed), "--sigmas", str(options.sigma)]
    command += ["--attacks", ",".join(options.attacks), "--attack-sigma", str(options.sigma)]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return [robust["accuracy"] for robust in report["robust"]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--denoscope", default="denoscope", help="the program")
    parser.add_argument("--model", required=True, help="a checkpoint file")
    parser.add_argument("--data", required=True, help="a folder with CIFAR-10's binary or MNIST's IDX files")
    parser.add_argument("--pictures", type=int, default=500, help="the first N of the test part")
    parser.add_argument("--sigma", type=float, default=0.01, help="the noise level that the classifier assumes")
    parser.add_argument("--attacks", nargs="+", default=DEFAULT, choices=ATTACKS, metavar="METHOD:NORM")
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3, help="how many random starts to average over")
    options = parser.parse_args()

    clean, labels = data.read(options.data, train=False).batch(torch.arange(options.pictures))
    classifier = Classifier(load(options.model).to(memory_format=torch.channels_last), options.sigma)
    weaker = 0
    print(f"{'attack':<16}{'torchattacks':>14}{'denoscope':>12}{'difference':>12}")
    by_seed = [ours(options, seed) for seed in range(options.seeds)]
    for name, found in zip(options.attacks, zip(*by_seed, strict=True), strict=True):
        expected = 0.0
        for seed in range(options.seeds):
            torch.manual_seed(seed)
            expected += peer(classifier, name, clean, labels, options.batch) / options.seeds
        accuracy = sum(found) / options.seeds
        weaker += accuracy > expected + 0.01
        print(f"{name:<16}{expected:>13.1%}{accuracy:>12.1%}{100 * (accuracy - expected):>+10.1f} pt", flush=True)
    return int(weaker > 0)


if __name__ == "__main__":
    sys.exit(main())
