"""What happened to samples, as a table of events (T1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze import rounds as labelling_rounds
from timetravel.analyze.changes import changes
from timetravel.analyze.columns import learning_of
from timetravel.analyze.history import History, history
from timetravel.analyze.motion import is_cheap_to_read, is_cheap_to_search, movements, persistence
from timetravel.analyze.sample_learning import sample_learning
from timetravel.store.run import StoredRun

KINDS = (
    "flip",
    "learned",
    "forgotten",
    "drift",
    "first_learned",
    "final_learned",
    "confidence_jump",
    "moved",
    "neighbours_lost",
    "relabelled",
    "picked",
    "labelled",
    "left",
)

CONFIDENCE_JUMP = 0.5
"""Change of p_true between two epochs above which it is an event."""

MOVED_SD = 2.0
NEIGHBOURS_KEPT = 0.2
"""Share of neighbours kept, at or below which losing them is an event."""


@dataclass(frozen=True, slots=True)
class EventTable:
    """M events in the order of epochs, within an epoch by kind and then by row.

    position, row: (M,) place of the epoch and of the sample. kind: (M,) index into KINDS. origin, target:
    (M,) class before and after, or round, -1 where there is none. size: (M,) float64, NaN where there is none.
    """

    position: NDArray[np.int64]
    row: NDArray[np.int64]
    kind: NDArray[np.int64]
    origin: NDArray[np.int64]
    target: NDArray[np.int64]
    size: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)

    def where(
        self, *, kind: str | None = None, position: int | None = None, row: int | None = None
    ) -> EventTable:
        """The events of one kind, one epoch, one sample."""
        mask = np.ones(len(self), np.bool_)
        if kind is not None:
            mask &= self.kind == KINDS.index(kind)
        if position is not None:
            mask &= self.position == position
        if row is not None:
            mask &= self.row == row
        return self.take(mask)

    def take(self, chosen: NDArray[Any] | slice) -> EventTable:
        """Some of the events, by mask, place or slice."""
        return EventTable(*(getattr(self, name)[chosen] for name in self.__slots__))


def event_table(
    run: StoredRun,
    *,
    rows: Sequence[int] | NDArray[np.int64] | None = None,
    kinds: Sequence[str] = KINDS,
    thorough: bool | None = None,
) -> EventTable:
    """Every event of a run, or of some of its rows.

    `moved` and `neighbours_lost` need all representations; without `thorough` they are there only where that
    is quick.
    """
    return _assembled(list(_parts(run, rows, kinds, thorough)))


def event_counts(
    run: StoredRun, *, kinds: Sequence[str] = KINDS, thorough: bool | None = None
) -> dict[str, NDArray[np.int64]]:
    """Events of each kind at each epoch of the run, (E,) each; kinds that `event_table` would leave out are missing."""
    counts = {kind: np.zeros(len(run.epochs), np.int64) for kind in kinds if _is_wanted(run, kind, thorough)}
    for position, rows, kind, *_ in _parts(run, None, kinds, thorough):
        counts[KINDS[kind]][position] += len(rows)
    return counts


def events_at(run: StoredRun, epoch: int, kind: str) -> EventTable:
    """The events of one kind at one epoch, the largest first: by their size, else by the change of p_true.

    Kinds that take long to find in this run are found all the same.
    """
    past = history(run)
    position = past.position(epoch)
    table = _assembled(list(_parts(run, None, [kind], True, [position])))
    size = table.size.copy()
    if position and not np.isfinite(size).any():
        p_true = past.figure("p_true")
        size = p_true[position][table.row].astype(np.float64) - p_true[position - 1][table.row]
    # Ranks and shares of neighbours kept begin with the smallest.
    size = size if kind in ("picked", "neighbours_lost") else -np.abs(size)
    return table.take(np.argsort(size, kind="stable"))


def left_out(run: StoredRun, kind: str) -> bool:
    """Whether events of this kind take long to find in this run, so that they are found only when asked to."""
    return (kind == "moved" and not is_cheap_to_read(run)) or (
        kind == "neighbours_lost" and not is_cheap_to_search(run)
    )


def _is_wanted(run: StoredRun, kind: str, thorough: bool | None) -> bool:
    slow = kind in ("moved", "neighbours_lost")
    return not slow or (not left_out(run, kind) if thorough is None else thorough)


_Part = tuple[int, NDArray[np.int64], int, Any, Any, Any]
"""position, rows, kind, origin, target, size."""


def _parts(
    run: StoredRun,
    rows: Sequence[int] | NDArray[np.int64] | None,
    kinds: Sequence[str],
    thorough: bool | None,
    positions: Sequence[int] | None = None,
) -> Iterator[_Part]:
    """Events of each kind at each epoch, one after the other: all of them together may be many millions."""
    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise ValueError(
            f"there is no event kind {', '.join(sorted(unknown))}; expected some of {', '.join(KINDS)}"
        )
    past = history(run)
    at = np.arange(len(past.samples)) if rows is None else np.asarray(rows, np.int64)
    places = range(len(past.epochs)) if positions is None else positions
    wanted = {kind for kind in kinds if _is_wanted(run, kind, thorough)}
    found: list[Iterable[_Part]] = []
    if wanted & {"flip", "learned", "forgotten", "drift"}:
        found.append(_of_predictions(past, at, places))
    if wanted & {"first_learned", "final_learned"}:
        found.append(_of_learning(past, None if rows is None else at))
    if "confidence_jump" in wanted:
        found.append(_of_jumps(past, at, places))
    if "moved" in wanted:
        found.append(_of_movement(movements(run), at))
    if "neighbours_lost" in wanted:
        found.append(_of_neighbors(persistence(run), at))
    if wanted & {"picked", "labelled", "left"}:
        found.append(_of_labelling(run, at))
    if "relabelled" in wanted:
        found.append(_of_relabelling(run, past, at))
    for part in chain.from_iterable(found):
        if part[0] in places and KINDS[part[2]] in wanted and len(part[1]):
            yield part


def _assembled(parts: list[_Part]) -> EventTable:
    if not parts:
        nothing = np.empty(0, np.int64)
        return EventTable(nothing, nothing, nothing, nothing, nothing, np.empty(0))
    columns = [
        np.concatenate([np.broadcast_to(part[at], len(part[1])).astype(dtype) for part in parts])
        for at, dtype in enumerate((np.int64, np.int64, np.int64, np.int64, np.int64, np.float64))
    ]
    order = np.lexsort((columns[1], columns[2], columns[0]))
    return EventTable(*(column[order] for column in columns))


def _part(position: int, at: NDArray[np.int64], mask: NDArray[np.bool_], kind: str, *more: Any) -> _Part:
    origin, target, size = (
        value[mask] if isinstance(value, np.ndarray) else value
        for value in (*more, *(-1, -1, np.nan)[len(more) :])
    )
    return position, at[mask], KINDS.index(kind), origin, target, size


def _of_predictions(past: History, at: NDArray[np.int64], places: Iterable[int]) -> Iterator[_Part]:
    labels = past.labels[at]
    for position in places:
        if not position:
            continue
        before, after = past.predicted[position - 1][at], past.predicted[position][at]
        found = changes(before, after, labels)
        for kind, mask in (
            ("flip", found.flipped),
            ("learned", found.learned),
            ("forgotten", found.forgotten),
            ("drift", found.drift),
        ):
            yield _part(position, at, mask, kind, before, after)


def _of_learning(past: History, rows: NDArray[np.int64] | None) -> list[_Part]:
    """`rows`: None for all of them, whose learning is kept."""
    at = np.arange(len(past.samples)) if rows is None else rows
    found = learning_of(past) if rows is None else sample_learning(past.predicted[:, at], past.labels[at])
    parts = []
    for kind, places in (("first_learned", found.first), ("final_learned", found.final)):
        for position in np.unique(places[places >= 0]):
            mask = places == position
            parts.append(_part(int(position), at, mask, kind, -1, past.labels[at]))
    return parts


def _of_jumps(past: History, at: NDArray[np.int64], places: Iterable[int]) -> Iterator[_Part]:
    p_true = past.figure("p_true")
    for position in places:
        if not position:
            continue
        jump = p_true[position][at].astype(np.float64) - p_true[position - 1][at]
        before, after = past.predicted[position - 1][at], past.predicted[position][at]
        yield _part(position, at, np.abs(jump) > CONFIDENCE_JUMP, "confidence_jump", before, after, jump)


def _of_movement(moved: NDArray[np.float32], at: NDArray[np.int64]) -> list[_Part]:
    parts = []
    for position, row in enumerate(moved):
        known = row[np.isfinite(row)]
        if len(known):
            line = known.mean(dtype=np.float64) + MOVED_SD * known.std(dtype=np.float64)
            parts.append(_part(position, at, row[at] > line, "moved", -1, -1, row[at]))
    return parts


def _of_neighbors(kept: NDArray[np.float32], at: NDArray[np.int64]) -> list[_Part]:
    return [
        _part(position, at, row[at] <= NEIGHBOURS_KEPT, "neighbours_lost", -1, -1, row[at])
        for position, row in enumerate(kept)
    ]


def _of_labelling(run: StoredRun, at: NDArray[np.int64]) -> list[_Part]:
    parts = []
    found = labelling_rounds.rounds(run)
    place = {epoch: position for position, epoch in enumerate(run.epochs)}
    for number, one in enumerate(found):
        first, last = place[one.epochs[0]], place[one.epochs[-1]]
        ranks = one.rank[at].astype(np.float64)
        parts.append(
            _part(last, at, one.picked[at], "picked", -1, one.round, np.where(ranks > 0, ranks, np.nan))
        )
        if number:
            before = found[number - 1].labelled
            new, gone = (
                labelling_rounds.picks(before, one.labelled),
                labelling_rounds.left(before, one.labelled),
            )
            parts.append(_part(first, at, new[at], "labelled", -1, one.round))
            parts.append(_part(first, at, gone[at], "left", -1, one.round))
    return parts


def _of_relabelling(run: StoredRun, past: History, at: NDArray[np.int64]) -> list[_Part]:
    place = {epoch: position for position, epoch in enumerate(past.epochs)}
    wanted = set(past.samples.ids[at].tolist())
    parts: list[_Part] = []
    for event in run.events():
        if event.kind != "relabelled" or event.sample_id is None or event.epoch is None:
            continue
        if event.sample_id in wanted and event.epoch in place:
            row = run.rows([event.sample_id])
            target = -1 if event.value is None else int(event.value)
            origin = _old_label(event.detail, int(past.labels[row[0]]))
            parts.append((place[event.epoch], row, KINDS.index("relabelled"), origin, target, np.nan))
    return parts


def _old_label(detail: str | None, first: int) -> int:
    try:
        return int(json.loads(detail or "{}").get("old", first))
    except (ValueError, TypeError, AttributeError):
        return first


def in_words(table: EventTable, classes: Sequence[str]) -> list[str]:
    """One short text per event."""
    texts = []
    for number in range(len(table)):
        kind, origin, target = KINDS[table.kind[number]], int(table.origin[number]), int(table.target[number])
        texts.append(_words(kind, origin, target, float(table.size[number]), classes))
    return texts


def _words(kind: str, origin: int, target: int, size: float, classes: Sequence[str]) -> str:
    step = ""
    if origin >= 0 and target >= 0 and kind not in ("picked", "labelled", "left"):
        step = f"{classes[origin]} → {classes[target]}"
    texts = {
        "flip": f"flipped, {step}",
        "learned": f"learned, {step}",
        "forgotten": f"forgotten, {step}",
        "drift": f"wrong in another way, {step}",
        "first_learned": "right for the first time",
        "final_learned": "right from here on",
        "confidence_jump": f"probability of the label {size:+.2f}",
        "moved": f"moved far ({size:.3g})",
        "neighbours_lost": f"kept {100 * size:.0f} % of its neighbours",
        "relabelled": f"label changed, {step}" if step else "label changed",
        "picked": f"picked in round {target}" + (f", rank {size:.0f}" if np.isfinite(size) else ""),
        "labelled": f"labelled in round {target}",
        "left": f"left the labelled set in round {target}",
    }
    return texts[kind]
