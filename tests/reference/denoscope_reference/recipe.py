"""A run's options: those of `denoscope train`, as its recipe (TOML) and its command line name them."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .description import Architecture, Description, Image, SigmaRange, preset

# What says how often something is told or saved, where the application computes, or with which pictures it chooses.
IGNORED = {
    "adversarial_share",
    "checkpoint_every",
    "counterfactual_sigma",
    "device",
    "evaluate_every",
    "log_every",
    "split_seed",
    "threads",
}


class RecipeError(Exception):
    """A recipe that cannot be followed: one line that names the file and the option."""


@dataclass
class Recipe:
    """The options that the reference follows, with the application's defaults."""

    data: str = ""
    out: str = ""
    name: str | None = None
    init: str | None = None
    preset: str = "compact"
    widths: list[int] | None = None
    blocks: list[int] | None = None
    strides: list[int] | None = None
    objective: str = "joint"
    lambda_: float = 10.0
    conditional_share: float = 0.0
    sigma_min: float = 0.005
    sigma_max: float = 1.0
    sigma_distribution: str = "log-uniform"
    batch: int = 64
    epochs: float | None = None
    steps: int | None = None
    lr_muon: float = 0.02
    lr_adam: float = 2e-3
    decay_muon: float = 0.0
    decay_adam: float = 0.01
    clip: float = 1.0
    warmup: int = 200
    ema: float = 0.999
    flip: bool | None = None
    crop: int | None = None
    seed: int = 0
    limit: int | None = None
    holdout: int | None = None
    tf32: bool = False

    @classmethod
    def read(cls, path: str | Path) -> Recipe:
        """The options in the file.

        An option that the reference does not know is refused, unless it is switched off: the run would be another.
        """
        try:
            table: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RecipeError(f"{path}: {error}") from error
        known, given = {field.name: field for field in fields(cls)}, {}
        for option, value in table.items():
            name = {"lambda": "lambda_"}.get(option, option.replace("-", "_"))
            if name in known:
                given[name] = _checked(path, option, value, str(known[name].type))
            elif name not in IGNORED and value:
                raise RecipeError(f"{path}: {option} = {value} is an option that the reference does not have")
        return cls(**given)

    def check(self) -> None:
        """Refuses what no run can have."""
        for name in ("data", "out"):
            _require(getattr(self, name), name, "is missing")
        _require(self.objective in ("joint", "classify", "denoise"), "objective", f"{self.objective} is none")
        _require(0 < self.sigma_min < self.sigma_max, "sigma_min", "is not between 0 and sigma_max")
        _require(0 <= self.conditional_share <= 1, "conditional_share", "is no share")
        _require(self.batch > 0, "batch", "is no positive number")
        self.law()

    def law(self) -> tuple[str, float, float]:
        """The law of σ: its name, and the median and spread of the log-normal one."""
        name, *numbers = self.sigma_distribution.split(":")
        if (name, len(numbers)) in (("log-uniform", 0), ("uniform", 0)):
            return name, 0.0, 0.0
        try:
            median, spread = (float(number) for number in numbers)
        except ValueError:
            median = spread = 0.0
        good = name == "log-normal" and 0 < median < math.inf and 0 < spread < math.inf
        _require(good, "sigma_distribution", f"{self.sigma_distribution} is no law of σ")
        return name, median, spread

    def run_length(self, pictures: int) -> int:
        """How many steps the run has, over so many pictures."""
        if self.steps is not None:
            return self.steps
        return math.ceil((30 if self.epochs is None else self.epochs) * pictures / self.batch)

    def description(self, classes: list[str], image: Image, mean: list[float], deviation: float) -> Description:
        """The untrained network."""
        description = preset(self.preset, classes, image, mean, deviation)
        description.name = self.name or Path(self.out).stem
        description.sigma_range = SigmaRange(self.sigma_min, self.sigma_max)
        own: Architecture = description.architecture
        own.widths = self.widths or own.widths
        own.blocks = self.blocks or own.blocks
        own.strides = self.strides or own.strides
        description.__post_init__()
        return description


def _checked(path: str | Path, option: str, value: Any, kind: str) -> Any:
    """The value, if it is of the field's kind."""
    kinds: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
    plain = kind.removesuffix(" | None")
    if plain == "list[int]":
        good = isinstance(value, list) and all(type(item) is int for item in value)
    else:
        good = isinstance(value, kinds[plain]) and isinstance(value, bool) == (plain == "bool")
        # A seed beyond TOML's integers is written as text.
        if plain == "int" and isinstance(value, str) and value.isdigit():
            value, good = int(value), True
    if not good:
        raise RecipeError(f"{path}: {option} = {value!r} is no {plain}")
    return value


def _require(condition: Any, option: str, reason: str) -> None:
    if not condition:
        raise RecipeError(f"--{option.replace('_', '-')}: {reason}")
