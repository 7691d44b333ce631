"""Photographs at their own size: quality and seconds beside BM3D and a network of DnCNN's size, in one run.

    python benches/photographs.py PICTURE... [--sigma 25] [--threads 2] [--rounds 3]

Needs numpy, pillow, torch, the package bm3d, and cargo. Quality is the mean PSNR over the pictures, each with a draw of
Gaussian noise that is neither clipped nor rounded: ours is what `denoise --native` says with the bundled model for
photographs. The network of DnCNN's size (CDnCNN-B: 20 layers of 64 channels, normalisations folded into the
convolutions) has random weights, since only its time is asked for. Seconds are for a picture of 481×321, in turns within
the same minutes, medians over the rounds; all sides have their data in memory and have run once before.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 481, 321


def program(kind: str, name: str) -> str:
    """Builds a program with the release profile (a benchmark's is the same) and tells where it lies."""
    command = {"bench": ["bench", "--no-run"], "bin": ["build", "--release"]}[kind]
    command = ["cargo", *command, "--no-default-features", f"--{kind}", name, "--message-format", "json"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    messages = map(json.loads, done.stdout.splitlines())
    return [m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == name][-1]


def ours_quality(denoscope: str, pictures: list[Path], sigma: float, ensemble: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [denoscope, "denoise", *map(str, pictures), "--native", "--sigma", f"{sigma}/255", "--device", "cpu"]
        command += ["--ensemble"] if ensemble else []
        command += ["-o", folder + "/restored/", "--json", folder + "/figures.json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        figures = json.loads(Path(folder, "figures.json").read_text())
    figures = figures if isinstance(figures, list) else [figures]
    return statistics.fmean(figure["native"]["denoised"]["psnr_db"] for figure in figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--sigma", type=float, default=25.0, help="of 255")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--denoscope", help="the program, built if not given")
    parser.add_argument("--peer", help="the benchmark program, built if not given")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = os.environ["RAYON_NUM_THREADS"] = str(options.threads)

    import bm3d
    import numpy as np
    import torch
    from PIL import Image

    torch.set_num_threads(options.threads)
    sigma = options.sigma / 255
    random = np.random.default_rng(0)
    denoscope = options.denoscope or program("bin", "denoscope")
    peer = options.peer or program("bench", "peer")

    print(f"mean PSNR over {len(options.pictures)} pictures at sigma {options.sigma:g}/255", flush=True)
    quality = []
    for path in options.pictures:
        clean = np.asarray(Image.open(path).convert("RGB"), dtype=np.float64) / 255
        restored = bm3d.bm3d_rgb(clean + sigma * random.standard_normal(clean.shape), sigma)
        quality.append(-10 * np.log10(np.mean((restored - clean) ** 2)))
    print(f"  bm3d {bm3d_version():18} {statistics.fmean(quality):6.2f} dB", flush=True)
    for label, ensemble in (("photographs", False), ("photographs, ensemble", True)):
        print(f"  {label:23} {ours_quality(denoscope, options.pictures, options.sigma, ensemble):6.2f} dB", flush=True)

    layers: list[torch.nn.Module] = [torch.nn.Conv2d(3, 64, 3, padding=1), torch.nn.ReLU()]
    for _ in range(18):
        layers += [torch.nn.Conv2d(64, 64, 3, padding=1), torch.nn.ReLU()]
    dncnn = torch.nn.Sequential(*layers, torch.nn.Conv2d(64, 3, 3, padding=1)).eval()
    picture = random.random((HEIGHT, WIDTH, 3))
    variants = {}
    for order in (torch.contiguous_format, torch.channels_last):
        x = torch.tensor(picture.transpose(2, 0, 1)[None], dtype=torch.float32).contiguous(memory_format=order)
        variants[order] = (copy.deepcopy(dncnn).to(memory_format=order), x)

    def run_dncnn(order: torch.memory_format) -> None:
        network, x = variants[order]
        with torch.inference_mode():
            network(x)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = ROOT / "assets/models/photographs.safetensors"
        Path(folder, "photographs.safetensors").symlink_to(model)
        ours = subprocess.Popen([peer, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def run_ours() -> float:
            ours.stdin.write(f"photograph {HEIGHT} {WIDTH} photographs\n")
            ours.stdin.flush()
            return float(ours.stdout.readline()) / 1e3

        def seconds(job: object) -> float:
            start = time.perf_counter()
            job()
            return time.perf_counter() - start

        jobs = {
            "photographs": run_ours,
            "DnCNN's size, PyTorch": lambda: seconds(lambda: run_dncnn(torch.contiguous_format)),
            "the same, channels last": lambda: seconds(lambda: run_dncnn(torch.channels_last)),
            "bm3d": lambda: seconds(lambda: bm3d.bm3d_rgb(picture, sigma)),
        }
        times: dict[str, list[float]] = {label: [] for label in jobs}
        for label, job in jobs.items():
            job()
        for _ in range(options.rounds):
            for label, job in jobs.items():
                times[label].append(job())
        ours.stdin.close()
        ours.wait()
    print(f"seconds for {WIDTH}×{HEIGHT}, {options.threads} threads, medians of {options.rounds}")
    mine = statistics.median(times["photographs"])
    for label, values in times.items():
        print(f"  {label:24} {statistics.median(values):8.3f} s  {statistics.median(values) / mine:6.2f} × ours")


def bm3d_version() -> str:
    from importlib.metadata import version

    return version("bm3d")


if __name__ == "__main__":
    sys.exit(main())
