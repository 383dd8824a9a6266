"""Routes of the arrays that a map is drawn from: positions, columns, ground, boundary, trails."""

from __future__ import annotations

import numpy as np

from timetravel.analyze.columns import column
from timetravel.errors import BadInput
from timetravel.server.columns import (
    LIMIT_EPOCHS,
    WIRE_OF_MAP,
    categories_of,
    epoch_key,
    known_column,
    limits_over_time,
    spread_over,
    wire_column,
)
from timetravel.server.encode import codes, packed, quantise, share_bytes, to_wire
from timetravel.server.routes import Answer, Ask, Refusal, Route

TRAILS_LIMIT = 2000
"""Samples in one request for trails; a map with more of them shows a carpet."""


def positions(ask: Ask) -> Answer:
    """N x (x, y), quantised over the map's extent; with ?precise=1 float32 map units."""
    run = ask.run()
    stored = ask.map(run, ask.parts["map"])
    points = stored.positions(ask.epoch(run, of=stored.epochs))
    if ask.arguments.get("precise") == "1":
        return Answer(to_wire(points, "f32"), keys=(stored.key,), headers={"X-Dtype": "f32"})
    return Answer(quantise(points, stored.extent).tobytes(), keys=(stored.key,), headers={"X-Dtype": "u16"})


def sample_column(ask: Ask) -> Answer:
    """One value per sample; the dtype stands in X-Dtype. Epoch "-" is for what does not change."""
    run, text = ask.run(), ask.parts["epoch"]
    epoch = None if text == "-" else ask.epoch(run, text)
    dtype, values = wire_column(run, ask.parts["name"], epoch)
    keys = (run.key,) if epoch is None else (run.key, epoch_key(run))
    return Answer(to_wire(values, dtype), keys=keys, headers={"X-Dtype": dtype, "X-Count": str(len(values))})


def map_column(ask: Ask) -> Answer:
    """How faithful a map is to each sample, and how far the boundary is."""
    run, name = ask.run(), ask.parts["name"]
    stored = ask.map(run, ask.parts["map"])
    epoch = ask.epoch(run, of=stored.epochs)
    if name not in WIRE_OF_MAP:
        raise Refusal(404, f"a map has no column {name!r}", f"It has {', '.join(WIRE_OF_MAP)}.")
    try:
        values = column(run, name, epoch, map=stored)
    except BadInput as error:
        raise Refusal(404, str(error), "") from error
    dtype = WIRE_OF_MAP[name]
    return Answer(to_wire(values, dtype), keys=(stored.key,), headers={"X-Dtype": dtype})


def column_limits(ask: Ask) -> Answer:
    """Where the ramp of a number that differs from epoch to epoch begins and ends, over all epochs."""
    run, name = ask.run(), ask.parts["name"]
    if known_column(run, name).kind != "number":
        raise Refusal(404, f"column {name} holds no numbers", "Only numbers have limits.")
    values = (column(run, name, epoch) for epoch in spread_over(run.epochs, LIMIT_EPOCHS))
    return Answer.json(limits_over_time(values, signed=name.endswith("change")), key=run.key)


def map_limits(ask: Ask) -> Answer:
    """The same for what a map knows of its samples."""
    run, name = ask.run(), ask.parts["name"]
    stored = ask.map(run, ask.parts["map"])
    if name not in WIRE_OF_MAP:
        raise Refusal(404, f"a map has no column {name!r}", f"It has {', '.join(WIRE_OF_MAP)}.")
    values = (column(run, name, epoch, map=stored) for epoch in spread_over(stored.epochs, LIMIT_EPOCHS))
    return Answer.json(limits_over_time(values, signed=False), key=stored.key)


def categories(ask: Ask) -> Answer:
    """The texts behind the codes of a text column."""
    run = ask.run()
    return Answer.json(categories_of(run, ask.parts["name"]), key=run.key)


def regions(ask: Ask) -> Answer:
    """The decision map: class (u16), confidence of the margin and trust (u8 each), row 0 at y0."""
    run = ask.run()
    stored = ask.map(run, ask.parts["map"])
    raster = stored.raster(ask.epoch(run, of=stored.epochs))
    if raster is None:
        raise Refusal(404, "this map has no decision regions", "It has no inverse, or the run has no head.")
    body = b"".join(
        (
            codes(raster.cell_class).tobytes(),
            share_bytes(raster.confidence).tobytes(),
            share_bytes(raster.trust).tobytes(),
        )
    )
    headers = {
        "X-Resolution": str(raster.cell_class.shape[0]),
        "X-Extent": ",".join(f"{side:.9g}" for side in raster.extent),
    }
    return Answer(packed(body), headers=headers, keys=(stored.key,), is_packed=True)


def boundary(ask: Ask) -> Answer:
    """The decision boundary as polylines in map units, each with the two classes that it parts."""
    run = ask.run()
    stored = ask.map(run, ask.parts["map"])
    contours = stored.contours(ask.epoch(run, of=stored.epochs))
    pieces = [{"classes": list(one.classes), "xy": one.points.reshape(-1)} for one in contours]
    return Answer.json({"pieces": pieces}, key=stored.key)


def trails(ask: Ask) -> Answer:
    """Positions of some samples over all epochs of the map, quantised as positions are: [E][n][2]."""
    run = ask.run()
    stored = ask.map(run, ask.parts["map"])
    rows = ask.rows(run, limit=TRAILS_LIMIT)
    paths = np.stack([stored.positions(epoch)[rows] for epoch in stored.epochs])
    headers = {"X-Epochs": str(len(stored.epochs)), "X-Dtype": "u16"}
    return Answer(quantise(paths, stored.extent).tobytes(), keys=(stored.key,), headers=headers)


_RUN, _MAP, _EPOCH = r"data/(?P<run>[^/]+)", r"(?P<map>[^/]+)", r"(?P<epoch>-?\d+)"

ROUTES = (
    Route("GET", rf"{_RUN}/positions/{_MAP}/{_EPOCH}\.u16", positions, keep=True),
    Route("GET", rf"{_RUN}/column/(?P<name>[^/]+)/(?P<epoch>-|-?\d+)\.bin", sample_column, keep=True),
    Route("GET", rf"{_RUN}/mapcolumn/{_MAP}/(?P<name>[^/]+)/{_EPOCH}\.bin", map_column, keep=True),
    Route("GET", rf"{_RUN}/limits/(?P<name>[^/]+)\.json", column_limits, keep=True),
    Route("GET", rf"{_RUN}/maplimits/{_MAP}/(?P<name>[^/]+)\.json", map_limits, keep=True),
    Route("GET", rf"{_RUN}/categories/(?P<name>[^/]+)\.json", categories, keep=True),
    Route("GET", rf"{_RUN}/regions/{_MAP}/{_EPOCH}\.bin", regions, keep=True),
    Route("GET", rf"{_RUN}/boundary/{_MAP}/{_EPOCH}\.json", boundary, keep=True),
    Route("GET", rf"{_RUN}/trails/{_MAP}\.bin", trails),
    Route("POST", rf"{_RUN}/trails/{_MAP}\.bin", trails),
)
