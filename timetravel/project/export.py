"""A run and one of its maps as plain arrays, for other programs and for checking every figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.project.contracts import EpochData, is_linear
from timetravel.project.pipeline import stored_maps
from timetravel.project.probes import PROBES, boundary_probes, own_probe_positions, place_probes
from timetravel.project.run_epochs import RunEpochs
from timetravel.store.run import StoredRun


def export_arrays(run: StoredRun, map_name: str | None, folder: str | Path) -> list[Path]:
    """Writes a map and what it was made from as .npy files into `folder`; returns their paths.

    Of the run: representations (E, N, D), head_weight (E, C, D) and head_bias (E, C) or logits (E, N, C),
    labels (N,). Of the map: positions (E, N, 2), inverse (E, N, D), decision_class (E, R, R),
    decision_margin (E, R, R), extent (E, 4), fitted (N,), boundary_positions (E, 600, 2) where the map itself
    places the boundary probes. Besides: epochs (E,), sample_ids (N,). Only epochs that the map has are
    written, one at a time. Absent samples and probes are NaN. Raises BadInput for a map without epochs,
    OSError where the folder cannot be written.
    """
    stored = run.map(map_name)
    epochs = RunEpochs(run, skip_bad=True)
    count = len(stored.epochs)
    if not count:
        raise BadInput(f"{run.path}: the map {stored.name!r} has no epoch yet: run `timetravel project`")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    maps = stored_maps(run, stored, epochs)
    out = _Folder(folder, count)
    spots, placed_by_map = [], False
    for index, label in enumerate(stored.epochs):
        data = epochs[list(epochs.labels).index(label)]
        samples = epochs.sample_count
        source = run.representations(label)
        out.put("representations", index, source)
        out.put("positions", index, maps.positions[index])
        back = np.full((samples, source.shape[1]), np.nan, np.float32)
        if len(data):
            back[data.present] = maps.inverse(index)(maps.positions[index][data.present])
        out.put("inverse", index, back)
        own = own_probe_positions(maps, index)
        placed_by_map |= own is not None
        spots.append(_probe_positions(data, maps.positions[index], own))
        if data.head is not None and is_linear(data.head):
            out.put("head_weight", index, data.head.weight)  # type: ignore[attr-defined]
            out.put("head_bias", index, data.head.bias)  # type: ignore[attr-defined]
        else:
            logits = run.logits(label)
            if logits is not None:
                out.put("logits", index, logits)
        raster = stored.raster(label)
        if raster is not None:
            out.put("decision_class", index, raster.cell_class)
            out.put("decision_margin", index, raster.margin)
            out.put("extent", index, np.asarray(raster.extent))
    if placed_by_map:
        out.whole("boundary_positions", np.stack(spots))
    out.whole("labels", run.samples.labels)
    out.whole("epochs", np.asarray(stored.epochs, np.int64))
    out.whole("sample_ids", run.samples.ids)
    placed = stored.columns(stored.epochs[-1]).get("placed")
    out.whole("fitted", np.ones(len(run.samples), bool) if placed is None else ~np.asarray(placed, bool))
    return out.finish()


def _probe_positions(
    data: EpochData, positions: NDArray[np.float32], own: Callable[[NDArray[Any]], NDArray[Any]] | None
) -> NDArray[np.float64]:
    """(600, 2) where the boundary probes are judged, NaN where there are fewer."""
    spots = np.full((PROBES, 2), np.nan)
    if data.head is not None and len(data):
        points, _ = boundary_probes(data.representations, data.head.logits)
        here = positions[data.present].astype(np.float64)
        if len(points):
            placed = place_probes(points, data.representations, here) if own is None else own(points)
            spots[: len(points)] = placed
    return spots


class _Folder:
    """Writes (E, ...) arrays one epoch at a time, so that only one is in memory."""

    def __init__(self, folder: Path, epochs: int) -> None:
        self._folder, self._epochs = folder, epochs
        self._open: dict[str, np.memmap] = {}
        self._seen: dict[str, int] = {}
        self._paths: list[Path] = []

    def put(self, name: str, index: int, array: np.ndarray) -> None:
        if name not in self._open:
            path = self._folder / f"{name}.npy"
            self._open[name] = np.lib.format.open_memmap(
                path, mode="w+", dtype=array.dtype, shape=(self._epochs, *array.shape)
            )
            self._paths.append(path)
        self._open[name][index] = array
        self._seen[name] = self._seen.get(name, 0) + 1

    def whole(self, name: str, array: np.ndarray) -> None:
        path = self._folder / f"{name}.npy"
        np.save(path, array)
        self._paths.append(path)

    def finish(self) -> list[Path]:
        """Flushes; an array that not every epoch has is taken away, for its gaps would read as zeros."""
        for name, array in self._open.items():
            array.flush()
            if self._seen[name] < self._epochs:
                path = self._folder / f"{name}.npy"
                path.unlink()
                self._paths.remove(path)
        self._open.clear()
        return self._paths
