"""Where a sample that the fit never saw goes on the map of one epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.project.contracts import Inverse, Placement
from timetravel.project.geometry import decisive
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

READ_SHARES = (0.1, 0.25, 0.4, 0.6, 0.8, 1.0)
"""Of the way to a neighbour, at which the ground is read for an unseen sample."""
FAR_COST = 0.05
FAR = 4.0
"""What leaving the central place costs, in shares of the logits' spread: half of FAR_COST at the root of FAR map
units. Without it samples leave their neighbours for ground that reads a trifle better."""
READ_VALUES = 4_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What the ground should read at unseen samples.

    inverse: the map read backwards. logits: (M, C) of the samples, without their mean over classes. spread:
    the total variance of such logits over the fitted samples.
    """

    inverse: Inverse
    logits: NDArray[np.float64]
    spread: float


def place(
    search: Search,
    positions: NDArray[Any],
    rows: NDArray[np.float32],
    *,
    inverse: Inverse | None = None,
    fitted_class: NDArray[np.integer[Any]] | None = None,
    predicted: NDArray[np.integer[Any]] | None = None,
    reading: Reading | None = None,
) -> Placement:
    """Positions of `rows` (M, G), in the same geometry as the fitted samples that `search` holds.

    positions: (n, 2) of the fitted samples. Blind without `predicted`: beside the most central of its 15
    nearest fitted samples, with `reading` as far toward another as the ground there reads more like its logits. With `predicted` (M,) and `fitted_class` (n,), neighbours predicted otherwise
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
    if predicted is None and reading is not None:
        spot = _as_it_reads(spot, y[ids[:, :near]], reading, stays=distances[:, 0] == 0)
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


def _as_it_reads(
    spot: NDArray[np.float64], near: NDArray[np.float64], reading: Reading, stays: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(M, 2) of places between `spot` and its neighbours (M, k, 2) those where the ground reads most like the sample.

    A sample near the boundary comes to stand near the boundary, between those on both sides of it.
    """
    out = spot.copy()
    goers = np.flatnonzero(~stays)
    tried = 1 + len(READ_SHARES) * near.shape[1]
    block = max(1, READ_VALUES // (tried * max(reading.logits.shape[1], 1)))
    for start in range(0, len(goers), block):
        rows = goers[start : start + block]
        way = near[rows] - spot[rows, None]
        steps = [np.zeros((len(rows), 1, 2)), *(share * way for share in READ_SHARES)]
        step = np.concatenate(steps, 1)
        places = spot[rows, None] + step
        read = decisive(reading.inverse.logits(places.reshape(-1, 2))).reshape(len(rows), tried, -1)
        wrong = ((read - reading.logits[rows, None]) ** 2).sum(2) / reading.spread
        far = (step**2).sum(2)
        best = (wrong + FAR_COST * far / (FAR + far)).argmin(1)
        out[rows] = places[np.arange(len(rows)), best]
    return out


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
