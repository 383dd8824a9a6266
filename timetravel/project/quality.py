"""How far a map can be believed: every published figure, epoch by epoch and over time.

`Meter` is fed one epoch after the other and keeps neighbours and positions, never representations.
A figure that is undefined (one epoch, one predicted class, no head, ...) is None, never 0 or 1;
`timetravel.project.words` says why.

figure                         range     better  meaning
neighbor_preservation          0..1      high    share of the 15 nearest neighbours that stay neighbours on the map
trustworthiness, continuity    0..1      high    1 - rank penalty of false map neighbours, of lost true ones
ppr                            0..1      high    share of samples whose class is unchanged after map and back
ppr_low_margin                 0..1      high    the same over the tenth of samples with the least margin
confidence_difference          0..1      low     mean change of the predicted class's probability after map and back
inverse_r2                     -inf..1   high    variance of the representations that the inverse explains
tint_agreement                 0..1      high    share of samples whose raster cell has their predicted class
tint_low_margin                0..1      high    the same over the least-margin tenth
regions, islands               0..       low     one-class patches; tiny ones that hold no sample of their class
boundary_preservation          0..15     high    of the 15 nearest boundary probes, how many are nearest on the map
boundary_on_map                0..1      high    share of boundary probes with ground of both their classes near
boundary_*_by_rule             as above          the same where the figures' own rule places the probes, not the map
radius                         0..       -       root mean square distance from the map's centre
jitter                         0..       low     movement, in diameters, of the steadiest tenth of samples per step
movement                       0..       -       movement of all samples, in diameters
persistence                    0..1      -       share of neighbours kept from the epoch before: a fact of the run
movement_ranking               -1..1     high    Spearman over samples: who changed most moves most
zero_distance_neighbors        0..1      low     share of neighbours at distance 0, where lists are arbitrary
heldout_*                      as above          over samples that the fit did not see
ppr_worst_epoch                0..1      high    least ppr of an epoch
jitter_last                    0..       low     jitter of the last step
scale_drift                    1..       low     largest over smallest radius
temporal_correlation           -1..1     low     per sample over steps, Pearson of kept neighbours and movement
temporal_ranking               -1..1     high    per sample, Spearman of distances travelled, there and on the map
temporal_neighbors             0..1      high    per sample, share of its nearest epochs that are nearest on the map
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.project import figures_ground as ground
from timetravel.project import figures_neighbors as near
from timetravel.project import figures_roundtrip as trip
from timetravel.project import figures_time as over_time
from timetravel.project.contracts import EpochData, EpochQuality, Epochs, MappedEpoch, Report
from timetravel.project.probes import boundary_probes, place_probes
from timetravel.store.facts import NEIGHBORS_K

EXACT_SAMPLES = 100_000
"""Up to here neighbours are searched exactly (quadratic); above, given ones are taken where there are any."""

NOT_AVERAGED = ("radius", "samples", "predicted_classes")
"""Facts of an epoch whose mean over epochs says nothing."""

Figures = dict[str, float | None]


class Meter:
    """Judges a map epoch by epoch, in recording order; `overall` reads the run once more at the end.

    fitted: (N,) bool, False for samples that the fit did not see; gives the heldout_* figures.
    """

    def __init__(self, epochs: Epochs, fitted: NDArray[np.bool_] | None = None) -> None:
        self._epochs = epochs
        self._fitted = None if fitted is None or bool(np.all(fitted)) else np.asarray(fitted, bool)
        self._rows: list[Mapping[str, float | None]] = []
        self._positions: list[NDArray[np.float32]] = []
        self._steps: list[over_time.Step] = []
        self._before: over_time.Moment | None = None

    def add(
        self, data: EpochData, mapped: MappedEpoch, neighbours: NDArray[np.int64] | None = None
    ) -> EpochQuality:
        """Figures of the next epoch and faithfulness of each of its samples.

        neighbours: (n, k) positions within `data`; used above EXACT_SAMPLES, where exact search is too slow.
        Raises BadInput when a present sample has no finite position.
        """
        positions = _present_positions(data, mapped.positions)
        true = _true_neighbors(data, neighbours)
        figures, kept = _neighbor_figures(data, positions, true)
        known, logits = _known_logits(data)
        figures["predicted_classes"] = None if logits is None else float(len(np.unique(logits.argmax(1))))
        journey = _journey(data, positions, logits, mapped)
        low = None if logits is None else trip.least_margin_tenth(logits)
        figures |= _round_trip_figures(journey, low)
        tint, ground_figures = _ground_figures(positions[known], logits, low, mapped)
        figures |= ground_figures
        figures |= _boundary_figures(data, positions, mapped)
        if self._fitted is not None:
            held = ~self._fitted[data.present]
            figures |= _held_out_classes(held[known], low, journey, tint)
            figures |= _held_out_neighbors(data, positions, held)
        figures["radius"] = (
            float(np.sqrt(((positions - positions.mean(0)) ** 2).sum(1).mean())) if len(data) else None
        )
        figures |= self._step(data, positions, true)
        self._rows.append(figures)
        self._positions.append(mapped.positions)
        return _per_sample(self._epochs.sample_count, data, figures, kept, journey)

    def recall(
        self,
        data: EpochData,
        positions: NDArray[np.float32],
        figures: Mapping[str, float | None],
        neighbours: NDArray[np.int64] | None = None,
    ) -> None:
        """Takes an epoch whose figures are known, so that a map can be judged on from there.

        positions: (N, 2), NaN where absent. Costs one neighbour search.
        """
        self._step(data, _present_positions(data, positions), _true_neighbors(data, neighbours))
        self._rows.append(figures)
        self._positions.append(positions)

    def overall(self, report: Report | None = None) -> Figures:
        """Figures of the whole map so far: means over epochs, and those over time."""
        names = dict.fromkeys(name for row in self._rows for name in row)
        total: Figures = {
            n: over_time.mean_over_epochs(self._rows, n) for n in names if n not in NOT_AVERAGED
        }
        values = {n: [v for row in self._rows if (v := row.get(n)) is not None] for n in ("ppr", "radius")}
        total["ppr_worst_epoch"] = min(values["ppr"], default=None)
        total["jitter_last"] = self._rows[-1].get("jitter") if self._rows else None
        total["scale_drift"] = over_time.scale_drift(values["radius"])
        total["temporal_correlation"] = over_time.temporal_correlation(self._steps, self._epochs.sample_count)
        total |= over_time.temporal_ranking(
            self._epochs,
            self._positions,
            None if report is None else lambda done, count: report("temporal figures", done, count),
        )
        return total

    def _step(
        self, data: EpochData, positions: NDArray[np.float64], true: NDArray[np.int64] | None
    ) -> Figures:
        """Remembers this epoch; the figures of the step that leads to it, none for the first."""
        neighbors = None if true is None else data.present[true]
        here = over_time.Moment(data.present, neighbors, positions)
        before, self._before = self._before, here
        if before is None or len(before.rows) == 0 or len(here.rows) == 0:
            return {}
        step = over_time.step_between(before, here)
        self._steps.append(step)
        return over_time.step_figures(step)


def quality(
    epochs: Epochs,
    mapped: Iterable[MappedEpoch],
    *,
    fitted: NDArray[np.bool_] | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """{"overall": figures, "epochs": {label: figures}} of a map, all epochs in recording order."""
    meter = Meter(epochs, fitted)
    rows = {}
    for index, (label, epoch) in enumerate(zip(epochs.labels, mapped, strict=True)):
        rows[label] = dict(meter.add(epochs[index], epoch).figures)
        if report is not None:
            report("quality", index + 1, len(epochs))
    return {"overall": meter.overall(report), "epochs": rows}


def _present_positions(data: EpochData, positions: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, 2) float64 positions of the samples that are present."""
    here = np.asarray(positions, np.float64)[data.present]
    bad = np.flatnonzero(~np.isfinite(here).all(1))
    if len(bad):
        raise BadInput(
            f"epoch {data.epoch}: found {len(bad)} samples without a position on the map (first id "
            f"{data.sample_ids[bad[0]]}), expected one for each of {len(data)}: make the map anew"
        )
    return here


