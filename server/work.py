"""The jobs themselves; imported by workers only, for torch and VTK load here.

Each takes the request that job_routes.py checked, and `report(stage, done, total)`, and gives a JSON-able
result and bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

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
    """Attribution maps of one sample at some epochs: float32 [epochs][height][width]."""
    from timetravel.explain.pipeline import attribute

    found = attribute(
        _run(request),
        [request["sample_id"]],
        request["epochs"],
        request.get("method", "saliency"),
        request.get("target", "predicted"),
        layer=request.get("layer"),
        factory=request["factory"],
        factory_arguments=request["factory_arguments"],
        report=report,
    )
    maps = found.values[:, 0]
    # Inputs that are no pictures are shown as one line of values.
    maps = maps.reshape(len(maps), 1, -1) if maps.ndim != 3 else maps
    result = {
        "height": maps.shape[1],
        "width": maps.shape[2],
        "epochs": list(found.epochs),
        "targets": found.targets[:, 0],
        "limit": found.limit,
        "signed": found.signed,
        "method": found.method,
        "completeness": None if found.completeness is None else found.completeness[:, 0],
        "seconds": float(found.seconds.sum()),
        "warnings": list(found.notes),
    }
    return result, np.ascontiguousarray(np.nan_to_num(maps), "<f4").tobytes()


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


def cube(request: dict[str, Any], report: Report) -> Done:
    """The space-time cube as PNG."""
    from timetravel.render.cube import write_cube

    report("drawing", 0, 1)
    size = min(2000, max(100, int(request.get("size", 800))))
    with tempfile.TemporaryDirectory(prefix="timetravel-cube-") as folder:
        path = Path(folder) / "cube.png"
        write_cube(
            _run(request), path, map_name=request.get("map"), size=size, dark=request.get("dark") is True
        )
        return {"width": size, "height": size, "mime": "image/png"}, path.read_bytes()
