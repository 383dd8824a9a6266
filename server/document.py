"""The Bokeh document of a page: its state, two maps with one camera, the curves of the timeline."""

from __future__ import annotations

from bokeh.document import Document

from timetravel.server.pages import Pages
from timetravel.server.panels.map import map_figure, map_ranges
from timetravel.server.panels.timeline import timeline_figure

TITLE = "timetravel"
UNIT = (0.0, 1.0, 0.0, 1.0)
"""View of a map before the page has set its camera."""


def fill(document: Document, pages: Pages) -> None:
    """Adds the roots. Holds no data: those come over HTTP, so that a page costs little memory."""
    x_range, y_range = map_ranges(UNIT)
    document.title = TITLE
    document.add_root(pages.join(document))
    document.add_root(map_figure("a", x_range, y_range))
    document.add_root(map_figure("b", x_range, y_range))
    document.add_root(timeline_figure(1))
    document.on_session_destroyed(lambda context: pages.leave(document))
