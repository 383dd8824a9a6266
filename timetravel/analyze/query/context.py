"""What a query is asked of: a run, the epoch that "now" means, a map, and perhaps a second run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timetravel.analyze.history import History, history, recorded_in_words
from timetravel.analyze.joining import Join, join
from timetravel.analyze.query.grammar import Item
from timetravel.analyze.query.problem import QueryError, corrected
from timetravel.analyze.stops import held
from timetravel.errors import RunNotFound
from timetravel.store.run import StoredMap, StoredRun


@dataclass(frozen=True, slots=True)
class Context:
    """text: the query, for corrections. epoch: None when the run has no epochs. map: a name, a map, or None for
    the newest. other: the second run, with the epoch it shows."""

    text: str
    run: StoredRun
    epoch: int | None
    map: str | StoredMap | None
    other: Context | None = None

    @property
    def past(self) -> History:
        """The run over time."""
        return history(self.run)

    def stored_map(self, item: Item) -> StoredMap:
        """The map asked about. QueryError when there is none."""
        if isinstance(self.map, StoredMap):
            return self.map
        try:
            return self.run.map(self.map)
        except RunNotFound as error:
            raise QueryError(str(error), item.start) from error

    def joined(self, item: Item) -> tuple[Join, Context]:
        """The second run and what it shares. QueryError when there is none."""
        if self.other is None:
            raise QueryError(f"{item.text} needs a second run beside this one", item.start)
        return join(self.run, self.other.run), self.other


def context(
    text: str,
    run: StoredRun,
    *,
    epoch: int | None = None,
    map: str | StoredMap | None = None,
    other: StoredRun | None = None,
    other_epoch: int | None = None,
) -> Context:
    """A context; epoch: the last by default. other_epoch: that of the same label by default, else the last
    earlier one. RunNotFound when an epoch was not recorded."""
    if epoch is None:
        epoch = run.epochs[-1] if run.epochs else None
    else:
        history(run).position(epoch)
    beside = None
    if other is not None:
        if other_epoch is not None:
            history(other).position(other_epoch)
        elif other.epochs:
            other_epoch = other.epochs[-1] if epoch is None else held(other.epochs, epoch)
        beside = Context(text, other, other_epoch, None)
    return Context(text, run, epoch, map, beside)


def epochs_meant(where: Context, item: Item | None) -> list[int]:
    """The recorded epochs that "@…" names; the current one without it; none before the first."""
    past = where.past
    if item is None:
        return [] if where.epoch is None else [where.epoch]
    if ".." in item.text:
        low, _, high = item.text.partition("..")
        return epochs_between(where, item, low, high)
    position = _position(where, item, item.text)
    return [] if position is None else [past.epochs[position]]


def epochs_between(where: Context, item: Item, low: str, high: str) -> list[int]:
    """Recorded epochs with labels from low to high, both included; an empty end is open."""
    past = where.past
    ends: list[int | None] = []
    for text in (low, high):
        if text.lower() in ("first", "last") and past.epochs:
            ends.append(past.epochs[0 if text.lower() == "first" else -1])
        else:
            ends.append(None if not text else _label(where, item, text))
    return [
        one
        for one in past.epochs
        if (ends[0] is None or one >= ends[0]) and (ends[1] is None or one <= ends[1])
    ]


def _label(where: Context, item: Item, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise QueryError(
            f"{item.text!r} is no epoch; expected a number, first, last, -1 for the one before, or a range 3..7",
            item.start,
            corrected(where.text, item.start, item.end, "last"),
        ) from None


def _position(where: Context, item: Item, text: str) -> int | None:
    """Place of the epoch; None where a step back goes before the first."""
    past = where.past
    if text.lower() in ("first", "last"):
        return (0 if text.lower() == "first" else len(past.epochs) - 1) if past.epochs else None
    number = _label(where, item, text)
    if text.startswith(("-", "+")) and where.epoch is not None:
        at = past.position(where.epoch) + number
        return at if 0 <= at < len(past.epochs) else None
    if number in past.epochs:
        return past.position(number)
    raise unrecorded(where, item, number)


def unrecorded(where: Context, item: Item, number: int) -> QueryError:
    """The error for an epoch that was not recorded, naming those beside it."""
    near = _closest(where.past.epochs, number)
    better = None if near is None else item.text.replace(str(number), str(near))
    return QueryError(
        f"epoch {number} was not recorded; recorded: {recorded_in_words(where.past.epochs, number)}",
        item.start,
        corrected(where.text, item.start, item.end, better),
    )


def _closest(epochs: Sequence[int], number: int) -> int | None:
    return min(epochs, key=lambda one: abs(one - number)) if epochs else None
