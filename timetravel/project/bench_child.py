"""One method on one run, timed: the process that `timetravel.project.bench` starts for each row.

Takes its task as JSON in its argument; writes progress and its row as lines of JSON to stdout.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from timetravel.errors import TimetravelError
from timetravel.project.array_folder import array_epochs, is_array_folder
from timetravel.project.contracts import Epochs, KeptEpochs, MappedEpoch, MapSet, ProjectionMethod
from timetravel.project.figures_time import mean_over_epochs
from timetravel.project.held_out import held_out_figures
from timetravel.project.methods import method as method_of
from timetravel.project.probes import own_probe_positions
from timetravel.project.quality import Meter
from timetravel.project.raster import common_extent, decision_map
from timetravel.project.run_epochs import RunEpochs
from timetravel.store.facts import DecisionRaster
from timetravel.store.run import open_run

WARM_SAMPLES = 4200
"""Enough that every method takes, and compiles, the path that it takes for large runs (umap-learn: 4,096)."""


def main() -> None:
    """Does the task and tells the row; a failure that a person can mend is told as one line."""
    task = json.loads(sys.argv[1])
    try:
        with ExitStack() as stack:
            row = measure(_epochs(Path(task["path"]), stack), task)
    except TimetravelError as error:
        row = {"error": str(error)}
    _tell({"row": row})


def measure(epochs: Epochs, task: Mapping[str, Any]) -> dict[str, Any]:
    """Costs and figures of one method as plain values for JSON."""
    method = method_of(task["method"], **task["settings"])
    started = time.process_time()
    warm_up(epochs, task)
    fitted = time.process_time()
    wall = time.perf_counter()
    maps = method.fit(epochs, seed=task["seed"], report=_report)
    fit_seconds = time.process_time() - fitted
    extent = common_extent(list(maps.positions))
    rasters = [_raster(epochs, maps, index, extent, task["resolution"]) for index in range(len(epochs))]
    seconds, wall_seconds, peak = time.process_time() - fitted, time.perf_counter() - wall, peak_mb()
    return {
        "shape": _shape(epochs),
        "settings": dict(method.parameters),
        "cpu_seconds": seconds,
        "wall_seconds": wall_seconds,
        "fit_cpu_seconds": fit_seconds,
        "compile_cpu_seconds": fitted - started,
        "peak_mb": peak,
        "resolution": task["resolution"],
        **_judged(epochs, maps, rasters, method, task),
    }


def peak_mb() -> float:
    """Most memory that this process ever held."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage also counts what the process was started from
        line = next((s for s in status.read_text().splitlines() if s.startswith("VmHWM")), None)
        if line is not None:
            return int(line.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)


WARM_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "umap": {"passes": 5},
    "alignedumap": {"passes": 5},
    "tsne": {"iterations": 10},
    "dvi": {"batches": 5, "later_batches": 5},
    "timevis": {"batches": 5},
}
"""What makes a method quick where only its compilation is wanted."""


class FirstEpochs:
    """The first epochs of a run and no others."""

    def __init__(self, epochs: Epochs, count: int) -> None:
        self._epochs, self._count = epochs, min(count, len(epochs))

    @property
    def sample_count(self) -> int:
        return self._epochs.sample_count

    @property
    def labels(self) -> list[int]:
        return list(self._epochs.labels)[: self._count]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int, /) -> Any:
        return self._epochs[range(self._count)[index]]


def warm_up(epochs: Epochs, task: Mapping[str, Any]) -> None:
    """Makes a quick map of a small part of the run and draws it, so that all code is loaded and compiled."""
    settings = {**task["settings"], **WARM_SETTINGS.get(task["method"], {})}
    few = np.arange(epochs.sample_count) < WARM_SAMPLES
    part = KeptEpochs(FirstEpochs(epochs, 2), few)
    try:
        maps = method_of(task["method"], **settings).fit(part, seed=0)
    except TimetravelError:
        return  # the run as a whole may do, and will say so if it does not
    _raster(part, maps, 0, common_extent(list(maps.positions)), 20)


def _raster(
    epochs: Epochs, maps: MapSet, index: int, extent: tuple[float, float, float, float], resolution: int
) -> DecisionRaster | None:
    """The decision map of one epoch, and the inverse at every sample, which is timed but not kept."""
    data = epochs[index]
    inverse, here = maps.inverse(index), maps.positions[index][data.present]
    inverse(here)
    predicted = data.predicted
    if predicted is None or not len(data):
        return None
    return decision_map(inverse, here, predicted, extent=extent, resolution=resolution)


def _judged(
    epochs: Epochs,
    maps: MapSet,
    rasters: list[DecisionRaster | None],
    method: ProjectionMethod,
    task: Mapping[str, Any],
) -> dict[str, Any]:
    """Figures of the map, epoch by epoch and overall, and of a fit without a fifth of the samples."""
    meter = Meter(epochs)
    rows: dict[int, dict[str, float | None]] = {}
    for index, label in enumerate(epochs.labels):
        mapped = MappedEpoch(
            positions=maps.positions[index],
            inverse=maps.inverse(index),
            raster=rasters[index],
            probe_positions=own_probe_positions(maps, index),
        )
        rows[label] = dict(meter.add(epochs[index], mapped).figures)
        _report("quality", index + 1, len(epochs))
    overall = meter.overall(_report)
    if task["held_out"]:
        for label, figures in held_out_figures(method, epochs, seed=task["seed"], report=_report).items():
            rows[label] |= figures
        names = dict.fromkeys(name for row in rows.values() for name in row if name.startswith("heldout"))
        overall |= {name: mean_over_epochs(list(rows.values()), name) for name in names}
    return {"figures": overall, "epochs": rows}


def _shape(epochs: Epochs) -> tuple[int, int, int, int]:
    first = epochs[0]
    logits = first.logits
    classes = 0 if logits is None else logits.shape[1]
    return len(epochs), epochs.sample_count, first.representations.shape[1], classes


def _epochs(path: Path, stack: ExitStack) -> Epochs:
    """The epochs of a recorded run, or of a folder of arrays."""
    if is_array_folder(path):
        return array_epochs(path)
    return RunEpochs(stack.enter_context(open_run(path)))


def _report(stage: str, done: int, total: int) -> None:
    _tell({"stage": stage, "done": done, "total": total})


def _tell(message: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
