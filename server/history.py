"""Routes of one sample over time: its story, and what changed at an epoch (Q7)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.events import KINDS, event_table, in_words
from timetravel.analyze.history import history
from timetravel.analyze.response import softmax
from timetravel.analyze.rounds import labelling_at, rounds
from timetravel.analyze.sample_response import sample_response
from timetravel.server.routes import Answer, Ask, Route
from timetravel.store.facts import NEIGHBORS_K
from timetravel.store.run import StoredMap, StoredRun

SHOWN_CLASSES = 10
"""Classes of the probability strip: those that ever mattered."""
QUIET_KINDS = ("flip", "labelled")
"""Events that another event of the same epoch tells better, or that are no news every round."""


def sample(ask: Ask) -> Answer:
    """Everything about one sample at all epochs."""
    run = ask.run()
    row = ask.row(run, ask.parts["row"])
    samples, past = run.samples, history(run)
    stored = ask.map(run, ask.arguments.get("map")) if run.maps else None
    true = samples.true_labels
    return Answer.json(
        {
            "row": row,
            "id": samples.ids[row],
            "label": samples.labels[row],
            "split": samples.split[row],
            "true_label": None if true is None else true[row],
            "attributes": {name: values[row] for name, values in samples.attributes.items()},
            "epochs": run.epochs,
            "present": [bool(run.predictions(epoch).present[row]) for epoch in run.epochs],
            "predicted": past.predicted[:, row],
            "p_true": past.figure("p_true")[:, row],
            "confidence": past.figure("p_predicted")[:, row],
            "margin": past.figure("margin")[:, row],
            "loss": past.figure("loss")[:, row],
            "probabilities": probabilities(run, row),
            "events": events(run, row),
            "kept": None if stored is None else kept_share(run, stored, row),
            "kept_epochs": None if stored is None else stored.epochs,
            "kept_k": min(NEIGHBORS_K, len(samples) - 1),
            "picks": [
                {"epoch": one.epochs[-1], "rank": one.rank[row], "strategy": one.strategy}
                for one in rounds(run)
                if one.picked[row]
            ],
            "labelled_since": next((one.epochs[0] for one in rounds(run) if one.labelled[row]), None),
        },
        key=None if stored is None else f"{run.key}-{stored.key}",
    )


def probabilities(run: StoredRun, row: int) -> dict[str, Any] | None:
    """Probabilities (E, c) of the at most ten classes that came highest at any epoch; None without logits."""
    lines: list[NDArray[np.float64] | None] = []
    for logits in sample_logits(run, row):
        known = logits is not None and np.isfinite(logits).all()
        lines.append(softmax(logits) if known and logits is not None else None)
    known_lines = [line for line in lines if line is not None]
    if not known_lines:
        return None
    width = max(len(line) for line in known_lines)
    highest = np.max([np.pad(line, (0, width - len(line))) for line in known_lines], axis=0)
    classes = np.sort(np.argsort(-highest, kind="stable")[:SHOWN_CLASSES])
    label = int(run.samples.labels[row])
    if 0 <= label < width and label not in classes:
        classes = np.sort(np.append(classes[:-1], label))
    values = [
        None if line is None else [line[index] if index < len(line) else 0.0 for index in classes]
        for line in lines
    ]
    return {"classes": classes, "values": values}


def sample_logits(run: StoredRun, row: int) -> list[NDArray[np.float64] | None]:
    """Logits of one sample at each epoch: as recorded, else what the head makes of its representation."""
    recorded = of_sample(run, "SELECT epoch, logits FROM logits WHERE sample_id = ?", row)
    if not recorded:
        vectors = of_sample(run, "SELECT epoch, vector FROM representations WHERE sample_id = ?", row)
        heads = {epoch: run.head(epoch) for epoch in vectors}
        recorded = {
            epoch: head.logits(np.array([vectors[epoch]]))[0]
            for epoch, head in heads.items()
            if head is not None
        }
    return [
        np.asarray(recorded[epoch], np.float64) if recorded.get(epoch) is not None else None
        for epoch in run.epochs
    ]


def of_sample(run: StoredRun, query: str, row: int, *more: Any) -> dict[int, Any]:
    """epoch -> value of a query for one sample: a look-up, where arrays of all samples would be read whole."""
    table = run.sql(query, [*more, int(run.samples.ids[row])])
    return dict(zip(*(column.to_pylist() for column in table.columns), strict=True))


def events(run: StoredRun, row: int) -> list[dict[str, Any]]:
    """What happened to a sample, in order and in words."""
    table = event_table(run, rows=[row])
    texts = in_words(table, run.classes)
    told = [
        {"epoch": run.epochs[table.position[at]], "kind": KINDS[table.kind[at]], "text": texts[at]}
        for at in range(len(table))
    ]
    louder = {one["epoch"] for one in told if one["kind"] in ("learned", "forgotten", "drift")}
    return [
        one
        for one in told
        if one["kind"] not in QUIET_KINDS or (one["kind"] == "flip" and one["epoch"] not in louder)
    ]


def kept_share(run: StoredRun, stored: StoredMap, row: int) -> list[float | None]:
    """Share of the sample's true neighbours kept on the map, at each epoch of the map."""
    query = "SELECT epoch, neighbors_kept FROM positions WHERE map_id = ? AND sample_id = ?"
    found = of_sample(run, query, row, stored.name)
    return [found.get(epoch) for epoch in stored.epochs]


def changed(ask: Ask) -> Answer:
    """How the network's response to a sample changed since the epoch before, among all samples."""
    run = ask.run()
    epoch, row = ask.epoch(run), ask.row(run)
    stored = ask.map(run, ask.arguments.get("map")) if run.maps else None
    found = sample_response(run, row, epoch, map=stored)
    return Answer.json(
        {
            "epoch": epoch,
            "previous": found.previous,
            "rows": [asdict(one) for one in found.figures],
            "missing": list(found.missing),
        },
        key=None if stored is None else f"{run.key}-{stored.key}",
    )


def labelling(ask: Ask) -> Answer:
    """The labelling round of an epoch in numbers."""
    run = ask.run()
    found = labelling_at(run, ask.epoch(run))
    if found is None:
        return Answer.json({"round": None}, key=run.key)
    return Answer.json(
        {
            "round": found.round,
            "labelled": int(found.labelled.sum()),
            "picked": int(found.picked.sum()),
            "strategy": found.strategy,
            "scores": list(found.scores),
        },
        key=run.key,
    )


_RUN, _EPOCH = r"data/(?P<run>[^/]+)", r"(?P<epoch>-?\d+)"

ROUTES = (
    Route("GET", rf"{_RUN}/sample/(?P<row>\d+)\.json", sample, keep=True),
    Route("GET", rf"{_RUN}/changed/{_EPOCH}\.json", changed, keep=True),
    Route("GET", rf"{_RUN}/labelling/{_EPOCH}\.json", labelling, keep=True),
)
