"""How losses changed between two epochs, for a selection and for the colour scale (Q4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT_PERCENTILE = 98
"""Of |change|: beyond it the colour scale of a run is saturated."""


@dataclass(frozen=True, slots=True)
class LossChange:
    """Losses of n samples at two epochs, nats.

    change: (n,) NaN where unknown at either. mean_before, mean_after: over samples known at both. rises,
    falls: positions in the selection, largest change first. Figures are NaN when nothing is known.
    """

    change: NDArray[np.float64]
    mean_before: float
    mean_after: float
    mean: float
    median: float
    q1: float
    q3: float
    rises: NDArray[np.int64]
    falls: NDArray[np.int64]


def loss_change(before: NDArray[Any], after: NDArray[Any], *, most: int = 5) -> LossChange:
    """Compare (n,) losses; at most `most` rises and falls are listed, ties by position."""
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    change = after - before
    known = np.flatnonzero(np.isfinite(change))
    values = change[known]
    q1, median, q3 = np.quantile(values, [0.25, 0.5, 0.75]) if len(known) else (np.nan,) * 3
    order = known[np.argsort(values, kind="stable")]
    falls = order[change[order] < 0][:most]
    falling = known[np.argsort(-values, kind="stable")]
    rises = falling[change[falling] > 0][:most]
    return LossChange(
        change=change,
        mean_before=_mean(before[known]),
        mean_after=_mean(after[known]),
        mean=_mean(values),
        median=float(median),
        q1=float(q1),
        q3=float(q3),
        rises=rises,
        falls=falls,
    )


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def symmetric_limit(changes: Iterable[NDArray[Any]]) -> float:
    """The 98th percentile of |change| over all epochs: limits of a diverging colour scale. 0 when none."""
    sizes = [np.abs(part[np.isfinite(part)]) for part in changes]
    sizes = [part for part in sizes if len(part)]
    return float(np.percentile(np.concatenate(sizes), LIMIT_PERCENTILE)) if sizes else 0.0


@dataclass(frozen=True, slots=True)
class Curves:
    """Figures of a selection at every epoch, (E,) each, NaN where nothing is known."""

    mean_loss: NDArray[np.float64]
    q1: NDArray[np.float64]
    q3: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def curves(loss: NDArray[Any], correct: NDArray[np.bool_], known: NDArray[np.bool_]) -> Curves:
    """Mean loss with quartiles, and accuracy, of n samples; each argument (E, n)."""
    count = len(loss)
    out = np.full((4, count), np.nan)
    for at in range(count):
        values = np.asarray(loss[at], np.float64)
        values = values[np.isfinite(values)]
        if len(values):
            out[:3, at] = values.mean(), *np.quantile(values, [0.25, 0.75])
        if known[at].any():
            out[3, at] = correct[at][known[at]].mean()
    return Curves(*out)
