"""Draws a space-time cube with VTK: `python -m timetravel.render.cube_draw SCENE.npz OUT.png`.

A process of its own, because VTK ends its process (a segmentation fault) where it finds no way to draw.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

# Loaded for what their import registers: the drawing back end and its fonts.
import vtkmodules.vtkRenderingFreeType
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonCore import vtkObject, vtkPoints
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkImageData, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D, vtkTubeFilter, vtkWindowedSincPolyDataFilter
from vtkmodules.vtkIOImage import vtkPNGWriter
from vtkmodules.vtkRenderingCore import (
    vtkActor,
    vtkBillboardTextActor3D,
    vtkPolyDataMapper,
    vtkRenderer,
    vtkRenderWindow,
    vtkWindowToImageFilter,
)

import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  isort: skip

HEIGHT = 0.9
"""Length of the time axis as a share of the map's width."""

FILLING = 0.84
"""Half the picture as a share of the cube's half diagonal: its corners are empty."""

BOUNDARY_MARGIN = 0.12
"""Share of the median margin under which ground counts as boundary."""


def draw(scene: Any, out: str, size: int, dark: bool, camera: tuple[float, float] | None = None) -> None:
    """Draw the arrays of a `CubeScene` to a PNG, seen from `camera` (azimuth, elevation in degrees)."""
    ground, ink = ((0.078, 0.094, 0.114), (0.93, 0.95, 0.96)) if dark else ((1, 1, 1), (0.11, 0.12, 0.14))
    x0, x1, y0, y1 = scene["extent"]
    count = len(scene["epochs"])
    rise = HEIGHT * (x1 - x0) / max(1, count - 1)
    renderer = vtkRenderer()
    renderer.SetBackground(*ground)
    if scene["margin"].size and count > 1:
        renderer.AddActor(_boundary(scene["margin"], (x0, x1, y0, y1), rise, ink))
    thick = (x1 - x0) / 180
    for trail, color in zip(scene["trails"], scene["trail_colors"], strict=True):
        renderer.AddActor(_tube(trail, rise, thick * 0.35, color, 0.55))
    for trail, color, name in zip(scene["class_trails"], scene["class_colors"], scene["names"], strict=True):
        renderer.AddActor(_tube(trail, rise, thick, color, 1.0))
        if np.isfinite(trail[-1]).all():
            top = (float(trail[-1, 0]), float(trail[-1, 1]), rise * (count - 1) + 2 * thick)
            renderer.AddActor(_text(str(name), top, ink, size // 45))
    _time_axis(renderer, scene["epochs"], (x0, y1), rise, ink, size, thick)
    renderer.AddActor(_floor((x0, x1, y0, y1), ink))
    if camera is None:
        _look(renderer, (x0, x1, y0, y1), rise * (count - 1))
    else:
        _look_from(renderer, (x0, x1, y0, y1), rise * (count - 1), *camera)
    window = vtkRenderWindow()
    window.SetOffScreenRendering(1)
    # Translucent surfaces are sorted by peeling, which excludes multisampling; edges are smoothed afterwards.
    window.SetAlphaBitPlanes(1)
    window.SetMultiSamples(0)
    renderer.UseFXAAOn()
    window.SetSize(size, size)
    window.AddRenderer(renderer)
    renderer.SetUseDepthPeeling(1)
    renderer.SetMaximumNumberOfPeels(20)
    window.Render()
    grab = vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    writer = vtkPNGWriter()
    writer.SetFileName(out)
    writer.SetInputConnection(grab.GetOutputPort())
    writer.Write()


def _tube(
    trail: NDArray[np.float32], rise: float, radius: float, color: NDArray[np.float64], opacity: float
) -> vtkActor:
    """A trail as a tube; it is broken where the sample is absent."""
    places = np.column_stack([trail, rise * np.arange(len(trail))]).astype(np.float32)
    present: NDArray[np.bool_] = np.all(np.isfinite(places), axis=1)
    points, lines = vtkPoints(), vtkCellArray()
    points.SetData(numpy_to_vtk(np.where(present[:, None], places, 0), deep=True))
    for at in range(len(places) - 1):
        if present[at] and present[at + 1]:
            lines.InsertNextCell(2)
            lines.InsertCellPoint(at)
            lines.InsertCellPoint(at + 1)
    line = vtkPolyData()
    line.SetPoints(points)
    line.SetLines(lines)
    tube = vtkTubeFilter()
    tube.SetInputData(line)
    tube.SetRadius(radius)
    tube.SetNumberOfSides(10)
    tube.CappingOn()
    return _actor(tube.GetOutputPort(), color, opacity)


def _boundary(
    margin: NDArray[np.float32],
    extent: tuple[float, float, float, float],
    rise: float,
    ink: tuple[float, ...],
) -> vtkActor:
    """The decision boundary through time: the surface of small margin in the stack of decision maps."""
    count, rows, columns = margin.shape
    x0, x1, y0, y1 = extent
    stack = vtkImageData()
    stack.SetDimensions(columns, rows, count)
    stack.SetSpacing((x1 - x0) / columns, (y1 - y0) / rows, rise)
    stack.SetOrigin(x0 + (x1 - x0) / columns / 2, y0 + (y1 - y0) / rows / 2, 0)
    stack.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(margin).ravel(), deep=True))
    surface = vtkFlyingEdges3D()
    surface.SetInputData(stack)
    surface.SetValue(0, BOUNDARY_MARGIN)
    smooth = vtkWindowedSincPolyDataFilter()
    smooth.SetInputConnection(surface.GetOutputPort())
    smooth.SetNumberOfIterations(12)
    smooth.SetPassBand(0.05)
    return _actor(smooth.GetOutputPort(), np.array(ink) * 0.35 + 0.35, 0.13)


