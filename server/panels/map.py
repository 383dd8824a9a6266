"""The two maps: transparent figures over the page's own canvas, with Bokeh glyphs for a few marks only.

The cloud is no glyph: the page splats it into a canvas beneath (4 to 200 times faster). These figures give
the coordinate system, pan, zoom, lasso and the marks, at most some thousand a kind.
"""

from __future__ import annotations

from typing import Any

from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    LassoSelectTool,
    MultiLine,
    PanTool,
    Range1d,
    Scatter,
    Segment,
    Text,
    WheelZoomTool,
)
from bokeh.plotting import figure

Extent = tuple[float, float, float, float]

_MARKS: dict[str, tuple[tuple[str, ...], Any]] = {
    "trails": (
        ("xs", "ys", "color", "alpha"),
        MultiLine(xs="xs", ys="ys", line_color="color", line_alpha="alpha"),
    ),
    "neighbors": (
        ("x0", "y0", "x1", "y1", "color"),
        Segment(x0="x0", y0="y0", x1="x1", y1="y1", line_color="color"),
    ),
    "selection": (("x", "y"), Scatter(x="x", y="y", size=8, fill_color=None, line_width=1.5)),
    "wrong": (("x", "y"), Scatter(x="x", y="y", size=7, marker="x", line_width=1)),
    "pins": (("x", "y"), Scatter(x="x", y="y", size=13, fill_color=None, line_width=2.5)),
    "picks": (("x", "y"), Scatter(x="x", y="y", size=12, fill_color=None, line_width=1.5)),
    "pick-ranks": (
        ("x", "y", "text"),
        Text(x="x", y="y", text="text", x_offset=8, y_offset=-4, text_font_size="11px"),
    ),
    "labels": (
        ("x", "y", "text"),
        Text(x="x", y="y", text="text", text_align="center", text_baseline="middle"),
    ),
    "hover": (("x", "y"), Scatter(x="x", y="y", size=15, fill_color=None, line_width=2)),
}


def map_ranges(view: Extent, prefix: str = "map") -> tuple[Range1d, Range1d]:
    """Ranges that show `view` (x0, x1, y0, y1), named `<prefix>-x` and `<prefix>-y`."""
    x0, x1, y0, y1 = view
    return (
        Range1d(start=x0, end=x1, name=f"{prefix}-x"),
        Range1d(start=y0, end=y1, name=f"{prefix}-y"),
    )


def map_figure(side: str, x_range: Range1d, y_range: Range1d) -> figure:
    """The figure `map-<side>`: no axes, nothing painted but marks from sources named `<side>-<mark>`.

    Tools are named `<side>-pan`, `-wheel`, `-box`, `-lasso`. Its own ranges, for a camera of its own, wait
    as extra ranges "own", named `map-<side>-x` and `map-<side>-y`.
    """
    pan, wheel = PanTool(name=f"{side}-pan"), WheelZoomTool(name=f"{side}-wheel")
    plot = figure(
        name=f"map-{side}",
        x_range=x_range,
        y_range=y_range,
        x_axis_type=None,
        y_axis_type=None,
        toolbar_location=None,
        sizing_mode="stretch_both",
        min_border=0,
        outline_line_color=None,
        background_fill_alpha=0,
        border_fill_alpha=0,
        output_backend="canvas",
        tools=[pan, wheel, BoxSelectTool(name=f"{side}-box"), LassoSelectTool(name=f"{side}-lasso")],
    )
    own_x, own_y = map_ranges((0.0, 1.0, 0.0, 1.0), f"map-{side}")
    plot.extra_x_ranges, plot.extra_y_ranges = {"own": own_x}, {"own": own_y}
    plot.xgrid.visible = plot.ygrid.visible = False
    plot.toolbar.active_drag = pan
    plot.toolbar.active_scroll = wheel
    for mark, (columns, glyph) in _MARKS.items():
        source = ColumnDataSource({column: [] for column in columns}, name=f"{side}-{mark}")
        plot.add_glyph(source, glyph.clone(), name=f"{side}-{mark}-glyph")
    return plot
