"""Boundary samples: constructed representations where the network is undecided between two classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.project.contracts import EpochData, Head, is_linear

HALVINGS = 30
CANDIDATES = 4
"""Pairs drawn for each boundary sample wanted; enough unless nearly everything is one class."""

NEAR_POOL = 200
"""The near partner of a sample is its nearest of another class among this many."""


def boundary_samples(
    data: EpochData, count: int, *, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Up to `count` points (M, D) between samples of different predicted class, and their classes (M, 2).

    Half of the segments join random samples, half a random sample and a near one of another class. Each
    point is where its segment leaves the first sample's class. The same seed draws the same pairs of
    samples at every epoch, so that the points move only where the network does. None (M = 0) with one
    predicted class, without a head, or among fewer than two samples.

    Source: Yang et al. 2022, DeepVisualInsight, section 4.2 (there by bisection between inputs).
    """
    nothing = np.zeros((0, data.representations.shape[1]), np.float32), np.zeros((0, 2), np.int32)
    predicted = data.predicted
    if data.head is None or predicted is None or count < 1 or len(np.unique(predicted)) < 2:
        return nothing
    one, two = _pairs(data.representations, predicted, count, np.random.default_rng(seed))
    if not len(one):
        return nothing
    x = data.representations
    start, end = x[one].astype(np.float64), x[two].astype(np.float64)
    share = crossing(data.head, start, end)
    points = start + share[:, None] * (end - start)
    best = np.argsort(-np.asarray(data.head.logits(points)), 1, kind="stable")[:, :2]
    return points.astype(np.float32), np.sort(best, 1).astype(np.int32)


def crossing(head: Head, start: NDArray[Any], end: NDArray[Any]) -> NDArray[np.float64]:
    """(M,) shares in [0, 1] of the way from start to end (M, D) at which the class of start ends.

    Exact for a linear head, where every logit is linear along the way; else by 30 halvings.
    """
    if not is_linear(head):
        return _bisected(head, start, end)
    here, there = np.asarray(head.logits(start), np.float64), np.asarray(head.logits(end), np.float64)
    first = here.argmax(1)[:, None]
    lead = np.take_along_axis(here, first, 1) - here
    later = np.take_along_axis(there, first, 1) - there
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(later < 0, lead / (lead - later), np.inf)
    least: NDArray[np.float64] = np.clip(share.min(1), 0, 1)
    return least


def _bisected(head: Head, start: NDArray[Any], end: NDArray[Any]) -> NDArray[np.float64]:
    first = np.asarray(head.logits(start)).argmax(1)
    low, high = np.zeros(len(start)), np.ones(len(start))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        inside = np.asarray(head.logits(start + middle[:, None] * (end - start))).argmax(1) == first
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return low


def _pairs(
    x: NDArray[np.float32], predicted: NDArray[np.integer[Any]], count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the two ends of up to `count` segments between different predicted classes."""
    drawn = count * CANDIDATES
    one, two = rng.integers(0, len(x), drawn), rng.integers(0, len(x), drawn)
    pools = rng.integers(0, len(x), (len(range(0, drawn, 2)), NEAR_POOL))
    # a near partner only for segments that will be looked at: the first few in drawing order
    wanted = min(drawn, 2 * count)
    for start in range(0, wanted // 2, 256):
        rows = np.arange(start, min(start + 256, wanted // 2))
        pool, at = pools[rows], one[2 * rows]
        square = _squares(x, at, pool)
        square[predicted[pool] == predicted[at][:, None]] = np.inf
        nearest = square.argmin(1)
        near = np.isfinite(square[np.arange(len(rows)), nearest])
        two[2 * rows[near]] = pool[np.flatnonzero(near), nearest[near]]
    keep = np.flatnonzero(predicted[one] != predicted[two])[:count]
    return one[keep], two[keep]


def _squares(x: NDArray[np.float32], at: NDArray[np.int64], pool: NDArray[np.int64]) -> NDArray[np.float32]:
    """Squared distances (m, P) from rows `at` (m,) to their pools (m, P)."""
    apart = x[pool] - x[at][:, None]
    square: NDArray[np.float32] = np.einsum("ijk,ijk->ij", apart, apart)
    return square
