"""The tables that `benches/claim.sh CIFAR10 OUT` measured: python benches/claim.py OUT

Means over the seeds that are there, with their standard errors (the standard deviation over the root of their number), in percent.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

KINDS = ("joint", "classify", "standard")


def shown(values: list[float]) -> str:
    mean = 100 * statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:.1f}"
    return f"{mean:.1f} ± {100 * statistics.stdev(values) / len(values) ** 0.5:.1f}"


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    for part in ("clean", "pgd", "autoattack"):
        columns: dict[str, dict[str, list[float]]] = {}
        for kind in KINDS:
            for path in sorted(folder.glob(f"{kind}-*-{part}.json")):
                found = json.loads(path.read_text())
                rows = {"none": found["by_sigma"][0]["accuracy"]}
                for attack in found["robust"]:
                    size = attack["epsilon"]
                    budget = f"{255 * size:g}/255" if attack["norm"] == "linf" else f"{size:g}"
                    rows[f"{attack['norm']} {budget}"] = attack["accuracy"]
                for name, value in rows.items():
                    columns.setdefault(name, {}).setdefault(kind, []).append(value)
                pictures = found["images"]
        if not columns:
            continue
        seeds = max(len(values) for column in columns.values() for values in column.values())
        print(f"\n{part}: {pictures} pictures, {seeds} seeds\n")
        print("| network | " + " | ".join(columns) + " |")
        print("|---" * (1 + len(columns)) + "|")
        for kind in KINDS:
            print(f"| {kind} | " + " | ".join(shown(c[kind]) if kind in c else "–" for c in columns.values()) + " |")


if __name__ == "__main__":
    main()
