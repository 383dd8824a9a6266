"""The curves under the time slider."""

from __future__ import annotations

from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure


def timeline_figure(stops: int) -> figure:
    """The figure `timeline-curves`: lines over stops 0..stops-1 from the source `curves`, heights 0 to 1."""
    plot = figure(
        name="timeline-curves",
        x_range=Range1d(start=-0.5, end=max(stops, 1) - 0.5, name="timeline-x"),
        y_range=Range1d(start=0, end=1, name="timeline-y"),
        x_axis_type=None,
        y_axis_type=None,
        tools=[],
        toolbar_location=None,
        sizing_mode="stretch_both",
        min_border=0,
        outline_line_color=None,
        background_fill_alpha=0,
        border_fill_alpha=0,
    )
    plot.xgrid.visible = plot.ygrid.visible = False
    source = ColumnDataSource({"xs": [], "ys": [], "color": [], "dash": []}, name="curves")
    plot.multi_line("xs", "ys", line_color="color", line_dash="dash", source=source, name="curves-glyph")
    return plot
