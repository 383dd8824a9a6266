"""What changed for one sample, or for several, at an epoch: figures with their place among all samples (Q7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.history import history
from timetravel.analyze.response import (
    channel_change,
    cosine_movement,
    js_of_logits,
    movement,
    neighbor_change,
    percentile_of,
)
from timetravel.store.run import StoredMap, StoredRun

DIAMETER_PERCENTILES = (1, 99)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of "what changed". value: mean over the samples asked for. percentile: its place among all
    samples (0 to 100), None where that is not known. unit: "" for a plain number."""

    name: str
    value: float
    percentile: float | None
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class Response:
    """previous: the epoch compared with, None at the first. figures: those that the run has the facts for.
    missing: what would have been there, with what to record for it."""

    previous: int | None
    figures: tuple[Figure, ...]
    missing: tuple[str, ...] = ()


def sample_response(
    run: StoredRun,
    rows: int | Sequence[int],
    epoch: int,
    *,
    previous: int | None = None,
    map: str | StoredMap | None = None,
    neighbors_of_all: bool = False,
) -> Response:
    """How the response to samples changed between two epochs, the one before by default.

    neighbors_of_all: also rank the neighbours kept among all samples, which searches all neighbours.
    """
    chosen = np.atleast_1d(np.asarray(rows, np.int64))
    before = history(run).before(epoch) if previous is None else previous
    if before is None or not len(chosen):
        return Response(before, ())
    figures: list[Figure] = []
    missing: list[str] = []
    figures += _probabilities(run, chosen, before, epoch, missing)
    figures += _movement(run, chosen, before, epoch)
    figures += _on_map(run, chosen, before, epoch, map, missing)
    figures += _neighbors(run, chosen, before, epoch, neighbors_of_all)
    figures += _channels(run, chosen, before, epoch, missing)
    return Response(before, tuple(figures), tuple(missing))


def _figure(name: str, values: NDArray[Any], rows: NDArray[np.int64], unit: str, text: str) -> list[Figure]:
    """A figure of some rows of (N,) values, with the percentile of their mean; none when all are unknown."""
    own = np.asarray(values, np.float64)[rows]
    own = own[np.isfinite(own)]
    if not len(own):
        return []
    value = float(own.mean())
    place = percentile_of(value, values)
    return [Figure(name, value, None if np.isnan(place) else place, unit, text)]


def _probabilities(
    run: StoredRun, rows: NDArray[np.int64], before: int, epoch: int, missing: list[str]
) -> list[Figure]:
    old, new = run.logits(before), run.logits(epoch)
    if old is None or new is None:
        missing.append("Change of probabilities needs logits or a head.")
        return []
    divergence = js_of_logits(old, new)
    found = _figure("divergence", divergence, rows, "bits", "Jensen-Shannon divergence of the probabilities")
    for name, text in (("p_true", "change of the label's probability"), ("loss", "change of loss")):
        change = getattr(run.predictions(epoch), name) - getattr(run.predictions(before), name)
        found += _figure(f"{name}_change", change, rows, "nats" if name == "loss" else "", text)
    return found


def _movement(run: StoredRun, rows: NDArray[np.int64], before: int, epoch: int) -> list[Figure]:
    old, new = run.representations(before), run.representations(epoch)
    if old.shape != new.shape:
        return []
    moved = movement(old, new)
    found = _figure(
        "cosine_movement", cosine_movement(old, new), rows, "", "turn of the representation, 1 - cosine"
    )
    found += _figure("movement", moved, rows, "", "movement of the representation")
    known = moved[np.isfinite(moved)]
    middle = float(np.median(known)) if len(known) else 0.0
    if middle > 0:
        text = "movement over that of the median sample"
        found += _figure("relative_movement", moved / middle, rows, "x median", text)
    return found


def _on_map(
    run: StoredRun,
    rows: NDArray[np.int64],
    before: int,
    epoch: int,
    map: str | StoredMap | None,
    missing: list[str],
) -> list[Figure]:
    if not run.maps:
        missing.append("Movement on the map needs a map: timetravel project.")
        return []
    stored = map if isinstance(map, StoredMap) else run.map(map)
    if before not in stored.epochs or epoch not in stored.epochs:
        missing.append(f"The map {stored.name} does not have both epochs.")
        return []
    old, new = stored.positions(before).astype(np.float64), stored.positions(epoch).astype(np.float64)
    size = (map_diameter(old) + map_diameter(new)) / 2
    moved = np.hypot(*(new - old).T) / size
    return _figure("map_movement", moved, rows, "diameters", "movement on the map")


def map_diameter(positions: NDArray[Any]) -> float:
    """Diagonal of the box between the 1st and 99th percentile of the positions (N, 2), NaN rows left out."""
    known = positions[np.isfinite(positions).all(axis=1)]
    if not len(known):
        return float("nan")
    low, high = np.percentile(known, DIAMETER_PERCENTILES, axis=0)
    return float(max(np.hypot(*(high - low)), 1e-12))


def _neighbors(
    run: StoredRun, rows: NDArray[np.int64], before: int, epoch: int, of_all: bool
) -> list[Figure]:
    if of_all:
        from timetravel.analyze.response import neighbor_persistence

        lists = [run.all_neighbors(one)[0] for one in (before, epoch)]
        kept = neighbor_persistence(*lists)
        return _figure(
            "neighbors_kept", kept, rows, "", "share of the neighbours before that are neighbours still"
        )
    changes = []
    for row in rows:
        sample = int(run.samples.ids[row])
        old, new = (run.rows(run.neighbors(sample, one).ids) for one in (before, epoch))
        if len(old) and len(new):
            changes.append(neighbor_change(old, new))
    if not changes:
        return []
    gained, lost = (
        float(np.mean([len(getattr(one, name)) for one in changes])) for name in ("gained", "lost")
    )
    share = float(np.mean([one.persistence for one in changes]))
    return [
        Figure("neighbors_kept", share, None, "", "share of the neighbours before that are neighbours still"),
        Figure("neighbors_gained", gained, None, "samples", "neighbours gained"),
        Figure("neighbors_lost", lost, None, "samples", "neighbours lost"),
    ]


def _channels(
    run: StoredRun, rows: NDArray[np.int64], before: int, epoch: int, missing: list[str]
) -> list[Figure]:
    if not run.activation_layers:
        missing.append('Change of channels needs recorded activations: activations=["layer"].')
        return []
    old, new = run.activations(before), run.activations(epoch)
    found: list[Figure] = []
    for layer in new:
        if layer not in old or old[layer].means.shape != new[layer].means.shape:
            continue
        turned = cosine_movement(old[layer].means, new[layer].means)
        text = f"turn of the channels of {layer}, 1 - cosine"
        if len(rows) == 1:
            change = channel_change(old[layer].means[rows[0]], new[layer].means[rows[0]])
            names = [
                ", ".join(str(one) for one in part[:5]) or "none"
                for part in (change.entering, change.leaving)
            ]
            text += f"; into the strongest: {names[0]}; out of them: {names[1]}"
        found += _figure(f"channels {layer}", turned, rows, "", text)
    return found
