"""Times Denoscope against the PyTorch reference on the same checkpoints and inputs, in turns, and prints ratios.

    python benches/peer.py [--threads 2] [--rounds 7] [--only analyze] [--json FILE|-]

Needs what tests/reference/requirements.txt lists, and cargo. Both sides run in the same minutes: a round does our job,
then each of the peer's variants, so that whatever else the machine does falls on all alike. Each of them runs untimed for
WARM_UP seconds before its three timed runs, so that none is timed on a processor that idled just before, or beside the
other side's threads, which may spin for a while after their last job. Times are medians over the rounds; the ratio is the
peer's best variant over ours, so above 1 ours is faster. For memory it is the peak of a fresh process. `--least` takes the
least time of each instead of the median, for a machine that is not quiet. `torch.compile` needs a C++ compiler; without
one, or with `--eager`, its variants are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIGMA = 25 / 255
BATCH = 64
# Pictures, side, channels: both networks' stages, for one picture and for ten cotangents.
SHAPES = [
    (n, side, channels)
    for n in (1, 10)
    for side, channels in ((16, 48), (8, 96), (4, 192), (32, 64), (16, 128), (8, 256), (4, 512))
]

# A virtual machine that has idled was seen to share one core between its two processors for the first 0.1 s.
WARM_UP = 0.3

Job = Callable[[], object]


class Ours:
    """The application's half, a process that answers each job with its milliseconds."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.folder = folder
        self.environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
        self.program = build()
        self.process = subprocess.Popen(
            [self.program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment
        )

    def milliseconds(self, job: str) -> float:
        self.process.stdin.write(job + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"our side stopped at {job}")
        return float(answer)

    def peak_memory(self, job: str) -> int:
        done = subprocess.run(
            [self.program, self.folder, *job.split()], env=self.environment, check=True, capture_output=True, text=True
        )
        return int(done.stdout)


def build() -> str:
    command = ["cargo", "bench", "--no-default-features", "--bench", "peer", "--no-run", "--message-format", "json"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    messages = map(json.loads, done.stdout.splitlines())
    programs = [m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "peer"]
    return programs[-1]


def milliseconds(job: Job) -> float:
    start = time.perf_counter()
    job()
    return (time.perf_counter() - start) * 1e3


def warm_up(job: Job) -> None:
    end = time.perf_counter() + WARM_UP
    job()
    while time.perf_counter() < end:
        job()


def compare(ours: Ours, job: str, variants: dict[str, Job], rounds: int, summary: Callable) -> dict:
    mine, theirs = [], {name: [] for name in variants}
    for _ in range(rounds):
        warm_up(lambda: ours.milliseconds(job))
        mine += [ours.milliseconds(job) for _ in range(3)]
        for name, run in variants.items():
            warm_up(run)
            theirs[name] += [milliseconds(run) for _ in range(3)]
    best = min(theirs, key=lambda name: summary(theirs[name]))
    result = {"ours_ms": summary(mine), "peer_ms": summary(theirs[best]), "peer_variant": best}
    return result | {"ratio": result["peer_ms"] / result["ours_ms"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="only what has this in its name")
    parser.add_argument("--least", action="store_true", help="the least time instead of the median")
    parser.add_argument("--eager", action="store_true", help="without torch.compile, which takes minutes to compile")
    parser.add_argument("--json", metavar="FILE", help="write the results there; - is standard output")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    # Its compiler would leave idle processes beside the clock.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    sys.path.insert(0, str(ROOT / "tests/reference"))
    import torch

    from denoscope_reference import analyze, load

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    summary = min if options.least else statistics.median
    table = sys.stderr if options.json == "-" else sys.stdout
    results: dict[str, dict] = {}

    def wanted(name: str) -> bool:
        return options.only in name

    def note(name: str, result: dict) -> None:
        results[name] = result
        unit = "MiB" if name.startswith("memory") else "ms"
        mine, theirs = (result[f"{side}_{unit.lower()}"] for side in ("ours", "peer"))
        print(
            f"{name:24} {mine:10.3f} {unit:3} {theirs:10.3f} {unit:3} {result['ratio']:6.2f}  {result['peer_variant']}",
            file=table,
            flush=True,
        )

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = Ours(folder, options.threads)
        ours.milliseconds("conv 1 4 16")  # the checkpoints are written by then
        print(f"{'':24} {'ours':>10}     {'PyTorch':>10}      ratio  the peer's best", file=table)

        for n, side, channels in SHAPES:
            if wanted(f"conv_{n}x{side}x{side}x{channels}"):
                x = torch.randn(n, channels, side, side)
                w = torch.randn(channels, channels, 3, 3)
                variants = {}
                for order in (torch.contiguous_format, torch.channels_last):
                    pair = x.contiguous(memory_format=order), w.contiguous(memory_format=order)

                    def run(pair: tuple = pair) -> object:
                        with torch.inference_mode():
                            return torch.nn.functional.conv2d(*pair, padding=1)

                    variants[str(order).removeprefix("torch.")] = run
                result = compare(ours, f"conv {n} {side} {channels}", variants, options.rounds, summary)
                note(f"conv_{n}x{side}x{side}x{channels}", result)

        best = {}
        for size in ("compact", "gradresnet18"):
            if not (wanted(f"analyze_{size}") or wanted(f"memory_analyze_{size}")):
                continue
            noisy = torch.randn(1, 3, 32, 32)
            variants = {}
            for variant, make in analyze.VARIANTS.items():
                if variant.startswith("compiled") and options.eager:
                    continue
                # A model for each variant: one in channels-last order must not be another's.
                try:
                    variants[variant] = make(load(folder / f"{size}.safetensors"), noisy, SIGMA)
                except Exception as error:
                    if not variant.startswith("compiled"):
                        raise
                    print(f"{variant} does not work here: {error}".splitlines()[0], file=sys.stderr)
            result = compare(ours, f"analyze {size}", variants, options.rounds, summary)
            best[size] = result["peer_variant"]
            note(f"analyze_{size}", result)

        if wanted("pgd40"):
            clean, labels = torch.rand(1, 3, 32, 32), torch.tensor([0])
            variants = {}
            for order in (torch.contiguous_format, torch.channels_last):
                model = load(folder / "compact.safetensors").to(memory_format=order)
                picture = clean.contiguous(memory_format=order)

                def attack(model: torch.nn.Module = model, picture: torch.Tensor = picture) -> object:
                    return analyze.pgd(model, picture, labels, SIGMA, 8 / 255, 2 / 255)

                variants[str(order).removeprefix("torch.")] = attack
            note("pgd40", compare(ours, "pgd40 compact", variants, max(options.rounds // 3, 3), summary))

        if wanted("train_step"):
            clean, labels = torch.rand(BATCH, 3, 32, 32), torch.arange(BATCH) % 10
            variants = {}
            for order in (torch.contiguous_format, torch.channels_last):
                model = load(folder / "compact.safetensors").to(memory_format=order)
                variants[str(order).removeprefix("torch.")] = analyze.training_step(
                    model, clean.contiguous(memory_format=order), labels
                )
            note("train_step", compare(ours, "train_step compact", variants, 3, summary))

        for size, variant in best.items():
            mine = ours.peak_memory(f"analyze {size}") / 2**20
            path = str(folder / f"{size}.safetensors")
            theirs, _ = analyze.peak_memory(path, variant, 32, 32, options.threads)
            theirs /= 2**20
            result = {"ours_mib": mine, "peer_mib": theirs, "peer_variant": variant, "ratio": theirs / mine}
            note(f"memory_analyze_{size}", result)
        memory = [results[name] for name in results if name.startswith("memory")]
        if memory:
            note("memory_analyze", min(memory, key=lambda result: result["ratio"]))

    if options.json == "-":
        json.dump(results, sys.stdout, indent=2)
    elif options.json:
        Path(options.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
