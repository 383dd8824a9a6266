"""Routes of two runs on the same samples: who is right where, and where they differ (C2 to C4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.agreement import CELLS, Agreement, agreement, cohen_kappa
from timetravel.analyze.disagreement import by_divergence, by_p_true, says_pairs
from timetravel.analyze.history import history
from timetravel.analyze.joining import Join, join
from timetravel.analyze.response import softmax
from timetravel.analyze.stops import stops_by_accuracy, stops_by_epoch
from timetravel.server.encode import mask_text, to_wire
from timetravel.server.overview import accuracies
from timetravel.server.routes import Answer, Ask, Refusal, Route
from timetravel.store.run import StoredRun

DISAGREEMENTS_LIMIT = 500
HELD_OUT = ("validation", "test")


def agreement_over_time(ask: Ask) -> Answer:
    """Counts of each cell at every stop of the common slider."""
    run_a, run_b = ask.run("a"), ask.run("b")
    shared = join(run_a, run_b)
    stops = stops_by_epoch(run_a.epochs, run_b.epochs)
    found = [compared(run_a, run_b, shared, stop.a, stop.b) for stop in stops]
    counts = [one.counts for one, _, _ in found]
    return Answer.json(
        {
            "stops": [
                {"epoch": one.epoch, "a": one.a, "b": one.b, "holds_a": one.holds_a, "holds_b": one.holds_b}
                for one in stops
            ],
            **{name: [one[name] for one in counts] for name in (*CELLS, "neither_same")},
            "same_prediction": [one["same"] for one in counts],
            "kappa": [cohen_kappa(a, b) for _, a, b in found],
            "mcnemar_p": [one.mcnemar_p for one, _, _ in found],
            "shared": len(shared.rows_a),
            "only_in_a": shared.only_in_a,
            "only_in_b": shared.only_in_b,
            "by_accuracy": [
                {"epoch": one.epoch, "a": one.a, "b": one.b}
                for one in stops_by_accuracy(run_a.epochs, _reached(run_a), run_b.epochs, _reached(run_b))
            ],
            "notice": shared.notice,
            "missing": missing(run_a, run_b, shared),
        },
        key=pair_key(run_a, run_b),
    )


def pair_key(run_a: StoredRun, run_b: StoredRun) -> str:
    """The content key of an answer about two runs."""
    return f"{run_a.key}-{run_b.key}"


def missing(run_a: StoredRun, run_b: StoredRun, shared: Join) -> str | None:
    """Why two runs cannot be compared, None when they can."""
    if not len(shared.rows_a):
        return shared.notice
    for run in (run_a, run_b):
        if not run.epochs:
            return f"{run.name} has no recorded epoch yet."
        if not (history(run).predicted[-1] >= 0).any():
            return f"{run.name} has neither logits nor a head, so there are no predictions to compare."
    return None


def compared(
    run_a: StoredRun, run_b: StoredRun, shared: Join, epoch_a: int, epoch_b: int
) -> tuple[Agreement, NDArray[np.int64], NDArray[np.int64]]:
    """Agreement over the shared samples, and both predictions as classes of A (-2: a class that A lacks)."""
    said_a = run_a.predictions(epoch_a).predicted[shared.rows_a].astype(np.int64)
    own_b = run_b.predictions(epoch_b).predicted[shared.rows_b]
    said_b = shared.as_a(own_b)
    said_b = np.where((own_b >= 0) & (said_b < 0), -2, said_b)
    labels_a = run_a.samples.labels[shared.rows_a]
    labels_b = shared.as_a(run_b.samples.labels[shared.rows_b])
    # A run without labels of its own is judged by those of the other.
    labels_b = np.where(labels_b < 0, labels_a, labels_b)
    labels_a = np.where(labels_a < 0, labels_b, labels_a)
    return agreement(said_a, said_b, labels_a, labels_b), said_a, said_b


def _reached(run: StoredRun) -> NDArray[np.float64]:
    """Accuracy at each epoch on the held-out samples, on all where there are none."""
    past, split = history(run), run.samples.split
    group = np.where(np.isin(split, HELD_OUT), "held out", "train")
    name = "held out" if (group == "held out").any() else "train"
    values = accuracies(past, group, [name])[name]
    return np.array([np.nan if value is None else value for value in values])


def cell_of_samples(ask: Ask) -> Answer:
    """The samples of one cell, as masks of both runs."""
    run_a, run_b = ask.run("a"), ask.run("b")
    cell = ask.body.get("cell")
    if cell not in CELLS:
        raise Refusal(400, f"there is no cell {cell!r}", f"There are {', '.join(CELLS)}.")
    shared = join(run_a, run_b)
    epoch_a, epoch_b = (
        ask.epoch(run, str(ask.body.get(name))) for run, name in ((run_a, "epoch_a"), (run_b, "epoch_b"))
    )
    found, _, _ = compared(run_a, run_b, shared, epoch_a, epoch_b)
    inside = getattr(found, cell)
    return Answer.json(
        {
            "count": int(inside.sum()),
            "rows_a": mask_text(shared.rows_a[inside], len(run_a.samples)),
            "rows_b": mask_text(shared.rows_b[inside], len(run_b.samples)),
        }
    )


def disagreements(ask: Ask) -> Answer:
    """Shared samples that both runs predict differently, the strongest disagreement first."""
    run_a, run_b = ask.run("a"), ask.run("b")
    shared = join(run_a, run_b)
    epoch_a = ask.epoch(run_a, ask.arguments.get("epoch_a", ""))
    epoch_b = ask.epoch(run_b, ask.arguments.get("epoch_b", ""))
    limit = ask.number("limit", 24, low=1, high=DISAGREEMENTS_LIMIT)
    found, said_a, said_b = compared(run_a, run_b, shared, epoch_a, epoch_b)
    order, divergence = strongest(run_a, run_b, shared, epoch_a, epoch_b)
    differ = order[(found.compared & ~found.same)[order]][:limit]
    now_a, now_b = run_a.predictions(epoch_a), run_b.predictions(epoch_b)
    rows = [
        {
            "id": run_a.samples.ids[shared.rows_a[one]],
            "row_a": shared.rows_a[one],
            "row_b": shared.rows_b[one],
            "predicted_a": said_a[one],
            "predicted_b": now_b.predicted[shared.rows_b[one]],
            "p_true_a": now_a.p_true[shared.rows_a[one]],
            "p_true_b": now_b.p_true[shared.rows_b[one]],
            "label": run_a.samples.labels[shared.rows_a[one]],
            "divergence": None if divergence is None else divergence[one],
        }
        for one in differ
    ]
    pairs: list[dict[str, Any]] = [
        {"a": a, "b": b, "count": count} for a, b, count in says_pairs(said_a, said_b).tolist()
    ]
    return Answer.json(
        {"rows": rows, "pairs": pairs, "count": int((found.compared & ~found.same).sum())},
        key=pair_key(run_a, run_b),
    )


def strongest(
    run_a: StoredRun, run_b: StoredRun, shared: Join, epoch_a: int, epoch_b: int
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """Places among the shared samples, strongest disagreement first, and the divergence where it is known."""
    logits_a, logits_b = run_a.logits(epoch_a), run_b.logits(epoch_b)
    if logits_a is not None and logits_b is not None and run_a.classes == run_b.classes:
        p, q = softmax(logits_a[shared.rows_a]), softmax(logits_b[shared.rows_b])
        if p.shape == q.shape:
            return by_divergence(p, q)
    now_a, now_b = run_a.predictions(epoch_a), run_b.predictions(epoch_b)
    order = by_p_true(now_a.p_true[shared.rows_a], now_b.p_true[shared.rows_b])
    rest = np.setdiff1d(np.arange(len(shared.rows_a)), order)
    return np.concatenate([order, rest]), None


def joined(ask: Ask) -> Answer:
    """Rows of the same samples in both runs."""
    run_a, run_b = ask.run("a"), ask.run("b")
    shared = join(run_a, run_b)
    return Answer.json(
        {
            "rows_a": shared.rows_a,
            "rows_b": shared.rows_b,
            "classes_of_b": shared.classes,
            "notice": shared.notice,
        },
        key=pair_key(run_a, run_b),
    )


def joined_binary(ask: Ask) -> Answer:
    """The same as pairs of int32."""
    run_a, run_b = ask.run("a"), ask.run("b")
    shared = join(run_a, run_b)
    pairs = np.stack([shared.rows_a, shared.rows_b], 1)
    return Answer(to_wire(pairs, "i32"), keys=(pair_key(run_a, run_b),), headers={"X-Dtype": "i32"})


_PAIR = r"compare/(?P<a>[^/]+)/(?P<b>[^/]+)"

ROUTES = (
    Route("GET", rf"{_PAIR}/agreement\.json", agreement_over_time, keep=True),
    Route("POST", rf"{_PAIR}/cell", cell_of_samples),
    Route("GET", rf"{_PAIR}/disagreements\.json", disagreements, keep=True),
    Route("GET", rf"{_PAIR}/join\.json", joined, keep=True),
    Route("GET", rf"{_PAIR}/join\.bin", joined_binary, keep=True),
)
