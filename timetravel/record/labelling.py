"""What active learning says at one epoch: labelled samples, picks in order, acquisition scores (F16 to F18)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.store.facts import Labelling


def make_labelling(
    ids: NDArray[np.int64],
    *,
    labelled: Any = None,
    picks: Any = None,
    scores: Any = None,
    round: int | None = None,
    strategy: str | None = None,
    previous: Labelling | None = None,
) -> Labelling | None:
    """The labelling of one epoch, None when nothing of it was given.

    labelled: (n,) booleans, or the ids of the labelled samples; left out, the epoch before counts.
    picks: ids of the samples chosen for the next round, best first. scores: name -> (n,) numbers, or one
    array, which is then called "score". round: its number; left out, one more than the last whenever the
    labelled set changes. Raises BadInput for unknown ids and for picks that are labelled already.
    """
    if labelled is None and picks is None and scores is None and round is None and strategy is None:
        return None
    rows = {int(sample): row for row, sample in enumerate(ids)}
    mask = _mask(labelled, rows, previous)
    ranked = _rows(picks, rows, "picks")
    taken = [int(ids[row]) for row in ranked if mask[row]]
    if taken:
        raise BadInput(
            f"picks holds samples that are labelled already: {_list(taken)}; expected samples of the pool"
        )
    rank = np.zeros(len(ids), np.int32)
    rank[ranked] = np.arange(1, len(ranked) + 1)
    return Labelling(
        round=_round(round, mask, previous),
        labelled=mask,
        picked=rank > 0,
        rank=rank,
        strategy=strategy,
        scores=_scores(scores, len(ids)),
    )


def _mask(labelled: Any, rows: Mapping[int, int], previous: Labelling | None) -> NDArray[np.bool_]:
    if labelled is None:
        known = previous is not None and len(previous.labelled) == len(rows)
        return previous.labelled.copy() if known and previous is not None else np.zeros(len(rows), np.bool_)
    given = _array(labelled)
    if given.dtype == np.bool_:
        if given.shape != (len(rows),):
            raise BadInput(f"labelled has shape {given.shape}; expected ({len(rows)},), one value a sample")
        return given.copy()
    mask = np.zeros(len(rows), np.bool_)
    mask[_rows(given, rows, "labelled")] = True
    return mask


def _rows(given: Any, rows: Mapping[int, int], name: str) -> list[int]:
    if given is None:
        return []
    values = _array(given)
    if values.dtype == np.bool_ and name == "picks":
        raise BadInput(
            "picks is a mask; expected sample ids, best first, because their order is recorded too"
        )
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
        raise BadInput(f"{name} is {values.dtype} of shape {values.shape}; expected a list of sample ids")
    ids = [int(value) for value in values]
    unknown = [value for value in ids if value not in rows]
    if unknown:
        raise BadInput(
            f"{name} holds ids that are not recorded: {_list(unknown)}; expected ids of the samples"
        )
    if len(set(ids)) < len(ids):
        twice = sorted({value for value in ids if ids.count(value) > 1})
        raise BadInput(f"{name} holds ids twice: {_list(twice)}; expected each id once")
    return [rows[value] for value in ids]


def _scores(given: Any, count: int) -> dict[str, NDArray[np.float32]]:
    if given is None:
        return {}
    named = given if isinstance(given, Mapping) else {"score": given}
    found = {}
    for name, values in named.items():
        array = _array(values)
        if array.shape != (count,) or array.dtype.kind not in "iufb":
            raise BadInput(
                f"scores[{name!r}] is {array.dtype} of shape {array.shape}; expected ({count},) numbers, "
                "NaN where a sample has no score"
            )
        found[str(name)] = array.astype(np.float32)
    return found


def _round(given: int | None, mask: NDArray[np.bool_], previous: Labelling | None) -> int:
    if given is not None:
        return int(given)
    if previous is None:
        return 0
    same = previous.labelled.shape == mask.shape and bool((previous.labelled == mask).all())
    return previous.round + (not same)


def _array(values: Any) -> NDArray[Any]:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.asarray(list(values) if isinstance(values, set | frozenset | range) else values)


def _list(values: list[int]) -> str:
    return ", ".join(map(str, values[:10])) + (", ..." if len(values) > 10 else "")
