"""A run's interesting epochs: the signals of T5 read from its facts and its map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.history import history
from timetravel.analyze.interesting import InterestingEpoch, interesting_epochs
from timetravel.store.run import StoredRun


def run_interesting_epochs(run: StoredRun, map_name: str | None = None) -> list[InterestingEpoch]:
    """Epochs where something happened, in order, each with its reason."""
    past = history(run)
    count = len(past.epochs)
    signals: dict[str, NDArray[np.float64]] = {}
    flips, learned_less = np.full(count, np.nan), np.full(count, np.nan)
    for at in range(1, count):
        both = (past.predicted[at] >= 0) & (past.predicted[at - 1] >= 0)
        if both.any():
            flips[at] = (past.predicted[at] != past.predicted[at - 1])[both].mean()
        known = past.known[at] & past.known[at - 1]
        if known.any():
            learned_less[at] = (past.correct[at - 1] & ~past.correct[at])[known].mean()
    if np.isfinite(flips).any():
        signals["many predictions flipped"] = flips
    if np.isfinite(learned_less).any():
        signals["many samples were forgotten"] = learned_less
    losses = np.array([record.metrics.get("val_loss", np.nan) for record in run.records], np.float64)
    if np.isfinite(losses).sum() > 2:
        signals["the validation loss jumped"] = np.abs(np.diff(losses, prepend=np.nan))
    if run.maps:
        stored = run.map(map_name)
        figures = stored.quality()["epochs"]
        persistence = np.array(
            [figures.get(epoch, {}).get("persistence") or np.nan for epoch in past.epochs], np.float64
        )
        movement = np.array(
            [figures.get(epoch, {}).get("movement") or np.nan for epoch in past.epochs], np.float64
        )
        if np.isfinite(persistence).any():
            signals["neighbourhoods were rebuilt"] = 1 - persistence
        if np.isfinite(movement).any():
            signals["samples moved far"] = movement
    return interesting_epochs(past.epochs, signals, always=_always(run))


def _always(run: StoredRun) -> dict[int, str]:
    """Index to reason: steps of the learning rate, and new labelling rounds."""
    found: dict[int, str] = {}
    for at in range(1, len(run.records)):
        before, now = run.records[at - 1].learning_rates, run.records[at].learning_rates
        if before and now and len(before) == len(now):
            ratio = max(max(a, b) / max(min(a, b), 1e-300) for a, b in zip(before, now, strict=True))
            if ratio > 1.5:  # a schedule that glides has no steps
                found[at] = f"learning rate from {before[0]:g} to {now[0]:g}"
    for epoch, event in run.events():
        if event.kind == "round" and epoch in run.epochs:
            found[run.epochs.index(epoch)] = f"labelling round {int(event.value or 0)} begins"
    return found
