"""How far two spaces agree on who lies near whom.

One idea: neighbours by exact search in both spaces, what of them is common, and the rank penalty of what
is not. n samples, k neighbours, D width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.store.facts import NEIGHBORS_K

SUBSAMPLE = 3000
"""Rank penalties are quadratic in memory and time; above this many samples a fixed draw of them is judged."""

TREE_SAMPLES = 20_000
"""Above, neighbours on the map are looked up in a tree; 60,000 samples take 11 s otherwise."""

RANK_BLOCK = 500
"""Rows whose distances to all others are held at once: 12 MB at SUBSAMPLE."""

COMFORTABLE = (1e-12, 1e15)
"""Magnitudes between which squared float32 distances neither overflow nor vanish."""


def neighbor_count(sample_count: int) -> int:
    """k of every neighbour figure: 15, less when there are few samples, at least 1."""
    return max(1, min(NEIGHBORS_K, (sample_count - 1) // 2))


def subsample(sample_count: int) -> NDArray[np.int64]:
    """Rising positions of the samples on which rank penalties are computed; the same draw every time."""
    if sample_count <= SUBSAMPLE:
        return np.arange(sample_count)
    return np.sort(np.random.default_rng(0).permutation(sample_count)[:SUBSAMPLE])


def comfortable_scale(x: NDArray[np.floating]) -> np.float32:
    """A power of two that brings x to ordinary size, 1 where it has one.

    Multiplying by it is exact, so neighbours are those of the unscaled data, without overflow at 1e30.
    """
    size = float(np.abs(x).max(initial=0))
    low, high = COMFORTABLE
    if size == 0 or not np.isfinite(size) or low < size < high:
        return np.float32(1)
    return np.float32(np.exp2(np.clip(-np.floor(np.log2(size)), -126, 126)))


def nearest(reference: NDArray[Any], query: NDArray[Any], k: int, *, same: bool = False) -> NDArray[np.int64]:
    """(m, k) rows of `reference` (n, D) nearest to each row of `query` (m, D), nearest first.

    same: the query is the reference, and a row is not its own neighbour. Exact; quadratic in n.
    """
    import faiss

    single = np.ascontiguousarray(reference, np.float32)
    mean, scale = _centre(single)
    index = faiss.IndexFlatL2(single.shape[1])
    index.add((single - mean) * scale)
    _, ids = index.search((np.ascontiguousarray(query, np.float32) - mean) * scale, k + (1 if same else 0))
    return without_self(ids) if same else np.asarray(ids)


def nearest_on_map(positions: NDArray[Any], k: int) -> NDArray[np.int64]:
    """(n, k) nearest samples of each sample on a map (n, 2).

    Above TREE_SAMPLES by a tree in float64, in n log n: near ties may then be decided otherwise.
    """
    if len(positions) <= TREE_SAMPLES:
        return nearest(positions, positions, k, same=True)
    from scipy.spatial import cKDTree

    _, ids = cKDTree(np.asarray(positions, np.float64)).query(positions, k + 1)
    return without_self(ids)


def without_self(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Drops from each of n rows (n, k + 1) the row's own number, or the last entry where it is missing."""
    own = ids == np.arange(len(ids))[:, None]
    own[~own.any(1), -1] = True  # duplicates can push the row itself out
    return np.asarray(ids[~own].reshape(len(ids), -1))


def common(first: NDArray[np.integer], second: NDArray[np.integer]) -> NDArray[np.int64]:
    """(n,) how many entries of each row of `first` occur in that row of `second`; distinct within a row."""
    both = np.sort(np.concatenate([first, second], 1), 1)
    return np.asarray((both[:, 1:] == both[:, :-1]).sum(1))


def trustworthiness(high: NDArray[Any], low: NDArray[Any], k: int) -> float | None:
    """1 minus the rank penalty of neighbours in `low` that are none in `high`; swapped: continuity.

    high: (n, D), low: (n, d), any float. None with fewer than four samples or k of half of them.
    Source: Venna and Kaski 2001; ranks over all samples, as in sklearn.manifold.trustworthiness.
    """
    n = len(high)
    if n < 4 or k >= n / 2:
        return None
    from timetravel.project.ranks import rank_penalty

    mean, scale = _centre(high)
    h = (high.astype(np.float64) - mean) * np.float64(scale)
    squares = (h * h).sum(1)
    near = nearest(low, low, k, same=True)
    penalty = 0
    for start in range(0, n, RANK_BLOCK):
        rows = slice(start, min(n, start + RANK_BLOCK))
        distances = squares[rows, None] + squares[None] - 2 * h[rows] @ h.T
        distances[np.arange(len(distances)), np.arange(rows.start, rows.stop)] = -np.inf
        penalty += rank_penalty(distances, near[rows], k)
    return float(1 - penalty * 2 / (n * k * (2 * n - 3 * k - 1)))


def zero_distance_share(x: NDArray[np.float32], ids: NDArray[np.int64]) -> float:
    """Share of the neighbours ids (n, k) that lie exactly on their sample: how far the lists are arbitrary."""
    # One column at a time: (n, k, D) at once would be k times the representations.
    hits = sum(int((x == x[column]).all(1).sum()) for column in ids.T)
    return hits / max(ids.size, 1)


def _centre(x: NDArray[Any]) -> tuple[NDArray[Any], np.float32]:
    """Mean (D,) in the precision of x and scale, which together keep squared distances exact enough."""
    with np.errstate(over="ignore"):
        mean = x.mean(0)
    if not np.isfinite(mean).all():  # the sum overflows float32, the mean does not
        mean = x.mean(0, dtype=np.float64).astype(x.dtype)
    return mean, comfortable_scale(x - mean)
