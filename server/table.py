"""Every data route, in one list."""

from __future__ import annotations

from timetravel.server.routes import Route

ROUTES: tuple[Route, ...] = ()
