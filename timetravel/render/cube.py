"""The space-time cube as a picture: gathered here, drawn by VTK in a child process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from timetravel.errors import BadInput, MissingPart
from timetravel.render.cube_scene import CubeScene, make_cube
from timetravel.store.run import StoredRun

DRAWING_TIMEOUT_S = 120


def write_cube(
    run: StoredRun,
    out: Path,
    *,
    map_name: str | None = None,
    size: int = 1000,
    dark: bool = False,
    rows: Sequence[int] | None = None,
    camera: tuple[float, float] | None = None,
) -> None:
    """Draw the cube of a map to `out` (.png).

    rows: samples whose trails are drawn; those that changed most when left out.
    camera: (azimuth, elevation) in degrees, without perspective, so that it lies over what a page draws;
    a view from above the front corner when left out.
    Raises MissingPart where VTK cannot draw: without a display it needs libEGL.
    """
    if out.suffix.lower() != ".png":
        raise BadInput(f"{out.name}: the cube is drawn as .png; found {out.suffix or 'no ending'}")
    scene = make_cube(run, run.map(map_name), dark=dark, rows=rows)
    draw_cube(scene, out, size=size, dark=dark, camera=camera)


def draw_cube(
    scene: CubeScene,
    out: Path,
    *,
    size: int = 1000,
    dark: bool = False,
    camera: tuple[float, float] | None = None,
) -> None:
    """Draw a gathered cube; the file appears only when it is complete."""
    with tempfile.TemporaryDirectory(prefix="timetravel-cube-") as folder:
        scene_path, picture = Path(folder) / "scene.npz", Path(folder) / "cube.png"
        np.savez(
            scene_path,
            class_trails=scene.class_trails,
            class_colors=scene.class_colors,
            trails=scene.trails,
            trail_colors=scene.trail_colors,
            margin=scene.margin,
            extent=np.array(scene.extent),
            epochs=scene.epochs,
            names=np.array(scene.names, dtype=str),
        )
        command = [
            sys.executable,
            "-m",
            "timetravel.render.cube_draw",
            str(scene_path),
            str(picture),
            str(size),
        ]
        try:
            done = subprocess.run(
                [*command, "dark" if dark else "light", *(f"{angle:g}" for angle in camera or ())],
                capture_output=True,
                text=True,
                timeout=DRAWING_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise MissingPart(
                f"VTK did not finish within {DRAWING_TIMEOUT_S} s; try a smaller --size"
            ) from error
        if done.returncode or not picture.exists():
            why = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise MissingPart(
                f"VTK cannot draw here ({why[0]}); without a display it needs EGL: on Debian `apt install libegl1`"
            )
        out.write_bytes(picture.read_bytes())
