"""The state of one page: small, in one place, the same in the browser and in Python."""

from __future__ import annotations

from bokeh.core.properties import Bool, Dict, Float, Int, List, Nullable, String
from bokeh.model import DataModel


class PageState(DataModel):
    """What a page shows. The browser changes it at once and tells Python afterwards; Python's wishes come
    as `command`, and `live` says which runs have grown. Arrays never go through here.
    """

    runs = List(String, default=[])
    map = String(default="")
    map_b = String(default="")
    epoch = Nullable(Int, default=None, help="None until the page has said which it shows.")
    epoch_b = Nullable(Int, default=None)
    interval = List(Int, default=[])
    selection = String(default="", help="Expression that made the selection, empty where there is none.")
    selection_key = String(default="", help="Name of the posted bit mask, empty for nothing selected.")
    selection_count = Int(default=0)
    color = String(default="label")
    layers = List(String, default=[])
    camera = List(Float, default=[], help="Centre and width of the view in map units.")
    view = String(default="")
    pins = List(Int, default=[], help="Pinned sample ids.")
    follow = Bool(default=False)
    theme = String(default="")
    live = Dict(String, String, default={}, help="Content key by run; changes when a run commits.")
    command = String(default="", help="JSON with a serial number `n`; what Python asks the page to do.")
