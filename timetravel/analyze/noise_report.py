"""Suspicious labels of a run, judged by known noise where it was recorded (A12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.columns import label_margin_at, suspicion_of
from timetravel.analyze.history import history
from timetravel.analyze.label_noise import (
    NoiseFit,
    NoiseFound,
    combined,
    neighbors_disagree,
    noise_fit,
    noise_found,
)
from timetravel.store.run import StoredRun


@dataclass(frozen=True, slots=True)
class NoiseReport:
    """scores: name -> (N,) suspicion, with "combined", NaN without a label. order: rows, the most suspicious
    first, ties by id. found: how well each score finds the known noise, empty when none was recorded.
    fit: accuracy on clean and noisy samples over epochs, None without known noise."""

    scores: dict[str, NDArray[np.float64]]
    order: NDArray[np.int64]
    found: dict[str, NoiseFound]
    fit: NoiseFit | None


def noise_report(run: StoredRun, *, with_neighbors: bool = False) -> NoiseReport:
    """Scores of all labels over all epochs. with_neighbors: also the share of nearest samples at the last epoch
    that have another label, which searches all neighbours."""
    past = history(run)
    scores = {name: values for name, values in suspicion_of(past).items() if name != "combined"}
    if with_neighbors and past.epochs:
        scores["neighbors_disagree"] = neighbors_disagree(past.labels, run.all_neighbors(past.epochs[-1])[0])
    total = combined(scores)
    known = np.flatnonzero(np.isfinite(total))
    order = known[np.lexsort((run.samples.ids[known], -total[known]))]
    every = {**scores, "combined": total}
    noisy = _noisy(run)
    found = {} if noisy is None else {name: noise_found(values, noisy) for name, values in every.items()}
    true = run.samples.true_labels
    fit = None if true is None else noise_fit(past.predicted, past.labels, true)
    return NoiseReport(every, order, found, fit)


def _noisy(run: StoredRun) -> NDArray[np.bool_] | None:
    true = run.samples.true_labels
    if true is None:
        return None
    return np.asarray((true >= 0) & (run.samples.labels >= 0) & (true != run.samples.labels), np.bool_)


def noise_found_over_time(run: StoredRun) -> dict[str, list[NoiseFound]]:
    """For each score how well it finds the known noise from the epochs up to each one; empty without noise.

    One pass over the run; a sort of N for each epoch and score.
    """
    noisy = _noisy(run)
    if noisy is None:
        return {}
    past = history(run)
    labels = past.labels
    names = ("aum", "mean_loss", "share_wrong", "forgets")
    sums: dict[str, Any] = {name: np.zeros(len(labels)) for name in names}
    counts: dict[str, Any] = {name: np.zeros(len(labels)) for name in names}
    was_right = np.zeros(len(labels), np.bool_)
    out: dict[str, list[NoiseFound]] = {name: [] for name in names}
    for at, now in enumerate(past.each()):
        known, right = past.known[at], past.correct[at]
        values = {
            "aum": -label_margin_at(now, labels),
            "mean_loss": now.loss.astype(np.float64),
            "share_wrong": np.where(known, ~right, np.nan),
            "forgets": np.where(known, was_right & ~right, np.nan),
        }
        was_right = right
        for name, value in values.items():
            finite = np.isfinite(value) & (labels >= 0)
            sums[name] += np.where(finite, value, 0.0)
            counts[name] += finite
            divisor = np.maximum(counts[name], 1) if name != "forgets" else 1.0
            score = np.where(counts[name] > 0, sums[name] / divisor, np.nan)
            out[name].append(noise_found(score, noisy))
    return out
