"""Training dynamics of a sample in three numbers: the data map (T4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HARD_BELOW = 0.5
AMBIGUOUS_SHARE = 1 / 3

EASY, AMBIGUOUS, HARD, NO_REGION = 0, 1, 2, -1


@dataclass(frozen=True, slots=True)
class DataMap:
    """Per sample, (N,) each, NaN without a label: mean and population sd of p_true, share of epochs right.

    Source: Swayamdipta et al. 2020, section 2 (there over training epochs, here over recorded ones).
    """

    confidence: NDArray[np.float64]
    variability: NDArray[np.float64]
    correctness: NDArray[np.float64]


def data_map(p_true: Iterable[NDArray[Any]], correct: NDArray[np.bool_], known: NDArray[np.bool_]) -> DataMap:
    """From the epochs that shall count: p_true one (N,) per epoch, correct and known (E, N). Epochs at which a
    sample is unknown do not count for it."""
    count = known.shape[1]
    mean, spread = np.zeros(count), np.zeros(count)
    seen = np.zeros(count, np.int64)
    for row in p_true:
        # Welford's update: one pass, and no (E, N) array in float64.
        value = np.asarray(row, np.float64)
        there = np.isfinite(value)
        seen += there
        step = np.where(there, value - mean, 0.0)
        mean += step / np.maximum(seen, 1)
        spread += step * np.where(there, value - mean, 0.0)
    right, judged = correct.sum(axis=0), known.sum(axis=0)
    return DataMap(
        confidence=np.where(seen > 0, mean, np.nan),
        variability=np.where(seen > 0, np.sqrt(spread / np.maximum(seen, 1)), np.nan),
        correctness=np.where(judged > 0, right / np.maximum(judged, 1), np.nan),
    )


def regions(
    found: DataMap, *, ambiguous_share: float = AMBIGUOUS_SHARE, hard_below: float = HARD_BELOW
) -> NDArray[np.int8]:
    """(N,) EASY, AMBIGUOUS or HARD: the highest third of variability is ambiguous, of the rest those with a
    mean p_true below one half are hard to learn; NO_REGION without a label."""
    out = np.full(len(found.confidence), NO_REGION, np.int8)
    known = np.isfinite(found.confidence)
    if not known.any():
        return out
    line = np.quantile(found.variability[known], 1 - ambiguous_share)
    ambiguous = known & (found.variability > line)
    hard = known & ~ambiguous & (found.confidence < hard_below)
    out[known] = EASY
    out[ambiguous] = AMBIGUOUS
    out[hard] = HARD
    return out
