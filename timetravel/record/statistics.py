"""Figures of every parameter tensor at one epoch (F10): of its values, its gradient and its last update."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.record.weights import Weights
from timetravel.store.facts import ParameterStatistics

HISTOGRAM_BINS = 30


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
    finite = values[np.isfinite(values)]
    names = ("mean", "std", "min", "q1", "median", "q3", "max", "sum", "norm", "zeros")
    if not finite.size:
        return dict.fromkeys(names) | {"count": 0.0}
    wide = finite.astype(np.float64, copy=False)
    q1, median, q3 = np.quantile(finite, (0.25, 0.5, 0.75))
    figures = (
        wide.mean(), wide.std(), wide.min(), q1, median, q3, wide.max(), wide.sum(),
        np.linalg.norm(wide), 1 - np.count_nonzero(finite) / finite.size,
    )  # fmt: skip
    found: dict[str, float | None] = {"count": float(finite.size)}
    return found | dict(zip(names, map(float, figures), strict=True))


def histogram(values: NDArray[Any]) -> tuple[NDArray[np.int64] | None, NDArray[np.float32] | None]:
    """Counts in 30 equal bins from the smallest to the largest finite value, and their 31 edges."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return None, None
    low, high = float(finite.min()), float(finite.max())
    if (
        low == high
        or not np.isfinite(high - low)
        or (high - low) / HISTOGRAM_BINS < np.spacing(max(abs(low), abs(high)))
    ):
        middle, half = low / 2 + high / 2, max(abs(low), abs(high), 1e-30) / 2
        low, high = middle - half, middle + half
    counts, edges = np.histogram(finite, bins=HISTOGRAM_BINS, range=(low, high))
    return counts.astype(np.int64), edges.astype(np.float32)


def update(before: NDArray[Any], now: NDArray[Any]) -> tuple[float | None, float | None]:
    """Norm of the change, and its ratio to the norm before.

    None where it has no value: the ratio of a tensor that was zero, both of one that is not finite.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        old = before.astype(np.float64)
        change, size = float(np.linalg.norm(now - old)), float(np.linalg.norm(old))
    if not np.isfinite([change, size]).all():
        return None, None
    return change, change / size if size > 0 else None
