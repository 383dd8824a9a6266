"""Routes of single samples: pictures, neighbours, history, what changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.server.columns import epoch_key
from timetravel.server.pictures import png, sheet
from timetravel.server.routes import Answer, Ask, Refusal, Route
from timetravel.store.run import StoredMap, StoredRun

SHEET_LIMIT = 256
SIZE_LIMITS = (8, 160)
NEIGHBORS_LIMIT = 100
NO_IMAGES = "this run has no images"
NO_IMAGES_DO = "Record it with samples= whose inputs are pictures, or pass images= to the recorder."


def image(ask: Ask) -> Answer:
    """One sample's image at its own size."""
    run = ask.run()
    row = ask.row(run, ask.parts["row"])
    found = run.images(run.samples.ids[[row]])
    if found is None:
        raise Refusal(404, NO_IMAGES, NO_IMAGES_DO)
    return Answer(png(found[0]), "image/png", keys=(run.key, epoch_key(run)))


def image_sheet(ask: Ask) -> Answer:
    """Many images in one picture, 16 a line."""
    run = ask.run()
    rows = ask.rows(run, limit=SHEET_LIMIT)
    size = int(ask.body.get("size", 32)) if ask.payload else ask.number("size", 32)
    if not SIZE_LIMITS[0] <= size <= SIZE_LIMITS[1]:
        raise Refusal(400, f"size is {size}", f"Ask for {SIZE_LIMITS[0]} to {SIZE_LIMITS[1]} pixels.")
    found = run.images(run.samples.ids[rows])
    if found is None:
        raise Refusal(404, NO_IMAGES, NO_IMAGES_DO)
    headers = {"X-Columns": "16", "X-Size": str(size)}
    return Answer(sheet(found, size), "image/png", headers, keys=(run.key, epoch_key(run)))


def neighbors(ask: Ask) -> Answer:
    """Who is near a sample: to the network, on the map, and to the network at the epoch before."""
    run = ask.run()
    stored = ask.map(run, ask.parts["map"])
    epoch = ask.epoch(run, of=stored.epochs)
    row, k = ask.row(run), ask.number("k", 10, low=1, high=NEIGHBORS_LIMIT)
    rows, distances = near_in_representation(run, row, epoch, k)
    map_rows, map_distances = near_on_map(stored, row, epoch, k)
    kept = [one for one in rows if one in set(map_rows)]
    position = run.epochs.index(epoch)
    before: dict[str, Any] | None = None
    if position > 0:
        earlier = run.epochs[position - 1]
        earlier_rows, earlier_distances = near_in_representation(run, row, earlier, k)
        before = {"epoch": earlier, "rows": earlier_rows, "distances": earlier_distances}
    return Answer.json(
        {
            "epoch": epoch,
            "row": row,
            "k": k,
            "representation": {"rows": rows, "distances": distances},
            "map": {"rows": map_rows, "distances": map_distances},
            "before": before,
            "kept": kept,
            "kept_share": len(kept) / len(rows) if rows else None,
            "persisted": len(set(rows) & set(before["rows"])) if before and rows and before["rows"] else None,
        }
    )


def near_in_representation(run: StoredRun, row: int, epoch: int, k: int) -> tuple[list[int], list[float]]:
    """Rows and distances of the k nearest samples to the network; none where the sample is absent."""
    if not run.present(epoch)[row]:
        return [], []
    found = run.neighbors(int(run.samples.ids[row]), epoch, k)
    return run.rows(found.ids).tolist(), [float(value) for value in found.distances]


def near_on_map(stored: StoredMap, row: int, epoch: int, k: int) -> tuple[list[int], list[float]]:
    """Rows and distances (map units) of the k nearest dots; ties by lower row."""
    points = np.asarray(stored.positions(epoch), np.float64)
    if not np.isfinite(points[row]).all():
        return [], []
    distances: NDArray[np.float64] = np.hypot(*(points - points[row]).T)
    distances[row] = np.inf
    distances = np.where(np.isfinite(distances), distances, np.inf)
    k = min(k, int(np.isfinite(distances).sum()))
    # The k-th distance first, so that a full sort of all samples is not needed.
    limit = np.partition(distances, k - 1)[k - 1] if k else -1.0
    near = np.flatnonzero(distances <= limit)
    near = near[np.argsort(distances[near], kind="stable")][:k]
    return near.tolist(), distances[near].tolist()


_RUN = r"data/(?P<run>[^/]+)"

ROUTES = (
    Route("GET", rf"{_RUN}/image/(?P<row>\d+)\.png", image),
    Route("GET", rf"{_RUN}/sheet\.png", image_sheet, keep=True),
    Route("POST", rf"{_RUN}/sheet\.png", image_sheet),
    Route("GET", rf"{_RUN}/neighbors/(?P<map>[^/]+)/(?P<epoch>-?\d+)\.json", neighbors, keep=True),
)