def _true_neighbors(data: EpochData, given: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    """(n, k) positions within `data` of each sample's neighbours; None when they would mean nothing."""
    x = data.representations
    if len(x) < 3 or bool((x == x[0]).all()):
        return None
    k = near.neighbor_count(len(x))
    if len(x) > EXACT_SAMPLES and given is not None and given.shape[1] >= k:
        return given[:, :k]
    return near.nearest(x, x, k, same=True)


def _neighbor_figures(
    data: EpochData, positions: NDArray[np.float64], true: NDArray[np.int64] | None
) -> tuple[Figures, NDArray[np.float32] | None]:
    """Figures of neighbours, and the share that each sample keeps (n,)."""
    names = ("neighbor_preservation", "trustworthiness", "continuity", "zero_distance_neighbors")
    facts: Figures = {"samples": float(len(data))}
    if true is None:
        equal = len(data) >= 3
        return facts | dict.fromkeys(names) | {"zero_distance_neighbors": 1.0 if equal else None}, None
    x, k = data.representations, true.shape[1]
    kept = near.common(true, near.nearest_on_map(positions, k)) / k
    some = near.subsample(len(x))
    values = (
        float(kept.mean()),
        near.trustworthiness(x[some], positions[some], k),
        near.trustworthiness(positions[some], x[some], k),
        near.zero_distance_share(x, true),
    )
    return facts | dict(zip(names, values, strict=True)), kept.astype(np.float32)


def _known_logits(data: EpochData) -> tuple[NDArray[np.bool_], NDArray[np.float64] | None]:
    """Which samples (n,) bool have finite logits, and those logits (m, C); None when there are none.

    Recorded logits may have gaps; those of a head are finite throughout unless its weights are not.
    """
    logits = data.logits if len(data) else None
    if logits is None:
        return np.zeros(len(data), bool), None
    known = np.asarray(np.isfinite(logits).all(1))
    return known, logits[known] if known.any() else None


def _journey(
    data: EpochData,
    positions: NDArray[np.float64],
    logits: NDArray[np.float64] | None,
    mapped: MappedEpoch,
) -> trip.RoundTrip | None:
    """Every sample to the map and back; None without an inverse or without a head to read the inverse with."""
    if mapped.inverse is None or data.head is None or logits is None or len(logits) < len(data):
        return None
    back = np.asarray(mapped.inverse(positions.astype(np.float32)))
    after = np.asarray(data.head.logits(back), np.float64)
    if not np.isfinite(after).all():
        return None
    return trip.round_trip(data.representations, logits, back, after)


def _round_trip_figures(journey: trip.RoundTrip | None, low: NDArray[np.int64] | None) -> Figures:
    """What survives map and back; low: positions of the least-margin tenth."""
    names = ("ppr", "ppr_low_margin", "confidence_difference", "inverse_r2")
    if journey is None or low is None:
        return dict.fromkeys(names)
    values = (
        float(journey.kept.mean()),
        float(journey.kept[low].mean()),
        float(journey.confidence_change.mean()),
        journey.explained,
    )
    return dict(zip(names, values, strict=True))


def _ground_figures(
    positions: NDArray[np.float64],
    logits: NDArray[np.float64] | None,
    low: NDArray[np.int64] | None,
    mapped: MappedEpoch,
) -> tuple[NDArray[np.bool_] | None, Figures]:
    """Whether each sample stands on ground of its class (n,), and the figures of the raster."""
    names = ("tint_agreement", "tint_low_margin", "regions", "islands")
    if mapped.raster is None or logits is None or low is None:
        return None, dict.fromkeys(names)
    classes = mapped.raster.cell_class
    predicted = logits.argmax(1)
    row, column = ground.cells(positions, mapped.raster.extent, classes.shape[0])
    tint = classes[row, column] == predicted
    regions, islands = ground.patches(classes, row, column, predicted)
    values = (float(tint.mean()), float(tint[low].mean()), float(regions), float(islands))
    return tint, dict(zip(names, values, strict=True))


def _boundary_figures(data: EpochData, positions: NDArray[np.float64], mapped: MappedEpoch) -> Figures:
    """How the map treats probes of the decision boundary; None without a head or with one predicted class."""
    names = ("boundary_preservation", "boundary_on_map")
    figures: Figures = dict.fromkeys((*names, *(f"{name}_by_rule" for name in names)))
    x = data.representations
    if data.head is None or len(x) < NEIGHBORS_K:
        return figures
    points, pairs = boundary_probes(x, data.head.logits)
    if len(points) <= NEIGHBORS_K:
        return figures
    there = near.nearest(points, x, NEIGHBORS_K)

    def judged(spots: NDArray[np.float64]) -> tuple[float, float | None]:
        kept = float(near.common(there, near.nearest(spots, positions, NEIGHBORS_K)).mean())
        if mapped.raster is None:
            return kept, None
        between = ground.probes_between_their_classes(
            mapped.raster.cell_class, mapped.raster.extent, spots, pairs, ground.diameter(positions)
        )
        return kept, float(between.mean())

    by_rule = judged(place_probes(points, x, positions))
    own = by_rule
    if mapped.probe_positions is not None:
        own = judged(np.asarray(mapped.probe_positions(points), np.float64))
    return dict(zip(figures, (*own, *by_rule), strict=True))


def _held_out_classes(
    held: NDArray[np.bool_],
    low: NDArray[np.int64] | None,
    journey: trip.RoundTrip | None,
    tint: NDArray[np.bool_] | None,
) -> Figures:
    """The class figures over the samples that the fit did not see: held (m,) bool."""
    figures: Figures = dict.fromkeys(("heldout_ppr", "heldout_ppr_low_margin", "heldout_tint"))
    if not held.any():
        return figures
    if journey is not None and low is not None:
        figures["heldout_ppr"] = float(journey.kept[held].mean())
        some = held[low]
        figures["heldout_ppr_low_margin"] = float(journey.kept[low][some].mean()) if some.any() else None
    if tint is not None:
        figures["heldout_tint"] = float(tint[held].mean())
    return figures


def _held_out_neighbors(data: EpochData, positions: NDArray[np.float64], held: NDArray[np.bool_]) -> Figures:
    """Neighbours that held-out samples (n,) bool keep, searched among the fitted ones."""
    fit, x = np.flatnonzero(~held), data.representations
    k = min(near.neighbor_count(len(x)), len(fit))
    if not held.any() or k == 0 or len(x) < 3 or bool((x == x[0]).all()):
        return {"heldout_neighbor_preservation": None}
    there, here = near.nearest(x[fit], x[held], k), near.nearest(positions[fit], positions[held], k)
    return {"heldout_neighbor_preservation": float(near.common(there, here).mean() / k)}


def _per_sample(
    sample_count: int,
    data: EpochData,
    figures: Figures,
    kept: NDArray[np.float32] | None,
    journey: trip.RoundTrip | None,
) -> EpochQuality:
    """Spreads what is known of the present samples over all samples of the run."""
    neighbors_kept = np.full(sample_count, np.nan, np.float32)
    if kept is not None:
        neighbors_kept[data.present] = kept
    returned = confidence = None
    if journey is not None:
        returned = np.full(sample_count, -1, np.int32)
        confidence = np.full(sample_count, np.nan, np.float32)
        returned[data.present] = journey.returned
        confidence[data.present] = journey.confidence_change
    return EpochQuality(
        figures=figures,
        neighbors_kept=neighbors_kept,
        roundtrip_class=returned,
        roundtrip_confidence=confidence,
    )
