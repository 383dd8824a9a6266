"""The decision map: the class that the network gives to every spot of the plane, on a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from timetravel.project.contracts import Inverse
from timetravel.store.facts import DecisionRaster

MARGIN_SHARE = 0.05
"""Ground around the outermost samples, as a share of the map's sides."""

SMALL_PATCH = 0.0005
"""Share of the cells below which a patch without a sample of its class is noise of the inverse."""

BLOCK_LOGITS = 4_000_000
"""Logits held at once, so that a thousand classes need no more memory than ten."""


def common_extent(positions: list[NDArray[Any]]) -> tuple[float, float, float, float]:
    """(x0, x1, y0, y1) around all samples of all epochs and a tenth more: one frame for the whole film."""
    every = [y[np.isfinite(y).all(1)] for y in positions]
    every = [y for y in every if len(y)]
    if not every:
        return (-1.0, 1.0, -1.0, 1.0)
    low = np.min([y.min(0) for y in every], 0).astype(float)
    high = np.max([y.max(0) for y in every], 0).astype(float)
    side = np.maximum(high - low, max(float((high - low).max()) * 1e-3, 1e-3))
    middle, half = (low + high) / 2, side / 2 * (1 + 2 * MARGIN_SHARE)
    return (
        float(middle[0] - half[0]),
        float(middle[0] + half[0]),
        float(middle[1] - half[1]),
        float(middle[1] + half[1]),
    )


def cell_centres(extent: tuple[float, float, float, float], resolution: int) -> NDArray[np.float64]:
    """(R * R, 2) centres, row by row from y0."""
    x0, x1, y0, y1 = extent
    steps = (np.arange(resolution) + 0.5) / resolution
    across, up = np.meshgrid(x0 + steps * (x1 - x0), y0 + steps * (y1 - y0))
    return np.column_stack([across.ravel(), up.ravel()])


def cells_of(
    positions: NDArray[Any], extent: tuple[float, float, float, float], resolution: int
) -> NDArray[np.int64]:
    """(n,) index of the cell (row * R + column) that holds each position; outside, the nearest cell."""
    x0, x1, y0, y1 = extent
    y = np.asarray(positions, np.float64)
    column = np.clip(((y[:, 0] - x0) / max(x1 - x0, 1e-12) * resolution).astype(int), 0, resolution - 1)
    row = np.clip(((y[:, 1] - y0) / max(y1 - y0, 1e-12) * resolution).astype(int), 0, resolution - 1)
    cells: NDArray[np.int64] = row * resolution + column
    return cells


def decision_map(
    inverse: Inverse,
    positions: NDArray[Any],
    predicted: NDArray[np.integer[Any]],
    *,
    extent: tuple[float, float, float, float],
    resolution: int = 200,
) -> DecisionRaster:
    """Class, margin, confidence and trust of every cell.

    positions: (n, 2) finite; predicted: (n,) class of the samples there. A cell is judged at its centre;
    one that holds samples takes the class that the inverse gives to most of these samples instead (the
    least hesitant on ties), so that ground and samples agree. Patches under .05 % of the cells without a sample of their class take the class of the
    nearest other ground, with margin 0. Margin and confidence are those between the two best classes:
    difference of logits, and of probabilities.
    """
    centres = cell_centres(extent, resolution)
    best, margin, confidence = _judged(inverse, centres)
    if len(positions):
        home = cells_of(positions, extent, resolution)
        inhabited, best_here, margin_here, confidence_here = _judged_by_samples(inverse, positions, home)
        best[inhabited], margin[inhabited], confidence[inhabited] = best_here, margin_here, confidence_here
        noise = _stray_patches(best.reshape(resolution, resolution), home, predicted)
        if noise.any() and not noise.all():
            nearest = ndimage.distance_transform_edt(noise, return_distances=False, return_indices=True)
            best = best.reshape(resolution, resolution)[tuple(nearest)].ravel()
            margin[noise.ravel()] = 0
            confidence[noise.ravel()] = 0
    shape = (resolution, resolution)
    return DecisionRaster(
        cell_class=best.reshape(shape).astype(np.int32),
        margin=margin.reshape(shape).astype(np.float32),
        confidence=confidence.reshape(shape).astype(np.float32),
        trust=inverse.trust(centres).reshape(shape).astype(np.float32),
        extent=extent,
    )


def _judged(
    inverse: Inverse, points: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    block = max(256, BLOCK_LOGITS // max(inverse.logits(points[:1]).shape[1], 1))
    parts = [two_best(inverse.logits(points[i : i + block])) for i in range(0, len(points), block)]
    best, margin, confidence = (np.concatenate(column) for column in zip(*parts, strict=True))
    return best, margin, confidence


def _judged_by_samples(
    inverse: Inverse, positions: NDArray[Any], home: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Cells that hold samples, and what the inverse says at most of their samples: class, lead, confidence."""
    best, margin, confidence = _judged(inverse, np.asarray(positions, np.float64))
    # one line for each class in each cell: its votes, and the sum of their leads
    classes = int(best.max()) + 1
    kinds, line = np.unique(home * classes + best, return_inverse=True)
    votes = np.bincount(line)
    lead = np.bincount(line, margin)
    certain = np.bincount(line, confidence)
    cell = kinds // classes
    order = np.lexsort((kinds, -lead, -votes, cell))
    first = order[np.flatnonzero(np.diff(cell[order], prepend=-1))]
    return cell[first], kinds[first] % classes, lead[first] / votes[first], certain[first] / votes[first]


def two_best(
    logits: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Best class, and by how much it leads in logits and in probability; each (M,)."""
    best = logits.argmax(1)
    if logits.shape[1] == 1:
        return best, np.zeros(len(logits)), np.ones(len(logits))
    pair = np.partition(logits, -2, 1)
    total = np.exp(pair - pair[:, -1:]).sum(1)
    margin = pair[:, -1] - pair[:, -2]
    return best, margin, (1 - np.exp(-margin)) / total


def _stray_patches(
    best: NDArray[np.int64], home: NDArray[np.int64], predicted: NDArray[np.integer[Any]]
) -> NDArray[np.bool_]:
    """(R, R) cells of small one-class patches that hold no sample of their class."""
    stray = np.zeros(best.shape, bool)
    for c in np.unique(best):
        patches, count = ndimage.label(best == c)
        size = np.bincount(patches.ravel(), minlength=count + 1)
        held = np.zeros(count + 1, bool)
        held[patches.ravel()[home[predicted == c]]] = True
        small = (size < SMALL_PATCH * best.size) & ~held
        small[0] = False
        stray |= small[patches]
    return stray
