"""The page from Python: `viewer = timetravel.show(run)`, in a notebook or a script."""

from __future__ import annotations

import asyncio
import html
import os
import webbrowser
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import TimetravelError

if TYPE_CHECKING:
    from timetravel.run import Run
    from timetravel.server.app import PageServer
    from timetravel.server.site import Site

FRAME_HEIGHT = "clamp(520px, 80vh, 800px)"
"""Of a frame in a notebook: map and timeline are seen together below the notebook's own bars."""
NOTEBOOK_ORIGINS = (
    "http://localhost:*",
    "http://127.0.0.1:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
    "vscode-webview:",
    "vscode-file:",
)
"""Who may frame the page of a viewer: notebooks on this machine, at whatever port. In VS Code the webview of the
output and the window around it are both asked."""
ANSWER_S = 30
_viewers: WeakValueDictionary[str, Viewer] = WeakValueDictionary()
"""What `show` has opened, by what was asked. Its thread keeps an open viewer alive."""
CLOSED = "this viewer was closed; call timetravel.show again"


def show(
    run: Run | Path | str,
    other: Run | Path | str | None = None,
    *,
    port: int = 0,
    open_browser: bool | None = None,
    factory: str | None = None,
    factory_arguments: Mapping[str, Any] | None = None,
    live: bool = True,
    allow_origin: Sequence[str] = (),
) -> Viewer:
    """Serves a run, or two side by side, from this process, and gives the viewer that steers the page.

    open_browser: by default only outside notebooks; there the viewer shows itself as a frame.
    Asked again for the same, it gives the viewer that is open: a notebook's cell may run many times.
    """
    from timetravel.server.serve import make_site

    runs = [run] if other is None else [run, other]
    paths = [Path(one if isinstance(one, str | Path) else one.path) for one in runs]
    asked = repr(([path.resolve() for path in paths], port, factory, factory_arguments, live, allow_origin))
    viewer = _viewers.get(asked)
    if viewer is not None and viewer.is_open:
        viewer.refresh()
    else:
        site = make_site(paths, factory=factory, factory_arguments=factory_arguments, live=live)
        viewer = _viewers[asked] = Viewer(site, port=port, allow_origin=allow_origin)
    if open_browser if open_browser is not None else not in_notebook():
        webbrowser.open(viewer.url)
    return viewer


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    import sys

    shell = sys.modules.get("IPython")
    instance = shell.get_ipython() if shell is not None else None
    return instance is not None and "IPKernelApp" in instance.config


class Viewer:
    """A page server in a thread of its own. Use as a context manager, or call `close()`."""

    def __init__(self, site: Site, *, port: int = 0, allow_origin: Sequence[str] = ()) -> None:
        self._site = site
        self._ready = Event()
        self._failure: Exception | None = None
        self._server: PageServer
        self._loop: asyncio.AbstractEventLoop
        self._stopped: asyncio.Event
        self._thread = Thread(
            target=lambda: asyncio.run(self._serve(port, allow_origin)), name="timetravel-viewer", daemon=True
        )
        self._thread.start()
        self._ready.wait(ANSWER_S)
        if self._failure is not None:
            site.close()
            raise self._failure

    @property
    def is_open(self) -> bool:
        """Whether it serves still."""
        return self._thread.is_alive()

    @property
    def url(self) -> str:
        """The page's address."""
        return self._server.url

    @property
    def epoch(self) -> int | None:
        """The epoch that a page showed last or was asked for, None before either."""
        found: int | None = self._ask(lambda: self._server.pages.last.get("epoch"))
        return found

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        known = self._first().epochs
        if epoch not in known:
            raise ValueError(f"epoch {epoch} was not recorded; recorded are {known}")
        self._ask(lambda: self._server.pages.command(epoch=int(epoch)))

    @property
    def selection(self) -> NDArray[np.int64]:
        """The ids of the samples selected last, ascending by row; empty when nothing is."""
        key = self._ask(lambda: self._server.pages.last.get("selection_key", ""))
        mask = self._site.masks.get(key) if key else None
        if mask is None:
            return np.zeros(0, np.int64)
        ids: NDArray[np.int64] = self._site.library.run(mask.slug).samples.ids[mask.rows]
        return ids

    @selection.setter
    def selection(self, ids: Iterable[int]) -> None:
        slug = self._site.library.open_slugs[0]
        run = self._first()
        rows = np.asarray(run.rows(np.asarray(list(ids), np.int64)), np.int64)
        key = self._site.masks.put(slug, rows, len(run.samples)) if len(rows) else ""
        self._ask(lambda: self._server.pages.command(selection_key=key, selection=""))

    def refresh(self) -> None:
        """Reads what was recorded since; a live viewer does so by itself."""
        for entry in self._site.library.entries():
            entry.refresh()

    def close(self) -> None:
        """Stops serving; the page says that the server is gone."""
        if self.is_open:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(ANSWER_S)

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<timetravel viewer at {self.url}>"

    def _repr_html_(self) -> str:
        """The page in a frame, for notebooks."""
        if not self.is_open:
            return f"<p>{html.escape(CLOSED)}</p>"
        hub = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
        # On a hub the browser is not on this machine: jupyter-server-proxy carries the page.
        address = f"{hub.rstrip('/')}/proxy/{self._server.port}/" if hub else self.url
        style = f"width: 100%; height: {FRAME_HEIGHT}; border: 0"
        return (
            f'<iframe src="{html.escape(address)}" style="{style}" title="timetravel" allow="clipboard-write"></iframe>'
            f'<p><a href="{html.escape(address)}" target="_blank">open in a window of its own</a></p>'
        )

    def _first(self) -> Run:
        return self._site.library.run(self._site.library.open_slugs[0])

    def _ask(self, call: Callable[[], Any]) -> Any:
        """Calls in the server's thread, which owns the pages' state."""
        if not self.is_open:
            raise TimetravelError(CLOSED)

        async def inside() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(inside(), self._loop).result(ANSWER_S)

    async def _serve(self, port: int, allow_origin: Sequence[str]) -> None:
        from timetravel.server.app import PageServer

        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        try:
            self._server = PageServer(
                self._site, port=port, allow_origin=allow_origin, allow_embed=NOTEBOOK_ORIGINS
            )
            self._server.start()
        except Exception as error:  # raised again in the caller's thread
            self._failure = error
            return
        finally:
            self._ready.set()
        await self._stopped.wait()
        await self._server.stop()
