"""The fuzzy neighbour graph of one epoch: which samples pull on which, and how hard."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from timetravel.project.contracts import EpochData
from timetravel.project.neighbours import Search
from timetravel.store.facts import NEIGHBORS_K

TOLERANCE = 1e-5
HALVINGS = 64
LEAST_SPREAD = 1e-3

SIDE_NEIGHBORS = 8
"""Samples of each of its two classes that hold a boundary sample: together about as many as hold a sample."""

FELLOW_NEIGHBORS = 5
"""Boundary samples that hold a boundary sample. With none of them the boundary falls into pieces."""


def memberships(distances: NDArray[np.floating]) -> NDArray[np.float32]:
    """How strongly each sample holds to each of its neighbours: (n, k) in (0, 1].

    distances: (n, k) ascending, without the sample itself. The nearest neighbour at a positive distance
    holds with 1, the others fall off so that they sum to log2(k + 1).

    Source: McInnes, Healy, Melville 2018, UMAP, algorithm 3; `umap.umap_.smooth_knn_dist` with k + 1
    neighbours, which count the sample itself, gives the same numbers.
    """
    d = np.asarray(distances, np.float64)
    count, k = d.shape
    target = math.log2(k + 1)
    positive = np.where(d > 0, d, np.inf).min(1, initial=np.inf)
    nearest = np.where(np.isfinite(positive), positive, 0.0)
    beyond = d - nearest[:, None]
    low, high, spread = np.zeros(count), np.full(count, np.inf), np.ones(count)
    active = np.arange(count)
    for _ in range(HALVINGS):
        s = spread[active]
        gap = np.maximum(beyond[active], 0)
        total = np.exp(-gap / s[:, None]).sum(1)
        going = np.abs(total - target) >= TOLERANCE
        active, s, total = active[going], s[going], total[going]
        if not len(active):
            break
        above = total > target
        high[active[above]] = s[above]
        low[active[~above]] = s[~above]
        top = high[active]
        spread[active] = np.where(np.isinf(top), s * 2, (low[active] + np.where(np.isinf(top), 0, top)) / 2)
    # the published floor: a tenth of a per cent of the mean distance, own distance 0 counted in
    own = d.sum(1) / (k + 1)
    everyone = float(own.mean()) if count else 0.0
    spread = np.maximum(spread, LEAST_SPREAD * np.where(nearest > 0, own, everyone))
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.exp(-np.maximum(beyond, 0) / spread[:, None])
    weights[(beyond <= 0) | (spread[:, None] == 0)] = 1
    return weights.astype(np.float32)


def fuzzy_graph(ids: NDArray[np.integer], distances: NDArray[np.floating]) -> sparse.csr_array:
    """Symmetric (n, n) float32 CSR of the fuzzy union a + b - ab of both directions; no self loops.

    ids, distances: (n, k) from `neighbours.nearest`.
    """
    count, k = ids.shape
    weights = memberships(distances)
    rows = np.repeat(np.arange(count, dtype=np.int32), k)
    there = sparse.coo_array((weights.ravel(), (rows, ids.ravel().astype(np.int32))), shape=(count, count))
    there = sparse.csr_array(there)
    back = sparse.csr_array(there.T)
    graph = sparse.csr_array(there + back - there * back)
    graph.setdiag(0)
    graph.eliminate_zeros()
    graph.sort_indices()
    return sparse.csr_array(graph.astype(np.float32))


def agreeing(graph: sparse.csr_array, predicted: NDArray[np.integer], cross: float) -> sparse.csr_array:
    """The graph with edges between samples of different predicted class multiplied by `cross`.

    It uses what the network predicts, never the labels.
    """
    if cross == 1:
        return graph
    rows = np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr))
    apart = predicted[rows] != predicted[graph.indices]
    data = np.where(apart, graph.data * np.float32(cross), graph.data).astype(np.float32)
    return sparse.csr_array((data, graph.indices, graph.indptr), shape=graph.shape)


def with_boundary(
    graph: sparse.csr_array, data: EpochData, points: NDArray[np.float32], pairs: NDArray[np.integer[Any]]
) -> sparse.csr_array:
    """The graph (n, n) with M boundary samples as further nodes: (n + M, n + M).

    Each is tied to its nearest samples of the one class that it separates, as strongly to its nearest of
    the other, and to a few boundary samples nearest to it: so it stands between the two, and the boundary
    in line. No edge between samples changes. points: (M, D); pairs: (M, 2) classes.
    """
    count, extra = graph.shape[0], len(points)
    size = (count + extra, count + extra)
    there = sparse.csr_array(size, dtype=np.float64)
    predicted = data.predicted
    for c in np.unique(pairs):
        mine = np.flatnonzero((pairs == c).any(1))
        fellows = np.flatnonzero(predicted == c)
        if not len(fellows):
            continue
        k = min(SIDE_NEIGHBORS, len(fellows))
        ids, distances = Search(data.representations[fellows]).of(points[mine], k)
        # each side pulls with half the sum of a sample's own ties
        share = math.log2(NEIGHBORS_K + 1) / 2 / math.log2(k + 1)
        there = there + _edges(mine + count, fellows[ids], memberships(distances) * share, size)
    if extra > 1:
        ids, distances = Search(points).among(min(FELLOW_NEIGHBORS, extra - 1))
        there = there + _edges(np.arange(count, count + extra), ids + count, memberships(distances), size)
    before = sparse.csr_array(graph.copy())
    before.resize(size)
    joined = sparse.csr_array(before + there + there.T)
    joined.sort_indices()
    return sparse.csr_array(joined.astype(np.float32))


def _edges(
    rows: NDArray[Any], ids: NDArray[Any], weights: NDArray[Any], size: tuple[int, int]
) -> sparse.csr_array:
    """Directed edges from each of (m,) rows to its (m, k) ids."""
    return sparse.csr_array((weights.ravel(), (np.repeat(rows, ids.shape[1]), ids.ravel())), shape=size)


def from_neighbors(graph: sparse.csr_array, positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Positions (n, 2) with the unknown ones (NaN) filled in from their graph neighbours, ring by ring."""
    out = np.array(positions, np.float32)
    for _ in range(20):
        unknown = np.flatnonzero(np.isnan(out[:, 0]))
        if not len(unknown):
            return out
        known = np.where(np.isnan(out), 0, out)
        has = (~np.isnan(out[:, 0])).astype(np.float32)
        part = graph[unknown]
        weight = part @ has
        reached = weight > 0
        if not reached.any():
            break
        out[unknown[reached]] = (part @ known)[reached] / weight[reached, None]
    out[np.isnan(out)] = 0
    return out
