"""The two maps: transparent plots over the page's own canvases, which draw everything (4 to 200 times faster than
glyphs). They give the coordinate system, pan, zoom, lasso and box; so little is in them that a page costs the server
a fraction of a MiB.
"""

from __future__ import annotations

from bokeh.core.validation import silence
from bokeh.core.validation.warnings import MISSING_RENDERERS
from bokeh.models import BoxSelectTool, LassoSelectTool, PanTool, Plot, Range1d, WheelZoomTool

silence(MISSING_RENDERERS)  # they have none on purpose

Extent = tuple[float, float, float, float]


def map_ranges(view: Extent, prefix: str = "map") -> tuple[Range1d, Range1d]:
    """Ranges that show `view` (x0, x1, y0, y1), named `<prefix>-x` and `<prefix>-y`."""
    x0, x1, y0, y1 = view
    return (
        Range1d(start=x0, end=x1, name=f"{prefix}-x"),
        Range1d(start=y0, end=y1, name=f"{prefix}-y"),
    )


def map_figure(side: str, x_range: Range1d, y_range: Range1d) -> Plot:
    """The plot `map-<side>`: no axes and no glyphs.

    Tools are named `<side>-pan`, `-wheel`, `-box`, `-lasso`.
    """
    pan, wheel = PanTool(name=f"{side}-pan"), WheelZoomTool(name=f"{side}-wheel")
    plot = Plot(
        name=f"map-{side}",
        title=None,
        x_range=x_range,
        y_range=y_range,
        toolbar_location=None,
        sizing_mode="stretch_both",
        min_border=0,
        outline_line_color=None,
        background_fill_alpha=0,
        border_fill_alpha=0,
        output_backend="canvas",
    )
    plot.add_tools(pan, wheel, BoxSelectTool(name=f"{side}-box"), LassoSelectTool(name=f"{side}-lasso"))
    plot.toolbar.active_drag = pan
    plot.toolbar.active_scroll = wheel
    return plot
