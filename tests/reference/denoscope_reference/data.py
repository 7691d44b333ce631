"""CIFAR-10's binary files and MNIST's IDX files, as u8 tensors."""

from __future__ import annotations

import gzip
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

CIFAR_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@dataclass
class DataSet:
    """Pictures `[N, C, H, W]` as u8, their labels `[N]`, and the class names."""

    name: str
    pictures: Tensor
    labels: Tensor
    classes: list[str]

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The pictures on the [0, 1] scale, and their labels."""
        return self.pictures[indices].float() / 255, self.labels[indices]


def read(folder: str | Path, train: bool) -> DataSet:
    """The training or test part of the data set in the folder."""
    folder = Path(folder)
    files = [folder / f"data_batch_{i}.bin" for i in range(1, 6)] if train else [folder / "test_batch.bin"]
    if files[0].exists():
        records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 3073) for file in files])
        pictures = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32))
        return DataSet("CIFAR-10", pictures, torch.from_numpy(records[:, 0].astype(np.int64)), CIFAR_CLASSES)
    part = "train" if train else "t10k"
    pictures, labels = (_idx(folder / f"{part}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    # 28×28 in a 32×32 frame, as the application fits them.
    return DataSet("MNIST", F.pad(pictures[:, None], (2, 2, 2, 2)), labels.long(), [str(digit) for digit in range(10)])


def statistics(data: DataSet) -> tuple[list[float], float]:
    """μ, a value a channel, and σ_d, the standard deviation around it over all channels."""
    values = data.pictures.numpy()
    mean = values.mean(axis=(0, 2, 3), dtype=np.float64) / 255
    square = np.square(values, dtype=np.float32).mean(axis=(0, 2, 3), dtype=np.float64) / 255**2
    return mean.tolist(), float(np.sqrt((square - mean**2).mean()))


def augmented(pictures: Tensor, shift: int, mirror: bool, generator: torch.Generator | None = None) -> Tensor:
    """Each picture shifted by up to `shift` pixels, its border continued by reflection, and half of them mirrored."""
    count, _, height, width = pictures.shape
    padded = F.pad(pictures, (shift,) * 4, mode="reflect")
    offsets = torch.randint(0, 2 * shift + 1, (count, 2), generator=generator).tolist()
    moved = torch.stack([p[:, y : y + height, x : x + width] for p, (y, x) in zip(padded, offsets, strict=True)])
    if mirror:
        flips = (torch.rand(count, 1, 1, 1, generator=generator) < 0.5).to(moved.device)
        moved = torch.where(flips, moved.flip(3), moved)
    return moved


def split(data: DataSet, aside: int, limit: int | None, generator: torch.Generator) -> tuple[DataSet, DataSet]:
    """A part to train on and one that is kept aside, at random and with each class's share.

    The pictures are others than those that the application keeps aside.
    """
    order = torch.randperm(len(data.labels), generator=generator)
    # A stable sort by the place in the class spreads every class evenly over the order.
    place = torch.empty(len(order), dtype=torch.double)
    for label in data.labels.unique():
        own = (data.labels[order] == label).nonzero()[:, 0]
        place[own] = (torch.arange(len(own)) + 0.5).double() / len(own)
    order = order[place.argsort(stable=True)]
    kept, rest = order[:aside], order[aside:]
    rest = rest[:limit]
    parts = (DataSet(data.name, data.pictures[some], data.labels[some], data.classes) for some in (rest, kept))
    return next(parts), next(parts)


def _idx(path: Path) -> Tensor:
    """An IDX file of bytes, gzipped or not."""
    zipped = path.with_name(path.name + ".gz")
    content = gzip.decompress(zipped.read_bytes()) if zipped.exists() else path.read_bytes()
    dimensions = struct.unpack_from(f">{content[3]}I", content, 4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * len(dimensions))
    return torch.from_numpy(values.reshape(dimensions).copy())
