"""Epochs at which many samples of one class turn at once, before or after a stable stretch (D8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 5
THRESHOLD = 0.2
LEAST_COUNT = 3


@dataclass(frozen=True, slots=True)
class AnomalyScores:
    """left, right: (E, C) samples of each class that turn at an epoch after, or before, a stable stretch.
    size: (C,) samples of each class. Source: Liu et al. 2018 (DeepTracker); both rules mark the epoch of
    the change itself."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    size: NDArray[np.int64]

    def relative(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both scores over the class size; 0 for a class without samples."""
        size = np.maximum(self.size, 1)
        return self.left / size, self.right / size

    def anomalies(
        self, *, threshold: float = THRESHOLD, least: int = LEAST_COUNT
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(E, C) masks of the anomaly epochs by the left and by the right rule."""
        left, right = self.relative()
        # Shares such as 2 of 5 must reach .4 whatever their last bit says.
        line = threshold - 1e-12
        return (left >= line) & (self.left >= least), (right >= line) & (self.right >= least)


def anomaly_scores(
    states: NDArray[Any], groups: NDArray[Any], group_count: int, *, window: int = WINDOW
) -> AnomalyScores:
    """Scores from what each sample was at each epoch.

    states: (E, N) correctness (0, 1) or predicted class; below 0 is unknown and never stable. groups: (N,)
    class of each sample, below 0 for none. Raises ValueError when the window is not within 1..E-1.
    """
    count = len(states)
    if not 1 <= window <= max(count - 1, 0):
        raise ValueError(f"the window is {window}; expected 1 to {count - 1} for {count} epochs")
    grouped = groups >= 0
    own = groups[grouped]
    left, right = np.zeros((2, count, group_count), np.int64)
    before = _run_lengths(states[:, grouped])
    after = _run_lengths(states[::-1, grouped])[::-1]
    for at in range(1, count):
        now, then = states[at, grouped], states[at - 1, grouped]
        turned = (now != then) & (now >= 0) & (then >= 0)
        left[at] = np.bincount(own[turned & (before[at - 1] >= window)], minlength=group_count)
        right[at] = np.bincount(own[turned & (after[at] >= window)], minlength=group_count)
    return AnomalyScores(left, right, np.bincount(own, minlength=group_count))


def _run_lengths(states: NDArray[Any]) -> NDArray[np.int16]:
    """(E, n) how many epochs up to and with this one a sample has been what it is; 0 where unknown."""
    out = np.zeros(states.shape, np.int16)
    for at in range(len(states)):
        known = states[at] >= 0
        if at == 0:
            out[at] = known
        else:
            out[at] = np.where(known, np.where(states[at] == states[at - 1], out[at - 1], 0) + 1, 0)
    return out
