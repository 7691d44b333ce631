"""What a checkpoint says about itself: the JSON under the safetensors metadata key `denoscope`."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

FORMAT = 1
FAMILIES = ("bilinear", "pooled")


@dataclass
class Image:
    """The shape of the pictures that the network was made for."""

    channels: int
    height: int
    width: int


@dataclass
class SigmaRange:
    """The trained noise levels, as standard deviations on the [0, 1] scale of pictures."""

    min: float
    max: float


@dataclass
class Stem:
    """The first convolution: 3×3 with stride 1 or 2, or 4×4 with stride 2."""

    kernel: int
    stride: int


@dataclass
class Architecture:
    """The encoder's sizes, one entry a stage in each list, and its family: `bilinear` or `pooled`."""

    stem: Stem
    widths: list[int]
    blocks: list[int]
    strides: list[int]
    group: int = 8
    sigma_frequencies: int = 8
    sigma_width: int = 64
    family: str = "bilinear"


@dataclass
class Description:
    """Everything about a network but its weights."""

    name: str
    classes: list[str]
    image: Image
    mean: list[float]
    deviation: float
    sigma_range: SigmaRange
    architecture: Architecture
    training: dict[str, Any] | None = None
    licence: str = "unstated"
    format: int = FORMAT

    def __post_init__(self) -> None:
        a = self.architecture
        _require(self.format == FORMAT, f"format {self.format} is not {FORMAT}")
        _require(len(self.classes) >= 1, "no classes")
        _require(len(self.mean) == self.image.channels, f"{len(self.mean)} means for {self.image.channels} channels")
        _require(self.deviation > 0, f"deviation {self.deviation} is not positive")
        _require(0 < self.sigma_range.min < self.sigma_range.max, "sigma_range is not 0 < min < max")
        _require((a.stem.kernel, a.stem.stride) in {(3, 1), (3, 2), (4, 2)}, f"unknown stem {a.stem}")
        _require(a.family in FAMILIES, f"unknown family {a.family}: one of {', '.join(FAMILIES)}")
        _require(len(a.widths) >= 1, "no stages")
        _require(len(a.widths) == len(a.blocks) == len(a.strides), "widths, blocks and strides differ in length")
        _require(a.strides[0] == 1, "the first stage has no stride: the stem has it")
        _require(all(s in (1, 2) for s in a.strides), "a stride is neither 1 nor 2")
        _require(all(w % a.group == 0 for w in a.widths), f"a width is no multiple of the group, {a.group}")

    def to_json(self) -> str:
        """The JSON that goes into a checkpoint."""
        fields = dataclasses.asdict(self)
        if fields["architecture"]["family"] == FAMILIES[0]:
            del fields["architecture"]["family"]  # as it was before there was another
        return json.dumps({"format": fields.pop("format"), **fields}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Description:
        """Reads a checkpoint's JSON; a missing field is an error that names it."""
        fields = _fields(cls, json.loads(text), "description")
        fields["image"] = Image(**_fields(Image, fields["image"], "image"))
        fields["sigma_range"] = SigmaRange(**_fields(SigmaRange, fields["sigma_range"], "sigma_range"))
        architecture = _fields(Architecture, fields["architecture"], "architecture")
        architecture["stem"] = Stem(**_fields(Stem, architecture["stem"], "stem"))
        fields["architecture"] = Architecture(**architecture)
        return cls(**fields)


def preset(name: str, classes: list[str], image: Image, mean: list[float], deviation: float) -> Description:
    """The description of an untrained network of the application's presets, for the given pictures."""
    architectures = {
        "compact": Architecture(Stem(4, 2), widths=[48, 96, 192], blocks=[2, 2, 2], strides=[1, 2, 2]),
        "gradresnet18": Architecture(Stem(3, 1), [64, 128, 256, 512], blocks=[2, 2, 2, 2], strides=[1, 2, 2, 2]),
        "pooled18": Architecture(Stem(3, 1), [64, 128, 256, 512], [2, 2, 2, 2], [1, 2, 2, 2], 8, 32, 256, "pooled"),
        "pooled-thin": Architecture(Stem(3, 2), [32, 64, 128], [1, 1, 1], [1, 2, 2], 8, 32, 64, "pooled"),
    }
    _require(name in architectures, f"no preset {name}: one of {', '.join(architectures)}")
    return Description(name, classes, image, mean, deviation, SigmaRange(0.005, 1.0), architectures[name])


def _fields(cls: type, given: Any, where: str) -> dict[str, Any]:
    _require(isinstance(given, dict), f"{where} is not an object")
    names = [field.name for field in dataclasses.fields(cls)]
    missing = set(names) - given.keys() - {"training", "family"}
    _require(not missing, f"{where} lacks {', '.join(sorted(missing))}")
    return {name: given[name] for name in names if name in given}


def _require(condition: bool, reason: str) -> None:
    if not condition:
        raise ValueError(reason)
