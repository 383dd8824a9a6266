"""Every data route, in one list."""

from __future__ import annotations

from timetravel.server import (
    classes,
    compare,
    data,
    events,
    findings,
    history,
    job_routes,
    listing,
    overview,
    samples,
    search,
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
    *events.ROUTES,
    *findings.ROUTES,
    *classes.ROUTES,
    *sets.ROUTES,
    *units.ROUTES,
    *listing.ROUTES,
    *compare.ROUTES,
    *search.ROUTES,
    *selections.ROUTES,
    *job_routes.ROUTES,
)
