"""A run that somebody else recorded, ready to be written: what every importer gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.errors import BadInput
from timetravel.store.facts import EpochFacts, Head, Inputs, Labelling, RunDescription, Samples

_LONGEST_JSON = 64 * 2**20
_SPLIT_STEP = 1_000_000_000
_SPLIT_ORDER = ("train", "test", "validation", "pool", "other")
_HALF_STEP = 2.0**-11
"""Largest relative rounding error of float16."""

LOGIT_TOLERANCE = 1e-3
"""Largest difference of given logits to the head's, relative to the largest logit, beyond what rounding
the given arrays to their own types explains."""


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """epochs() gives the facts of one epoch after the other; the arrays of only one are in memory."""

    description: RunDescription
    samples: Samples
    inputs: Inputs | None
    epoch_count: int
    epochs: Callable[[], Iterator[EpochFacts]]


def read_json(path: Path) -> Any:
    """What a JSON file holds; BadInput names the file and the place of a fault."""
    if path.stat().st_size > _LONGEST_JSON:
        raise BadInput(f"{path.name} has {path.stat().st_size:,} bytes; expected less than {_LONGEST_JSON:,}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path.name} is no JSON ({error}); correct it") from error


def unique_ids(index: NDArray[np.int64], split: NDArray[Any]) -> NDArray[np.int64]:
    """Ids out of row numbers that are unique within a split only: a billion is added for each split.

    Training row 17 stays 17, test row 17 becomes 1000000017, in every run made from the same data.
    """
    if len(index) and (index.min() < 0 or index.max() >= _SPLIT_STEP):
        raise BadInput(f"sample_index holds {index.min()} to {index.max()}; expected 0 to {_SPLIT_STEP - 1}")
    order = {name: number for number, name in enumerate(_SPLIT_ORDER)}
    ids = index + np.array([order[name] for name in split], np.int64) * _SPLIT_STEP
    unique, counts = np.unique(ids, return_counts=True)
    if len(unique) < len(ids):
        twice = unique[counts > 1][:10] % _SPLIT_STEP
        raise BadInput(
            f"sample_index holds {', '.join(map(str, twice))} more than once in one split; "
            "expected each sample once"
        )
    return ids


def agreeing_logits(
    logits: NDArray[Any] | None, head: Head | None, representations: NDArray[Any], *, where: str
) -> NDArray[np.float32] | None:
    """(N, C) float32 logits of one epoch: those given, else the head's, else None.

    Where both exist they must agree. Half precision is allowed for: a logit may be off by what rounding
    of the representations and of the logits themselves to their types can do, plus a thousandth of the
    largest logit. Of logits given in half precision the head's are kept: rounding makes ties among given
    ones, which change predictions.
    """
    if head is None:
        return None if logits is None else logits.astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        computed = head.logits(representations)
        if logits is None:
            return computed.astype(np.float32)
        given = logits.astype(np.float64)
        allowed = np.full(given.shape, LOGIT_TOLERANCE * _largest(given))
        if representations.dtype == np.float16:
            reach = np.abs(representations.astype(np.float64)) @ np.abs(head.weight.astype(np.float64)).T
            allowed += _HALF_STEP * reach
        if logits.dtype == np.float16:
            allowed += _HALF_STEP * np.abs(given)
        difference = np.abs(given - computed)
        wrong = np.isfinite(difference) & (difference > allowed)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise BadInput(
            f"{where}: logits differ from head_weight @ representation + head_bias in {int(wrong.sum()):,} "
            f"places, first at sample {row}, class {column}: {given[row, column]:.6g} against "
            f"{computed[row, column]:.6g}; expected the same: leave out logits, or leave out the head"
        )
    return (computed if logits.dtype == np.float16 else logits).astype(np.float32)


def _largest(values: NDArray[Any]) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0


def rounds(masks: Sequence[NDArray[np.bool_]]) -> list[Labelling]:
    """Labelling of every epoch from its mask of labelled samples.

    A round ends where the mask changes; what the next round has labelled in addition was picked in this
    one. The order of the picks is not known from masks, so `rank` is 0 throughout.
    """
    found: list[Labelling] = []
    number = 0
    for at, mask in enumerate(masks):
        if at and not np.array_equal(mask, masks[at - 1]):
            number += 1
        following = next((later for later in masks[at + 1 :] if not np.array_equal(later, mask)), mask)
        found.append(
            Labelling(
                round=number,
                labelled=mask.copy(),
                picked=following & ~mask,
                rank=np.zeros(len(mask), np.int32),
            )
        )
    return found
