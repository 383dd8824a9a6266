"""Predictions, probabilities, margins and losses from logits (F6, F8)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.store.facts import UNLABELLED, Head, Predictions

CHUNK_VALUES = 1 << 20
"""Logits widened to float64 at a time: 8 MB."""


def predict(
    logits: NDArray[np.floating] | None,
    labels: NDArray[np.int32],
    losses: NDArray[np.floating] | None = None,
) -> Predictions:
    """What n rows of logits say; softmax in float64, ties to the lowest class.

    logits: (n, C) or None. labels: (n,), UNLABELLED where unknown. losses: (n,) nats or None (then
    cross-entropy). Rows with a logit that is not finite get no prediction; `present` is all True.
    """
    count = len(labels)
    predicted = np.full(count, UNLABELLED, np.int32)
    p_true, p_predicted, margin, loss = np.full((4, count), np.nan, np.float32)
    if logits is not None and logits.shape[1]:
        step = max(1, CHUNK_VALUES // logits.shape[1])
        for start in range(0, count, step):
            part = slice(start, start + step)
            figures = _chunk(np.asarray(logits[part], np.float64), labels[part])
            for out, values in zip((predicted, p_true, p_predicted, margin, loss), figures, strict=True):
                out[part] = values
    if losses is not None:
        loss = np.asarray(losses, np.float32)
    return Predictions(
        predicted=predicted,
        p_true=p_true,
        p_predicted=p_predicted,
        margin=margin,
        loss=loss,
        correct=(predicted == labels) & (labels >= 0) & (predicted >= 0),
        present=np.ones(count, np.bool_),
    )


def _chunk(z: NDArray[np.float64], labels: NDArray[np.int32]) -> tuple[NDArray[np.float64], ...]:
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(z).all(axis=1))
    z = np.where(finite[:, None], z, 0.0)
    rows, count = np.arange(len(z)), z.shape[1]
    predicted = z.argmax(axis=1)
    shifted = z - z[rows, predicted][:, None]
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    has_label = (labels >= 0) & (labels < count)
    log_true = shifted[rows, np.where(has_label, labels, 0)] - log_sum
    p_true = np.where(has_label & finite, np.exp(log_true), np.nan)
    loss = np.where(has_label & finite, -log_true, np.nan)
    if count > 1:
        top = np.partition(z, count - 2, axis=1)[:, -2:]
        margin = np.where(finite, top.max(axis=1) - top.min(axis=1), np.nan)
    else:
        margin = np.full(len(z), np.nan)
    p_predicted = np.where(finite, np.exp(-log_sum), np.nan)
    return np.where(finite, predicted, UNLABELLED), p_true, p_predicted, margin, loss + 0.0


def head_logits(head: Head, stored: NDArray[Any], step: int = 4096) -> NDArray[np.float64]:
    """(n, C) float64 of stored representations; rows that are not finite give NaN without a warning."""
    out = np.empty((len(stored), len(head.bias)))
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, len(stored), step):
            out[start : start + step] = head.logits(stored[start : start + step])
    return out
