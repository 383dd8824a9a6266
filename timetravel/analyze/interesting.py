"""Epochs worth a look: where several signals of change stand out at once (T5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_SCORE = 2.0
APART = 2
"""Recorded epochs between two interesting ones, at least."""

SIGNALS_COUNTED = 3
MAD_TO_SD = 1.4826
NAMED_FROM = 1.0
"""Standardized value from which a signal is named in the reason."""

WORDS = {
    "flips": "many predictions flip",
    "turnover": "neighbourhoods are reshuffled",
    "regions": "the decision map changes",
    "divergence": "probabilities shift",
    "validation_loss": "held-out loss jumps",
    "anomalies": "samples of one class turn together",
    "movement": "representations move far",
}


@dataclass(frozen=True, slots=True)
class InterestingEpoch:
    """One epoch to look at. position: its place in the order. score: mean of its three largest standardized
    signals. reason: a sentence. signals: standardized value of each that was known."""

    epoch: int
    position: int
    score: float
    reason: str
    signals: Mapping[str, float]


def standardized(values: NDArray[Any]) -> NDArray[np.float64]:
    """(E,) how far each value is above the median, in robust standard deviations; NaN stays NaN.

    The median absolute deviation is scaled to a normal's sd; where it is 0 the sd takes its place, and where
    that is 0 as well everything is 0.
    """
    values = np.asarray(values, np.float64)
    out = np.full(len(values), np.nan)
    known = np.isfinite(values)
    if not known.any():
        return out
    offset = values[known] - np.median(values[known])
    spread = MAD_TO_SD * float(np.median(np.abs(offset)))
    # A spread of rounding errors is none.
    tiny = 1e-12 * float(np.abs(values[known]).max(initial=0))
    if spread <= tiny:
        spread = float(values[known].std())
    out[known] = offset / spread if spread > tiny else 0.0
    return out


def interest(signals: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """(E,) mean of the three largest standardized signals of each epoch, at least 0; 0 where none is known."""
    if not signals:
        return np.empty(0)
    rows = np.stack([standardized(values) for values in signals.values()])
    ordered = -np.sort(-np.where(np.isnan(rows), -np.inf, rows), axis=0)[:SIGNALS_COUNTED]
    counted = np.isfinite(ordered)
    total = np.where(counted, ordered, 0).sum(axis=0)
    return np.asarray(np.maximum(total / np.maximum(counted.sum(axis=0), 1), 0.0), np.float64)


def peaks(scores: NDArray[np.float64], *, least: float = LEAST_SCORE, apart: int = APART) -> list[int]:
    """Positions of local maxima of at least `least`; of two closer than `apart` the higher stays, then the
    earlier. Of a plateau its first epoch counts."""
    padded = np.concatenate([[-np.inf], scores, [-np.inf]])
    is_peak = (scores >= least) & (padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:])
    chosen: list[int] = []
    for at in sorted(np.flatnonzero(is_peak), key=lambda one: (-scores[one], one)):
        if all(abs(at - other) >= apart for other in chosen):
            chosen.append(int(at))
    return sorted(chosen)


def interesting_epochs(
    epochs: Sequence[int],
    signals: Mapping[str, NDArray[Any]],
    marks: Mapping[int, str] | None = None,
) -> list[InterestingEpoch]:
    """The epochs to look at, in order.

    signals: name -> (E,), NaN where unknown (as at the first epoch). marks: position -> what happened there
    (a learning-rate step, a new labelling round); these are always among them.
    """
    marks = dict(marks or {})
    scores = interest(signals) if signals else np.zeros(len(epochs))
    rows = {name: standardized(values) for name, values in signals.items()}
    found = []
    for at in sorted({*peaks(scores), *marks}):
        values = {name: float(row[at]) for name, row in rows.items() if np.isfinite(row[at])}
        found.append(
            InterestingEpoch(
                epochs[at], at, float(scores[at]), _reason(values, signals, at, marks.get(at)), values
            )
        )
    return found


def _reason(
    values: Mapping[str, float], signals: Mapping[str, NDArray[Any]], at: int, mark: str | None
) -> str:
    parts = [] if mark is None else [mark]
    loud = sorted((name for name in values if values[name] >= NAMED_FROM), key=lambda name: -values[name])
    for name in loud[:SIGNALS_COUNTED]:
        words = WORDS.get(name, name.replace("_", " "))
        if name == "flips":
            words += f" ({100 * float(signals[name][at]):.3g} % of samples)"
        parts.append(words)
    text = "; ".join(parts) or "change stands out only in sum"
    return text[0].upper() + text[1:] + "."
