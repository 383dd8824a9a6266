"""How well the labelled samples cover the others, and in what order to fill the gaps (A8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FAR_FACTOR = 2.0
"""Times the labelled set's own median nearest distance: farther pool samples are not covered."""

CHUNK_VALUES = 1 << 22


@dataclass(frozen=True, slots=True)
class Greedy:
    """order: positions in the order of picking. distance: of each pick to all before it. radius: after each
    pick, the largest distance of any sample to the nearest chosen one."""

    order: NDArray[np.int64]
    distance: NDArray[np.float64]
    radius: NDArray[np.float64]


def greedy_centres(points: NDArray[Any], labelled: NDArray[np.bool_], count: int) -> Greedy:
    """Pick `count` samples, each the farthest from everything labelled or picked so far; ties by position.

    points: (n, D). With nothing labelled the first sample starts, at an infinite distance.
    Source: Sener and Savarese 2018, algorithm 1 (k-centre greedy); at most twice the best radius.
    """
    x = np.asarray(points, np.float64)
    nearest = nearest_distance(x, x[labelled])
    order: list[int] = []
    distance: list[float] = []
    radius: list[float] = []
    for _ in range(min(count, int((~labelled).sum()))):
        candidates = np.where(labelled, -1.0, nearest)
        candidates[order] = -1.0
        pick = int(candidates.argmax())
        order.append(pick)
        distance.append(float(nearest[pick]))
        nearest = np.minimum(nearest, np.linalg.norm(x - x[pick], axis=1))
        radius.append(float(nearest.max()))
    return Greedy(np.array(order, np.int64), np.array(distance), np.array(radius))


def nearest_distance(points: NDArray[Any], centres: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) distance of each point (n, D) to the nearest centre (m, D); infinite without centres."""
    x, c = np.asarray(points, np.float64), np.asarray(centres, np.float64)
    out = np.full(len(x), np.inf)
    if not len(c):
        return out
    step = max(1, CHUNK_VALUES // len(c))
    lengths = (c**2).sum(axis=1)
    for start in range(0, len(x), step):
        part = x[start : start + step]
        squares = (part**2).sum(axis=1)[:, None] + lengths - 2 * part @ c.T
        near = squares.argmin(axis=1)
        # The square is expanded only to find the nearest; its distance is taken from the difference.
        out[start : start + step] = np.linalg.norm(part - c[near], axis=1)
    return out


@dataclass(frozen=True, slots=True)
class Coverage:
    """radius: the largest distance of a pool sample to the nearest labelled one. radius_95: its 95th
    percentile. by_class: class -> radius. uncovered: (n,) pool samples that are too far. NaN without a pool or
    without labelled samples."""

    radius: float
    radius_95: float
    by_class: dict[int, float]
    uncovered: NDArray[np.bool_]


def coverage(
    points: NDArray[Any], labelled: NDArray[np.bool_], labels: NDArray[Any] | None = None
) -> Coverage:
    """Coverage of the pool by the labelled samples; points (n, D), labels (n,) of the pool where known."""
    x = np.asarray(points, np.float64)
    pool = np.flatnonzero(~labelled)
    uncovered = np.zeros(len(x), np.bool_)
    if not len(pool) or not labelled.any():
        return Coverage(float("nan"), float("nan"), {}, uncovered)
    distance = nearest_distance(x[pool], x[labelled])
    own = _nearest_other(x[labelled])
    if len(own):
        uncovered[pool] = distance > FAR_FACTOR * np.median(own)
    by_class: dict[int, float] = {}
    if labels is not None:
        known = labels[pool]
        by_class = {int(one): float(distance[known == one].max()) for one in np.unique(known[known >= 0])}
    return Coverage(float(distance.max()), float(np.percentile(distance, 95)), by_class, uncovered)


def _nearest_other(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m,) distance of each point to the nearest other one; empty for a single point."""
    count = len(points)
    if count < 2:
        return np.empty(0)
    out = np.empty(count)
    lengths = (points**2).sum(axis=1)
    step = max(1, CHUNK_VALUES // count)
    for start in range(0, count, step):
        rows = np.arange(start, min(start + step, count))
        squares = lengths[rows][:, None] + lengths - 2 * points[rows] @ points.T
        squares[np.arange(len(rows)), rows] = np.inf
        out[rows] = np.linalg.norm(points[rows] - points[squares.argmin(axis=1)], axis=1)
    return out
