"""Columns on the wire: each name's type, texts as codes, and the key under which a column never changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.columns import Column, column, column_info
from timetravel.errors import BadInput
from timetravel.server.encode import NOWHERE, codes
from timetravel.server.routes import Refusal
from timetravel.store.run import StoredRun

LIMIT_EPOCHS = 24
"""Epochs, spread over the run, whose values decide where a ramp begins and ends."""
LIMIT_VALUES = 20_000
"""Values of each of them."""

WIRE_OF_MAP = {
    "neighbors_kept": "f32",
    "roundtrip_ok": "u8",
    "roundtrip_confidence": "f32",
    "boundary_distance": "f32",
    "placed": "u8",
}
_WIRE = {"id": "i64", "first_learned": "i32", "split": "u8", "pick_rank": "u16"}
COUNTS = ("forgets",)
"""Columns of whole numbers, sent as u16, 65535 where unknown."""


def wire_type(info: Column) -> str:
    """How a column is sent: "f32", "u16", "u8", "i32" or "i64"."""
    if info.name in _WIRE:
        return _WIRE[info.name]
    if info.name in COUNTS:
        return "u16"
    return {"class": "u16", "text": "u16", "flag": "u8", "number": "f32"}[info.kind]


def wire_column(run: StoredRun, name: str, epoch: int | None) -> tuple[str, NDArray[Any]]:
    """(dtype, values) of a column. Refusal where an epoch is missing or one too many."""
    info = known_column(run, name)
    if info.per_epoch and epoch is None:
        raise Refusal(400, f"column {name} differs from epoch to epoch", "Ask for one epoch.")
    dtype = wire_type(info)
    values = column(run, name, epoch)
    if info.kind == "text":
        found = text_codes(values, categories_of(run, name))
        return dtype, np.minimum(found, 255) if dtype == "u8" else found
    if info.kind == "class":
        return dtype, codes(values)
    if dtype in ("u8", "u16", "i32"):
        numbers = np.nan_to_num(np.asarray(values, np.float64), nan=-1)
        none = {"u8": 2, "u16": NOWHERE, "i32": -1}[dtype]
        return dtype, np.where(numbers < 0, none, numbers)
    return dtype, values


def limits_over_time(values: Iterable[NDArray[Any]], *, signed: bool) -> tuple[float, float] | None:
    """Where a ramp of colours begins and ends: the 2nd and 98th percentile of a column over all epochs, so that a
    dot changes its colour only when its number changes. Changes: the 98th percentile of their size, around zero.
    None where no value is known.
    """
    pooled = np.concatenate([np.zeros(0), *(_thinned(one) for one in values)])
    if not len(pooled):
        return None
    if signed:
        reach = float(np.percentile(np.abs(pooled), 98)) or 1.0
        return -reach, reach
    low, high = np.percentile(pooled, (2, 98))
    return float(low), float(high)


def spread_over(epochs: Sequence[int], most: int) -> list[int]:
    """At most so many epochs, spread evenly, the first and the last among them."""
    places = np.linspace(0, len(epochs) - 1, min(len(epochs), most)).round().astype(int)
    return [epochs[at] for at in dict.fromkeys(places.tolist())]


def _thinned(values: NDArray[Any]) -> NDArray[np.float64]:
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return known[:: max(1, len(known) // LIMIT_VALUES)]


def known_column(run: StoredRun, name: str) -> Column:
    """What a column is; a Refusal that names those that there are."""
    try:
        return column_info(run, name)
    except BadInput as error:
        raise Refusal(404, str(error), "Ask for one of these.") from error


def split_names(run: StoredRun) -> list[str]:
    """Names of the splits, in the order of their first sample."""
    return list(dict.fromkeys(str(name) for name in run.samples.split.tolist()))


def categories_of(run: StoredRun, name: str) -> list[str]:
    """The texts behind the codes of a text column, sorted; a number column has none."""
    if name == "split":
        return split_names(run)
    info = known_column(run, name)
    if info.kind != "text":
        raise Refusal(404, f"column {name} holds no text", "Only text columns have categories.")
    values = column(run, name)
    return sorted({str(value) for value in values.tolist() if value is not None})[:NOWHERE]


def text_codes(values: NDArray[Any], names: list[str]) -> NDArray[np.uint16]:
    """Index of each text among `names`, 65535 where it is missing or beyond them."""
    known = {name: index for index, name in enumerate(names)}
    found = [NOWHERE if value is None else known.get(str(value), NOWHERE) for value in values.tolist()]
    return np.array(found, "<u2")


def epoch_key(run: StoredRun) -> str:
    """Under this a column of one epoch never changes: a committed epoch is not rewritten, so that only new
    samples, or another history before it, alter what is sent.
    """
    content = f"{run.run_id} {len(run.samples)} {len(run.classes)} {sorted(run.damaged)}"
    return hashlib.sha256(content.encode()).hexdigest()[:16]
