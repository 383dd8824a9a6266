"""The Bokeh document of a page: its state, and two maps with one camera."""

from __future__ import annotations

from bokeh.document import Document

from timetravel.server.map_figure import map_figure, map_ranges
from timetravel.server.pages import Pages

TITLE = "timetravel"
UNIT = (0.0, 1.0, 0.0, 1.0)
"""View of a map before the page has set its camera."""


def fill(document: Document, pages: Pages, *, two: bool = True) -> None:
    """Adds the roots. Holds no data: those come over HTTP, so that a page costs little memory.

    two: whether there is a second run to be shown. Its ranges, for a camera of its own, wait as extra ranges "own".
    """
    x_range, y_range = map_ranges(UNIT)
    document.title = TITLE
    document.add_root(pages.join(document))
    document.add_root(map_figure("a", x_range, y_range))
    if two:
        second = map_figure("b", x_range, y_range)
        own_x, own_y = map_ranges(UNIT, "map-b")
        second.extra_x_ranges, second.extra_y_ranges = {"own": own_x}, {"own": own_y}
        document.add_root(second)
    document.on_session_destroyed(lambda context: pages.leave(document))
