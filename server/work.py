"""The jobs themselves; imported by workers only, for torch and VTK load here.

Each takes the request that job_routes.py checked, and `report(stage, done, total)`, and gives a JSON-able
result and bytes.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.run import Run, open_run

Report = Callable[[str, int, int], None]
Done = tuple[dict[str, Any], bytes]


@lru_cache(maxsize=4)
def _open(path: str) -> Run:
    return open_run(path)


def _run(request: dict[str, Any]) -> Run:
    run = _open(request["path"])
    run.refresh()
    return run


def saliency(request: dict[str, Any], report: Report) -> Done:
    """Attribution maps of one sample at some epochs, or the mean of several: float32 [epochs][height][width]."""
    from timetravel.explain.pipeline import attribute
    from timetravel.explain.similarity import color_limit

    ids = request.get("sample_ids") or [request["sample_id"]]
    found = attribute(
        _run(request),
        ids,
        request["epochs"],
        request.get("method", "saliency"),
        request.get("target", "predicted"),
        layer=request.get("layer"),
        factory=request["factory"],
        factory_arguments=request["factory_arguments"],
        report=report,
    )
    maps = found.values[:, 0] if len(ids) == 1 else _mean_over_samples(found.values)
    # Inputs that are no pictures are shown as one line of values.
    maps = maps.reshape(len(maps), 1, -1) if maps.ndim != 3 else maps
    result = {
        "height": maps.shape[1],
        "width": maps.shape[2],
        "epochs": list(found.epochs),
        "targets": [int(row[0]) if (row == row[0]).all() else -1 for row in found.targets],
        "limit": found.limit if len(ids) == 1 else color_limit(maps),
        "samples": len(ids),
        "signed": found.signed,
        "method": found.method,
        "completeness": None if found.completeness is None or len(ids) > 1 else found.completeness[:, 0],
        "seconds": float(found.seconds.sum()),
        "warnings": list(found.notes),
    }
    return result, np.ascontiguousarray(np.nan_to_num(maps), "<f4").tobytes()


def _mean_over_samples(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(E, n, ...) to (E, ...): the mean of those samples that have a map at an epoch, NaN where none has."""
    known = np.isfinite(values)
    count = known.sum(1)
    total = np.where(known, values, 0).sum(1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def neurons(request: dict[str, Any], report: Report) -> Done:
    """Units of any layer of the rebuilt network, strongest first; their maps as float32 [units][h][w]."""
    from timetravel.explain.pipeline import layers
    from timetravel.explain.pipeline import neurons as explain

    run, layer = _run(request), request.get("layer")
    how = {"factory": request["factory"], "factory_arguments": request["factory_arguments"]}
    report("neurons", 0, 1)
    found = explain(
        run, [request["sample_id"]], request["epoch"], request.get("target", "predicted"), layer=layer, **how
    )
    order = np.argsort(-np.abs(found.contributions[0]), kind="stable")[: int(request.get("top", 12))]
    maps = None if found.maps is None or found.maps.ndim != 4 else found.maps[0][order]
    result = {
        "layer": found.layer,
        "epoch": found.epoch,
        "target": int(found.targets[0]),
        "logit": float(found.logits[0]),
        "rest": float(found.rest[0]),
        "total_units": found.contributions.shape[1],
        "units": [
            {
                "unit": int(unit),
                "contribution": found.contributions[0, unit],
                "value": found.activations[0, unit],
                "class_mean": found.class_mean[0, unit],
            }
            for unit in order
        ],
        "layers": [shape.name for shape in layers(run, request["epoch"], **how)],
        "height": None if maps is None else maps.shape[1],
        "width": None if maps is None else maps.shape[2],
        "warnings": list(found.notes),
    }
    return result, b"" if maps is None else np.ascontiguousarray(maps, "<f4").tobytes()


def project(request: dict[str, Any], report: Report) -> Done:
    """Makes a map of the run, or adds its new epochs to one."""
    from timetravel.project.pipeline import project as make

    stored = make(
        _run(request),
        name=request.get("name"),
        method=request.get("method", "aligned"),
        refit=request.get("refit") is True,
        report=report,
    )
    return {"map": stored.name, "epochs": list(stored.epochs)}, b""


PICTURES = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "gif": "image/gif",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "html": "text/html; charset=utf-8",
}
"""What a map can be drawn as: a still of one epoch, a film of all, or the page as one file."""


def picture(request: dict[str, Any], report: Report) -> Done:
    """A still, a film, or the page as one file."""
    from timetravel.render.film import write_film
    from timetravel.render.page import write_page
    from timetravel.render.still import write_still

    form = request.get("form")
    if form not in PICTURES:
        raise BadInput(f"form is {form!r}; expected one of {', '.join(PICTURES)}")
    run, map_name = _run(request), request.get("map")
    looks: dict[str, Any] = {
        "map_name": map_name,
        "color": str(request.get("color", "label")),
        "size": _size(request, 900 if form in ("png", "svg") else 640),
        "dark": request.get("dark") is True,
    }
    report("drawing", 0, 1)
    with tempfile.TemporaryDirectory(prefix="timetravel-picture-") as folder:
        path = Path(folder) / f"picture.{form}"
        if form == "html":
            write_page(run, path, map_name=map_name, report=report)
        elif form in ("png", "svg"):
            write_still(run, path, epoch=request.get("epoch"), **looks)
        else:
            write_film(run, path, report=report, **looks)
        return {"form": form, "mime": PICTURES[form]}, path.read_bytes()


def cube(request: dict[str, Any], report: Report) -> Done:
    """The space-time cube as PNG, seen from `camera` (azimuth and elevation in degrees)."""
    from timetravel.render.cube import write_cube

    report("drawing", 0, 1)
    run, size = _run(request), _size(request, 800)
    with tempfile.TemporaryDirectory(prefix="timetravel-cube-") as folder:
        path = Path(folder) / "cube.png"
        write_cube(
            run,
            path,
            map_name=request.get("map"),
            size=size,
            dark=request.get("dark") is True,
            rows=_rows(request, len(run.samples)),
            camera=_camera(request),
        )
        return {"width": size, "height": size, "mime": "image/png"}, path.read_bytes()


def _size(request: dict[str, Any], default: int) -> int:
    size = request.get("size", default)
    if not isinstance(size, int) or isinstance(size, bool):
        raise BadInput(f"size is {size!r}; expected pixels, a whole number")
    return min(2000, max(100, size))


def _rows(request: dict[str, Any], count: int) -> list[int] | None:
    """Rows whose trails the cube shows; None leaves the choice to it."""
    rows = request.get("rows")
    if rows is None:
        return None
    if not isinstance(rows, list) or not all(type(row) is int and 0 <= row < count for row in rows):
        raise BadInput(f"rows is no list of row numbers from 0 to {count - 1}")
    return rows


def _camera(request: dict[str, Any]) -> tuple[float, float] | None:
    camera = request.get("camera")
    if camera is None:
        return None
    known = isinstance(camera, list) and len(camera) == 2
    if not known or not all(isinstance(one, int | float) and math.isfinite(one) for one in camera):
        raise BadInput(f"camera is {camera!r}; expected [azimuth, elevation] in degrees")
    return float(camera[0]), float(camera[1])
