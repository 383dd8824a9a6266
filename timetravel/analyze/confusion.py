"""Who is taken for whom: the confusion matrix of an epoch (S28, F7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.transitions import class_pairs, matrix_of

DENSE_UP_TO = 100
"""Classes up to which the matrix is made; above, only the pairs that occur."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """pairs: (M, 3) actual, predicted, count. totals: (C,) samples of each actual class. accuracy: NaN when
    nothing is known. matrix: (C, C), rows actual, columns predicted; None above 100 classes."""

    pairs: NDArray[np.int64]
    totals: NDArray[np.int64]
    accuracy: float
    matrix: NDArray[np.int64] | None


def confusion(
    predicted: NDArray[Any], labels: NDArray[Any], class_count: int, rows: NDArray[Any] | None = None
) -> Confusion:
    """Of (N,) predictions and labels; rows: a mask or indices of those that count."""
    if rows is not None:
        predicted, labels = predicted[rows], labels[rows]
    pairs = class_pairs(labels, predicted)
    totals = np.bincount(pairs[:, 0], pairs[:, 2], class_count).astype(np.int64)
    known = int(totals.sum())
    right = int(pairs[pairs[:, 0] == pairs[:, 1], 2].sum())
    return Confusion(
        pairs=pairs,
        totals=totals,
        accuracy=right / known if known else float("nan"),
        matrix=matrix_of(pairs, class_count) if class_count <= DENSE_UP_TO else None,
    )


def clustered_order(matrix: NDArray[Any]) -> list[int]:
    """Classes so that those that are confused with each other stand side by side; (C, C) counts.

    Average linkage on one minus the symmetric share of confusion, with optimal leaf order.
    """
    count = len(matrix)
    if count < 3:
        return list(range(count))
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering

    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    distance = 1 - (shares + shares.T) / 2
    upper = distance[np.triu_indices(count, 1)]
    return [int(one) for one in leaves_list(optimal_leaf_ordering(linkage(upper, "average"), upper))]
