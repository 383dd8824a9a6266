"""Two runs side by side: agreement over their stops, a cell of it, disagreements (C2 to C5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.agreement import CELLS, Agreement, agreement, cohen_kappa
from timetravel.analyze.columns import learning_of
from timetravel.analyze.disagreement import by_divergence, by_p_true
from timetravel.analyze.history import history
from timetravel.analyze.joining import Join, join
from timetravel.analyze.response import softmax
from timetravel.analyze.sample_learning import WhoLearnedFirst, who_learned_first
from timetravel.analyze.stops import Stop, stops_by_accuracy, stops_by_epoch
from timetravel.store.run import StoredRun

UNSHARED = -2
"""Class of B that A does not have: a prediction, equal to none of A."""


def _joined(run_a: StoredRun, run_b: StoredRun) -> Join:
    """The shared samples, found once for each B beside which A stands: a page asks at every epoch."""
    known: dict[str, tuple[str, Join]] = history(run_a).kept("joins", dict)
    key, found = known.get(run_b.run_id, ("", None))
    if found is None or key != run_b.key:
        found = join(run_a, run_b)
        known[run_b.run_id] = run_b.key, found
    return found


@dataclass(frozen=True, slots=True)
class AgreementCurves:
    """Counts at every stop, (S,) each; kappa and mcnemar_p float64, NaN where undefined."""

    stops: Sequence[Stop]
    both: NDArray[np.int64]
    only_a: NDArray[np.int64]
    only_b: NDArray[np.int64]
    neither: NDArray[np.int64]
    neither_same: NDArray[np.int64]
    same: NDArray[np.int64]
    compared: NDArray[np.int64]
    kappa: NDArray[np.float64]
    mcnemar_p: NDArray[np.float64]


class Comparison:
    """Runs A and B over the samples that they share. `notice` says what could not be joined by name."""

    def __init__(self, run_a: StoredRun, run_b: StoredRun) -> None:
        self.a, self.b = run_a, run_b
        self.joined: Join = _joined(run_a, run_b)
        self.notice = self.joined.notice

    @property
    def shared(self) -> int:
        """Samples that both runs have."""
        return len(self.joined.rows_a)

    def stops(self, later: int = 0) -> list[Stop]:
        """The union of epochs, B's set apart by `later`; a run without one holds its last earlier epoch."""
        return stops_by_epoch(self.a.epochs, self.b.epochs, later)

    def stops_by_accuracy(self, split: str | None = None) -> list[Stop]:
        """Epochs at which both first reached the same accuracy, on a split: validation by default, else test,
        else all samples."""
        series = [accuracy_of(run, split) for run in (self.a, self.b)]
        return stops_by_accuracy(self.a.epochs, series[0], self.b.epochs, series[1])

    def _predicted(self, epoch_a: int, epoch_b: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ours = self.a.predictions(epoch_a).predicted[self.joined.rows_a].astype(np.int64)
        theirs = self.b.predictions(epoch_b).predicted[self.joined.rows_b].astype(np.int64)
        mapped = self.joined.as_a(theirs)
        return ours, np.where((theirs >= 0) & (mapped < 0), UNSHARED, mapped)

    def agreement(self, epoch_a: int, epoch_b: int) -> Agreement:
        """Masks over the shared samples, in the order of `joined`."""
        labels_a = self.a.samples.labels[self.joined.rows_a]
        own = self.b.samples.labels[self.joined.rows_b].astype(np.int64)
        labels_b = self.joined.as_a(own)
        ours, theirs = self._predicted(epoch_a, epoch_b)
        return agreement(ours, theirs, labels_a, labels_b)

    def curves(self, stops: Sequence[Stop] | None = None) -> AgreementCurves:
        """Agreement at every stop."""
        stops = self.stops() if stops is None else stops
        counts: dict[str, list[int]] = {name: [] for name in (*CELLS, "neither_same", "same", "compared")}
        kappas, p_values = [], []
        for stop in stops:
            found = self.agreement(stop.a, stop.b)
            for name, count in found.counts.items():
                counts[name].append(count)
            kappas.append(cohen_kappa(*self._predicted(stop.a, stop.b)))
            p_values.append(found.mcnemar_p if found.judged else float("nan"))
        arrays = {name: np.array(values, np.int64) for name, values in counts.items()}
        return AgreementCurves(
            stops=stops,
            kappa=np.array(kappas, np.float64),
            mcnemar_p=np.array(p_values, np.float64),
            **arrays,
        )

    def cell(self, epoch_a: int, epoch_b: int, cell: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows in A and in B of the samples of a cell: both, only_a, only_b, neither, neither_same, same."""
        names = (*CELLS, "neither_same", "same")
        if cell not in names:
            raise ValueError(f"there is no cell {cell!r}; expected one of {', '.join(names)}")
        mask = getattr(self.agreement(epoch_a, epoch_b), cell)
        return self.joined.rows_a[mask], self.joined.rows_b[mask]

    def says(
        self, epoch_a: int, epoch_b: int, class_a: int, class_b: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows in A and in B of the samples that A predicts as one class and B as another, classes as those of A."""
        ours, theirs = self._predicted(epoch_a, epoch_b)
        mask = (ours == class_a) & (theirs == class_b)
        return self.joined.rows_a[mask], self.joined.rows_b[mask]

    def disagreements(
        self, epoch_a: int, epoch_b: int, *, limit: int = 100, by: str | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Positions among the shared samples, the greatest disagreement first, and its size for all.

        by: "p_true" for |p_true A - p_true B|, "divergence" for Jensen-Shannon divergence (bits); by p_true
        when it is not named, by divergence when no shared sample has a label.
        """
        rows_a, rows_b = self.joined.rows_a, self.joined.rows_b
        p_a, p_b = self.a.predictions(epoch_a).p_true[rows_a], self.b.predictions(epoch_b).p_true[rows_b]
        gap = np.abs(p_a.astype(np.float64) - p_b)
        if by == "p_true" or (by is None and np.isfinite(gap).any()):
            return by_p_true(p_a, p_b, limit), gap
        return by_divergence(*self.probabilities(epoch_a, epoch_b), limit)

    def apart(
        self, epoch_a: int, epoch_b: int, by: str, limit: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows in A and in B of the samples whose disagreement, "p_true" or "divergence", is larger than `limit`."""
        order, size = self.disagreements(epoch_a, epoch_b, limit=self.shared, by=by)
        chosen = np.sort(order[size[order] > limit])
        return self.joined.rows_a[chosen], self.joined.rows_b[chosen]

    def probabilities(self, epoch_a: int, epoch_b: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n, C) each over the shared samples and the classes of A, NaN without logits.

        What B gives to classes that A does not have is left out, and the rest scaled to 1.
        """
        count = (self.shared, len(self.a.classes))
        p_a, p_b = np.full(count, np.nan), np.full(count, np.nan)
        ours, theirs = self.a.logits(epoch_a), self.b.logits(epoch_b)
        if ours is not None:
            p_a[:, : ours.shape[1]] = softmax(ours[self.joined.rows_a])
            p_a[:, ours.shape[1] :] = 0
        if theirs is not None:
            wide = np.full((self.shared, len(self.a.classes)), -np.inf)
            for number, own in enumerate(self.joined.classes[: theirs.shape[1]]):
                if own >= 0:
                    wide[:, own] = theirs[self.joined.rows_b, number]
            known = np.isfinite(wide).any(axis=1)
            p_b[known] = softmax(wide[known])
        return p_a, p_b

    def learned_first(self, *, scaled: bool = False) -> WhoLearnedFirst:
        """Who learned each shared sample for good first (C5), by epoch, or scaled to the length of each run."""
        places = []
        for run, rows in ((self.a, self.joined.rows_a), (self.b, self.joined.rows_b)):
            past = history(run)
            final = learning_of(past).final[rows]
            if scaled:
                times = final / max(len(past.epochs) - 1, 1)
            else:
                times = np.array([*past.epochs, np.nan], np.float64)[final]
            places.append(np.where(final >= 0, times, np.nan))
        # Epoch labels may be negative; "never" is NaN, so shift what is known to be at least 0.
        lowest = min((float(np.nanmin(one)) for one in places if np.isfinite(one).any()), default=0.0)
        return who_learned_first(*(one - min(lowest, 0.0) for one in places))


def accuracy_of(run: StoredRun, split: str | None = None) -> NDArray[np.float64]:
    """(E,) accuracy on a split, NaN where nothing is known; without one on validation, test or all samples.

    A recorded `val_accuracy` comes first when no split is named.
    """
    past = history(run)
    if split is None:
        recorded = np.array([one.metrics.get("val_accuracy", np.nan) for one in run.records], np.float64)
        if np.isfinite(recorded).any():
            return recorded
        there = set(np.unique(run.samples.split).tolist())
        split = next((name for name in ("validation", "test") if name in there), None)
    mask = np.ones(len(run.samples), np.bool_) if split is None else run.samples.split == split
    out = np.full(len(past.epochs), np.nan)
    for at in range(len(past.epochs)):
        known = past.known[at] & mask
        if known.any():
            out[at] = past.correct[at][known].mean()
    return out
