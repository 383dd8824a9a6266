"""Probes of the decision boundary: points that no map has seen, to ask how it treats the boundary.

They are drawn anew for each epoch with a fixed seed, independent of a map's own boundary samples.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.project.contracts import MapSet
from timetravel.project.figures_neighbors import comfortable_scale, nearest
from timetravel.store.facts import NEIGHBORS_K

PROBES = 600
"""Enough for a standard error of .02 of a share."""

POOL = 200
"""Samples among which the near partner of a pair is looked for: near enough, and cheap at any N."""

HALVINGS = 30
"""Of the segment between two samples: to a billionth of its length."""

BLOCK_NUMBERS = 1 << 22
"""Coordinates compared at a time: 16 MiB, whatever the width."""

LogitsOf = Callable[[NDArray[Any]], NDArray[Any]]


def boundary_probes(
    x: NDArray[np.float32], logits_of: LogitsOf, count: int = PROBES, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Up to `count` points on the decision boundary (M, D), and the two classes each separates (M, 2).

    x: (n, D) float32 representations. logits_of: (M, D) to (M, C), the head.
    Half of the pairs of samples are random, half are a sample and its nearest of another class in a random
    pool; the probe is where the segment leaves the first sample's class. None with one predicted class.
    """
    rng = np.random.default_rng(seed)
    predicted = np.asarray(logits_of(x)).argmax(1)
    if len(x) == 0 or len(np.unique(predicted)) < 2:
        return np.zeros((0, x.shape[1]), np.float32), np.zeros((0, 2), np.int64)
    first = rng.integers(0, len(x), count * 4)
    second = rng.integers(0, len(x), count * 4)
    pools = rng.integers(0, len(x), (count * 2, POOL))
    second[::2] = _nearest_other(x, predicted, first[::2], second[::2], pools)
    kept = np.flatnonzero(predicted[first] != predicted[second])[:count]
    start, end = x[first[kept]].astype(np.float64), x[second[kept]].astype(np.float64)
    home = predicted[first[kept]]
    low, high = np.zeros(len(kept)), np.ones(len(kept))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        inside = np.asarray(logits_of(start + middle[:, None] * (end - start))).argmax(1) == home
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    points = start + low[:, None] * (end - start)
    pairs = np.sort(np.argsort(np.asarray(logits_of(points)), 1)[:, -2:], 1)
    return points.astype(np.float32), pairs


def own_probe_positions(maps: MapSet, index: int) -> Callable[[NDArray[Any]], NDArray[Any]] | None:
    """How a map places probes (M, D) itself at one epoch: (M, 2); None where the figures' own rule must do.

    A map that laid out boundary samples places a probe beside these too, a learned one by its encoder.
    """
    if maps.learned(index) is not None:
        return lambda points: maps.place(index, points).positions
    beside: Callable[[int, NDArray[Any]], NDArray[Any]] | None = getattr(maps, "place_boundary", None)
    if beside is None or maps.boundary[index] is None:
        return None
    return partial(beside, index)


def place_probes(
    points: NDArray[np.float32], x: NDArray[np.float32], positions: NDArray[np.float64], k: int = NEIGHBORS_K
) -> NDArray[np.float64]:
    """(M, 2) where probes (M, D) go on a map of samples x (n, D) at positions (n, 2), by the figures' own rule.

    The mean of their k nearest samples' positions, weighted by 1/distance^2 in representation space, pulled
    in five steps to where most of them lie.
    """
    ids = nearest(x, points, min(k, len(x)))
    scale = comfortable_scale(x)
    block = max(1, BLOCK_NUMBERS // (ids.shape[1] * x.shape[1]))
    squares = np.empty(ids.shape, np.float32)
    for at in range(0, len(ids), block):
        rows = slice(at, at + block)
        squares[rows] = (((x[ids[rows]] - points[rows, None]) * scale) ** 2).sum(2)
    weights = 1 / (squares + 1e-12 + 0.01 * squares.mean(1, keepdims=True))
    near = positions[ids]
    spot = (near * weights[..., None]).sum(1) / weights.sum(1)[:, None]
    for _ in range(5):
        away = np.sqrt(((near - spot[:, None]) ** 2).sum(2))
        pull = weights / (away + np.median(away, 1, keepdims=True) + 1e-12)
        spot = (near * pull[..., None]).sum(1) / pull.sum(1)[:, None]
    return np.asarray(spot)


def _nearest_other(
    x: NDArray[np.float32],
    predicted: NDArray[np.integer],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    pools: NDArray[np.int64],
) -> NDArray[np.int64]:
    """(m,) the sample of each pool (m, P) of another class than `first` that lies nearest, else `second`."""
    scale = comfortable_scale(x)
    chosen = second.copy()
    block = max(1, BLOCK_NUMBERS // (pools.shape[1] * x.shape[1]))
    for start in range(0, len(first), block):
        rows = slice(start, start + block)
        squares = (((x[pools[rows]] - x[first[rows], None]) * scale) ** 2).sum(2)
        other = predicted[pools[rows]] != predicted[first[rows], None]
        best = np.where(other, squares, np.inf).argmin(1)
        found = other.any(1)
        chosen[rows][found] = pools[rows][found, best[found]]
    return chosen
