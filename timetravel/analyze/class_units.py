"""Whether the same units of a layer are active whenever the accuracy of a class rises, in a run (Q10)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.class_measures import measures_over_time
from timetravel.analyze.history import history
from timetravel.analyze.units import (
    LEAST_GAIN,
    SameUnits,
    characteristic_scores,
    characteristic_units,
    rise_positions,
    same_units,
)
from timetravel.store.run import StoredRun

MOST_OTHER_EPOCHS = 10
"""Epochs without a rise that the rises are compared with, spread over the run."""


def class_units(
    run: StoredRun,
    number: int,
    *,
    layer: str | None = None,
    count: int | None = None,
    least_gain: float = LEAST_GAIN,
) -> SameUnits:
    """The answer for one class. layer: a layer of which activations were recorded (means over space), the
    representation by default. count: units looked at, a tenth of the layer by default.

    Reads at most 15 epochs of the layer.
    """
    past = history(run)
    recall = measures_over_time(past.predicted, past.labels, past.class_count, "recall")[:, number]
    rises = rise_positions(recall, least_gain=least_gain)
    gaining = set(np.flatnonzero(np.diff(recall, prepend=np.nan) >= least_gain - 1e-9).tolist())
    others = [at for at in range(len(past.epochs)) if at not in gaining]
    if len(others) > MOST_OTHER_EPOCHS:
        chosen = np.linspace(0, len(others) - 1, MOST_OTHER_EPOCHS).round().astype(int)
        others = [others[at] for at in dict.fromkeys(chosen.tolist())]
    in_class = past.labels == number
    labelled = past.labels >= 0
    units: dict[int, NDArray[np.int64]] = {}
    width = 1
    for at in sorted([*rises, *others]):
        values = _activations(run, past.epochs[at], layer)
        if values is None:
            continue
        width = values.shape[1]
        scores = characteristic_scores(values[labelled], in_class[labelled])
        units[at] = characteristic_units(scores, count)
    return same_units(units, rises, width)


def _activations(run: StoredRun, epoch: int, layer: str | None) -> NDArray[Any] | None:
    if layer is None:
        return run.representations(epoch)
    found = run.activations(epoch, layer).get(layer)
    return None if found is None else found.means
