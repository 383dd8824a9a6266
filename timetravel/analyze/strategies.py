"""What an acquisition strategy would pick from the pool of a run (A3, A4, A8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze import acquisition
from timetravel.analyze.coverage import greedy_centres
from timetravel.analyze.history import history
from timetravel.analyze.response import softmax
from timetravel.analyze.rounds import labelling_at
from timetravel.errors import MissingPart
from timetravel.store.run import StoredRun

STRATEGIES = (
    "least_confidence",
    "margin",
    "entropy",
    "random",
    "k_centre",
    "density_entropy",
    "gradient_embedding",
    "flips",
    "committee",
)


def pool_of(run: StoredRun, epoch: int) -> NDArray[np.bool_]:
    """(N,) samples that could be picked: present and finite, not labelled at the epoch where the run records
    labelled masks, and of the split "pool" where it has one."""
    pool = run.present(epoch)
    labelling = labelling_at(run, epoch)
    if labelling is not None:
        pool &= ~labelling.labelled
    # Without this, samples that are kept for testing would be suggested.
    of_split = run.samples.split == "pool"
    return pool & of_split if of_split.any() else pool


def strategy_scores(
    run: StoredRun,
    epoch: int,
    strategy: str,
    *,
    pool: NDArray[np.bool_] | None = None,
    committee: Sequence[StoredRun] = (),
    seed: int = 0,
) -> NDArray[np.float64]:
    """(N,) score of every pool sample, higher is picked first, NaN outside the pool.

    k_centre and gradient_embedding pick one after another: use `suggest`. committee: the other runs that vote.
    MissingPart names the fact that a strategy lacks.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"there is no strategy {strategy!r}; expected one of {', '.join(STRATEGIES)}")
    mask = pool_of(run, epoch) if pool is None else pool
    rows = np.flatnonzero(mask)
    out = np.full(len(run.samples), np.nan)
    out[rows] = _scores(run, epoch, strategy, rows, committee, seed)
    return out


def _scores(
    run: StoredRun, epoch: int, strategy: str, rows: NDArray[np.int64], others: Sequence[StoredRun], seed: int
) -> NDArray[np.float64]:
    if strategy == "random":
        return acquisition.random(len(run.samples), seed=seed)[rows]
    past = history(run)
    if strategy == "flips":
        return acquisition.flips(past.predicted[: past.position(epoch) + 1, rows])
    if strategy == "committee":
        return _committee(run, epoch, rows, others)
    if strategy in ("k_centre", "gradient_embedding"):
        raise ValueError(f"{strategy} picks one sample after another and has no score; use suggest(...)")
    p = _probabilities(run, epoch, rows)
    if strategy == "density_entropy":
        return acquisition.density_weighted_entropy(p, _finite(run.representations(epoch)[rows]))
    scores = {
        "least_confidence": acquisition.least_confidence,
        "margin": acquisition.margin,
        "entropy": acquisition.normalized_entropy,
    }
    return scores[strategy](p)


def _committee(
    run: StoredRun, epoch: int, rows: NDArray[np.int64], others: Sequence[StoredRun]
) -> NDArray[np.float64]:
    from timetravel.analyze.joining import join
    from timetravel.analyze.stops import held

    if not others:
        raise MissingPart("a committee needs at least one other run; pass committee=[run, ...]")
    votes = [run.predictions(epoch).predicted[rows].astype(np.int64)]
    for other in others:
        joined = join(run, other)
        theirs = np.full(len(run.samples), -1, np.int64)
        shown = other.predictions(held(other.epochs, epoch)).predicted[joined.rows_b]
        theirs[joined.rows_a] = joined.as_a(shown)
        votes.append(theirs[rows])
    return acquisition.committee(votes, len(run.classes))


def _probabilities(run: StoredRun, epoch: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    logits = run.logits(epoch)
    if logits is None:
        raise MissingPart(f"{run.name} has neither logits nor a head, so strategies cannot score its samples")
    return softmax(logits[rows])


def _finite(values: NDArray[Any]) -> NDArray[np.float64]:
    wide = np.asarray(values, np.float64)
    return np.where(np.isfinite(wide), wide, 0.0)


def suggest(
    run: StoredRun,
    epoch: int,
    strategy: str,
    count: int,
    *,
    pool: NDArray[np.bool_] | None = None,
    committee: Sequence[StoredRun] = (),
    seed: int = 0,
) -> NDArray[np.int64]:
    """Rows of the `count` samples that a strategy would pick, the first pick first; ties by lower id."""
    mask = pool_of(run, epoch) if pool is None else pool
    rows = np.flatnonzero(mask)
    # Ties go to the lower id, whatever the order of rows.
    rows = rows[np.argsort(run.samples.ids[rows], kind="stable")]
    if strategy == "k_centre":
        labelling = labelling_at(run, epoch)
        known = np.zeros(len(run.samples), np.bool_) if labelling is None else labelling.labelled
        rows = np.concatenate([np.flatnonzero(known & ~mask), rows])
        points = _finite(run.representations(epoch)[rows])
        return rows[greedy_centres(points, known[rows] & ~mask[rows], count).order]
    if strategy == "gradient_embedding":
        points = _finite(run.representations(epoch)[rows])
        return rows[
            acquisition.gradient_embedding_picks(_probabilities(run, epoch, rows), points, count, seed=seed)
        ]
    scores = strategy_scores(run, epoch, strategy, pool=mask, committee=committee, seed=seed)
    return acquisition.ranked(scores, run.samples.ids, count)
