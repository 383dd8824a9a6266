"""The travel as a film: every epoch a moment, dots moving between them, as GIF, WebP or MP4."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from timetravel.errors import BadInput, MissingPart
from timetravel.render.scene import make_scene
from timetravel.render.still import draw
from timetravel.store.run import StoredMap, StoredRun

Report = Callable[[str, int, int], None]

FRAMES_PER_SECOND = 20
TWEEN_FRAMES = 8
HOLD_FRAMES = 8
LAST_HOLD_FRAMES = 30


def write_film(
    run: StoredRun,
    out: Path,
    *,
    map_name: str | None = None,
    color: str = "label",
    size: int = 700,
    dark: bool = False,
    report: Report | None = None,
) -> None:
    """Write the whole travel to `out` (.gif, .webp or .mp4); the file appears only when it is complete."""
    suffix = out.suffix.lower()
    if suffix not in {".gif", ".webp", ".mp4"}:
        raise BadInput(
            f"{out.name}: a film is .gif, .webp or .mp4, a still .png or .svg; found {suffix or 'none'}"
        )
    stored = run.map(map_name)
    frames = _frames(run, stored, color, size, dark, report)
    unfinished = out.with_name(out.name + ".part")
    try:
        if suffix == ".mp4":
            _write_video(unfinished, frames)
        else:
            _write_animation(unfinished, frames, suffix[1:])
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


def ease(share: float) -> float:
    """Slow, fast, slow: from 0 to 1."""
    return share * share * (3 - 2 * share)


def _frames(
    run: StoredRun, stored: StoredMap, color: str, size: int, dark: bool, report: Report | None
) -> Iterator[Image.Image]:
    before = None
    total = len(stored.epochs)
    for at, epoch in enumerate(stored.epochs):
        scene = make_scene(run, stored, epoch, color=color, dark=dark)
        if before is not None:
            there: NDArray[np.bool_] = np.all(np.isfinite(before), axis=1)
            start = np.where(there[:, None], before, scene.positions)
            for step in range(1, TWEEN_FRAMES):
                share = ease(step / TWEEN_FRAMES)
                yield draw(scene, size, (start + (scene.positions - start) * share).astype(np.float32))
        still = draw(scene, size)
        for _ in range(LAST_HOLD_FRAMES if at == total - 1 else HOLD_FRAMES):
            yield still
        before = scene.positions
        if report is not None:
            report("drawing", at + 1, total)


def _write_animation(path: Path, frames: Iterator[Image.Image], form: str) -> None:
    first = next(frames)
    settings = {"save_all": True, "duration": 1000 // FRAMES_PER_SECOND, "loop": 0}
    if form == "gif":
        palette = first.quantize(255, method=Image.Quantize.MEDIANCUT)
        rest = (frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames)
        palette.save(path, "GIF", append_images=rest, optimize=False, **settings)
    else:
        first.save(path, "WEBP", append_images=frames, quality=80, method=2, **settings)


def _write_video(path: Path, frames: Iterator[Image.Image]) -> None:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise MissingPart(
            "MP4 needs imageio-ffmpeg: pip install 'timetravel-maps[video]', or write .gif or .webp"
        ) from error
    first = next(frames)
    # H.264 wants even sides.
    size = (first.width // 2 * 2, first.height // 2 * 2)
    writer = imageio_ffmpeg.write_frames(
        str(path), size, fps=FRAMES_PER_SECOND, macro_block_size=2, output_params=["-f", "mp4"]
    )
    writer.send(None)
    try:
        writer.send(first.crop((0, 0, *size)).tobytes())
        for frame in frames:
            writer.send(frame.crop((0, 0, *size)).tobytes())
    finally:
        writer.close()
