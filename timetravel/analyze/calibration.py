"""Whether a confidence means what it says (X12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10


@dataclass(frozen=True, slots=True)
class Calibration:
    """error: expected calibration error, NaN when nothing is known. count, confidence, accuracy: (bins,),
    the last two NaN for an empty bin."""

    error: float
    count: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def calibration(confidence: NDArray[Any], correct: NDArray[np.bool_], *, bins: int = BINS) -> Calibration:
    """Reliability of n confidences (largest probability) in equal bins, each open below and closed above.

    Source: Guo et al. 2017, equation 3.
    """
    value = np.asarray(confidence, np.float64)
    finite = np.isfinite(value)
    value, right = value[finite], np.asarray(correct)[finite]
    # Float32 steps just above an edge belong to the bin below it: .8f is meant as .8.
    at = np.clip(np.ceil(np.round(value * bins, 5)).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(at, minlength=bins)
    sums = np.bincount(at, value, bins), np.bincount(at, right, bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, share = (total / count for total in sums)
    total = count.sum()
    error = float(np.abs(sums[0] - sums[1]).sum() / total) if total else float("nan")
    return Calibration(error, count, mean, share)
