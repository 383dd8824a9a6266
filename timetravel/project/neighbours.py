"""The nearest samples of every sample, by FAISS."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.store.facts import NEIGHBORS_K

EXACT_LIMIT = 15_000
"""Above, exact search (quadratic) costs more than the layout; measured on 128-wide representations."""

PROBED_LISTS = 16
"""Of 4 sqrt(N) inverted lists: recall .99; 8 lists give .95 to .97, which the map's figures show."""

CLUSTERING_ROUNDS = 5
"""Of k-means for the lists: ten, as FAISS would, give the same recall for twice the time."""

SPARE = 4
"""More candidates than wanted, so that float32 rounding inside FAISS cannot decide who is in."""


def neighbor_count(sample_count: int) -> int:
    """How many neighbours a sample gets: 15, fewer in very small runs."""
    return max(1, min(NEIGHBORS_K, sample_count - 1))


def comfortable(x: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], float]:
    """The centre (D,) and the power of two that bring representations to a size safe in float32.

    A power of two changes no digit, so neighbours and maps are those of the data as they came.
    """
    centre = np.zeros(x.shape[1]) if len(x) == 0 else x.mean(0, dtype=np.float64)
    largest = max((float(np.abs(part - centre).max(initial=0)) for part in _blocks(x)), default=0.0)
    scale = 2.0 ** -math.frexp(largest)[1] if largest > 0 else 1.0
    return centre, scale


def scaled(x: NDArray[np.floating[Any]], centre: NDArray[np.float64], scale: float) -> NDArray[np.float32]:
    """(n, D) float32, centred and of a size near 1, computed in blocks."""
    out = np.empty(x.shape, np.float32)
    for start in range(0, len(x), 4096):
        out[start : start + 4096] = (x[start : start + 4096] - centre) * scale
    return out


class Search:
    """Nearest rows of one set of representations, ready to be asked more than once.

    x: (n, D), any finite size. Exact up to 15,000 rows; above, inverted lists whose candidates are
    ranked exactly. Ties go to the lower row. Raises BadInput for NaN or infinity, which FAISS would
    answer with nonsense.
    """

    def __init__(self, x: NDArray[np.floating[Any]], *, seed: int = 0) -> None:
        self._frame = comfortable(_finite(x))
        self._rows = scaled(x, *self._frame)
        self._index = _index(self._rows, seed)

    def __len__(self) -> int:
        return len(self._rows)

    def among(self, k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The k nearest rows of each row, nearest first, without itself: ids and distances, both (n, k).

        Raises ValueError for k outside 1..n-1.
        """
        if not 1 <= k < len(self):
            raise ValueError(f"k = {k} neighbours of {len(self)} samples: k must lie in 1..{len(self) - 1}")
        wanted = min(k + SPARE, len(self) - 1)
        found = _without_self(self._index.search(self._rows, wanted + 1)[1], wanted)
        return self._ranked(self._rows, found, k)

    def of(self, query: NDArray[np.floating[Any]], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The k nearest rows of each of (m, D) others: ids and distances, both (m, k).

        Raises ValueError for k outside 1..n.
        """
        if not 1 <= k <= len(self):
            raise ValueError(f"k = {k} neighbours among {len(self)} samples: k must lie in 1..{len(self)}")
        asked = scaled(_finite(query), *self._frame)
        found = self._index.search(asked, min(k + SPARE, len(self)))[1]
        return self._ranked(asked, found, k)

    def _ranked(
        self, query: NDArray[np.float32], found: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        ids, distances = _ranked(self._rows, query, found, k)
        return ids, (distances / self._frame[1]).astype(np.float32)


def nearest(
    x: NDArray[np.floating[Any]], k: int, *, seed: int = 0
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The k nearest rows of each row of (n, D), without itself: see `Search.among`."""
    return Search(x, seed=seed).among(k)


def _finite(x: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    bad = np.flatnonzero(~np.isfinite(np.einsum("ij->i", x, dtype=np.float64)))
    if len(bad):
        raise BadInput(
            f"found NaN or infinity in {len(bad)} of {len(x)} rows (first {bad[0]}), expected finite numbers"
        )
    return x


def _blocks(x: NDArray[Any]) -> list[NDArray[Any]]:
    return [x[i : i + 4096] for i in range(0, len(x), 4096)]


def _index(rows: NDArray[np.float32], seed: int) -> Any:
    import faiss

    if len(rows) <= EXACT_LIMIT:
        index: Any = faiss.IndexFlatL2(rows.shape[1])
    else:
        lists = int(4 * math.sqrt(len(rows)))
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(rows.shape[1]), rows.shape[1], lists)
        index.cp.seed, index.cp.niter, index.nprobe = 1234 + seed, CLUSTERING_ROUNDS, PROBED_LISTS
        # At 15,000 rows there are 31 for each list, which serves; FAISS would warn on the terminal below 39.
        index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, 40
        index.train(rows)
    index.add(rows)
    return index


def _without_self(ids: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Drops each row's own number; the last candidate where duplicates pushed it out."""
    own = ids == np.arange(len(ids))[:, None]
    own[~own.any(1), -1] = True
    others: NDArray[np.int64] = ids[~own].reshape(len(ids), k)
    return others


def _ranked(
    base: NDArray[np.float32], query: NDArray[np.float32], ids: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The k best candidates by distances computed anew, so that threads and BLAS decide nothing."""
    out_ids = np.empty((len(query), k), np.int32)
    out = np.empty((len(query), k), np.float32)
    block = max(1, 2_000_000 // max(1, ids.shape[1] * base.shape[1]))
    for start in range(0, len(query), block):
        rows = np.sort(ids[start : start + block], 1)  # by id, so that a stable sort breaks ties by id
        apart = base[rows] - query[start : start + block, None]
        square = np.einsum("ijk,ijk->ij", apart, apart)
        square[rows < 0] = np.inf
        order = np.argsort(square, 1, kind="stable")[:, :k]
        out_ids[start : start + block] = np.take_along_axis(rows, order, 1)
        out[start : start + block] = np.sqrt(np.take_along_axis(square, order, 1))
    return _filled(out_ids, out)


def _filled(
    ids: NDArray[np.int32], distances: NDArray[np.float32]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Repeats the last found neighbour where the probed lists held fewer than k."""
    short = np.flatnonzero((ids < 0).any(1))
    for row in short:
        good = int((ids[row] >= 0).sum())
        last = max(good - 1, 0)
        if good == 0:
            ids[row], distances[row] = (row + 1) % len(ids), 0
        else:
            ids[row, good:], distances[row, good:] = ids[row, last], distances[row, last]
    return ids, distances
