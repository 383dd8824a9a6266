"""What the space-time cube holds: a few trails through (x, y, epoch), and the boundary stacked over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timetravel.render.oklab import from_hex
from timetravel.render.palette import class_palette
from timetravel.store.run import StoredMap, StoredRun

TRAILS = 24
"""Trails of single samples; more of them cross into a knot that nobody can follow."""

CHOSEN_TRAILS = 200
"""At most this many of the trails that somebody asked for."""

CLASS_TRAILS = 24
"""Classes beyond this many (the largest stay) have no mean trail, for the same reason."""

VOLUME_SIDE = 120
"""Cells of the stacked decision map on each side."""


@dataclass(frozen=True, slots=True)
class CubeScene:
    """Arrays to draw, all in map units; z is the order of the epochs, 0 to E - 1.

    class_trails: (T, E, 2) mean position of a class, NaN where it has no sample. class_colors: (T, 3).
    trails: (n, E, 2) single samples. trail_colors: (n, 3) sRGB of the class.
    margin: (E, R, R) float32, share of certainty in [0, 1] and 0 on the boundary; empty without maps.
    extent: (x0, x1, y0, y1). epochs: (E,) labels of the time axis. names: of the class trails.
    """

    class_trails: NDArray[np.float32]
    class_colors: NDArray[np.float64]
    trails: NDArray[np.float32]
    trail_colors: NDArray[np.float64]
    margin: NDArray[np.float32]
    extent: tuple[float, float, float, float]
    epochs: NDArray[np.int64]
    names: list[str]


def make_cube(
    run: StoredRun, stored: StoredMap, *, dark: bool = False, rows: Sequence[int] | None = None
) -> CubeScene:
    """Gather the cube of a map: mean trails of the classes, and those of `rows` or of what flipped most."""
    positions = np.stack([stored.positions(epoch) for epoch in stored.epochs], 1)
    labels = run.samples.labels
    palette = class_palette(len(run.classes))
    colors = from_hex(palette.dark if dark else palette.light)
    sizes = np.bincount(labels[labels >= 0], minlength=len(run.classes))
    shown = sorted(int(index) for index in np.argsort(-sizes, kind="stable")[:CLASS_TRAILS] if sizes[index])
    chosen = (
        most_travelled(run, stored, positions)
        if rows is None
        else np.array(list(rows[:CHOSEN_TRAILS]), np.int64)
    )
    muted = from_hex(("#8a8f98",))
    return CubeScene(
        class_trails=np.stack([_mean_trail(positions[labels == index]) for index in shown])
        if shown
        else np.zeros((0, len(stored.epochs), 2), np.float32),
        class_colors=colors[shown] if shown else np.zeros((0, 3)),
        trails=positions[chosen],
        trail_colors=np.concatenate([colors, muted])[
            np.where(labels[chosen] < 0, len(colors), labels[chosen])
        ],
        margin=_stacked_margin(stored),
        extent=stored.extent,
        epochs=np.array(stored.epochs, np.int64),
        names=[run.classes[index] for index in shown],
    )


def most_travelled(run: StoredRun, stored: StoredMap, positions: NDArray[np.float32]) -> NDArray[np.int64]:
    """Rows of the samples whose prediction flipped most often, and among those the ones that moved farthest."""
    flips = np.zeros(len(positions), np.int64)
    before = None
    for epoch in stored.epochs:
        predicted = run.predictions(epoch).predicted
        if before is not None:
            flips += (predicted != before) & (predicted >= 0) & (before >= 0)
        before = predicted
    distance = np.nansum(np.linalg.norm(np.diff(positions, axis=1), axis=2), axis=1)
    order = np.lexsort((-distance, -flips))
    return order[np.isfinite(positions[order]).all((1, 2))][:TRAILS]


def _mean_trail(positions: NDArray[np.float32]) -> NDArray[np.float32]:
    present: NDArray[np.bool_] = np.all(np.isfinite(positions), axis=2)
    count = present.sum(0)[:, None]
    total = np.where(present[..., None], positions, 0).sum(0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _stacked_margin(stored: StoredMap) -> NDArray[np.float32]:
    layers = []
    for epoch in stored.epochs:
        raster = stored.raster(epoch)
        if raster is None:
            return np.zeros((0, 0, 0), np.float32)
        step = max(1, len(raster.margin) // VOLUME_SIDE)
        margin = np.where(raster.trust > 0.5, raster.margin, raster.margin.max())[::step, ::step]
        layers.append(margin / max(float(np.median(margin)), 1e-12))
    return np.clip(np.stack(layers), 0, 1).astype(np.float32)
