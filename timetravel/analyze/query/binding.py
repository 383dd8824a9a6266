"""From the words of a query to what they mean in a run: names, classes, numbers and epochs looked up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.columns import Column, columns, map_columns, missing_reason
from timetravel.analyze.history import recorded_in_words
from timetravel.analyze.query import values
from timetravel.analyze.query.conditions import (
    AllOf,
    AnyOf,
    Became,
    Condition,
    FlagIs,
    Happened,
    Never,
    Opposite,
    Rows,
    Word,
)
from timetravel.analyze.query.context import Context, epochs_between, epochs_meant, unrecorded
from timetravel.analyze.query.grammar import Both, Either, Item, Node, Not, Test
from timetravel.analyze.query.masks import mask_of
from timetravel.analyze.query.neighbors import map_neighbors, neighbors
from timetravel.analyze.query.problem import QueryError, corrected, nearest, quoted
from timetravel.analyze.rounds import rounds
from timetravel.errors import TimetravelError

ALIASES = {
    "pred": "predicted",
    "prediction": "predicted",
    "class": "label",
    "conf": "confidence",
    "prob": "p_true",
    "labeled": "labelled",
    "neighbours_kept": "neighbors_kept",
    "neighbours_of": "neighbors_of",
    "map_neighbours_of": "map_neighbors_of",
}
"""Other spellings of columns and special terms."""

HAPPENINGS = ("flipped", "learned", "forgotten", "drift", "surprise")
"""Terms that take epochs as values: flipped:3..7."""

SPECIAL = {
    "wrong": "predicted wrongly",
    "right": "predicted rightly",
    "flipped": "prediction changed here, or flipped:3..7",
    "learned": "became right here, or learned:3..7",
    "forgotten": "became wrong here, or forgotten:3..7",
    "drift": "wrong, then wrong in another way, or drift:3..7",
    "surprise": "wrong in spite of a small loss before, or surprise:3..7",
    "became": "became:right, became:wrong, became:CLASS",
    "neighbors_of": "nearest in representation space: neighbors_of:ID,k",
    "map_neighbors_of": "nearest on the map: map_neighbors_of:ID,k",
    "slice": "a saved selection: slice:NAME",
    "picked": "picked here, or in a round: picked:2",
    "unfaithful": "the map reads another class back",
    "disagree": "two runs predict different classes",
}
"""Terms beside the columns, with what they mean."""


def bind(node: Node, where: Context) -> Condition:
    """What a parsed query means. QueryError for names, values and epochs that there are not."""
    if isinstance(node, Both):
        return AllOf(tuple(bind(part, where) for part in node.parts))
    if isinstance(node, Either):
        return AnyOf(tuple(bind(part, where) for part in node.parts))
    if isinstance(node, Not):
        return Opposite(bind(node.part, where))
    try:
        return _test(node, where)
    except QueryError:
        raise
    except TimetravelError as error:
        # A fact or a map that is not there: the sentence says which, the position whose term needs it.
        raise QueryError(str(error), node.start) from error


def _test(test: Test, where: Context) -> Condition:
    name = test.column.text
    prefix, _, rest = name.partition(".")
    if not test.column.is_quoted and rest and prefix.lower() in ("a", "b") and not _is_known(name, where):
        start = test.column.start + 2
        inner = Test(
            Item(rest, False, start, test.column.end), test.epoch, test.operator, test.items, test.end
        )
        return _test(inner, where) if prefix.lower() == "a" else _of_other(test.column, inner, where)
    if test.operator is None and test.epoch is None:
        bare = None if test.column.is_quoted else _bare(test, where)
        return bare if bare is not None else _word(test.column, where)
    return _named(test, where)


def _of_other(written: Item, test: Test, where: Context) -> Condition:
    joined, other = where.joined(written)
    mask = mask_of(_test(test, other), other)
    row = joined.b_row_of_a(len(where.run.samples))
    return Rows((row >= 0) & mask[np.maximum(row, 0)] if len(mask) else row >= 0)


def names_of(where: Context) -> dict[str, Column]:
    """Columns that can be asked for, those of the map included."""
    found = {one.name: one for one in columns(where.run)}
    if where.run.maps:
        stored = where.stored_map(Item("", False, 0, 0))
        kept: list[Column] = where.past.kept(f"columns of map {stored.key}", lambda: map_columns(stored))
        found |= {one.name: one for one in kept}
    return found


def canonical(name: str, where: Context) -> str:
    """The column or special term meant, whatever its case and spelling; the name itself when unknown."""
    known = {**names_of(where), **dict.fromkeys(SPECIAL)}
    if name in known:
        return name
    lower = {one.lower(): one for one in reversed(list(known))}
    return lower.get(name.lower()) or ALIASES.get(name.lower(), name)


def _is_known(name: str, where: Context) -> bool:
    return canonical(name, where) in names_of(where)


def _bare(test: Test, where: Context) -> Condition | None:
    """A word that is a term by itself: a flag or a special term; None for a word to search for."""
    name = canonical(test.column.text, where)
    known = names_of(where)
    if name in _BARE or name in HAPPENINGS or (name in known and known[name].kind == "flag"):
        return _named(test, where)
    if name in SPECIAL:
        raise QueryError(f"{name} needs a value: {SPECIAL[name]}", test.start)
    reason = missing_reason(where.run, name)
    if reason is not None and name not in known:
        raise QueryError(reason, test.start)
    if name in known:
        example = {"number": f"{name}>0.5", "class": f"{name}:{quoted(_first_class(where))}"}.get(
            known[name].kind, f"{name}~text"
        )
        raise QueryError(
            f"{name} is a column; test it, as in {example}, or search for the word in quotes",
            test.start,
            corrected(where.text, test.start, test.column.end, f'"{test.column.text}"'),
        )
    return None


def _first_class(where: Context) -> str:
    return where.run.classes[0] if where.run.classes else "0"


def _word(item: Item, where: Context) -> Word:
    wanted = item.text.lower()
    classes = tuple(number for number, name in enumerate(where.run.classes) if wanted in name.lower())
    return Word(item.text, classes, where.epoch)


def _named(test: Test, where: Context) -> Condition:
    name = canonical(test.column.text, where)
    special = _SPECIALS.get(name)
    if special is not None and not (name == "picked" and test.operator is None):
        return special(test, where)
    if name in HAPPENINGS:
        return _happened(test, name, where)
    return _column(test, name, where)


def _column(test: Test, name: str, where: Context) -> Condition:
    column = names_of(where).get(name)
    if column is None:
        raise _unknown_column(test, name, where)
    epochs: list[int | None]
    if column.of_map:
        epochs = [*_epochs_on_map(test, where)]
    elif column.per_epoch:
        epochs = [*epochs_meant(where, test.epoch)]
    elif test.epoch is not None:
        raise QueryError(
            f"{name} is the same at all epochs; leave @{test.epoch.text} out",
            test.epoch.start - 1,
            corrected(where.text, test.epoch.start - 1, test.epoch.end, ""),
        )
    else:
        epochs = [None]
    parts = tuple(values.condition(test, column, epoch, where) for epoch in epochs)
    return parts[0] if len(parts) == 1 else AnyOf(parts) if parts else Never()


def _epochs_on_map(test: Test, where: Context) -> list[int]:
    """The epochs meant, all of which the map has."""
    stored, epochs = where.stored_map(test.column), epochs_meant(where, test.epoch)
    for epoch in epochs:
        if epoch not in stored.epochs:
            raise QueryError(
                f"the map {stored.name!r} has no epoch {epoch}; it has {recorded_in_words(stored.epochs, epoch)}",
                test.start,
            )
    return epochs


def _unknown_column(test: Test, name: str, where: Context) -> QueryError:
    reason = missing_reason(where.run, name)
    if reason is not None:
        return QueryError(reason, test.start)
    better = nearest(test.column.text, [*names_of(where), *SPECIAL])
    if better is None:
        better = ALIASES.get(nearest(test.column.text, ALIASES) or "")
    item = test.column
    suggestion = corrected(where.text, item.start, item.end, None if better is None else quoted(better))
    return QueryError(f"there is no column {item.text!r}", item.start, suggestion)


def _steps(where: Context, epochs: list[int]) -> tuple[tuple[int, int], ...]:
    pairs = ((epoch, where.past.before(epoch)) for epoch in epochs)
    return tuple((epoch, before) for epoch, before in pairs if before is not None)


def _happened(test: Test, name: str, where: Context) -> Condition:
    if name not in names_of(where):
        raise _unknown_column(test, name, where)
    if test.operator is None:
        return Happened(name, _steps(where, epochs_meant(where, test.epoch)))
    if test.epoch is not None:
        raise QueryError(
            f"{name} takes its epochs either after @ or after {test.operator}, not both", test.epoch.start - 1
        )
    return Happened(name, _steps(where, _epochs_listed(test, where)))


def _epochs_listed(test: Test, where: Context) -> list[int]:
    """Recorded epochs that the values of a test name."""
    chosen: set[int] = set()
    every = where.past.epochs
    for item in test.items:
        low, dots, high = item.text.partition("..")
        if dots:
            chosen.update(epochs_between(where, item, low, high))
            continue
        number = values.whole_number(item, where, test.column.text)
        if test.operator in (":", "=") and number not in every:
            raise unrecorded(where, item, number)
        compare = values.COMPARISONS.get(test.operator or ":")
        if compare is None:
            raise QueryError(f"{test.column.text} cannot be compared by {test.operator}; use :", test.start)
        chosen.update(one for one in every if compare(one, number))
    return [one for one in every if one in chosen]


def _became(test: Test, where: Context) -> Condition:
    if test.operator not in (":", "="):
        raise QueryError("became needs a value: became:right, became:wrong or became:CLASS", test.start)
    parts: list[Condition] = []
    for item in test.items:
        word = item.text.lower()
        for epoch, before in _steps(where, epochs_meant(where, test.epoch)):
            if word in ("right", "wrong") and not item.is_quoted:
                if "label" not in names_of(where):
                    raise QueryError(_nothing_is_right(where), test.start)
                parts.append(Happened("learned" if word == "right" else "forgotten", ((epoch, before),)))
            else:
                parts.append(Became(values.class_number(item, where, ("right", "wrong")), epoch, before))
    return AnyOf(tuple(parts)) if parts else Never()


def _nothing_is_right(where: Context) -> str:
    missing = "the run has no predictions" if "label" in names_of(where) else "the samples have no labels"
    return f"{missing}, so nothing is right or wrong"


def _right(test: Test, where: Context) -> Condition:
    if test.operator is not None:
        raise QueryError(f"{test.column.text} takes no value; write it alone", test.start)
    if "correct" not in names_of(where):
        raise QueryError(_nothing_is_right(where), test.start)
    flag = names_of(where)["correct"]
    is_right = canonical(test.column.text, where) == "right"
    epochs = epochs_meant(where, test.epoch)
    return AnyOf(tuple(FlagIs(flag, epoch, is_right) for epoch in epochs)) if epochs else Never()


def _unfaithful(test: Test, where: Context) -> Condition:
    if test.operator is not None:
        raise QueryError("unfaithful takes no value; write it alone", test.start)
    stored = where.stored_map(test.column)
    flag = names_of(where).get("roundtrip_ok")
    if flag is None:
        raise QueryError(
            f"the map {stored.name!r} cannot be read backwards, so nothing is known of its errors", test.start
        )
    epochs = _epochs_on_map(test, where)
    return AnyOf(tuple(FlagIs(flag, epoch, False) for epoch in epochs)) if epochs else Never()


def _disagree(test: Test, where: Context) -> Condition:
    if test.operator is not None:
        raise QueryError("disagree takes no value; write it alone", test.start)
    joined, other = where.joined(test.column)
    mask = np.zeros(len(where.run.samples), np.bool_)
    if where.epoch is not None and other.epoch is not None:
        ours = where.run.predictions(where.epoch).predicted[joined.rows_a]
        theirs = other.run.predictions(other.epoch).predicted[joined.rows_b]
        mask[joined.rows_a] = (ours >= 0) & (theirs >= 0) & (ours != joined.as_a(theirs))
    return Rows(mask)


def _near(on_map: bool) -> Callable[[Test, Context], Condition]:
    def near(test: Test, where: Context) -> Condition:
        name = canonical(test.column.text, where)
        if test.operator not in (":", "=") or len(test.items) > 2:
            raise QueryError(
                f"{name} needs the id of a sample, and perhaps how many: {name}:42,10", test.start
            )
        sample = values.whole_number(test.items[0], where, name)
        count = values.whole_number(test.items[1], where, name) if len(test.items) == 2 else None
        if count is not None and count < 1:
            raise QueryError(f"{name} needs at least one neighbour", test.items[1].start)
        if sample not in where.run.samples.ids:
            raise QueryError(f"there is no sample {sample}", test.items[0].start)
        mask = np.zeros(len(where.run.samples), np.bool_)
        row = int(where.run.rows([sample])[0])
        for epoch in _epochs_on_map(test, where) if on_map else epochs_meant(where, test.epoch):
            if on_map:
                mask |= map_neighbors(where.stored_map(test.column).positions(epoch), row, count)
            else:
                mask |= neighbors(where.run, row, epoch, count)
        return Rows(mask)

    return near


def _slice(test: Test, where: Context) -> Condition:
    if test.operator not in (":", "="):
        raise QueryError("slice needs the name of a saved selection: slice:NAME", test.start)
    saved = {one.name: one.ids for one in where.run.selections()}
    mask = np.zeros(len(where.run.samples), np.bool_)
    for item in test.items:
        if item.text not in saved:
            better = nearest(item.text, saved)
            raise QueryError(
                f"there is no saved selection {item.text!r}",
                item.start,
                corrected(where.text, item.start, item.end, None if better is None else quoted(better)),
            )
        mask |= np.isin(where.run.samples.ids, saved[item.text])
    return Rows(mask)


def _picked(test: Test, where: Context) -> Condition:
    if "picked" not in names_of(where):
        raise _unknown_column(test, "picked", where)
    found = rounds(where.run)
    numbers = [one.round for one in found]
    mask: NDArray[np.bool_] = np.zeros(len(where.run.samples), np.bool_)
    for item in test.items:
        low, dots, high = item.text.partition("..")
        if dots:
            low_number = int(low) if low.lstrip("-").isdigit() else min(numbers)
            high_number = int(high) if high.lstrip("-").isdigit() else max(numbers)
            wanted = [number for number in numbers if low_number <= number <= high_number]
        else:
            wanted = [values.whole_number(item, where, "picked")]
            if wanted[0] not in numbers:
                there = ", ".join(str(number) for number in numbers[:10])
                raise QueryError(f"there is no round {wanted[0]}; there are {there}", item.start)
        for one in found:
            if one.round in wanted:
                mask = mask | one.picked
    return Rows(mask)


_BARE = ("wrong", "right", "unfaithful", "disagree")

_SPECIALS: dict[str, Callable[[Test, Context], Condition]] = {
    "became": _became,
    "wrong": _right,
    "right": _right,
    "unfaithful": _unfaithful,
    "disagree": _disagree,
    "neighbors_of": _near(False),
    "map_neighbors_of": _near(True),
    "slice": _slice,
    "picked": _picked,
}
