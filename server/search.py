"""Routes of the search box: a query becomes a selection, and is completed while it is typed."""

from __future__ import annotations

from typing import Any

import numpy as np

from timetravel.analyze.query import QueryError, complete, select, to_sql
from timetravel.server.encode import mask_text
from timetravel.server.routes import Answer, Ask, Refusal, Route
from timetravel.store.run import StoredRun

QUERY_LIMIT = 4000
"""Characters of a query; longer ones are lists of ids that belong into a mask."""
COMPLETIONS = 12


def query(ask: Ask) -> Answer:
    """The samples that a query names, and the SQL that names the same."""
    run, text = ask.run(), ask.body.get("query", "")
    if not isinstance(text, str) or len(text) > QUERY_LIMIT:
        raise Refusal(413, f"a query has at most {QUERY_LIMIT} characters", "Select by mask instead.")
    where = _where(ask, run)
    try:
        mask = select(run, text, **where)
        told = to_sql(run, text, **where)
    except QueryError as error:
        do = "" if error.suggestion is None else f"Did you mean: {error.suggestion}"
        raise Refusal(400, error.message, do, position=error.position, suggestion=error.suggestion) from error
    rows = np.flatnonzero(mask)
    return Answer.json(
        {
            "count": len(rows),
            "mask": mask_text(rows, len(run.samples)),
            "sql": told.sql,
            "parameters": list(told.parameters),
            "plain": told.plain,
        }
    )


def _where(ask: Ask, run: StoredRun) -> dict[str, Any]:
    """Epoch, map and second run that a query speaks of."""
    given = ask.body or ask.arguments
    found: dict[str, Any] = {}
    if given.get("epoch") is not None:
        found["epoch"] = ask.epoch(run, str(given["epoch"]))
    if given.get("map") and run.maps:
        found["map"] = ask.map(run, str(given["map"]))
    if given.get("other"):
        found["other"] = ask.site.library.run(str(given["other"]))
        if given.get("other_epoch") is not None:
            found["other_epoch"] = ask.epoch(found["other"], str(given["other_epoch"]))
    return found


def completions(ask: Ask) -> Answer:
    """What could come next in a query, the likeliest first."""
    run, text = ask.run(), ask.arguments.get("text", "")
    if len(text) > QUERY_LIMIT:
        return Answer.json({"items": []})
    where = _where(ask, run)
    where.pop("other_epoch", None)
    found = complete(run, text, ask.number("at", len(text), high=QUERY_LIMIT), limit=COMPLETIONS, **where)
    return Answer.json(
        {
            "items": [
                {"insert": one.insert, "label": one.label, "count": one.count, "replaces": one.replaces}
                for one in found
            ]
        }
    )


_RUN = r"data/(?P<run>[^/]+)"

ROUTES = (
    Route("POST", rf"{_RUN}/query", query),
    Route("GET", rf"{_RUN}/complete\.json", completions),
)
