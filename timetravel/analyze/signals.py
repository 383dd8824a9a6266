"""The signals of change of a run, epoch by epoch, and the epochs that they make interesting (T5, T12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.anomalies import WINDOW, anomaly_scores
from timetravel.analyze.changes import change_counts
from timetravel.analyze.history import History, history
from timetravel.analyze.interesting import InterestingEpoch, interesting_epochs
from timetravel.analyze.motion import (
    CHEAP_VALUES,
    is_cheap_to_read,
    is_cheap_to_search,
    movements,
    persistence,
)
from timetravel.analyze.response import js_of_logits
from timetravel.analyze.rounds import rounds
from timetravel.errors import RunNotFound
from timetravel.store.run import StoredMap, StoredRun

STEP_RATIO = 1.5
"""Between learning rates of two epochs: what changes by less is a gliding schedule."""

TRUSTED = 0.5
"""Trust above which a cell of the decision map counts as inside the data region."""

QUIET_SHARE = 0.1
"""Of its largest value: a signal below it says that nothing changes any more."""


def signals(
    run: StoredRun, *, map: str | StoredMap | None = None, thorough: bool | None = None
) -> dict[str, NDArray[np.float64]]:
    """name -> (E,) float64, NaN at the first epoch and where unknown.

    Always: flips (share of samples), validation_loss (|change|), anomalies (largest share of a class that
    turns after or before a stable stretch), regions (share of the trusted decision map that changed class).
    divergence, movement and turnover need representations and logits of every epoch; they are left out of
    runs too large to read at once, unless `thorough`.
    """
    past = history(run)
    found = {
        "flips": past.kept("flip_share", lambda: flip_share(past)),
        "validation_loss": _validation_loss(run, past),
        "anomalies": past.kept("anomaly_share", lambda: _anomalies(past)),
        "regions": _regions(run, past, map),
    }
    found |= _heavy(run, past, thorough)
    return {name: values for name, values in found.items() if np.isfinite(values).any()}


def run_interesting_epochs(
    run: StoredRun, map: str | StoredMap | None = None, *, thorough: bool | None = None
) -> list[InterestingEpoch]:
    """The epochs of a run to look at, with scores and reasons, in the order of recording."""
    if len(run.epochs) < 2:
        return []
    found = signals(run, map=map, thorough=thorough)
    return interesting_epochs(run.epochs, found, marks(run))


def marks(run: StoredRun) -> dict[int, str]:
    """position -> what happened to the training just before: learning-rate steps and new labelling rounds."""
    found: dict[int, str] = {}
    rates = [record.learning_rates for record in run.records]
    for at in range(1, len(rates)):
        before, now = rates[at - 1], rates[at]
        if _is_step(before, now):
            found[at] = f"learning rate from {before[0]:.3g} to {now[0]:.3g}"
    for one in rounds(run)[1:]:
        at = run.epochs.index(one.epochs[0])
        text = f"labelling round {one.round} begins"
        found[at] = f"{found[at]}; {text}" if at in found else text
    return found


def _is_step(before: tuple[float, ...], now: tuple[float, ...]) -> bool:
    """Whether a learning rate jumped; a schedule that glides has no steps."""
    pairs = [(abs(a), abs(b)) for a, b in zip(before, now, strict=False)]
    return any(max(a, b) > STEP_RATIO * min(a, b) for a, b in pairs)


def flip_share(past: History) -> NDArray[np.float64]:
    """(E,) share of the samples of both epochs whose prediction flipped; NaN at the first epoch."""
    counts = change_counts(past.predicted, past.labels)
    return np.where(counts["shared"] > 0, counts["flips"] / np.maximum(counts["shared"], 1), np.nan)


def _validation_loss(run: StoredRun, past: History) -> NDArray[np.float64]:
    values = np.array([record.metrics.get("val_loss", np.nan) for record in run.records], np.float64)
    if not np.isfinite(values).any():
        held_out = np.isin(run.samples.split, ("validation", "test"))
        if held_out.any():
            values = np.array(
                [_finite_mean(run.predictions(epoch).loss[held_out]) for epoch in past.epochs], np.float64
            )
    return _stepwise(np.abs(np.diff(values)), len(past.epochs))


def _anomalies(past: History) -> NDArray[np.float64]:
    count = len(past.epochs)
    if count < 3:
        return np.full(count, np.nan)
    states = np.where(past.known, past.correct, -1).astype(np.int8)
    scores = anomaly_scores(states, past.labels, past.class_count, window=min(WINDOW, count - 1))
    left, right = scores.relative()
    both = np.asarray(np.maximum(left, right).max(axis=1, initial=0), np.float64)
    both[0] = np.nan
    return both


def _regions(run: StoredRun, past: History, map: str | StoredMap | None) -> NDArray[np.float64]:
    try:
        stored = map if isinstance(map, StoredMap) else run.map(map)
    except RunNotFound:
        return np.full(len(past.epochs), np.nan)
    found: NDArray[np.float64] = past.kept(f"regions {stored.key}", lambda: _region_changes(stored, past))
    return found


def _region_changes(stored: StoredMap, past: History) -> NDArray[np.float64]:
    out = np.full(len(past.epochs), np.nan)
    before = None
    for at, epoch in enumerate(past.epochs):
        raster = stored.raster(epoch) if epoch in stored.epochs else None
        if raster is not None and before is not None and raster.cell_class.shape == before.cell_class.shape:
            inside = (raster.trust > TRUSTED) & (before.trust > TRUSTED)
            if inside.any():
                out[at] = (raster.cell_class != before.cell_class)[inside].mean()
        before = raster
    return out


def _heavy(run: StoredRun, past: History, thorough: bool | None) -> dict[str, NDArray[np.float64]]:
    out: dict[str, NDArray[np.float64]] = {}
    logits = len(past.epochs) * len(run.samples) * past.class_count
    if thorough or (thorough is None and logits <= CHEAP_VALUES):
        out["divergence"] = past.kept("divergence", lambda: _divergence(run, past))
    if thorough or (thorough is None and is_cheap_to_read(run)):
        out["movement"] = past.kept("mean_movement", lambda: _means(movements(run)))
    if thorough or (thorough is None and is_cheap_to_search(run)):
        out["turnover"] = past.kept("turnover", lambda: 1 - _means(persistence(run)))
    return out


def _divergence(run: StoredRun, past: History) -> NDArray[np.float64]:
    out = np.full(len(past.epochs), np.nan)
    before = None
    for at, epoch in enumerate(past.epochs):
        now = run.logits(epoch)
        if before is not None and now is not None:
            out[at] = _finite_mean(js_of_logits(before, now))
        before = now
    return out


def _means(rows: NDArray[Any]) -> NDArray[np.float64]:
    return np.array([_finite_mean(row) for row in rows], np.float64)


def _stepwise(steps: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    out = np.full(count, np.nan)
    out[1:] = steps
    return out


def _finite_mean(values: NDArray[Any]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else float("nan")


def nothing_changed_since(found: Mapping[str, NDArray[np.float64]]) -> int | None:
    """The first position from which every signal stays below a tenth of its largest value (T12); None if none."""
    if not found:
        return None
    count = len(next(iter(found.values())))
    quiet = np.ones(count, np.bool_)
    for values in found.values():
        top = np.nanmax(values)
        quiet &= ~(values >= QUIET_SHARE * top) if top > 0 else np.ones(count, np.bool_)
    quiet[0] = False  # nothing is known of the first epoch
    loud = np.flatnonzero(~quiet)
    first = int(loud[-1]) + 1 if len(loud) else 0
    return first if first < count else None
