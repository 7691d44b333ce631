#!/usr/bin/env python3
"""Runs torchattacks on the reference and writes `goldens/attacks.safetensors`, which the Rust attacks must reproduce.

python tests/reference/attacks.py
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torchattacks
from safetensors.torch import save_file
from torch import Tensor, nn

from denoscope_reference import JointNetwork, load, tiny

FOLDER = Path(__file__).parent / "goldens"
NETWORK = "compact-rgb"
SIGMA = 0.1


class Classifier(nn.Module):
    """p(c | x) of pictures in [0, 1], at one noise level. The energy is common to all classes, so v are its logits."""

    def __init__(self, model: JointNetwork, sigma: float) -> None:
        super().__init__()
        self.model, self.sigma = model, sigma

    def forward(self, pictures: Tensor) -> Tensor:
        return self.model(pictures, self.sigma)[1]


class SingleOutside(nn.Module):
    """A model that takes and gives single precision, which is all that torchattacks' FAB computes in."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, pictures: Tensor) -> Tensor:
        return self.inside(pictures.to(next(self.inside.parameters()).dtype)).float()


@dataclass
class Case:
    """One attack with its settings, by the names that Denoscope's registry gives them."""

    name: str
    method: str
    norm: str
    epsilon: float = 8 / 255
    steps: int = 10
    step_size: float = 2 / 255
    decay: float = 1.0
    overshoot: float = 0.02
    targeted: bool = False
    targets: int = 0

    def attack(self, model: nn.Module) -> torchattacks.attack.Attack:
        """torchattacks' own, without a random start."""
        budget = {"eps": self.epsilon, "alpha": self.step_size, "steps": self.steps}
        match self.method, self.norm:
            case "fgsm", "linf":
                return torchattacks.FGSM(model, eps=self.epsilon)
            case "bim", "linf":
                return torchattacks.BIM(model, **budget)
            case "pgd", "linf":
                return torchattacks.PGD(model, random_start=False, **budget)
            case "pgd", "l2":
                return torchattacks.PGDL2(model, random_start=False, **budget)
            case "mi-fgsm", "linf":
                return torchattacks.MIFGSM(model, decay=self.decay, **budget)
            case "deepfool", "l2":
                return torchattacks.DeepFool(model, steps=self.steps, overshoot=self.overshoot)
            case "fab", norm:
                # Its budget only decides what it hands back; with one class more than targets it tries the first ones.
                return torchattacks.FAB(
                    SingleOutside(model),
                    norm={"linf": "Linf", "l2": "L2"}[norm],
                    eps=100,
                    steps=self.steps,
                    eta=1 + self.overshoot,
                    multi_targeted=self.targets > 0,
                    n_classes=self.targets + 1,
                )
        raise ValueError(f"no {self.method} in {self.norm}")


CASES = [
    Case("fgsm", "fgsm", "linf"),
    Case("bim", "bim", "linf"),
    Case("pgd-linf", "pgd", "linf"),
    Case("pgd-l2", "pgd", "l2", epsilon=0.5, step_size=0.1),
    Case("pgd-linf-targeted", "pgd", "linf", targeted=True),
    Case("mi-fgsm", "mi-fgsm", "linf"),
    Case("deepfool", "deepfool", "l2", steps=50),
    Case("fab-linf", "fab", "linf", overshoot=0.05),
    Case("fab-l2", "fab", "l2", overshoot=0.05),
    Case("fab-linf-towards-one", "fab", "linf", overshoot=0.05, targets=1),
    Case("fab-l2-towards-one", "fab", "l2", overshoot=0.05, targets=1),
]


def run(case: Case, classifier: nn.Module, clean: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """The adversarial pictures."""
    attack = case.attack(classifier)
    clean = clean.float() if case.method == "fab" else clean
    if case.targeted:
        attack.set_mode_targeted_by_label(quiet=True)
    return attack(clean, targets if case.targeted else labels).double()


def main() -> None:
    single, double = (
        Classifier(load(FOLDER / f"{NETWORK}.safetensors").to(t), SIGMA) for t in (torch.float32, torch.float64)
    )
    clean = tiny.pictures(single.model, 6, 8, 8, seed=3)
    logits = double(clean.double())
    labels, targets = logits.argmax(dim=1), logits.argmin(dim=1)
    tensors = {"clean": clean, "labels": labels.int(), "targets": targets.int(), "sigma": torch.tensor(SIGMA)}
    for case in CASES:
        adversarial = run(case, double, clean.double(), labels, targets)
        # A sign that hangs on rounding would make the golden useless, so f32 must arrive at the same picture.
        difference = (run(case, single, clean, labels, targets) - adversarial).abs().max().item()
        if difference > 1e-5:
            raise SystemExit(f"{case.name} depends on rounding by {difference:.1e}: choose other pictures")
        tensors[f"adversarial.{case.name}"] = adversarial.float()
        fooled = (double(adversarial).argmax(dim=1) != labels).float().mean().item()
        length = (adversarial - clean).flatten(1).norm(dim=1).mean().item()
        print(f"{case.name:18} fooled {fooled:.2f}, mean L2 {length:.3f}, f32 differs by {difference:.1e}")
    save_file(tensors, FOLDER / "attacks.safetensors", {"cases": json.dumps([asdict(case) for case in CASES])})


if __name__ == "__main__":
    main()
