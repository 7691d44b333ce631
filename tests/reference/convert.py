#!/usr/bin/env python3
"""Makes a Denoscope checkpoint of PyTorch weights. README.md says which tensors a state dict must hold.

python tests/reference/convert.py weights.pt description.json mine.safetensors
python tests/reference/convert.py weights.pt description.json mine.safetensors --rename '^module\\.='
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import torch
from torch import Tensor

from denoscope_reference import CheckpointError, Description, JointNetwork, fill, store


def state_dict(path: str) -> dict[str, Tensor]:
    """The tensors of a `.pt` file: a state dict, alone or under `state_dict`, `model`, `model_state_dict` or `ema`.

    Only tensors and plain containers are unpickled; a file that holds anything else is refused, not executed.
    """
    content = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("ema", "model_state_dict", "state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError("holds no state dict")
    return tensors


def renamed(tensors: dict[str, Tensor], rules: list[str]) -> dict[str, Tensor]:
    """The tensors with each `pattern=replacement` applied to their names, in the given order."""
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        new = name
        for rule in rules:
            pattern, _, replacement = rule.partition("=")
            new = re.sub(pattern, replacement, new)
        if new in result:
            raise ValueError(f"two tensors are named {new} after renaming")
        result[new] = tensor
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="a file written by torch.save")
    parser.add_argument("description", help="the description as JSON (see README.md)")
    parser.add_argument("out", help="the checkpoint to write")
    parser.add_argument("--rename", nargs="+", default=[], metavar="PATTERN=NEW", help="regular expressions on names")
    options = parser.parse_args()
    if Path(options.out).exists():
        raise ValueError(f"{options.out} exists; remove it or name another file")
    model = JointNetwork(Description.from_json(Path(options.description).read_text()))
    fill(model, renamed(state_dict(options.weights), options.rename))
    store(model, options.out)
    count = sum(weight.numel() for weight in model.parameters())
    print(f"{options.out}: {model.description.name}, {len(model.description.classes)} classes, {count} weights")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, RuntimeError, CheckpointError) as error:
        sys.exit(f"convert.py: {str(error).splitlines()[0]}")
    except Exception as error:  # what an unpickler raises for a file that is no pickle, or a forbidden one
        sys.exit(f"convert.py: not a state dict that can be read safely ({type(error).__name__})")
