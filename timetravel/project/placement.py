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

CENTRAL_REACH = 2.0
"""Map units within which neighbours count as being in one place: about the width of a sample's company."""

BLOCK = 8192
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

    positions: (n, 2) of the fitted samples. Blind without `predicted`: beside the most central of its 15
    nearest fitted samples. With `predicted` (M,) and `fitted_class` (n,), neighbours predicted otherwise
    count little, and a sample whose ground still has another class goes toward its nearest fellow by the
    least of .25, .5, .75, .9, .98 of the way that agrees.
    """
    k = min(WIDER, len(search))
    ids, distances = search.of(rows, k)
    near = min(NEAR, k)
    weights = memberships(distances[:, :near]).astype(np.float64)
    y = np.asarray(positions, np.float64)
    fellow = None
    if predicted is not None and fitted_class is not None:
        fellow = fitted_class[ids] == predicted[:, None]
        weights[~fellow[:, :near]] *= OTHER_CLASS
    spot = central(
        y[ids[:, :near]], weights, distances[:, :near], None if fellow is None else fellow[:, :near]
    )
    shift = np.zeros(len(rows))
    snapped = np.zeros(len(rows), bool)
    if predicted is not None and fellow is not None and inverse is not None:
        moved = _snap(spot, y[ids], fellow, predicted, inverse)
        shift = np.sqrt(((moved - spot) ** 2).sum(1))
        snapped, spot = shift > 0, moved
    return Placement(
        positions=spot.astype(np.float32),
        distance=distances[:, 0].copy(),
        snapped=snapped,
        shift=shift.astype(np.float32),
    )


def central(
    near: NDArray[np.float64],
    weights: NDArray[np.float64],
    distances: NDArray[np.floating[Any]],
    fellow: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """(M, 2) of (M, k, 2) positions those that most of the weight lies around.

    A mean would put a sample between two clusters, on ground of neither. The most central neighbour keeps
    more of the sample's neighbours than the nearest one or any mean, and its ground is ground that a fitted
    sample vouches for. A sample that was fitted goes where it is: neighbours at distance 0 come first.
    fellow: (M, k), those that may be chosen, where there are any.
    """
    around = np.empty(near.shape[:2])
    for start in range(0, len(near), BLOCK):
        part = near[start : start + BLOCK]
        square = ((part[:, :, None] - part[:, None]) ** 2).sum(-1)
        around[start : start + BLOCK] = (
            weights[start : start + BLOCK, None] / (CENTRAL_REACH**2 + square)
        ).sum(-1)
    if fellow is not None:
        around = np.where(fellow | ~fellow.any(1, keepdims=True), around, -1)
    around[distances == 0] += weights.shape[1] / CENTRAL_REACH**2
    spot: NDArray[np.float64] = near[np.arange(len(near)), around.argmax(1)]
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
