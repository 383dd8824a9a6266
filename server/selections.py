"""Routes of selections: masks by hash, and those saved under a name beside the run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import RunNotFound, TimetravelError
from timetravel.server.encode import mask_text
from timetravel.server.routes import Answer, Ask, Refusal, Route
from timetravel.server.site import Site
from timetravel.store import places
from timetravel.store.facts import Selection
from timetravel.store.run import StoredRun

KEPT_MASK = "mask:"
"""Saved under this and its hash, a mask outlives the server; such names are not listed."""
NAME_LIMIT = 300
NOTE_LIMIT = 20_000
UNSAVED = "Not saved in the run: it cannot be written. Kept until the server stops."
BESIDE = "Not saved in the run: its folder cannot be written. Kept in the cache folder of this account."


def post_mask(ask: Ask) -> Answer:
    """Takes a selection, gives its key and count."""
    run, slug = ask.run(), ask.parts["run"]
    rows = ask.rows(run)
    key = ask.site.masks.put(slug, rows, len(run.samples))
    if ask.body.get("keep") is True:
        save(ask.site, slug, run, Selection(name=KEPT_MASK + key, ids=run.samples.ids[np.unique(rows)]))
    return Answer.json({"key": key, "count": len(np.unique(rows))})


def get_mask(ask: Ask) -> Answer:
    """The bits of a posted mask."""
    run, slug, key = ask.run(), ask.parts["run"], ask.parts["key"]
    mask = ask.site.masks.get(key)
    if mask is None or mask.slug != slug:
        kept = named(ask.site, slug, run, KEPT_MASK + key)
        if kept is None:
            raise Refusal(404, f"there is no selection {key}", "It was not kept; select again.")
        mask = ask.site.masks.get(ask.site.masks.put(slug, run.rows(kept.ids), len(run.samples)))
    if mask is None:
        raise Refusal(404, f"there is no selection {key}", "Select again.")
    return Answer(mask.bits, keys=(key,), headers={"X-Count": str(len(mask.rows))})


def list_selections(ask: Ask) -> Answer:
    """All saved selections, or with ?name= one with its mask."""
    run, slug = ask.run(), ask.parts["run"]
    name = ask.arguments.get("name")
    if name is None:
        return Answer.json(listing(ask.site, slug, run))
    found = named(ask.site, slug, run, name)
    if found is None:
        raise Refusal(404, f"there is no selection {name!r}", "See selections.json for those that there are.")
    rows = known_rows(run, found.ids)
    return Answer.json({**describe(found, len(rows)), "mask": mask_text(rows, len(run.samples))})


def save_selection(ask: Ask) -> Answer:
    """Saves rows under a name; an earlier selection of that name is replaced."""
    run, slug = ask.run(), ask.parts["run"]
    name = _text(ask, "name", NAME_LIMIT)
    if not name or name.startswith(KEPT_MASK):
        raise Refusal(400, "a selection needs a name", f"Pass `name`, not starting with {KEPT_MASK}")
    rows = np.unique(ask.rows(run))
    expression, note = _text(ask, "expression", NOTE_LIMIT), _text(ask, "note", NOTE_LIMIT)
    save(
        ask.site, slug, run, Selection(name=name, ids=run.samples.ids[rows], expression=expression, note=note)
    )
    return Answer.json(listing(ask.site, slug, run))


def delete_selection(ask: Ask) -> Answer:
    """Forgets a saved selection."""
    run, slug = ask.run(), ask.parts["run"]
    name = ask.arguments.get("name", "")
    if named(ask.site, slug, run, name) is None:
        raise Refusal(404, f"there is no selection {name!r}", "See selections.json for those that there are.")
    if ask.site.unsaved.get(slug, {}).pop(name, None) is None:
        run.delete_selection(name)
    return Answer.json(listing(ask.site, slug, run))


def listing(site: Site, slug: str, run: StoredRun) -> dict[str, Any]:
    """What selections.json says."""
    unsaved, in_run = site.unsaved.get(slug, {}), places.is_writable(run.path)
    found = [*run.selections(), *unsaved.values()]
    return {
        "selections": [describe(one, len(one.ids)) for one in found if not one.name.startswith(KEPT_MASK)],
        "saved": in_run and not unsaved,
        "text": UNSAVED if unsaved else None if in_run else BESIDE,
    }


def describe(selection: Selection, count: int) -> dict[str, Any]:
    """A selection without its samples."""
    return {
        "name": selection.name,
        "count": count,
        "expression": selection.expression,
        "note": selection.note,
        "created": selection.created,
    }


def named(site: Site, slug: str, run: StoredRun, name: str) -> Selection | None:
    """The selection of that name, saved or only kept in memory."""
    kept = site.unsaved.get(slug, {}).get(name)
    if kept is not None:
        return kept
    try:
        return run.selection(name)
    except RunNotFound:
        return None


def save(site: Site, slug: str, run: StoredRun, selection: Selection) -> None:
    """Into the run's notes, or into memory where its folder cannot be written."""
    try:
        run.save_selection(selection.name, selection.ids, selection.expression, selection.note)
    except (OSError, TimetravelError):
        site.unsaved.setdefault(slug, {})[selection.name] = selection
    else:
        site.unsaved.get(slug, {}).pop(selection.name, None)


def known_rows(run: StoredRun, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the ids that the run still knows."""
    rows: NDArray[np.int64] = np.flatnonzero(np.isin(run.samples.ids, ids))
    return rows


def _text(ask: Ask, name: str, limit: int) -> str | None:
    value = ask.body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > limit or "\0" in value:
        raise Refusal(400, f"{name} is no text of at most {limit} characters", "Shorten it.")
    return value.strip()


_RUN = r"data/(?P<run>[^/]+)"

ROUTES = (
    Route("POST", rf"{_RUN}/mask\.json", post_mask),
    Route("GET", rf"{_RUN}/mask/(?P<key>[0-9a-f]{{32}})\.bin", get_mask),
    Route("GET", rf"{_RUN}/selections\.json", list_selections),
    Route("POST", rf"{_RUN}/selections\.json", save_selection),
    Route("DELETE", rf"{_RUN}/selections\.json", delete_selection),
)
