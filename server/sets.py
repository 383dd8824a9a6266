"""Routes of sets of samples at an epoch: make-up, transitions, losses (Q3, Q4), and the confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.changes import change_counts, changes
from timetravel.analyze.confusion import confusion
from timetravel.analyze.findings import times
from timetravel.analyze.history import History, history
from timetravel.analyze.loss_change import curves, loss_change
from timetravel.analyze.transitions import transitions
from timetravel.server.columns import split_names
from timetravel.server.routes import Answer, Ask, Refusal, Route
from timetravel.store.run import StoredRun

FLIPS_SHOWN = 12
EVENTFUL_SHOWN = 8
PICTURES_SHOWN = 32


def set_of_samples(ask: Ask) -> Answer:
    """What a selection is, and what happened to it at this epoch."""
    run = ask.run()
    epoch, rows = ask.epoch(run), np.unique(ask.rows(run))
    past = history(run)
    at, before = past.position(epoch), past.before(epoch)
    now = run.predictions(epoch)
    known = past.known[at, rows]
    pairs = (
        transitions(past.predicted[at - 1, rows], past.predicted[at, rows]) if before is not None else None
    )
    return Answer.json(
        {
            "epoch": epoch,
            "count": len(rows),
            "samples": int(now.present[rows].sum()),
            "accuracy": float(past.correct[at, rows][known].mean()) if known.any() else None,
            "by_class": by_class(run, rows, now.correct, past.known[at]),
            "transitions": {
                "from_epoch": before,
                "matrix": []
                if pairs is None
                else [{"from": a, "to": b, "count": count} for a, b, count in pairs.tolist()],
                "counts": None if before is None else transition_counts(past, at, rows),
            },
            "flips": [] if pairs is None else flips_in_words(run, pairs),
            "loss": losses(run, rows, before, epoch),
            "curves": set_curves(past, rows),
            "eventful": eventful(run, past, rows),
            "rows_shown": rows[:PICTURES_SHOWN],
        }
    )


def by_class(
    run: StoredRun, rows: NDArray[np.int64], correct: NDArray[np.bool_], known: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """Samples and right ones of each class that occurs, -1 for unlabelled."""
    labels = run.samples.labels[rows]
    found = []
    for label in np.unique(labels):
        mine = rows[labels == label]
        right = int((correct & known)[mine].sum())
        found.append({"class": int(label), "count": len(mine), "correct": right})
    return found


def transition_counts(past: History, at: int, rows: NDArray[np.int64]) -> dict[str, int]:
    """Samples learned, forgotten, drifted (wrong in another way), flipped and unchanged since the epoch before."""
    found = changes(past.predicted[at - 1, rows], past.predicted[at, rows], past.labels[rows])
    names = ("learned", "forgotten", "drift", "flipped")
    counts = {name: int(getattr(found, name).sum()) for name in names}
    return {**counts, "unchanged": int(found.shared.sum()) - counts["flipped"]}


def flips_in_words(run: StoredRun, pairs: NDArray[np.int64]) -> list[str]:
    """Like "5 → 8: 12 samples", the most frequent first."""
    return [
        f"{run.classes[a]} → {run.classes[b]}: {count:,} sample{'' if count == 1 else 's'}"
        for a, b, count in pairs.tolist()
        if a != b
    ][:FLIPS_SHOWN]


def losses(run: StoredRun, rows: NDArray[np.int64], before: int | None, epoch: int) -> dict[str, Any]:
    """Losses of the set now, against the epoch before, and who changed most."""
    now = run.predictions(epoch).loss[rows]
    finite = now[np.isfinite(now)].astype(np.float64)
    q1, median, q3 = np.quantile(finite, [0.25, 0.5, 0.75]) if len(finite) else (None, None, None)
    figures: dict[str, Any] = {
        "mean": float(finite.mean()) if len(finite) else None,
        "median": median,
        "q1": q1,
        "q3": q3,
        "previous_mean": None,
        "mean_change": None,
        "rises": [],
        "falls": [],
    }
    if before is None:
        return figures
    change = loss_change(run.predictions(before).loss[rows], now)

    def told(places: NDArray[np.int64]) -> list[dict[str, Any]]:
        return [
            {"row": rows[one], "id": run.samples.ids[rows[one]], "change": change.change[one]}
            for one in places
        ]

    return {
        **figures,
        "previous_mean": change.mean_before,
        "mean_change": change.mean,
        "rises": told(change.rises),
        "falls": told(change.falls),
    }


def set_curves(past: History, rows: NDArray[np.int64]) -> dict[str, Any]:
    """Mean loss with quartiles and accuracy of the set at every epoch."""
    found = curves(past.figure("loss")[:, rows], past.correct[:, rows], past.known[:, rows])
    return {
        "epochs": past.epochs,
        "mean_loss": found.mean_loss,
        "q1": found.q1,
        "q3": found.q3,
        "accuracy": found.accuracy,
    }


def eventful(run: StoredRun, past: History, rows: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The samples of the set whose prediction flipped most often; ties by row."""
    predicted = past.predicted[:, rows]
    both = (predicted[1:] >= 0) & (predicted[:-1] >= 0)
    flips = ((predicted[1:] != predicted[:-1]) & both).sum(0)
    forgets = (past.correct[:-1, rows] & past.known[1:, rows] & ~past.correct[1:, rows]).sum(0)
    order = np.argsort(-flips, kind="stable")[:EVENTFUL_SHOWN]
    return [
        {
            "row": rows[one],
            "id": run.samples.ids[rows[one]],
            "count": int(flips[one]),
            "text": f"flipped {times(int(flips[one]))}, forgotten {times(int(forgets[one]))}",
        }
        for one in order
        if flips[one] > 0
    ]


