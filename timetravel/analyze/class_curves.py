"""How classes are told apart over the epochs of a run (Q1, Q2): curves, learned epochs, pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.class_measures import Measure, auc_one_vs_rest, measures_over_time, pair_accuracy
from timetravel.analyze.history import history
from timetravel.analyze.learned_epochs import HOLD, THRESHOLD, Learned, learned_positions
from timetravel.analyze.learning_order import learning_order
from timetravel.analyze.response import softmax
from timetravel.store.run import StoredRun

TIE_DIGITS = 6
"""Probabilities that agree to so many decimals tie: logits are recorded as float32."""


@dataclass(frozen=True, slots=True)
class ClassCurves:
    """values: (E, C) of the measure, NaN where undefined. learned: one answer per class. order: classes as
    they are learned, first to last."""

    measure: Measure
    values: NDArray[np.float64]
    learned: list[Learned]
    order: list[int]

    def learned_epochs(self, epochs: Sequence[int]) -> list[int | None]:
        """The epoch at which each class is learned, None for "not learned"."""
        return [None if one.position is None else epochs[one.position] for one in self.learned]


def class_curves(
    run: StoredRun,
    *,
    measure: Measure = "f1",
    threshold: float = THRESHOLD,
    hold: int | Literal["final"] = HOLD,
    split: str | None = None,
) -> ClassCurves:
    """The measure of every class at every epoch, and when each is learned; of one split, or of all samples.

    auc reads the logits of every epoch and sorts them once a class: dear for many classes.
    """
    past = history(run)
    rows = np.ones(len(run.samples), np.bool_) if split is None else run.samples.split == split
    if measure == "auc":
        values = np.full((len(past.epochs), past.class_count), np.nan)
        for at, epoch in enumerate(past.epochs):
            logits = run.logits(epoch)
            if logits is not None:
                scores = np.round(softmax(logits[rows]), TIE_DIGITS)
                values[at, : scores.shape[1]] = auc_one_vs_rest(scores, run.samples.labels[rows])
    else:
        values = measures_over_time(past.predicted[:, rows], past.labels[rows], past.class_count, measure)
    learned = learned_positions(values, threshold=threshold, hold=hold)
    return ClassCurves(measure, values, learned, learning_order(learned, values))


def pair_curve(run: StoredRun, first: int, second: int, *, split: str | None = None) -> NDArray[np.float64]:
    """(E,) share of the samples of two classes that are told apart; NaN without logits or samples."""
    rows = np.ones(len(run.samples), np.bool_) if split is None else run.samples.split == split
    out = np.full(len(run.epochs), np.nan)
    for at, epoch in enumerate(run.epochs):
        logits = run.logits(epoch)
        if logits is not None and max(first, second) < logits.shape[1]:
            out[at] = pair_accuracy(logits[rows], run.samples.labels[rows], first, second)
    return out
