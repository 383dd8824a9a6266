"""Does the ground say what the network says? Figures of the decision map of one epoch.

A raster has R rows and columns, row 0 at y0; an extent is (x0, x1, y0, y1) in map units.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Extent = tuple[float, float, float, float]

TINY_PATCH = 0.0005
"""Share of the cells under which a patch without a sample of its class is an island."""

PROBE_REACH = 0.02
"""Of the diameter: how far from a boundary probe ground of both its classes may lie."""


def diameter(positions: NDArray[Any]) -> float:
    """Diagonal of the box between the 1st and 99th percentile of the coordinates (n, 2)."""
    low, high = np.percentile(positions, [1, 99], axis=0)
    return float(max(np.hypot(*(high - low)), 1e-12))


def cells(
    positions: NDArray[Any], extent: Extent, resolution: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column (n,) of the raster cell of each position (n, 2); outside the extent the nearest cell."""
    x0, x1, y0, y1 = extent
    column = ((positions[:, 0] - x0) / max(x1 - x0, 1e-12) * resolution).astype(np.int64)
    row = ((positions[:, 1] - y0) / max(y1 - y0, 1e-12) * resolution).astype(np.int64)
    return np.clip(row, 0, resolution - 1), np.clip(column, 0, resolution - 1)


def patches(
    raster: NDArray[np.integer],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    predicted: NDArray[np.integer],
) -> tuple[int, int]:
    """Number of one-class patches, and of the tiny ones among them that hold no sample of their class.

    raster: (R, R) classes. row, column, predicted: (n,) cell and class of each sample.
    """
    from scipy.ndimage import label

    total = islands = 0
    for c in np.unique(raster):
        labels, count = label(raster == c)
        total += count
        size = np.bincount(labels.ravel(), minlength=count + 1)
        held = np.zeros(count + 1, bool)
        mine = predicted == c
        held[labels[row[mine], column[mine]]] = True
        islands += int(((size[1:] < TINY_PATCH * raster.size) & ~held[1:]).sum())
    return total, islands


def probes_between_their_classes(
    raster: NDArray[np.integer],
    extent: Extent,
    spots: NDArray[np.float64],
    pairs: NDArray[np.integer],
    map_diameter: float,
) -> NDArray[np.bool_]:
    """(M,) whether ground of both classes (M, 2) lies within reach of each probe's map position (M, 2)."""
    resolution = raster.shape[0]
    reach = PROBE_REACH * map_diameter
    up, across = (
        max(1, round(reach / max(side / resolution, 1e-12)))
        for side in (extent[3] - extent[2], extent[1] - extent[0])
    )
    rows, columns = cells(spots, extent, resolution)
    hit = np.empty(len(spots), bool)
    for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
        near = raster[max(row - up, 0) : row + up + 1, max(column - across, 0) : column + across + 1]
        hit[i] = (near == pairs[i, 0]).any() and (near == pairs[i, 1]).any()
    return hit
