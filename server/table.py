"""Every data route, in one list."""

from __future__ import annotations

from timetravel.server import data, job_routes, overview, samples, selections
from timetravel.server.routes import Route

ROUTES: tuple[Route, ...] = (
    *overview.ROUTES,
    *data.ROUTES,
    *samples.ROUTES,
    *selections.ROUTES,
    *job_routes.ROUTES,
)
