"""Routes of one sample over time: its story, and what changed at an epoch (Q7)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.events import KINDS, event_table, in_words
from timetravel.analyze.history import history
from timetravel.analyze.motion import movement_at
from timetravel.analyze.response import (
    channel_change,
    cosine_movement,
    js_of_logits,
    neighbor_change,
    percentile_of,
    softmax,
)
from timetravel.analyze.rounds import labelling_at, rounds
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
    before = history(run).before(epoch)
    if before is None:
        return Answer.json({"epoch": epoch, "previous": None, "rows": []}, key=run.key)
    found = [
        *response_rows(run, row, before, epoch),
        *movement_rows(run, row, before, epoch),
        *map_rows(ask, run, row, before, epoch),
        *neighbor_rows(run, row, before, epoch),
        *layer_rows(run, row, before, epoch),
    ]
    return Answer.json({"epoch": epoch, "previous": before, "rows": found}, key=run.key)


def figure(name: str, values: NDArray[Any], row: int, unit: str, text: str) -> dict[str, Any]:
    """One line of the list, with its place among all samples."""
    value = float(values[row])
    place = percentile_of(value, values)
    return {"name": name, "value": value, "percentile": place, "unit": unit, "text": text}


def response_rows(run: StoredRun, row: int, before: int, epoch: int) -> list[dict[str, Any]]:
    """Probabilities: divergence, and the change of the label's."""
    old, new = run.logits(before), run.logits(epoch)
    if old is None or new is None:
        return []
    lines = [
        figure(
            "divergence",
            js_of_logits(old, new),
            row,
            "bits",
            "how far the probabilities moved (Jensen-Shannon)",
        )
    ]
    change = run.predictions(epoch).p_true - run.predictions(before).p_true
    if np.isfinite(change[row]):
        text = "change of the label's probability; the place is among sizes of change"
        place = percentile_of(abs(float(change[row])), np.abs(change))
        lines.append({"name": "p_true", "value": change[row], "percentile": place, "unit": "", "text": text})
    return lines


def movement_rows(run: StoredRun, row: int, before: int, epoch: int) -> list[dict[str, Any]]:
    """The representation: angle and distance."""
    distance = movement_at(run, epoch)
    if not np.isfinite(distance[row]):
        return []
    cosine = cosine_movement(run.representations(before), run.representations(epoch))
    middle = float(np.nanmedian(distance))
    times = f", {distance[row] / middle:.1f} times the median" if middle > 0 else ""
    return [
        figure("cosine", cosine, row, "1 - cosine", "turn of the representation"),
        figure("movement", distance, row, "", f"movement of the representation{times}"),
    ]


def map_rows(ask: Ask, run: StoredRun, row: int, before: int, epoch: int) -> list[dict[str, Any]]:
    """The map: movement over its diameter."""
    if not run.maps:
        return []
    stored = ask.map(run, ask.arguments.get("map"))
    if before not in stored.epochs or epoch not in stored.epochs:
        return []
    x0, x1, y0, y1 = stored.extent
    diameter = float(np.hypot(x1 - x0, y1 - y0)) or 1.0
    moved = np.hypot(*(stored.positions(epoch) - stored.positions(before)).T.astype(np.float64)) / diameter
    if not np.isfinite(moved[row]):
        return []
    return [figure("map", moved, row, "of the map's diameter", "movement on the map")]


def neighbor_rows(run: StoredRun, row: int, before: int, epoch: int) -> list[dict[str, Any]]:
    """Neighbours gained and lost."""
    if not run.present(epoch)[row] or not run.present(before)[row]:
        return []
    own = int(run.samples.ids[row])
    old, new = (run.neighbors(own, one, NEIGHBORS_K).ids for one in (before, epoch))
    change = neighbor_change(old, new)
    return [
        {
            "name": "neighbors",
            "value": change.persistence,
            "percentile": None,
            "unit": "kept",
            "text": f"{len(change.kept)} neighbours kept, {len(change.gained)} gained, {len(change.lost)} lost",
        }
    ]


def layer_rows(run: StoredRun, row: int, before: int, epoch: int) -> list[dict[str, Any]]:
    """Channel activations of each recorded layer."""
    found = []
    for layer in run.activation_layers:
        old = run.activations(before, layer).get(layer)
        new = run.activations(epoch, layer).get(layer)
        if old is None or new is None or old.means.shape != new.means.shape:
            continue
        if not (np.isfinite(old.means[row]).all() and np.isfinite(new.means[row]).all()):
            continue
        change = channel_change(old.means[row], new.means[row])
        enter = ", ".join(map(str, change.entering.tolist())) or "none"
        leave = ", ".join(map(str, change.leaving.tolist())) or "none"
        values = cosine_movement(old.means, new.means)
        text = f"turn of the activations of {layer}; channels entering the top: {enter}, leaving: {leave}"
        found.append(figure(f"layer {layer}", values, row, "1 - cosine", text))
    return found


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