def confusion_matrix(ask: Ask) -> Answer:
    """Who is taken for whom, now and at the epoch before; above 100 classes only the pairs that occur."""
    run = ask.run()
    epoch, past = ask.epoch(run), history(run)
    split = ask.arguments.get("split") or None
    if split is not None and split not in split_names(run):
        raise Refusal(404, f"there is no split {split!r}", f"There are {', '.join(split_names(run))}.")
    rows = None if split is None else run.samples.split == split
    at, before = past.position(epoch), past.before(epoch)
    head = {"epoch": epoch, "classes": run.classes, "split": split, "previous_epoch": before}
    if not (run.samples.labels >= 0).any():
        counted = past.predicted[at] if rows is None else past.predicted[at][rows]
        counts = np.bincount(counted[counted >= 0], minlength=len(run.classes))
        sentence = "The samples have no labels, so there is nothing to compare predictions with."
        none = dict.fromkeys(("matrix", "pairs", "totals", "accuracy", "previous", "previous_pairs"))
        return Answer.json({**head, **none, "predicted_counts": counts, "missing": sentence}, key=run.key)
    found = confusion(past.predicted[at], past.labels, len(run.classes), rows)
    earlier = None
    if before is not None:
        earlier = confusion(past.predicted[at - 1], past.labels, len(run.classes), rows)
    dense = found.matrix is not None
    return Answer.json(
        {
            **head,
            "matrix": found.matrix,
            "pairs": None if dense else found.pairs,
            "totals": found.totals,
            "accuracy": found.accuracy,
            "previous": None if earlier is None else earlier.matrix,
            "previous_pairs": None if earlier is None or dense else earlier.pairs,
            "missing": None,
        },
        key=run.key,
    )


def counts_over_time(run: StoredRun) -> dict[str, list[int | None]]:
    """Flips, learned and forgotten samples at each epoch, None at the first."""
    past = history(run)
    counts = change_counts(past.predicted, past.labels)
    return {
        name: [None if at == 0 else int(value) for at, value in enumerate(counts[name])]
        for name in ("flips", "learned", "forgotten")
    }


_RUN, _EPOCH = r"data/(?P<run>[^/]+)", r"(?P<epoch>-?\d+)"

ROUTES = (
    Route("POST", rf"{_RUN}/set/{_EPOCH}\.json", set_of_samples),
    Route("GET", rf"{_RUN}/confusion/{_EPOCH}\.json", confusion_matrix, keep=True),
)
