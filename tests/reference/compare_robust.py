#!/usr/bin/env python3
r"""Robust accuracy by torchattacks and by `denoscope eval`, on the same checkpoint and the same test pictures.

cargo build --release --no-default-features
python tests/reference/compare_robust.py --denoscope target/release/denoscope \
    --model assets/models/digits.safetensors --data mnist --pictures 500

Fails if an attack of Denoscope is weaker than torchattacks' by more than one point. One random start moves the figure
by more than that on a few hundred pictures, so both sides are averaged over seeds; the table tells each one's spread.
Budgets are such that about half of the pictures fall: where all or none do, any two attacks agree.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import TYPE_CHECKING

import torch
import torchattacks

from attacks import Classifier
from denoscope_reference import data, load

if TYPE_CHECKING:
    from torch import Tensor, nn

# As `denoscope eval --attacks` takes them. Both sides use the registry's defaults for the rest: torchattacks' own, and
# AutoAttack's for its four.
DEFAULT = [
    "fgsm:linf:0.15",
    "bim:linf:0.1",
    "mi-fgsm:linf:0.1",
    "pgd:linf:0.1",
    "pgd:l2:1.2",
    "apgd-ce:linf:0.08",
    "apgd-ce:l2:1.0",
    "apgd-dlr:linf:0.08",
    "apgd-dlr:l2:1.0",
    "apgd-t:linf:0.08",
    "apgd-t:l2:1.0",
    "fab:linf:0.08",
    "fab:l2:1.0",
    "square:linf:0.1",
    "square:l2:1.2",
]
WITHOUT_CHANCE = {"fgsm", "bim", "mi-fgsm", "fab"}


@dataclass(frozen=True)
class Case:
    """One attack, by the names of Denoscope's registry."""

    text: str
    method: str
    norm: str
    epsilon: float

    @classmethod
    def parse(cls, text: str) -> Case:
        """Reads METHOD:NORM:EPSILON."""
        method, norm, epsilon = text.split(":")
        return cls(text, method, norm, float(epsilon))

    def attack(self, model: nn.Module, seed: int) -> torchattacks.attack.Attack:
        """torchattacks' own, which takes a seed where it would else set its own."""
        auto = {"norm": {"linf": "Linf", "l2": "L2"}[self.norm], "eps": self.epsilon, "seed": seed}
        match self.method, self.norm:
            case "fgsm", "linf":
                return torchattacks.FGSM(model, eps=self.epsilon)
            case "bim", "linf":
                return torchattacks.BIM(model, eps=self.epsilon)
            case "mi-fgsm", "linf":
                return torchattacks.MIFGSM(model, eps=self.epsilon)
            case "pgd", "linf":
                return torchattacks.PGD(model, eps=self.epsilon)
            case "pgd", "l2":
                return torchattacks.PGDL2(model, eps=self.epsilon)
            case ("apgd-ce" | "apgd-dlr"), _:
                return torchattacks.APGD(model, steps=100, loss=self.method.removeprefix("apgd-"), **auto)
            case "apgd-t", _:
                return torchattacks.APGDT(model, steps=100, **auto)
            case "fab", _:
                return torchattacks.FAB(model, steps=100, multi_targeted=True, **auto)
            case "square", _:
                return torchattacks.Square(model, **auto)
        raise ValueError(f"torchattacks has no {self.method} in {self.norm}")

    def peer(self, classifier: Classifier, clean: Tensor, labels: Tensor, batch: int, seed: int) -> float:
        """The share of pictures that are classified rightly before and after torchattacks."""
        torch.manual_seed(seed)
        attack, right = self.attack(classifier, seed), 0
        for pictures, answers in zip(clean.split(batch), labels.split(batch), strict=True):
            before = classifier(pictures).argmax(dim=1) == answers
            right += (before & (classifier(attack(pictures, answers)).argmax(dim=1) == answers)).sum().item()
        return right / len(labels)

    def ours(self, options: argparse.Namespace, seed: int) -> float:
        """The same by Denoscope."""
        command = [options.denoscope, "eval", "--model", options.model, "--data", options.data, "--json", "-"]
        command += ["--limit", str(options.pictures), "--seed", str(seed), "--sigmas", str(options.sigma)]
        command += ["--attacks", self.text, "--attack-sigma", str(options.sigma), "--batch", str(options.batch)]
        report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        return report["robust"][0]["accuracy"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--denoscope", default="denoscope", help="the program")
    parser.add_argument("--model", required=True, help="a checkpoint file")
    parser.add_argument("--data", required=True, help="a folder with CIFAR-10's binary or MNIST's IDX files")
    parser.add_argument("--pictures", type=int, default=500, help="the first N of the test part")
    parser.add_argument("--sigma", type=float, default=0.01, help="the noise level that the classifier assumes")
    parser.add_argument("--attacks", nargs="+", default=DEFAULT, metavar="METHOD:NORM:EPSILON")
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--seeds", type=int, default=3, help="how many random starts to average over")
    options = parser.parse_args()

    cases = [Case.parse(text) for text in options.attacks]
    clean, labels = data.read(options.data, train=False).batch(torch.arange(options.pictures))
    classifier = Classifier(load(options.model).to(memory_format=torch.channels_last), options.sigma)
    for parameter in classifier.parameters():
        parameter.requires_grad_(False)
    weaker = 0
    print(f"robust accuracy in %, {options.pictures} pictures, mean ± spread over {options.seeds} seeds")
    print("| attack | ε | torchattacks | Denoscope | difference | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for case in cases:
        seeds = range(1 if case.method in WITHOUT_CHANCE else options.seeds)
        begin = time.monotonic()
        peers = [100 * case.peer(classifier, clean, labels, options.batch, seed) for seed in seeds]
        between = time.monotonic()
        found = [100 * case.ours(options, seed) for seed in seeds]
        seconds = f"{between - begin:.0f}, {time.monotonic() - between:.0f}"
        difference = fmean(found) - fmean(peers)
        weaker += difference > 1
        figures = [f"{fmean(values):.1f} ± {pstdev(values):.1f}" for values in (peers, found)]
        name = f"{case.method} {case.norm}"
        print(f"| {name} | {case.epsilon} | {' | '.join(figures)} | {difference:+.1f} | {seconds} |", flush=True)
    return int(weaker > 0)


if __name__ == "__main__":
    sys.exit(main())
