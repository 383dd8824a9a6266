"""The travel as one HTML file that opens from disk: slider, trails, hover, decision regions, no server."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from timetravel.errors import BadInput
from timetravel.render.oklab import from_hex, with_lightness
from timetravel.render.palette import ClassPalette, class_palette
from timetravel.render.scene import DARK_THEME, LIGHT_THEME, Theme, strength_of, view_of
from timetravel.store.facts import DecisionRaster
from timetravel.store.run import StoredMap, StoredRun

Report = Callable[[str, int, int], None]

LARGEST_RUN = 20_000
"""Samples in one file; more make a file that a browser opens slowly."""

THUMB = 28
SHEET_COLUMNS = 64
ABSENT = 65535


def write_page(
    run: StoredRun, out: Path, *, map_name: str | None = None, report: Report | None = None
) -> int:
    """Write the page to `out`; answers with its size in bytes. It appears only when it is complete."""
    if len(run.samples) > LARGEST_RUN:
        raise BadInput(
            f"{run.name}: {len(run.samples):,} samples, one file holds at most {LARGEST_RUN:,}; "
            "serve the run, or draw a film with `timetravel render`"
        )
    data = gather(run, run.map(map_name), report)
    parts = files("timetravel.render") / "onefile"
    text = (parts / "page.html").read_text("utf-8")
    # "</" inside a script element would end it.
    packed = json.dumps(data, allow_nan=False).replace("</", "<\\/")
    for mark, value in (
        ("__TITLE__", html.escape(run.name)),
        ("__STYLE__", (parts / "page.css").read_text("utf-8")),
        ("__SCRIPT__", (parts / "page.js").read_text("utf-8")),
        ("__DATA__", packed),
    ):
        text = text.replace(mark, value)
    unfinished = out.with_name(out.name + ".part")
    unfinished.write_text(text, "utf-8")
    unfinished.replace(out)
    return len(text.encode())


def gather(run: StoredRun, stored: StoredMap, report: Report | None = None) -> dict[str, Any]:
    """Everything that the page shows, ready for JSON."""
    palette = class_palette(len(run.classes))
    data: dict[str, Any] = {
        "name": run.name,
        "samples": len(run.samples),
        "ids": [str(sample_id) for sample_id in run.samples.ids],
        "classes": list(run.classes),
        "labels": _packed(run.samples.labels.astype("<i2")),
        "epochs": list(stored.epochs),
        "palette": {"light": palette.light, "dark": palette.dark},
        "tints": {"light": _tints(palette, LIGHT_THEME), "dark": _tints(palette, DARK_THEME)},
        "resolution": 0,
        **{name: [] for name in ("positions", "predicted", "confidence", "accuracy", "figures", "regions")},
        **_sheet(run),
    }
    figures = stored.quality()["epochs"]
    for at, epoch in enumerate(stored.epochs):
        said = run.predictions(epoch)
        known = said.present & (said.predicted >= 0) & (run.samples.labels >= 0)
        raster = stored.raster(epoch)
        data["positions"].append(_packed(quantised(stored.positions(epoch), view_of(stored))))
        data["predicted"].append(_packed(said.predicted.astype("<i2")))
        data["confidence"].append(_packed(np.round(np.nan_to_num(said.p_predicted) * 255).astype(np.uint8)))
        data["accuracy"].append(round(float(said.correct[known].mean()), 4) if known.any() else None)
        data["figures"].append(_figures_in_words(figures.get(epoch, {})))
        data["regions"].append(None if raster is None else _region_codes(raster, stored))
        if raster is not None:
            data["resolution"] = len(raster.cell_class)
        if report is not None:
            report("packing", at + 1, len(stored.epochs))
    return data


def quantised(
    positions: NDArray[np.float32], extent: tuple[float, float, float, float]
) -> NDArray[np.uint16]:
    """(N, 2) map units to 16 bits over the extent, ABSENT where a sample has no position."""
    x0, x1, y0, y1 = extent
    share = (positions - np.array([x0, y0])) / np.array([x1 - x0, y1 - y0])
    codes: NDArray[np.uint16] = np.round(np.clip(np.nan_to_num(share), 0, 1) * (ABSENT - 1)).astype("<u2")
    codes[~np.isfinite(positions).all(1)] = ABSENT
    return codes


def _tints(palette: ClassPalette, theme: Theme) -> list[str]:
    colors = palette.dark if theme is DARK_THEME else palette.light
    tinted = with_lightness(from_hex(colors), theme.region_lightness, theme.region_chroma)
    return ["#" + "".join(f"{round(255 * part):02x}" for part in color) for color in tinted]


def _region_codes(raster: DecisionRaster, stored: StoredMap) -> str:
    """Three bytes a cell: class (two, little endian) and how strongly it is tinted, on the square view."""
    strength = np.round(strength_of(raster) * 255).astype(np.uint8)
    side = len(raster.cell_class)
    codes = np.zeros((side, side, 3), np.uint8)
    # The raster covers the extent, the page shows a square around it.
    x0, x1, y0, y1 = view_of(stored)
    ex0, ex1, ey0, ey1 = raster.extent
    x = x0 + (np.arange(side) + 0.5) / side * (x1 - x0)
    y = y0 + (np.arange(side) + 0.5) / side * (y1 - y0)
    column = np.floor((x - ex0) / (ex1 - ex0) * side).astype(int)
    row = np.floor((y - ey0) / (ey1 - ey0) * side).astype(int)
    inside = ((row >= 0) & (row < side))[:, None] & ((column >= 0) & (column < side))[None]
    cells = np.ix_(np.clip(row, 0, side - 1), np.clip(column, 0, side - 1))
    classes_here = raster.cell_class[cells]
    codes[..., 0], codes[..., 1] = classes_here & 255, classes_here >> 8
    codes[..., 2] = np.where(inside, strength[cells], 0)
    return _packed(codes)


def _figures_in_words(figures: Any) -> str:
    words = []
    if figures.get("neighbor_preservation") is not None:
        words.append(f"keeps {figures['neighbor_preservation']:.2f} of neighbours")
    if figures.get("ppr") is not None:
        words.append(f"agrees with the model {figures['ppr']:.3f}")
    return " · ".join(words)


def _sheet(run: StoredRun) -> dict[str, Any]:
    """All thumbnails as one PNG, nothing when the run has no images."""
    images = run.images(run.samples.ids)
    if images is None:
        return {"sheet": None}
    columns = min(SHEET_COLUMNS, max(1, len(images)))
    sheet = Image.new("RGB", (columns * THUMB, -(-len(images) // columns) * THUMB))
    for at, array in enumerate(images):
        picture = Image.fromarray(array).convert("RGB").resize((THUMB, THUMB), Image.Resampling.NEAREST)
        sheet.paste(picture, (at % columns * THUMB, at // columns * THUMB))
    packed = io.BytesIO()
    sheet.save(packed, "PNG", optimize=True)
    return {
        "sheet": "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode(),
        "thumb": THUMB,
        "columns": columns,
    }


def _packed(values: NDArray[Any]) -> str:
    return base64.b64encode(gzip.compress(np.ascontiguousarray(values).tobytes(), 6, mtime=0)).decode()
