"""The server: Bokeh's document and websocket, our data routes and modules, all behind the guard."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.server.urls import per_app_patterns
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.web import RequestHandler, StaticFileHandler

from timetravel.errors import BadInput
from timetravel.server.document import fill
from timetravel.server.guard import GuardedRouter, access
from timetravel.server.headers import Policy, SecurityHeaders
from timetravel.server.overview import prepare
from timetravel.server.page import PageHandler, SocketHandler
from timetravel.server.pages import Pages
from timetravel.server.routes import handlers
from timetravel.server.site import Site
from timetravel.server.table import ROUTES

MODULES = Path(__file__).parent / "static"
BODY_LIMIT = 16 << 20
"""Bytes of a posted body: row numbers of a million samples."""
MESSAGE_LIMIT = 1 << 20
"""Bytes of a websocket message; the state is small."""
HEADER_LIMIT = 64 << 10
IDLE_S = 3600
BACKLOG = 128
BODY_TIMEOUT_S = 30
LIVE_MS = 500
SESSION_DAYS = 30
"""How long a page that was left open may still reconnect, to a restarted server too."""

log = logging.getLogger("timetravel.server")
_patterns = Lock()


class ModuleHandler(StaticFileHandler):
    """The page's own modules: asked for each time, answered with 304 while they are the same."""

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Cache-Control", "no-cache")

    def get_content_type(self) -> str:
        # The system's table of types decides otherwise, and some have no entry for modules.
        if self.absolute_path is not None and self.absolute_path.endswith((".mjs", ".js")):
            return "text/javascript; charset=utf-8"
        return super().get_content_type()


class PageServer:
    """One server over a site, on the event loop of the thread that starts it."""

    def __init__(
        self,
        site: Site,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        allow_origin: Sequence[str] = (),
        allow_embed: Sequence[str] = (),
        prefix: str = "",
    ) -> None:
        self.site = site
        self.pages = Pages()
        self._host = host
        self._policy = Policy.make(allow_embed)
        try:
            self._socket = listen(host, port)
        except OSError as error:
            raise BadInput(
                f"cannot listen on {host}:{port} ({error.strerror or error}); pass another port, or 0 for a free one"
            ) from error
        self.port: int = self._socket.getsockname()[1]
        self.access = access(host, self.port, token=token, allow_origin=allow_origin)
        self._prefix = f"/{prefix.strip('/')}" if prefix.strip("/") else ""

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page, with the token where there is one."""
        host = "localhost" if self._host in ("", "0.0.0.0", "::") else self._host
        name = f"[{host}]" if ":" in host else host
        token = f"?token={self.access.token}" if self.access.token else ""
        return f"http://{name}:{self.port}{self._prefix}/{token}"

    def start(self) -> None:
        """Begins to answer; the caller runs the loop."""
        self.tornado = self._application()
        router = GuardedRouter(self.access, self.tornado, self._policy)
        http = HTTPServer(
            router,
            max_body_size=BODY_LIMIT,
            max_buffer_size=2 * BODY_LIMIT,
            max_header_size=HEADER_LIMIT,
            idle_connection_timeout=IDLE_S,
            body_timeout=BODY_TIMEOUT_S,
        )
        http.add_socket(self._socket)
        self._http = http
        self._server = BaseServer(IOLoop.current(), self.tornado, http)
        self._server.start()
        self.site.pool.submit(partial(prepare, self.site))
        self._ticks = PeriodicCallback(self._look_for_growth, LIVE_MS)
        self._looking = False
        if self.site.live:
            self._ticks.start()

    def stop(self) -> asyncio.Task[None]:
        """Stops answering and frees the port; children and threads end. The task closes what browsers keep open."""
        self._ticks.stop()
        self._server.stop(wait=False)
        closing = asyncio.ensure_future(self._http.close_all_connections())
        self.site.close()
        return closing

    def _application(self) -> BokehTornado:
        with _own_patterns():
            return BokehTornado(
                Application(FunctionHandler(self._fill)),
                prefix=self._prefix,
                extra_patterns=[
                    *handlers(ROUTES, self.site),
                    (r"/app/(.*)", ModuleHandler, {"path": str(MODULES)}),
                ],
                use_index=False,
                include_headers=[],  # a session token must carry neither cookies nor our own token
                include_cookies=[],
                session_token_expiration=SESSION_DAYS * 86400,
                websocket_max_message_size_bytes=MESSAGE_LIMIT,
                transforms=[partial(SecurityHeaders, self._policy)],
                log_function=_log_request,
            )

    def _fill(self, document: Document) -> None:
        fill(document, self.pages, two=len(self.site.library) > 1)

    async def _look_for_growth(self) -> None:
        """Reads what recorders and projections have committed, and tells the pages."""
        if self._looking:
            return
        self._looking = True
        try:
            live = await asyncio.wrap_future(self.site.pool.submit(self._refresh))
            if live != self.pages.live:
                self.pages.tell_growth(live)
        finally:
            self._looking = False

    def _refresh(self) -> dict[str, str]:
        for entry in self.site.library.opened():
            entry.refresh()
        return {entry.slug: entry.key for entry in self.site.library.opened()}


def listen(host: str, port: int) -> socket.socket:
    """A socket that waits for connections, closed again when it cannot be bound."""
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    bound = socket.create_server((name, port), family=family, backlog=BACKLOG)
    bound.setblocking(False)
    return bound


@contextmanager
def _own_patterns() -> Iterator[None]:
    """Within it Bokeh builds applications from our page and websocket handlers alone.

    Without it autoload.js, which allows any origin to read it, and metadata would be routes too. The list
    is Bokeh's own and shared by all servers of the process, so it is put back.
    """
    with _patterns:
        theirs: list[Any] = list(per_app_patterns)
        per_app_patterns[:] = [(r"/?", PageHandler), (r"/ws", SocketHandler)]
        try:
            yield
        finally:
            per_app_patterns[:] = theirs


def _log_request(handler: RequestHandler) -> None:
    """One quiet line without the query, which may hold a token."""
    log.debug("%s %s %s", handler.get_status(), handler.request.method, handler.request.path)
