"""Figures of every parameter tensor at one epoch (F10): of its values, its gradient and its last update."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.record.weights import Weights
from timetravel.store.facts import ParameterStatistics

HISTOGRAM_BINS = 30

_FIGURES = ("mean", "std", "min", "q1", "median", "q3", "max", "sum", "norm", "zeros")
_BLOCK = 1 << 22
"""Numbers handled at a time, so that the float64 copies of a huge layer stay small."""


def statistics(now: Weights, before: Weights | None) -> list[ParameterStatistics]:
    """One row a parameter tensor. Updates are measured over the interval since the recording `before`.

    Figures of the gradient are missing where there is none (after `zero_grad`), those of the update at the
    first recording and where a tensor changed its shape.
    """
    return [
        _row(name, values, now.gradients.get(name), None if before is None else before.parameters.get(name))
        for name, values in now.parameters.items()
    ]


def _row(
    name: str, values: NDArray[Any], gradient: NDArray[Any] | None, before: NDArray[Any] | None
) -> ParameterStatistics:
    layer, _, parameter = name.rpartition(".")
    figures = {f"weight_{key}": value for key, value in summary(values).items()}
    if gradient is not None:
        figures |= {f"gradient_{key}": value for key, value in summary(gradient).items()}
    figures["nonfinite_count"] = float(
        values.size
        - np.isfinite(values).sum()
        + (0 if gradient is None else gradient.size - np.isfinite(gradient).sum())
    )
    if before is not None and before.shape == values.shape:
        figures["update_norm"], figures["update_ratio"] = update(before, values)
    weight_counts, weight_edges = histogram(values)
    gradient_counts, gradient_edges = (None, None) if gradient is None else histogram(gradient)
    return ParameterStatistics(
        layer=layer,
        parameter=parameter,
        figures=figures,
        weight_histogram=weight_counts,
        weight_edges=weight_edges,
        gradient_histogram=gradient_counts,
        gradient_edges=gradient_edges,
    )


def summary(values: NDArray[Any]) -> dict[str, float | None]:
    """count, mean, std (of the population), min, q1, median, q3, max, sum, norm and share of zeros.

    Of the finite values alone; None where there is none. Sums run in float64, so that the figures of a
    group of layers can be pooled from counts, means and standard deviations.
    """
    finite = _finite(values)
    if not finite.size:
        return dict.fromkeys(_FIGURES) | {"count": 0.0}
    total = float(finite.sum(dtype=np.float64))
    mean = total / finite.size
    squares = deviations = 0.0
    with np.errstate(over="ignore"):
        for start in range(0, finite.size, _BLOCK):
            part = finite[start : start + _BLOCK].astype(np.float64)
            squares += float(part @ part)
            part -= mean
            deviations += float(part @ part)
    q1, median, q3 = np.quantile(finite, (0.25, 0.5, 0.75))
    zeros = 1 - np.count_nonzero(finite) / finite.size
    spread = np.sqrt(deviations / finite.size)
    figures = (mean, spread, finite.min(), q1, median, q3, finite.max(), total, np.sqrt(squares), zeros)
    found: dict[str, float | None] = {"count": float(finite.size)}
    return found | dict(zip(_FIGURES, map(float, figures), strict=True))


def histogram(values: NDArray[Any]) -> tuple[NDArray[np.int64] | None, NDArray[np.float32] | None]:
    """Counts in 30 equal bins from the smallest to the largest finite value, and their 31 edges."""
    finite = _finite(values)
    if not finite.size:
        return None, None
    low, high = float(finite.min()), float(finite.max())
    largest = max(abs(low), abs(high))
    if (high - low) / HISTOGRAM_BINS < np.spacing(np.asarray(largest, finite.dtype)):
        # One value, or so few that bins between them would be no numbers of this type.
        middle, half = low / 2 + high / 2, max(largest, 1e-30) / 2
        low, high = middle - half, middle + half
    counts = np.zeros(HISTOGRAM_BINS, np.int64)
    for start in range(0, finite.size, _BLOCK):
        part = finite[start : start + _BLOCK].astype(np.float64)
        counts += np.histogram(part, bins=HISTOGRAM_BINS, range=(low, high))[0]
    return counts, np.linspace(low, high, HISTOGRAM_BINS + 1).astype(np.float32)


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    """(n,) finite values; half precision widened, because differences of its numbers leave its range."""
    flat = values.reshape(-1)
    is_finite = np.isfinite(flat)
    kept = flat if is_finite.all() else flat[is_finite]
    return kept.astype(np.float32) if kept.dtype == np.float16 else kept


def update(before: NDArray[Any], now: NDArray[Any]) -> tuple[float | None, float | None]:
    """Norm of the change, and its ratio to the norm before.

    None where it has no value: the ratio of a tensor that was zero, both of one that is not finite.
    """
    old, new = before.reshape(-1), now.reshape(-1)
    moved = squares = 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, old.size, _BLOCK):
            part = old[start : start + _BLOCK].astype(np.float64)
            squares += float(part @ part)
            part -= new[start : start + _BLOCK]
            moved += float(part @ part)
    change, size = math.sqrt(moved), math.sqrt(squares)
    if not (math.isfinite(change) and math.isfinite(size)):
        return None, None
    return change, change / size if size > 0 else None
