"""Sums over ranks, compiled: the inner loops of trustworthiness and of rank correlations."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def rank_penalty(distances: NDArray[np.float64], near: NDArray[np.int64], k: int) -> int:
    """Sum over rows of max(rank - k, 0) of the entries near (m, k) among distances (m, n).

    The rank of an entry counts how many of its row are smaller; of equal ones the lower column comes first.
    """
    total = 0
    for i in range(near.shape[0]):
        row = distances[i]
        for j in near[i]:
            limit = row[j]
            rank = 0
            for m in range(j):
                rank += row[m] <= limit
            for m in range(j + 1, row.shape[0]):
                rank += row[m] < limit
            total += max(rank - k, 0)
    return total


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _centred_ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Ranks (m,) less their mean; equal values share their mean rank."""
    order = np.argsort(values)
    out = np.empty(len(values))
    start = 0
    while start < len(values):
        stop = start + 1
        while stop < len(values) and values[order[stop]] == values[order[start]]:
            stop += 1
        for i in range(start, stop):
            out[order[i]] = (start + stop - 1) / 2
        start = stop
    return out - (len(values) - 1) / 2


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def rank_correlations(first: NDArray[Any], second: NDArray[Any], least: int) -> NDArray[np.float64]:
    """Spearman's correlation of each column of two (m, c) arrays, rows with a NaN left out: (c,).

    NaN where fewer than `least` rows are left or a series is constant.
    """
    scores = np.full(first.shape[1], np.nan)
    for column in range(first.shape[1]):
        seen = ~(np.isnan(first[:, column]) | np.isnan(second[:, column]))
        if seen.sum() < least:
            continue
        a, b = _centred_ranks(first[seen, column]), _centred_ranks(second[seen, column])
        spread = np.sqrt((a * a).sum() * (b * b).sum())
        if spread > 0:
            scores[column] = (a * b).sum() / spread
    return scores
