"""The application's list of tensors, `programs.json`: names, shapes, first values (`start`) and optimiser rules (`rule`).

The file is written by the application (`UPDATE_PROGRAMS=true cargo test --test it programs`), so that training here begins and
steps as it does there without knowing what a tensor's name means.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import JointNetwork


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of weights."""

    name: str
    shape: tuple[int, ...]
    start: str  # "zero" or "normal"
    rule: str  # "muon", "adam-w" or "plain"


def _read() -> dict[str, list[TensorSpec]]:
    text = (Path(__file__).parent / "programs.json").read_text(encoding="utf-8")
    networks = json.loads(text).items()
    return {name: [TensorSpec(**t | {"shape": tuple(t["shape"])}) for t in tensors] for name, tensors in networks}


PROGRAMS = _read()


def tensors_of(model: JointNetwork) -> dict[str, TensorSpec]:
    """What a network's tensors are, by name: as in the programs, whatever the widths and however many stages and blocks."""

    def kind(name: str) -> str:
        return re.sub(r"\.\d+\.", ".N.", name)

    kinds = {kind(tensor.name): tensor for tensors in PROGRAMS.values() for tensor in tensors}
    state = model.state_dict()
    unknown = [name for name in state if kind(name) not in kinds]
    if unknown:
        raise ValueError(f"no program in programs.json has {unknown[0]}; add the network to tests/it/programs.rs")
    return {name: replace(kinds[kind(name)], name=name, shape=tuple(value.shape)) for name, value in state.items()}
