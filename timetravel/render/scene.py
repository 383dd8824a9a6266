"""What a picture of one epoch shows, before anything is drawn: positions, colours, tinted ground, words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.columns import column, column_info
from timetravel.render.oklab import from_hex, with_lightness
from timetravel.render.palette import class_palette
from timetravel.store.facts import Contour, DecisionRaster
from timetravel.store.run import StoredMap, StoredRun

LEGEND_CLASSES = 24
"""More classes than this are counted, not listed."""

VIRIDIS = from_hex(("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"))


@dataclass(frozen=True, slots=True)
class Theme:
    """Ground and ink of a picture, and how region tints sit on it."""

    ground: str
    ink: str
    muted: str
    region_lightness: float
    region_chroma: float


LIGHT_THEME = Theme("#ffffff", "#1b1f24", "#5b6570", 0.92, 0.055)
DARK_THEME = Theme("#14181d", "#eef1f4", "#9aa6b2", 0.33, 0.065)


@dataclass(frozen=True, slots=True)
class Scene:
    """One epoch, ready to draw.

    positions: (N, 2) map units, NaN where absent. colors: (N, 3) sRGB in [0, 1]. wrong: (N,) bool.
    ground: (R, R, 3) sRGB of the decision map, row 0 at y0, or None. view: (x0, x1, y0, y1).
    legend: (text, sRGB) pairs. title and caption: one line each.
    """

    positions: NDArray[np.float32]
    colors: NDArray[np.float64]
    wrong: NDArray[np.bool_]
    ground: NDArray[np.float64] | None
    contours: list[Contour]
    view: tuple[float, float, float, float]
    extent: tuple[float, float, float, float]
    legend: list[tuple[str, tuple[float, float, float]]]
    title: str
    caption: str
    theme: Theme


def make_scene(
    run: StoredRun, stored: StoredMap, epoch: int, *, color: str = "label", dark: bool = False
) -> Scene:
    """The scene of one epoch of a map, points coloured by any column of the run."""
    theme = DARK_THEME if dark else LIGHT_THEME
    palette = class_palette(len(run.classes))
    class_colors = from_hex(palette.dark if dark else palette.light)
    colors, legend = _point_colors(run, stored, epoch, color, class_colors, theme)
    predictions = run.predictions(epoch)
    known = predictions.present & (predictions.predicted >= 0) & (run.samples.labels >= 0)
    raster = stored.raster(epoch)
    figures = stored.quality()["epochs"].get(epoch, {})
    words = [f"map {stored.name} ({stored.description.method})"]
    if figures.get("neighbor_preservation") is not None:
        words.append(f"keeps {figures['neighbor_preservation']:.2f} of neighbours")
    if figures.get("ppr") is not None:
        words.append(f"agrees with the model {figures['ppr']:.3f}")
    accuracy = f", accuracy {predictions.correct[known].mean():.3f}" if known.any() else ""
    return Scene(
        positions=stored.positions(epoch),
        colors=colors,
        wrong=known & ~predictions.correct,
        ground=None if raster is None else tinted(raster, class_colors, theme),
        contours=stored.contours(epoch),
        view=view_of(stored),
        extent=stored.extent,
        legend=legend,
        title=f"{run.name}   epoch {epoch}{accuracy}",
        caption=", ".join(words),
        theme=theme,
    )


def view_of(stored: StoredMap) -> tuple[float, float, float, float]:
    """One square view for all epochs of a map, so that nothing jumps: x0, x1, y0, y1."""
    x0, x1, y0, y1 = stored.extent
    half = max(x1 - x0, y1 - y0) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return (x - half, x + half, y - half, y + half)


def tinted(raster: DecisionRaster, class_colors: NDArray[np.float64], theme: Theme) -> NDArray[np.float64]:
    """(R, R, 3): each cell the hue of its class, fading to the ground by margin and by trust."""
    tints = with_lightness(class_colors, theme.region_lightness, theme.region_chroma)
    ground = from_hex((theme.ground,))[0]
    alpha = strength_of(raster)[..., None]
    blended: NDArray[np.float64] = tints[raster.cell_class] * alpha + ground * (1 - alpha)
    return blended


def strength_of(raster: DecisionRaster) -> NDArray[np.float32]:
    """(R, R) in [0, 1]: how strongly a cell is tinted, by how sure the network is and how far the map is to be trusted."""
    strength: NDArray[np.float32] = (0.3 + 0.7 * np.clip(raster.confidence, 0, 1)) * raster.trust
    return strength


def _point_colors(
    run: StoredRun, stored: StoredMap, epoch: int, name: str, class_colors: NDArray[np.float64], theme: Theme
) -> tuple[NDArray[np.float64], list[tuple[str, tuple[float, float, float]]]]:
    info = column_info(run, name)
    values = column(run, name, epoch, map=stored)
    if info.kind == "class":
        muted = from_hex((theme.muted,))
        shown = np.concatenate([class_colors, muted])[
            np.where(values < 0, len(class_colors), values).astype(int)
        ]
        counts = np.bincount(values[values >= 0].astype(int), minlength=len(run.classes))
        legend = [
            (f"{run.classes[index]}  {counts[index]:,}", tuple(class_colors[index]))
            for index in range(min(len(run.classes), LEGEND_CLASSES))
        ]
        if len(run.classes) > LEGEND_CLASSES:
            legend.append((f"and {len(run.classes) - LEGEND_CLASSES} more", tuple(muted[0])))
        return shown, legend
    if info.kind == "text":
        names, codes = np.unique(values.astype(str), return_inverse=True)
        palette = class_palette(len(names))
        shades = from_hex(palette.dark if theme is DARK_THEME else palette.light)
        return shades[codes], [
            (str(text), tuple(shades[at])) for at, text in enumerate(names[:LEGEND_CLASSES])
        ]
    numbers = np.asarray(values, np.float64)
    finite = numbers[np.isfinite(numbers)]
    low, high = np.percentile(finite, [2, 98]) if finite.size else (0.0, 1.0)
    share = np.clip((numbers - low) / max(high - low, 1e-12), 0, 1)
    at = np.nan_to_num(share) * (len(VIRIDIS) - 1)
    below = np.minimum(at.astype(int), len(VIRIDIS) - 2)
    shades = VIRIDIS[below] + (VIRIDIS[below + 1] - VIRIDIS[below]) * (at - below)[:, None]
    shades[~np.isfinite(numbers)] = from_hex((theme.muted,))[0]
    return shades, [(f"{name} {low:.3g}", tuple(VIRIDIS[0])), (f"{name} {high:.3g}", tuple(VIRIDIS[-1]))]
