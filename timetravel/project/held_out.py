"""How well a map treats samples that its fit never saw."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.project import figures_neighbors as near
from timetravel.project.contracts import (
    EpochData,
    Epochs,
    KeptEpochs,
    MapSet,
    Placement,
    ProjectionMethod,
    Report,
)
from timetravel.project.figures_roundtrip import least_margin_tenth

SHARE = 5
"""One sample in five is held out."""


def held_out_figures(
    method: ProjectionMethod, epochs: Epochs, *, seed: int = 0, report: Report | None = None
) -> dict[int, dict[str, float | None]]:
    """{label: figures} of a fit without a fifth of the samples, over that fifth, placed afterwards.

    heldout_*: placed with the help of their predictions. heldout_blind_*: placed by their representations
    alone, which tells how far the ground itself generalises. ppr, ppr_low_margin and neighbor_preservation
    as for fitted samples (neighbours among the fitted), snapped: share that was moved onto its own ground.
    """
    fitted = fitted_samples(epochs.sample_count, seed)
    maps = method.fit(KeptEpochs(epochs, fitted), seed=seed, report=report)
    figures: dict[int, dict[str, float | None]] = {}
    for index, label in enumerate(epochs.labels):
        figures[label] = _figures(epochs[index], fitted, maps, index)
        if report is not None:
            report("held-out check", index + 1, len(epochs))
    return figures


def fitted_samples(count: int, seed: int) -> NDArray[np.bool_]:
    """(N,) False for the random fifth that is held out."""
    fitted = np.ones(count, bool)
    fitted[np.random.default_rng([seed, 20]).permutation(count)[: count // SHARE]] = False
    return fitted


def _figures(data: EpochData, fitted: NDArray[np.bool_], maps: MapSet, index: int) -> dict[str, float | None]:
    held = ~fitted[data.present]
    logits = data.logits
    if not held.any() or held.all():
        return {}
    x = data.representations
    out: dict[str, float | None] = {}
    inside = maps.positions[index][data.present[~held]]
    k = min(near.neighbor_count(len(x)), len(inside))
    true = near.nearest(x[~held], x[held], k)
    for name, predicted in (("heldout_blind", None), ("heldout", logits)):
        if name == "heldout" and predicted is None:
            continue
        best = None if predicted is None else predicted[held].argmax(1)
        placed = maps.place(index, x[held], best)
        seen = near.nearest(inside, placed.positions, k)
        out[f"{name}_neighbor_preservation"] = float(near.common(true, seen).mean() / k)
        if logits is not None:
            out |= _classes(name, maps, index, placed, logits[held])
            if predicted is not None:
                out[f"{name}_snapped"] = float(placed.snapped.mean())
    return out


def _classes(
    name: str, maps: MapSet, index: int, placed: Placement, logits: NDArray[Any]
) -> dict[str, float | None]:
    kept = maps.inverse(index).logits(placed.positions).argmax(1) == logits.argmax(1)
    low = least_margin_tenth(np.asarray(logits, np.float64))
    return {f"{name}_ppr": float(kept.mean()), f"{name}_ppr_low_margin": float(kept[low].mean())}
