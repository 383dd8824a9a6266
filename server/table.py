"""Every data route, in one list."""

from __future__ import annotations

from timetravel.server import compare, data, history, job_routes, overview, samples, selections, sets
from timetravel.server.routes import Route

ROUTES: tuple[Route, ...] = (
    *overview.ROUTES,
    *data.ROUTES,
    *samples.ROUTES,
    *history.ROUTES,
    *sets.ROUTES,
    *compare.ROUTES,
    *selections.ROUTES,
    *job_routes.ROUTES,
)
