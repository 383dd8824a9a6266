"""The right side of a test: what a column can be compared with, by its kind."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from timetravel.analyze.columns import Column, column, column_info
from timetravel.analyze.query.conditions import (
    ClassIn,
    Condition,
    FlagIs,
    Interval,
    NumberIn,
    SameClass,
    TextContains,
    TextIn,
)
from timetravel.analyze.query.context import Context
from timetravel.analyze.query.grammar import Item, Test
from timetravel.analyze.query.problem import QueryError, corrected, nearest, quoted

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ":": operator.eq,
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
UNKNOWN = "none"
"""The value that stands for "not known"."""

YES = ("yes", "true", "1", "right")
NO = ("no", "false", "0", "wrong")

CLASS_COLUMNS = {"label": "label", "predicted": "predicted", "pred": "predicted", "true_label": "true_label"}


def condition(test: Test, tested: Column, epoch: int | None, where: Context) -> Condition:
    """What a test of one column at one epoch means."""
    if test.operator is None:
        if tested.kind == "flag":
            return FlagIs(tested, epoch, True)
        raise QueryError(f"{tested.name} needs a comparison, such as {tested.name}:…", test.end)
    kinds = {"number": _number, "class": _class, "text": _text, "flag": _flag}
    return kinds[tested.kind](test, tested, epoch, where)


def whole_number(item: Item, where: Context, name: str) -> int:
    """A value that has to be a whole number."""
    try:
        return int(item.text)
    except ValueError:
        raise QueryError(f"{name} takes whole numbers; {item.text!r} is none", item.start) from None


def class_number(item: Item, where: Context, others: tuple[str, ...] = ()) -> int:
    """The class of a name, whatever its case, or of an index where no class has that name."""
    names = where.run.classes
    if item.text in names:
        return names.index(item.text)
    lower = [name.lower() for name in names]
    if item.text.lower() in lower:
        return lower.index(item.text.lower())
    if item.text.isdigit() and int(item.text) < len(names):
        return int(item.text)
    better = nearest(item.text, [*names, *others])
    there = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    raise QueryError(
        f"there is no class {item.text!r}; there are {there}",
        item.start,
        corrected(where.text, item.start, item.end, None if better is None else quoted(better)),
    )


def _is_unknown(item: Item) -> bool:
    return item.text.lower() == UNKNOWN and not item.is_quoted


def _number(test: Test, tested: Column, epoch: int | None, where: Context) -> Condition:
    if test.operator == "~":
        raise QueryError(
            f"{tested.name} is a number and contains no text; use : < > or a range 1..2", test.start
        )
    intervals, or_unknown = [], False
    for item in test.items:
        if _is_unknown(item) and test.operator in (":", "=", "!="):
            or_unknown = True
            continue
        intervals.append(_interval(test, tested, item, where))
    is_negated = test.operator == "!="
    return NumberIn(tested, epoch, tuple(intervals), or_unknown, is_negated)


def _interval(test: Test, tested: Column, item: Item, where: Context) -> Interval:
    low, dots, high = item.text.partition("..")
    if dots and not item.is_quoted:
        if test.operator not in (":", "=", "!="):
            raise QueryError(f"a range follows : or !=, not {test.operator}", item.start)
        return Interval(_end(tested, item, low, -np.inf), _end(tested, item, high, np.inf))
    value = _end(tested, item, item.text, None)
    return {
        "<": Interval(high=value, is_high_open=True),
        "<=": Interval(high=value),
        ">": Interval(low=value, is_low_open=True),
        ">=": Interval(low=value),
    }.get(test.operator or "", Interval(value, value))


def _end(tested: Column, item: Item, text: str, if_empty: float | None) -> float:
    if not text and if_empty is not None:
        return if_empty
    try:
        # Ids reach beyond the whole numbers that a float holds exactly.
        found = int(text) if tested.name == "id" and text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        found = np.nan
    if np.isnan(found):
        raise QueryError(f"{tested.name} is a number; {item.text!r} is none", item.start)
    return found


def _class(test: Test, tested: Column, epoch: int | None, where: Context) -> Condition:
    if test.operator in ("<", "<=", ">", ">="):
        raise QueryError(
            f"{tested.name} is a class and has no order; use : or !=",
            test.start,
            corrected(
                where.text,
                test.column.end if test.epoch is None else test.epoch.end,
                test.items[0].start,
                ":",
            ),
        )
    if test.operator == "~":
        words = [item.text.lower() for item in test.items]
        found = [
            number
            for number, name in enumerate(where.run.classes)
            if any(word in name.lower() for word in words)
        ]
        return ClassIn(tested, epoch, tuple(found))
    is_negated = test.operator == "!="
    column_meant = _class_column(test, where)
    if column_meant is not None:
        other_epoch = where.epoch if column_meant.per_epoch else None
        return SameClass(tested, epoch, column_meant, other_epoch, is_negated)
    or_unknown = any(_is_unknown(item) and UNKNOWN not in where.run.classes for item in test.items)
    chosen = [
        class_number(item, where)
        for item in test.items
        if not (_is_unknown(item) and UNKNOWN not in where.run.classes)
    ]
    return ClassIn(tested, epoch, tuple(chosen), or_unknown, is_negated)


def _class_column(test: Test, where: Context) -> Column | None:
    """The column that a value names, as in pred!=label; a class of that name comes first."""
    if len(test.items) != 1 or test.items[0].is_quoted:
        return None
    item = test.items[0]
    name = CLASS_COLUMNS.get(item.text.lower())
    if name is None or item.text in where.run.classes:
        return None
    return column_info(where.run, name)


def _text(test: Test, tested: Column, epoch: int | None, where: Context) -> Condition:
    if test.operator in ("<", "<=", ">", ">="):
        raise QueryError(f"{tested.name} is a text and has no order; use : = != or ~", test.start)
    known = [item for item in test.items if not _is_unknown(item)]
    if test.operator == "~":
        return TextContains(tested, tuple(item.text.lower() for item in test.items))
    if tested.name == "split":
        _check_split(known, where)
    is_exact = test.operator == "="
    texts = tuple(item.text if is_exact else item.text.lower() for item in known)
    return TextIn(tested, texts, is_exact, len(known) < len(test.items), test.operator == "!=")


def _check_split(items: list[Item], where: Context) -> None:
    """A split that no sample has is a slip of the pen; a text of a metadata column need not be."""
    names = list(dict.fromkeys(column(where.run, "split").tolist()))
    for item in items:
        if item.text.lower() not in [name.lower() for name in names]:
            better = nearest(item.text, names)
            raise QueryError(
                f"there is no split {item.text!r}; there are {', '.join(names)}",
                item.start,
                corrected(where.text, item.start, item.end, None if better is None else quoted(better)),
            )


def _flag(test: Test, tested: Column, epoch: int | None, where: Context) -> Condition:
    item = test.items[0]
    word = item.text.lower()
    if len(test.items) > 1 or test.operator not in (":", "=", "!="):
        raise QueryError(f"{tested.name} is yes or no: write {tested.name} or -{tested.name}", test.start)
    if word == UNKNOWN:
        return FlagIs(tested, epoch, None)
    if word not in (*YES, *NO):
        raise QueryError(
            f"{tested.name} is yes or no; {item.text!r} is neither",
            item.start,
            corrected(where.text, item.start, item.end, "yes"),
        )
    return FlagIs(tested, epoch, (word in YES) != (test.operator == "!="))
