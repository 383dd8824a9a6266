"""Which labels look wrong, from how the training went (A12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.class_measures import area_under_roc, average_ranks
from timetravel.analyze.sample_learning import sample_learning

Scores = NDArray[np.float64]


def label_margin(
    predicted: NDArray[Any],
    labels: NDArray[Any],
    margin: NDArray[Any],
    p_true: NDArray[Any],
    p_predicted: NDArray[Any],
    loss: NDArray[Any] | None = None,
) -> Scores:
    """(N,) logit of the label minus the largest other logit, from figures that every run records.

    Where the prediction is the label this is the margin; else ln p_true - ln p_predicted, since the largest
    other logit is the predicted one. loss (cross-entropy, nats) stands in where p_true is too small for
    float32. NaN without a label or a prediction.
    """
    known = (predicted >= 0) & (labels >= 0)
    right = known & (predicted == labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_true = np.log(np.asarray(p_true, np.float64))
        if loss is not None:
            log_true = np.where(np.isneginf(log_true), -np.asarray(loss, np.float64), log_true)
        wrong = log_true - np.log(np.asarray(p_predicted, np.float64))
    return np.where(right, np.asarray(margin, np.float64), np.where(known, wrong, np.nan))


def label_margin_of_logits(logits: NDArray[Any], labels: NDArray[Any]) -> Scores:
    """(N,) the same from logits (N, C); NaN without a label or with fewer than two classes."""
    z = np.array(logits, np.float64)
    known = (labels >= 0) & (labels < z.shape[1])
    if z.shape[1] < 2:
        return np.full(len(z), np.nan)
    at = np.where(known, labels, 0)
    rows = np.arange(len(z))
    own = z[rows, at]
    z[rows, at] = -np.inf
    return np.where(known, own - z.max(axis=1), np.nan)


def neighbors_disagree(labels: NDArray[Any], neighbors: NDArray[np.int64]) -> Scores:
    """(N,) share of the labelled neighbours that have another label; neighbors (N, k) rows, -1 for none."""
    there = neighbors >= 0
    theirs = np.where(there, labels[np.maximum(neighbors, 0)], -1)
    counted = theirs >= 0
    different = (counted & (theirs != labels[:, None])).sum(axis=1)
    total = counted.sum(axis=1)
    return np.where((total > 0) & (labels >= 0), different / np.maximum(total, 1), np.nan)


def suspicion_scores(
    label_margins: Iterable[NDArray[Any]],
    losses: Iterable[NDArray[Any]],
    predicted: NDArray[Any],
    labels: NDArray[Any],
    neighbors: NDArray[np.int64] | None = None,
) -> dict[str, Scores]:
    """name -> (N,) scores, higher is more suspicious, NaN without a label; each over the epochs given.

    label_margins, losses: one (N,) per epoch. predicted: (E, N). aum is minus the mean label margin (Pleiss et al. 2020),
    learned is the final learned epoch, the number of epochs where never.
    """
    known = (predicted >= 0) & (labels >= 0)
    wrong = known & (predicted != labels)
    learning = sample_learning(predicted, labels)
    judged = learning.is_judged
    scores = {
        "aum": -finite_means(label_margins),
        "mean_loss": finite_means(losses),
        "share_wrong": np.where(judged, wrong.sum(axis=0) / np.maximum(known.sum(axis=0), 1), np.nan),
        "learned": np.where(judged, np.where(learning.final < 0, len(predicted), learning.final), np.nan),
        "forgets": np.where(judged, learning.forgets, np.nan).astype(np.float64),
    }
    if neighbors is not None:
        scores["neighbors_disagree"] = neighbors_disagree(labels, neighbors)
    return {name: np.where(labels >= 0, values, np.nan) for name, values in scores.items()}


def finite_means(rows: Iterable[NDArray[Any]]) -> Scores:
    """(N,) mean over the epochs at which a value is finite, NaN where at none; rows: one (N,) per epoch."""
    total: Any = 0.0
    count: Any = 0
    for row in rows:
        finite = np.isfinite(row)
        total = total + np.where(finite, row, 0.0)
        count = count + finite
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan), np.float64)


def combined(scores: Mapping[str, NDArray[Any]]) -> Scores:
    """(N,) mean of the ranks of the scores, scaled to 0 (least) .. 1 (most suspicious); NaN where any is.

    Forgetting is left out: a sample that the network never learns is never forgotten, so its count marks
    hard samples rather than wrong labels and would push these to the top of the list.
    """
    judged = [values for name, values in scores.items() if name != "forgets"]
    rows = np.stack([np.asarray(values, np.float64) for values in judged])
    known = np.isfinite(rows).all(axis=0)
    out = np.full(rows.shape[1], np.nan)
    count = int(known.sum())
    if count:
        ranks = np.stack([average_ranks(row[known]) for row in rows]).mean(axis=0)
        out[known] = (ranks - 1) / max(count - 1, 1)
    return out


@dataclass(frozen=True, slots=True)
class NoiseFound:
    """How well a score finds known noise: AUROC, and the share of noisy samples among as many of the most
    suspicious ones as there are noisy samples."""

    auroc: float
    precision: float


def noise_found(scores: NDArray[Any], noisy: NDArray[np.bool_]) -> NoiseFound:
    """Judge a score (N,) by the known noise (N,); NaN figures when there is none, or nothing else."""
    known = np.flatnonzero(np.isfinite(scores))
    count = int(noisy[known].sum())
    if not count or count == len(known):
        return NoiseFound(float("nan"), float("nan"))
    worst = known[np.argsort(-scores[known], kind="stable")][:count]
    return NoiseFound(area_under_roc(scores, noisy), float(noisy[worst].mean()))


@dataclass(frozen=True, slots=True)
class NoiseFit:
    """Accuracy over epochs, (E,) each: clean samples, noisy ones against the given and against the true label.
    crossing: the first position from which the given labels of noisy samples are predicted more often than
    their true ones to the end, None when the noise is never fitted."""

    clean: NDArray[np.float64]
    noisy_given: NDArray[np.float64]
    noisy_true: NDArray[np.float64]
    crossing: int | None


def noise_fit(predicted: NDArray[Any], labels: NDArray[Any], true_labels: NDArray[Any]) -> NoiseFit:
    """When a model starts to fit wrong labels; predicted (E, N)."""
    noisy = (labels != true_labels) & (labels >= 0) & (true_labels >= 0)
    clean = (labels == true_labels) & (labels >= 0)
    series = [
        np.array([_share_equal(row, target, mask) for row in predicted], np.float64)
        for target, mask in ((labels, clean), (labels, noisy), (true_labels, noisy))
    ]
    behind = np.flatnonzero(~(series[1] > series[2]))
    start = int(behind[-1]) + 1 if len(behind) else 0
    return NoiseFit(series[0], series[1], series[2], start if start < len(predicted) else None)


def _share_equal(predicted: NDArray[Any], target: NDArray[Any], mask: NDArray[np.bool_]) -> float:
    counted = mask & (predicted >= 0)
    return float((predicted[counted] == target[counted]).mean()) if counted.any() else float("nan")
