"""Routes of two runs on the same samples: who is right where, and where they differ (C2 to C4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.agreement import CELLS
from timetravel.analyze.compare import Comparison
from timetravel.analyze.disagreement import says_pairs
from timetravel.analyze.history import history
from timetravel.analyze.stops import Stop
from timetravel.server.columns import epoch_key
from timetravel.server.encode import mask_text, to_wire
from timetravel.server.routes import Answer, Ask, Refusal, Route

DISAGREEMENTS_LIMIT = 500
ORDERS = ("p_true", "divergence")


def comparison(ask: Ask) -> Comparison:
    """The two runs that the path names."""
    return Comparison(ask.run("a"), ask.run("b"))


def pair_key(pair: Comparison) -> str:
    """The content key of an answer about two runs."""
    return f"{pair.a.key}-{pair.b.key}"


def agreement(ask: Ask) -> Answer:
    """Counts of each cell at every stop of the common slider: ?join=accuracy pairs epochs of equal accuracy,
    ?join=NUMBER takes those of B that many epochs later."""
    pair = comparison(ask)
    by_accuracy = pair.stops_by_accuracy()
    join = ask.arguments.get("join", "epoch")
    if not re.fullmatch(r"epoch|accuracy|-?\d{1,7}", join):
        raise Refusal(
            400, f"epochs are not joined by {join!r}", "There are epoch, accuracy, and a number of epochs."
        )
    stops = by_accuracy if join == "accuracy" else pair.stops(0 if join == "epoch" else int(join))
    curves = pair.curves(stops)
    return Answer.json(
        {
            "stops": stops_in_words(curves.stops),
            **{name: getattr(curves, name) for name in (*CELLS, "neither_same")},
            "same_prediction": curves.same,
            "compared": curves.compared,
            "kappa": curves.kappa,
            "mcnemar_p": curves.mcnemar_p,
            "shared": pair.shared,
            "only_in_a": pair.joined.only_in_a,
            "only_in_b": pair.joined.only_in_b,
            "by_accuracy": stops_in_words(by_accuracy),
            "notice": pair.notice,
            "missing": missing(pair),
        },
        key=pair_key(pair),
    )


def stops_in_words(stops: Sequence[Stop]) -> list[dict[str, Any]]:
    """Stops of the common slider as JSON."""
    return [
        {"epoch": one.epoch, "a": one.a, "b": one.b, "holds_a": one.holds_a, "holds_b": one.holds_b}
        for one in stops
    ]


def missing(pair: Comparison) -> str | None:
    """Why two runs cannot be compared, None when they can."""
    if not pair.shared:
        return pair.notice
    for run in (pair.a, pair.b):
        if not run.epochs:
            return f"{run.name} has no recorded epoch yet."
        if not (history(run).predicted[-1] >= 0).any():
            return f"{run.name} has neither logits nor a head, so there are no predictions to compare."
    return None


def cell(ask: Ask) -> Answer:
    """The samples of one cell, of what A says and B says (two classes of A), or that are further `apart` than a
    number by an order of the disagreements, as masks of both runs."""
    pair = comparison(ask)
    epoch_a = ask.epoch(pair.a, str(ask.body.get("epoch_a")))
    epoch_b = ask.epoch(pair.b, str(ask.body.get("epoch_b")))
    name, says, apart = (ask.body.get(key) for key in ("cell", "says", "apart"))
    names = (*CELLS, "neither_same", "same")
    if name in names:
        rows_a, rows_b = pair.cell(epoch_a, epoch_b, name)
    elif isinstance(says, list) and len(says) == 2 and all(isinstance(one, int) for one in says):
        rows_a, rows_b = pair.says(epoch_a, epoch_b, *says)
    elif isinstance(apart, int | float) and ask.body.get("by") in ORDERS:
        rows_a, rows_b = pair.apart(epoch_a, epoch_b, ask.body["by"], apart)
    else:
        others = "says: [a, b], and apart: number with by"
        raise Refusal(400, f"there is no cell {name!r}", f"There are {', '.join(names)}, {others}.")
    return Answer.json(
        {
            "count": len(rows_a),
            "rows_a": mask_text(rows_a, len(pair.a.samples)),
            "rows_b": mask_text(rows_b, len(pair.b.samples)),
        }
    )


def disagreements(ask: Ask) -> Answer:
    """Shared samples that both runs predict differently, the strongest disagreement first; ?by= says in what."""
    pair = comparison(ask)
    epoch_a = ask.epoch(pair.a, ask.arguments.get("epoch_a", ""))
    epoch_b = ask.epoch(pair.b, ask.arguments.get("epoch_b", ""))
    limit = ask.number("limit", 24, low=1, high=DISAGREEMENTS_LIMIT)
    by = ask.arguments.get("by") or None
    if by not in (None, *ORDERS):
        raise Refusal(400, f"there is no order {by!r}", f"There are {', '.join(ORDERS)}.")
    found = pair.agreement(epoch_a, epoch_b)
    order, size = pair.disagreements(epoch_a, epoch_b, limit=pair.shared, by=by)
    differ = found.compared & ~found.same
    # Without probabilities there is no order; what differs is listed all the same.
    rest = np.setdiff1d(np.flatnonzero(differ), order)
    chosen = np.concatenate([order[differ[order]], rest])[:limit]
    rows_a, rows_b = pair.joined.rows_a[chosen], pair.joined.rows_b[chosen]
    now_a, now_b = pair.a.predictions(epoch_a), pair.b.predictions(epoch_b)
    rows = [
        {
            "id": pair.a.samples.ids[row_a],
            "row_a": row_a,
            "row_b": row_b,
            "predicted_a": now_a.predicted[row_a],
            "predicted_b": now_b.predicted[row_b],
            "p_true_a": now_a.p_true[row_a],
            "p_true_b": now_b.p_true[row_b],
            "label": pair.a.samples.labels[row_a],
            "size": size[one],
        }
        for one, row_a, row_b in zip(chosen, rows_a, rows_b, strict=True)
    ]
    said_a = now_a.predicted[pair.joined.rows_a].astype(np.int64)
    said_b = pair.joined.as_a(now_b.predicted[pair.joined.rows_b])
    pairs = says_pairs(said_a, said_b, only_different=False)
    return Answer.json({"rows": rows, "pairs": pairs, "count": int(differ.sum())}, key=pair_key(pair))


def column(ask: Ask) -> Answer:
    """What tells the samples of one of the runs apart by both: `agreement`, the place in CELLS (of samples without
    labels 0 for the same prediction, 1 for another; 255 where they are not compared), or `difference`, p_true of A
    less that of B (NaN where unknown)."""
    pair = comparison(ask)
    run, rows = (pair.a, pair.joined.rows_a) if ask.parts["side"] == "a" else (pair.b, pair.joined.rows_b)
    epoch_a, epoch_b = ask.epoch(pair.a, ask.parts["epoch_a"]), ask.epoch(pair.b, ask.parts["epoch_b"])
    values: NDArray[Any]
    if ask.parts["told"] == "agreement":
        found = pair.agreement(epoch_a, epoch_b)
        labelled = all((one.samples.labels >= 0).any() for one in (pair.a, pair.b))
        told = found.cells if labelled else np.where(found.compared, ~found.same, -1)
        dtype, values = "u8", np.full(len(run.samples), 255, np.uint8)
        values[rows] = np.where(told < 0, 255, told)
    else:
        dtype, values = "f32", np.full(len(run.samples), np.nan, np.float32)
        values[rows] = (
            pair.a.predictions(epoch_a).p_true[pair.joined.rows_a]
            - pair.b.predictions(epoch_b).p_true[pair.joined.rows_b]
        )
    key = f"{epoch_key(pair.a)}-{epoch_key(pair.b)}"
    return Answer(to_wire(values, dtype), keys=(key,), headers={"X-Dtype": dtype})


def joined(ask: Ask) -> Answer:
    """Rows of the same samples in both runs, and the class of A that each class of B is."""
    pair = comparison(ask)
    found = pair.joined
    return Answer.json(
        {
            "rows_a": found.rows_a,
            "rows_b": found.rows_b,
            "classes_of_b": found.classes,
            "notice": found.notice,
        },
        key=pair_key(pair),
    )


def joined_binary(ask: Ask) -> Answer:
    """The same rows as pairs of int32."""
    pair = comparison(ask)
    pairs = np.stack([pair.joined.rows_a, pair.joined.rows_b], 1)
    return Answer(to_wire(pairs, "i32"), keys=(pair_key(pair),), headers={"X-Dtype": "i32"})


_PAIR = r"compare/(?P<a>[^/]+)/(?P<b>[^/]+)"

ROUTES = (
    Route("GET", rf"{_PAIR}/agreement\.json", agreement, keep=True),
    Route("POST", rf"{_PAIR}/cell", cell),
    Route("GET", rf"{_PAIR}/disagreements\.json", disagreements, keep=True),
    Route(
        "GET",
        rf"{_PAIR}/column/(?P<told>agreement|difference)/(?P<side>[ab])/(?P<epoch_a>-?\d+)/(?P<epoch_b>-?\d+)\.bin",
        column,
        keep=True,
    ),
    Route("GET", rf"{_PAIR}/join\.json", joined, keep=True),
    Route("GET", rf"{_PAIR}/join\.bin", joined_binary, keep=True),
)
