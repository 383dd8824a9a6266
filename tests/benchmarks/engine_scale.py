"""What a projection costs as runs grow: CPU seconds, peak memory and trust, each size in a process of its own.

    python tests/benchmarks/engine_scale.py FOLDER [--samples 5000,20000] [--epochs 8] [--noise .15]

FOLDER holds a recorded run as arrays (representations, head_weight, head_bias). Larger runs are made of it:
its samples are repeated, each time with noise of that share of each dimension's spread, one epoch at a time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from timetravel.project.aligned import Aligned
from timetravel.project.array_folder import array_epochs
from timetravel.project.bench_child import peak_mb
from timetravel.project.contracts import ArrayEpochs, EpochData
from timetravel.project.figures_neighbors import nearest, nearest_on_map, subsample, trustworthiness
from timetravel.project.raster import common_extent, decision_map


class Tiled:
    """A run repeated with noise to `samples` samples, over `count` of its epochs, spread evenly."""

    def __init__(self, run: ArrayEpochs, samples: int, count: int, noise: float) -> None:
        self._run, self.sample_count, self._noise = run, samples, noise
        self._picked = np.linspace(0, len(run) - 1, count).round().astype(int)
        self.labels = list(range(count))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> EpochData:
        data = self._run[int(self._picked[index])]
        x = data.representations
        rng = np.random.default_rng(7)  # the same at every epoch, so that a copy is one sample over time
        spread = x.std(0) * np.float32(self._noise)
        rows = np.arange(self.sample_count) % len(x)
        noise = rng.standard_normal((self.sample_count, x.shape[1]), np.float32)
        noise[: len(x)] = 0
        ids = np.arange(self.sample_count)
        return EpochData(
            epoch=index, present=ids, sample_ids=ids, representations=x[rows] + noise * spread, head=data.head
        )


def measure(epochs: Tiled) -> dict[str, float]:
    """Costs of one run as a whole, decision maps and the inverse at every sample included."""
    Aligned().fit(ArrayEpochs([epochs[0].representations[:2000]], [epochs[0].head]))  # compile
    stages: dict[str, list[float]] = {}

    def report(stage: str, done: int, total: int) -> None:
        stages.setdefault(stage, []).append(time.process_time())

    begun, wall = time.process_time(), time.perf_counter()
    maps = Aligned().fit(epochs, seed=0, report=report)
    fit = time.process_time() - begun
    extent = common_extent(list(maps.positions))
    for index in range(len(epochs)):
        inverse = maps.inverse(index)
        inverse(maps.positions[index])
        predicted = epochs[index].predicted
        decision_map(inverse, maps.positions[index], predicted, extent=extent, resolution=200)
    whole, seconds, peak = time.process_time() - begun, time.perf_counter() - wall, peak_mb()
    some = subsample(epochs.sample_count)
    trust, kept = [], []
    for index in {0, len(epochs) - 1}:
        x, y = epochs[index].representations, maps.positions[index]
        trust.append(trustworthiness(x[some], y[some], 15))
        near, low = nearest(x, x[some], 16)[:, 1:], nearest_on_map(y, 15)[some]
        kept.append(np.mean([len(np.intersect1d(a, b)) / 15 for a, b in zip(near, low, strict=True)]))
    return {
        "samples": epochs.sample_count,
        "epochs": len(epochs),
        "cpu_seconds": whole,
        "fit_cpu_seconds": fit,
        "wall_seconds": seconds,
        "peak_mb": peak,
        "trust": float(np.mean([t for t in trust if t is not None])),
        "neighbors": float(np.mean(kept)),
        "cpu_milliseconds_per_sample_and_epoch": 1000 * whole / epochs.sample_count / len(epochs),
        **{f"until {stage}": at[-1] - begun for stage, at in stages.items()},
    }


def main() -> None:
    """Each size in a process of its own, so that memory is that size's alone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", default="5000,20000,60000,200000")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--noise", type=float, default=0.15)
    asked = parser.parse_args()
    sizes = [int(size) for size in asked.samples.split(",")]
    if len(sizes) == 1:
        run = array_epochs(asked.folder)
        print(json.dumps(measure(Tiled(run, sizes[0], asked.epochs, asked.noise))), flush=True)
        return
    for size in sizes:
        again = ["--samples", str(size), "--epochs", str(asked.epochs), "--noise", str(asked.noise)]
        subprocess.run([sys.executable, __file__, str(asked.folder), *again], check=True)


if __name__ == "__main__":
    main()
