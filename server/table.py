"""Every data route, in one list."""

from __future__ import annotations

from timetravel.server import (
    compare,
    data,
    history,
    job_routes,
    listing,
    overview,
    samples,
    selections,
    sets,
    units,
)
from timetravel.server.routes import Route

ROUTES: tuple[Route, ...] = (
    *overview.ROUTES,
    *data.ROUTES,
    *samples.ROUTES,
    *history.ROUTES,
    *sets.ROUTES,
    *units.ROUTES,
    *listing.ROUTES,
    *compare.ROUTES,
    *selections.ROUTES,
    *job_routes.ROUTES,
)
