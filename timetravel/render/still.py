"""A still of one epoch, as PNG or SVG, with legend and caption."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from timetravel.errors import BadInput, RunNotFound
from timetravel.render.scene import Scene, make_scene
from timetravel.store.run import StoredRun

LEGEND_WIDTH = 0.22  # of the picture's side
OVERSAMPLING = 2
CROWDED = 20_000
"""Above this many points the dots get smaller."""


def write_still(
    run: StoredRun,
    out: Path,
    *,
    map_name: str | None = None,
    epoch: int | None = None,
    color: str = "label",
    size: int = 900,
    dark: bool = False,
) -> None:
    """Draw one epoch of a map to `out` (.png or .svg); the last epoch of the map when none is named."""
    stored = run.map(map_name)
    chosen = stored.epochs[-1] if epoch is None else epoch
    if chosen not in stored.epochs:
        raise RunNotFound(f"epoch {chosen} is not on map {stored.name!r}; it holds {_listed(stored.epochs)}")
    scene = make_scene(run, stored, chosen, color=color, dark=dark)
    suffix = out.suffix.lower()
    if suffix == ".svg":
        out.write_text(to_svg(scene, size), encoding="utf-8")
    elif suffix == ".png":
        draw(scene, size).save(out)
    else:
        raise BadInput(
            f"{out.name}: a still is .png or .svg, a film .gif, .webp or .mp4; found {suffix or 'none'}"
        )


def draw(scene: Scene, size: int, positions: NDArray[np.float32] | None = None) -> Image.Image:
    """The picture of a scene: a square map of `size` pixels with a legend beside it.

    positions: drawn instead of the scene's own, for the frames between two epochs.
    """
    side = size * OVERSAMPLING
    image = Image.new("RGB", (side, side), scene.theme.ground)
    if scene.ground is not None:
        _paste_ground(image, scene, side)
    pen = ImageDraw.Draw(image)
    for contour in scene.contours:
        points = to_pixels(contour.points, scene.view, side)
        pen.line(
            [tuple(point) for point in points], fill=scene.theme.muted, width=OVERSAMPLING, joint="curve"
        )
    _draw_points(pen, scene, scene.positions if positions is None else positions, side)
    map_image = image.resize((size, size), Image.Resampling.LANCZOS)
    return _with_words(map_image, scene, size)


def to_pixels(
    points: NDArray[np.floating], view: tuple[float, float, float, float], side: int
) -> NDArray[np.float64]:
    """(P, 2) map units to pixels of a square picture, y pointing down."""
    x0, x1, y0, y1 = view
    return np.stack([(points[:, 0] - x0) / (x1 - x0) * side, (y1 - points[:, 1]) / (y1 - y0) * side], 1)


def _paste_ground(image: Image.Image, scene: Scene, side: int) -> None:
    assert scene.ground is not None
    pixels = np.round(scene.ground[::-1] * 255).astype(np.uint8)
    corners = to_pixels(
        np.array([[scene.extent[0], scene.extent[3]], [scene.extent[1], scene.extent[2]]]), scene.view, side
    )
    (left, top), (right, bottom) = np.round(corners).astype(int)
    ground = Image.fromarray(pixels).resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    image.paste(ground, (left, top))


def _draw_points(pen: ImageDraw.ImageDraw, scene: Scene, positions: NDArray[np.float32], side: int) -> None:
    shown = np.flatnonzero(np.isfinite(positions).all(1))
    places = to_pixels(positions[shown], scene.view, side)
    colors = np.round(scene.colors[shown] * 255).astype(int)
    radius = (side / 900) * (2.0 if len(shown) > CROWDED else 3.2) / (2 if len(shown) > 5 * CROWDED else 1)
    for (x, y), color in zip(places, colors, strict=True):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tuple(color))
    for row in np.flatnonzero(scene.wrong[shown]):
        # Inside its dot, so that thousands of wrong samples still show their classes.
        _cross(pen, *places[row], reach=radius * 0.8, ink=scene.theme.ink, width=max(1, OVERSAMPLING // 2))


def _cross(pen: ImageDraw.ImageDraw, x: float, y: float, *, reach: float, ink: str, width: int) -> None:
    for slope in (1, -1):
        pen.line((x - reach, y - reach * slope, x + reach, y + reach * slope), fill=ink, width=width)


def _with_words(map_image: Image.Image, scene: Scene, size: int) -> Image.Image:
    width, top = round(size * LEGEND_WIDTH), round(size * 0.06)
    picture = Image.new("RGB", (size + width, size + 2 * top), scene.theme.ground)
    picture.paste(map_image, (0, top))
    pen = ImageDraw.Draw(picture)
    large, small = (ImageFont.load_default(size * share) for share in (0.028, 0.02))
    pen.text((round(size * 0.02), round(top * 0.28)), scene.title, fill=scene.theme.ink, font=large)
    pen.text((round(size * 0.02), size + round(top * 1.3)), scene.caption, fill=scene.theme.muted, font=small)
    line = size * 0.032
    for at, (text, color) in enumerate(scene.legend):
        y = top + line * (at + 0.5)
        dot = size * 0.008
        pen.ellipse(
            (size + dot, y, size + 3 * dot, y + 2 * dot), fill=tuple(round(255 * part) for part in color)
        )
        pen.text((size + 4.5 * dot, y - dot * 0.4), text, fill=scene.theme.ink, font=small)
    if scene.wrong.any():
        y = top + line * (len(scene.legend) + 1)
        dot = size * 0.008
        _cross(pen, size + 2 * dot, y + dot, reach=dot * 0.8, ink=scene.theme.ink, width=1)
        counted = f"wrong  {int(scene.wrong.sum()):,}"
        pen.text((size + 4.5 * dot, y - dot * 0.4), counted, fill=scene.theme.muted, font=small)
    return picture


def to_svg(scene: Scene, size: int) -> str:
    """The same picture as SVG: ground as an embedded PNG, everything else as shapes and text."""
    width, top = round(size * LEGEND_WIDTH), round(size * 0.06)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size + width}" height="{size + 2 * top}" '
        f'viewBox="0 0 {size + width} {size + 2 * top}" font-family="sans-serif">',
        f'<rect width="100%" height="100%" fill="{scene.theme.ground}"/>',
        f'<text x="{size * 0.02:.0f}" y="{top * 0.7:.0f}" font-size="{size * 0.028:.1f}" '
        f'fill="{scene.theme.ink}">{escape(scene.title)}</text>',
        f'<g transform="translate(0 {top})">',
    ]
    if scene.ground is not None:
        parts.append(_svg_ground(scene, size))
    for contour in scene.contours:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in to_pixels(contour.points, scene.view, size))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{scene.theme.muted}"/>')
    shown = np.flatnonzero(np.isfinite(scene.positions).all(1))
    places = to_pixels(scene.positions[shown], scene.view, size)
    radius = 1.5 if len(shown) > CROWDED else 2.6
    for (x, y), row in zip(places, shown, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{_hex(scene.colors[row])}"/>')
        if scene.wrong[row]:
            reach = 0.8 * radius
            parts.append(
                f'<path d="M{x - reach:.1f} {y - reach:.1f}l{2 * reach:.1f} {2 * reach:.1f}m0-{2 * reach:.1f}'
                f'l-{2 * reach:.1f} {2 * reach:.1f}" stroke="{scene.theme.ink}" stroke-width=".6"/>'
            )
    parts.append("</g>")
    for at, (text, color) in enumerate(scene.legend):
        y = top + size * 0.032 * (at + 0.9)
        parts.append(
            f'<circle cx="{size + size * 0.016:.1f}" cy="{y - size * 0.006:.1f}" r="{size * 0.008:.1f}" '
            f'fill="{_hex(color)}"/><text x="{size + size * 0.036:.1f}" y="{y:.1f}" '
            f'font-size="{size * 0.02:.1f}" fill="{scene.theme.ink}">{escape(text)}</text>'
        )
    parts.append(
        f'<text x="{size * 0.02:.0f}" y="{size + top * 1.7:.0f}" font-size="{size * 0.02:.1f}" '
        f'fill="{scene.theme.muted}">{escape(scene.caption)}</text></svg>'
    )
    return "\n".join(parts)


def _svg_ground(scene: Scene, size: int) -> str:
    assert scene.ground is not None
    packed = io.BytesIO()
    Image.fromarray(np.round(scene.ground[::-1] * 255).astype(np.uint8)).save(packed, "PNG")
    corners = to_pixels(
        np.array([[scene.extent[0], scene.extent[3]], [scene.extent[1], scene.extent[2]]]), scene.view, size
    )
    (left, top), (right, bottom) = corners
    return (
        f'<image x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
        f'preserveAspectRatio="none" href="data:image/png;base64,{base64.b64encode(packed.getvalue()).decode()}"/>'
    )


def _hex(color: NDArray[np.float64] | tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * float(part)):02x}" for part in color)


def _listed(epochs: list[int]) -> str:
    return ", ".join(map(str, epochs)) if len(epochs) <= 12 else f"{epochs[0]} to {epochs[-1]}"
