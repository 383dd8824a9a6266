"""One query language for the search box and for Python (X6, T11): text to samples, and to SQL.

    select(run, "label:cat pred:dog loss>2")   # (N,) mask
    to_sql(run, "flipped:3..7")                # the same as one SELECT over the run's views
    complete(run, "lab", 3)                    # what could come next

Without @ the epoch is the one given, the last by default. See `docs/questions.md` for the language.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.query.binding import bind
from timetravel.analyze.query.completion import Completion, complete
from timetravel.analyze.query.context import context
from timetravel.analyze.query.grammar import parse
from timetravel.analyze.query.masks import mask_of
from timetravel.analyze.query.problem import QueryError, quoted
from timetravel.analyze.query.sql import Translation, translate
from timetravel.store.run import StoredMap, StoredRun

__all__ = ["Completion", "QueryError", "Translation", "complete", "parse", "quoted", "select", "to_sql"]


def select(
    run: StoredRun,
    text: str,
    *,
    epoch: int | None = None,
    map: str | StoredMap | None = None,
    other: StoredRun | None = None,
    other_epoch: int | None = None,
) -> NDArray[np.bool_]:
    """(N,) the samples that a query names; an empty query names all.

    epoch: what "now" is, the last by default. map: for terms about a map, the newest by default. other: the
    second run, for `b.` and `disagree`, at its epoch of the same label or the last one before. Raises
    QueryError (a BadInput) with the position of the mistake.
    """
    where = context(text, run, epoch=epoch, map=map, other=other, other_epoch=other_epoch)
    return np.asarray(mask_of(bind(parse(text), where), where), np.bool_)


def to_sql(
    run: StoredRun,
    text: str,
    *,
    epoch: int | None = None,
    map: str | StoredMap | None = None,
    other: StoredRun | None = None,
    other_epoch: int | None = None,
) -> Translation:
    """One SELECT of `sample_id`, in row order, that names the same samples as `select`.

    What SQL cannot know (neighbours, saved selections, a second run, figures over logits) stands in it as a
    list of ids that were looked up now.
    """
    where = context(text, run, epoch=epoch, map=map, other=other, other_epoch=other_epoch)
    return translate(bind(parse(text), where), where)
