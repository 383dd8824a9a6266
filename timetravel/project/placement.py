"""Where a sample that the fit never saw goes on the map of one epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.project.contracts import Inverse, Placement
from timetravel.project.graph import memberships
from timetravel.project.neighbours import Search

NEAR = 15
WIDER = 30
"""Neighbours among which a sample looks for ground of its own class."""

OTHER_CLASS = 0.02
"""How much a neighbour of another predicted class counts when the prediction may be used."""

MODE_STEPS = 10
SNAP_SHARES = (0.25, 0.5, 0.75, 0.9, 0.98)


def place(
    search: Search,
    positions: NDArray[Any],
    rows: NDArray[np.float32],
    *,
    inverse: Inverse | None = None,
    fitted_class: NDArray[np.integer[Any]] | None = None,
    predicted: NDArray[np.integer[Any]] | None = None,
) -> Placement:
    """Positions of `rows` (M, G), in the same geometry as the fitted samples that `search` holds.

    positions: (n, 2) of the fitted samples. Blind without `predicted`: where most of the 15 nearest fitted
    samples lie. With `predicted` (M,) and `fitted_class` (n,), neighbours predicted otherwise count
    little, and a sample whose ground still has another class goes toward its nearest fellow by the least
    of .25, .5, .75, .9, .98 of the way that agrees.
    """
    k = min(WIDER, len(search))
    ids, distances = search.of(rows, k)
    near = min(NEAR, k)
    weights = memberships(distances[:, :near]).astype(np.float64)
    y = np.asarray(positions, np.float64)
    if predicted is not None and fitted_class is not None:
        weights[fitted_class[ids[:, :near]] != predicted[:, None]] *= OTHER_CLASS
    spot = mode(y[ids[:, :near]], weights)
    shift = np.zeros(len(rows))
    snapped = np.zeros(len(rows), bool)
    if predicted is not None and fitted_class is not None and inverse is not None:
        moved = _snap(spot, y[ids], fitted_class[ids] == predicted[:, None], predicted, inverse)
        shift = np.sqrt(((moved - spot) ** 2).sum(1))
        snapped, spot = shift > 0, moved
    return Placement(
        positions=spot.astype(np.float32),
        distance=distances[:, 0].copy(),
        snapped=snapped,
        shift=shift.astype(np.float32),
    )


def mode(near: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, 2) where most of the weight of (M, k, 2) positions lies.

    The mean would put a sample between two clusters, on ground of neither; ten means, each reweighted by
    1 / (r^2 + a quarter of the median r^2), end inside one of them.
    """
    spot = (near * weights[..., None]).sum(1) / weights.sum(1)[:, None]
    for _ in range(MODE_STEPS):
        square = ((near - spot[:, None]) ** 2).sum(2)
        pull = weights / (square + np.median(square, 1, keepdims=True) / 4 + 1e-12)
        spot = (near * pull[..., None]).sum(1) / pull.sum(1)[:, None]
    return spot


def _snap(
    spot: NDArray[np.float64],
    near: NDArray[np.float64],
    fellow: NDArray[np.bool_],
    predicted: NDArray[np.integer[Any]],
    inverse: Inverse,
) -> NDArray[np.float64]:
    """Moves samples that stand on foreign ground toward their nearest neighbour of the same class."""
    out = spot.copy()
    apart = np.where(fellow, ((near - spot[:, None]) ** 2).sum(2), np.inf)
    goal = near[np.arange(len(spot)), apart.argmin(1)]
    astray = fellow.any(1) & (inverse.logits(spot).argmax(1) != predicted)
    for share in SNAP_SHARES:
        rows = np.flatnonzero(astray)
        if not len(rows):
            break
        tried = spot[rows] + share * (goal[rows] - spot[rows])
        good = inverse.logits(tried).argmax(1) == predicted[rows]
        if share == SNAP_SHARES[-1]:
            good[:] = True
        out[rows[good]] = tried[good]
        astray[rows[good]] = False
    return out
