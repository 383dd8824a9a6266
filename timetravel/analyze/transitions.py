"""From which class to which: transitions of the predicted class between two epochs (Q3), kept sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.signedinteger[Any]]


def class_pairs(first: Classes, second: Classes) -> NDArray[np.int64]:
    """(M, 3) of first class, second class, number of samples; the most frequent first, ties by class.

    first, second: (N,). Samples with a class below 0 on either side are left out. Never more rows than
    samples, so that a thousand classes cost nothing.
    """
    both = (first >= 0) & (second >= 0)
    a, b = first[both].astype(np.int64), second[both].astype(np.int64)
    if not len(a):
        return np.empty((0, 3), np.int64)
    width = int(b.max()) + 1
    codes, counts = np.unique(a * width + b, return_counts=True)
    order = np.lexsort((codes, -counts))
    return np.stack([codes // width, codes % width, counts], axis=1)[order]


def transitions(before: Classes, after: Classes, *, only_flips: bool = False) -> NDArray[np.int64]:
    """(M, 3) of class before, class after, number of samples."""
    pairs = class_pairs(before, after)
    return pairs[pairs[:, 0] != pairs[:, 1]] if only_flips else pairs


def matrix_of(pairs: NDArray[np.int64], class_count: int) -> NDArray[np.int64]:
    """(C, C) of pairs as `class_pairs` gives them; rows are the first class."""
    out = np.zeros((class_count, class_count), np.int64)
    out[pairs[:, 0], pairs[:, 1]] = pairs[:, 2]
    return out
