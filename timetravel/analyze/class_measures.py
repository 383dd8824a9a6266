"""How well each class is told from the others: recall, precision, f1, auc, and one class against one (Q1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.signedinteger[Any]]
Measure = Literal["f1", "recall", "precision", "auc"]


@dataclass(frozen=True, slots=True)
class ClassMeasures:
    """Per class, (C,) each. A figure is NaN where it is undefined: all of them for a class without samples,
    precision for a class that is never predicted (its f1 is 0)."""

    size: NDArray[np.int64]
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    f1: NDArray[np.float64]


def class_measures(predicted: Classes, labels: Classes, class_count: int) -> ClassMeasures:
    """Measures of one epoch; predicted, labels: (N,). Samples without label or prediction do not count."""
    known = (predicted >= 0) & (labels >= 0)
    said, own = predicted[known].astype(np.int64), labels[known].astype(np.int64)
    size = np.bincount(own, minlength=class_count)
    claimed = np.bincount(said, minlength=class_count)
    hits = np.bincount(own[said == own], minlength=class_count)
    exists = size > 0
    return ClassMeasures(
        size=size,
        recall=_share(hits, size, exists),
        precision=_share(hits, claimed, exists & (claimed > 0)),
        f1=_share(2 * hits, size + claimed, exists),
    )


def _share(part: NDArray[Any], whole: NDArray[Any], is_defined: NDArray[np.bool_]) -> NDArray[np.float64]:
    out = np.full(len(part), np.nan)
    np.divide(part, whole, out=out, where=is_defined)
    return out


def measures_over_time(
    predicted: Classes, labels: Classes, class_count: int, measure: Measure = "f1"
) -> NDArray[np.float64]:
    """(E, C) of f1, recall or precision; predicted (E, N). For auc use `auc_one_vs_rest` epoch by epoch."""
    if measure not in ("f1", "recall", "precision"):
        raise ValueError(f"measure is {measure!r}; expected f1, recall or precision")
    rows = [getattr(class_measures(row, labels, class_count), measure) for row in predicted]
    return np.stack(rows) if rows else np.empty((0, class_count))


def auc_one_vs_rest(
    scores: NDArray[np.floating], labels: Classes, classes: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """Area under the ROC curve of each class against all others.

    scores: (N, C) probabilities (logits do not order samples alike). labels: (N,). classes: those wanted,
    all by default; costs a sort of N for each. NaN for a class without samples or with no other samples.
    Source: Mann-Whitney, ties count one half.
    """
    wanted = range(scores.shape[1]) if classes is None else classes
    usable = (labels >= 0) & np.isfinite(scores).all(axis=1)
    own = labels[usable]
    return np.array([area_under_roc(scores[usable, one], own == one) for one in wanted], np.float64)


def area_under_roc(scores: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """Share of (positive, negative) pairs that the score puts in the right order; ties count one half.

    NaN scores are left out; NaN when either group is empty.
    """
    values = np.asarray(scores, np.float64)
    finite = ~np.isnan(values)
    values, positive = values[finite], positive[finite]
    wins, losses = int(positive.sum()), int((~positive).sum())
    if not wins or not losses:
        return float("nan")
    ranks = average_ranks(values)
    return float((ranks[positive].sum() - wins * (wins + 1) / 2) / (wins * losses))


def average_ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) rank from 1 in rising order, equal values share the mean of their ranks."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[group]


def pair_accuracy(scores: NDArray[np.floating], labels: Classes, first: int, second: int) -> float:
    """Share of the samples labelled `first` or `second` that the scores of these two classes tell apart.

    scores: (N, C) logits or probabilities. A tie counts for `second`. NaN when neither class has samples.
    """
    own = ((labels == first) | (labels == second)) & np.isfinite(scores[:, [first, second]]).all(axis=1)
    if not own.any():
        return float("nan")
    says_first = scores[own, first] > scores[own, second]
    return float((says_first == (labels[own] == first)).mean())
