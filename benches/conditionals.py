"""What the denoisers of classes that a picture does not show make of it, with and without guidance.

    python benches/conditionals.py CIFAR10 [--pictures 200] [--sigma 50]

Needs what tests/reference/requirements.txt lists. For each of both bundled CIFAR-10 models and each w, over the first test
pictures in the folder CIFAR10 and the nine classes that a picture is not of: the root mean square of D_w − D with
D_w = D + w(D_c − D), in units of 1/255, and the share of the tiles D_w that the *other* model takes for the class c (at
sigma 0.02), beside what it takes D for. A tile that only its own model takes for c would be a perturbation and no picture.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("cifar10", "cifar10-robust")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--sigma", type=float, default=50.0, help="of 255")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests/reference"))
    import numpy as np
    import torch

    from denoscope_reference import load

    torch.set_num_threads(options.threads)
    records = np.fromfile(options.folder / "test_batch.bin", dtype=np.uint8).reshape(-1, 3073)[: options.pictures]
    clean = torch.tensor(records[:, 1:].reshape(-1, 3, 32, 32) / 255.0, dtype=torch.float32)
    labels = torch.tensor(records[:, 0].astype(int))
    torch.manual_seed(0)
    sigma = options.sigma / 255
    noisy = clean + sigma * torch.randn_like(clean)
    models = {name: load(ROOT / f"assets/models/{name}.safetensors").eval() for name in NAMES}
    classes = torch.arange(10)[None]
    others = classes != labels[:, None]
    for name, other in (NAMES, NAMES[::-1]):
        model, judge = models[name], models[other]
        denoised = model.denoised(noisy, sigma).detach()
        each = torch.cat([model.denoised_as(y[None], sigma).detach().reshape(1, 10, 3, 32, 32) for y in noisy])
        apart = each - denoised[:, None]
        print(f"{name}: {len(noisy)} pictures at sigma {options.sigma:g}/255, judged by {other}")
        for w in (0, 1, 2, 5, 10, 20):
            tiles = (denoised[:, None] + w * apart).reshape(-1, 3, 32, 32)
            with torch.no_grad():
                said = torch.cat([judge.posterior(part, 0.02).argmax(1) for part in tiles.split(250)]).reshape(-1, 10)
            taken = (said == classes)[others].float().mean().item()
            size = 255 * w * apart[others].pow(2).mean().sqrt().item()
            print(f"  w {w:2}: {size:6.2f}/255, taken for the class {100 * taken:5.1f} %", flush=True)


if __name__ == "__main__":
    main()
