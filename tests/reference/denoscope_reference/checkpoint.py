"""Denoscope's checkpoint: one safetensors file whose metadata holds the description. Reading is strict."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from .description import Description
from .model import JointNetwork

KEY = "denoscope"


class CheckpointError(Exception):
    """A file that cannot be used: one line that names the file and the tensor at fault."""


def load(path: str | Path) -> JointNetwork:
    """The network in the file, in f32, ready for inference."""
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if text is None:
            raise ValueError(f"its metadata has no `{KEY}`: not a Denoscope checkpoint (see convert.py)")
        model = JointNetwork(Description.from_json(text))
        fill(model, tensors)
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path}: {error}") from error
    return model.eval().requires_grad_(False)


def fill(model: JointNetwork, tensors: dict[str, Tensor]) -> None:
    """Copies the tensors into the model once every name, shape, dtype and value has been checked."""
    wanted = model.state_dict()
    missing, extra = wanted.keys() - tensors.keys(), tensors.keys() - wanted.keys()
    for problem, names in (("is missing", missing), ("is none of this network", extra)):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise ValueError(f"tensor {min(names)} {problem}{more}")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape:
            raise ValueError(f"{name} is {list(tensor.shape)}, not {list(wanted[name].shape)}")
        if not tensor.is_floating_point():
            raise ValueError(f"{name} is {tensor.dtype}, not a floating-point tensor")
        if not tensor.isfinite().all():
            raise ValueError(f"{name} has values that are not finite")
    model.load_state_dict(tensors)


def store(model: JointNetwork, path: str | Path) -> None:
    """Writes the network in f32, whole or not at all."""
    tensors = {name: tensor.detach().float().cpu().contiguous() for name, tensor in model.state_dict().items()}
    bad = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise CheckpointError(f"{path}: {bad[0]} has values that are not finite; nothing was written")
    part = Path(f"{path}.part")
    part.write_bytes(save(tensors, {KEY: model.description.to_json()}))
    os.replace(part, path)
