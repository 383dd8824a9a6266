"""Which histories are common: samples grouped by when they were right (T10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Pattern:
    """correct: (E,) right at each epoch. count: samples with exactly this history. rows: those samples."""

    correct: NDArray[np.bool_]
    count: int
    rows: NDArray[np.int64]

    @property
    def text(self) -> str:
        """Like "0 0 1 1"."""
        return " ".join("1" if one else "0" for one in self.correct)


def common_patterns(correct: NDArray[np.bool_], known: NDArray[np.bool_], *, most: int = 10) -> list[Pattern]:
    """The most frequent histories of correctness (E, N), of samples known at every epoch; ties by pattern."""
    rows = np.flatnonzero(known.all(axis=0))
    if not len(rows) or not len(correct):
        return []
    packed = np.packbits(correct[:, rows], axis=0).T
    _, first, group, counts = np.unique(
        packed, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    group = group.reshape(-1)
    order = np.argsort(-counts, kind="stable")[:most]
    return [Pattern(correct[:, rows[first[one]]], int(counts[one]), rows[group == one]) for one in order]