def _actor(port: Any, color: NDArray[np.float64], opacity: float) -> vtkActor:
    mapper = vtkPolyDataMapper()
    mapper.SetInputConnection(port)
    mapper.ScalarVisibilityOff()
    actor = vtkActor()
    actor.SetMapper(mapper)
    actor.GetProperty().SetColor(*(float(part) for part in color))
    actor.GetProperty().SetOpacity(opacity)
    actor.GetProperty().SetSpecular(0.15)
    return actor


def _text(
    words: str, place: tuple[float, float, float], color: tuple[float, ...], points: int
) -> vtkBillboardTextActor3D:
    actor = vtkBillboardTextActor3D()
    actor.SetInput(words)
    actor.SetPosition(*place)
    style = actor.GetTextProperty()
    style.SetColor(*color)
    style.SetFontSize(points)
    style.BoldOn()
    return actor


def _time_axis(
    renderer: vtkRenderer,
    epochs: NDArray[np.int64],
    corner: tuple[float, float],
    rise: float,
    ink: tuple[float, ...],
    size: int,
    thick: float,
) -> None:
    """A line along time at the left corner, with at most eight labelled epochs."""
    places = np.repeat([corner], len(epochs), 0).astype(np.float32)
    renderer.AddActor(_tube(places, rise, thick * 0.3, np.array(ink), 1.0))
    for at in np.unique(np.linspace(0, len(epochs) - 1, min(8, len(epochs))).round().astype(int)):
        place = (corner[0] - 9 * thick, corner[1] + 9 * thick, rise * int(at))
        renderer.AddActor(_text(f"epoch {epochs[at]}", place, ink, size // 55))


def _floor(extent: tuple[float, float, float, float], ink: tuple[float, ...]) -> vtkActor:
    """The outline of the first epoch's map: where the cube stands."""
    x0, x1, y0, y1 = extent
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]], np.float32)
    return _tube(corners, 0.0, (x1 - x0) / 900, np.array(ink), 0.6)


def _look(renderer: vtkRenderer, extent: tuple[float, float, float, float], top: float) -> None:
    x0, x1, y0, y1 = extent
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2, top / 2])
    width = max(x1 - x0, y1 - y0, top)
    camera = renderer.GetActiveCamera()
    camera.SetFocalPoint(*middle)
    camera.SetPosition(*(middle + width * np.array([-1.5, -2.1, 1.0])))
    camera.SetViewUp(0, 0, 1)
    camera.ParallelProjectionOff()
    renderer.ResetCamera()
    camera.Zoom(1.05)
    renderer.ResetCameraClippingRange()


def _look_from(
    renderer: vtkRenderer,
    extent: tuple[float, float, float, float],
    top: float,
    azimuth: float,
    elevation: float,
) -> None:
    """Parallel rays from a direction: azimuth 0 looks along +y, elevation 90 straight down.

    The same rule as in the page, so that the still lies over the trails that were turned there.
    """
    x0, x1, y0, y1 = extent
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2, top / 2])
    radius = float(np.linalg.norm([x1 - x0, y1 - y0, top])) / 2
    turn, rise = np.radians(azimuth), np.radians(np.clip(elevation, -89, 89))
    towards = np.array([-np.sin(turn) * np.cos(rise), -np.cos(turn) * np.cos(rise), np.sin(rise)])
    camera = renderer.GetActiveCamera()
    camera.ParallelProjectionOn()
    camera.SetFocalPoint(*middle)
    camera.SetPosition(*(middle + 3 * radius * towards))
    camera.SetViewUp(0, 0, 1)
    camera.SetParallelScale(FILLING * radius)
    renderer.ResetCameraClippingRange()


def main() -> None:
    vtkObject.GlobalWarningDisplayOff()  # without a display VTK warns before it falls back to EGL
    scene_path, out, size, dark, *angles = sys.argv[1:]
    camera = (float(angles[0]), float(angles[1])) if len(angles) == 2 else None
    with np.load(Path(scene_path), allow_pickle=False) as scene:
        draw(dict(scene), out, int(size), dark == "dark", camera)


if __name__ == "__main__":
    main()
