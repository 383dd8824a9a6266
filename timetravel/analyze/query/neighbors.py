"""Masks of the samples nearest to one, in representation space and on the map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.store.facts import NEIGHBORS_K
from timetravel.store.run import StoredRun


def neighbors(run: StoredRun, row: int, epoch: int, count: int | None = None) -> NDArray[np.bool_]:
    """(N,) the nearest samples in representation space, 15 unless said, itself left out."""
    mask = np.zeros(len(run.samples), np.bool_)
    found = run.neighbors(int(run.samples.ids[row]), epoch, count or NEIGHBORS_K)
    mask[run.rows(found.ids)] = True
    return mask


def map_neighbors(positions: NDArray[Any], row: int, count: int | None = None) -> NDArray[np.bool_]:
    """(N,) the nearest samples on the map, ties by row; positions (N, 2). Nobody when the sample is not on it."""
    mask = np.zeros(len(positions), np.bool_)
    mask[map_neighbor_rows(positions, row, count)[0]] = True
    return mask


def map_neighbor_rows(
    positions: NDArray[Any], row: int, count: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows and distances (map units) of the nearest samples on the map, nearest first."""
    gaps = np.asarray(positions, np.float64) - np.asarray(positions[row], np.float64)
    distances = np.hypot(gaps[:, 0], gaps[:, 1])
    distances[row] = np.nan
    known = np.flatnonzero(np.isfinite(distances))
    count = min(count or NEIGHBORS_K, len(known))
    if count == 0:
        return np.empty(0, np.int64), np.empty(0)
    # All that tie for the last place take part, so that the order of the partition decides nothing.
    line = np.partition(distances[known], count - 1)[count - 1]
    near = known[distances[known] <= line]
    rows = near[np.argsort(distances[near], kind="stable")][:count]
    return rows, distances[rows]
