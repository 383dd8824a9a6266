"""What happened to samples since the recording before that the facts themselves do not tell."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from timetravel.store.facts import Event

DIVERGED_SHARE = 0.5
"""Share of samples with NaN or infinity in their representation above which an epoch is unusable."""


def relabelled(ids: NDArray[np.int64], before: NDArray[np.int64], now: NDArray[np.int64]) -> list[Event]:
    """One event for each sample whose label changed; the label first recorded stays the sample's."""
    return [
        Event(
            kind="relabelled",
            sample_id=int(ids[row]),
            value=float(now[row]),
            detail=json.dumps({"old": int(before[row]), "new": int(now[row])}),
        )
        for row in np.flatnonzero(before != now)
    ]


def divergence(representations: NDArray[np.floating]) -> str | None:
    """A sentence when more than half of the samples have a representation that is not finite."""
    rows = ~np.isfinite(representations).all(1)
    if rows.mean() <= DIVERGED_SHARE:
        return None
    return f"{int(rows.sum())} of {len(rows)} representations are not finite: the training has diverged"
