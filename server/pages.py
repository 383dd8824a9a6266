"""The open pages: what they show last, and how Python speaks to all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bokeh.document import Document

from timetravel.server.state import PageState

REMEMBERED = ("runs", "map", "epoch", "selection", "selection_key", "selection_count", "color", "layers")


@dataclass(slots=True)
class Pages:
    """The states of all open documents. Touched by the event loop's thread only."""

    states: dict[Document, PageState] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)
    serial: int = 0

    def join(self, document: Document) -> PageState:
        """The state of a new page; what it reports is remembered, and it is told what others are told."""
        state = PageState(name="state", live=self.live, command=self._command({}) if self.serial else "")
        for name in REMEMBERED:
            state.on_change(name, self._remember)
        self.states[document] = state
        return state

    def leave(self, document: Document) -> None:
        """Forgets a page that was closed."""
        self.states.pop(document, None)

    def tell_growth(self, live: Mapping[str, str]) -> None:
        """Tells every page the content keys of the runs."""
        self.live = dict(live)
        self._everywhere(lambda state: state.update(live=self.live))

    def command(self, **wishes: Any) -> None:
        """Asks every page to show an epoch or a selection, and remembers it for pages to come."""
        self.serial += 1
        self.last |= wishes
        text = self._command(wishes)
        self._everywhere(lambda state: state.update(command=text))

    def _command(self, wishes: Mapping[str, Any]) -> str:
        asked = wishes or {name: self.last[name] for name in ("epoch", "selection_key") if name in self.last}
        return json.dumps({"n": self.serial, **asked})

    def _remember(self, attribute: str, old: Any, new: Any) -> None:
        self.last[attribute] = new

    def _everywhere(self, change: Any) -> None:
        for document, state in list(self.states.items()):
            # Bokeh applies changes to a document in a callback of its own, under the document's lock.
            document.add_next_tick_callback(partial(change, state))
