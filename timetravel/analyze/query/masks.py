"""Which samples a condition holds for, as a mask over the run's rows."""

from __future__ import annotations

from functools import reduce, singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.changes import changes
from timetravel.analyze.columns import UNKNOWN_FLAG, column
from timetravel.analyze.query.conditions import (
    AllOf,
    AnyOf,
    Became,
    ClassIn,
    FlagIs,
    Happened,
    Interval,
    Never,
    NumberIn,
    Opposite,
    Rows,
    SameClass,
    TextContains,
    TextIn,
    Word,
)
from timetravel.analyze.query.context import Context

Mask = NDArray[np.bool_]


@singledispatch
def mask_of(condition: Any, where: Context) -> Mask:
    """(N,) where a condition holds."""
    raise TypeError(f"{condition!r} is no condition of a query")


@mask_of.register
def _(condition: AllOf, where: Context) -> Mask:
    everything = np.ones(len(where.run.samples), np.bool_)
    return reduce(np.logical_and, (mask_of(part, where) for part in condition.parts), everything)


@mask_of.register
def _(condition: AnyOf, where: Context) -> Mask:
    nothing = np.zeros(len(where.run.samples), np.bool_)
    return reduce(np.logical_or, (mask_of(part, where) for part in condition.parts), nothing)


@mask_of.register
def _(condition: Opposite, where: Context) -> Mask:
    return np.logical_not(mask_of(condition.part, where))


@mask_of.register
def _(condition: Never, where: Context) -> Mask:
    return np.zeros(len(where.run.samples), np.bool_)


@mask_of.register
def _(condition: Rows, where: Context) -> Mask:
    return condition.mask


@mask_of.register
def _(condition: NumberIn, where: Context) -> Mask:
    values = column(where.run, condition.column.name, condition.epoch, where.map)
    known = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), np.bool_)
    inside = np.zeros(len(values), np.bool_)
    for interval in condition.intervals:
        inside |= _inside(values, interval)
    found = known & (inside != condition.is_negated)
    if condition.or_unknown and not condition.is_negated:
        found = found | ~known
    return np.asarray(found, np.bool_)


def _inside(values: NDArray[Any], interval: Interval) -> Mask:
    with np.errstate(over="ignore"):
        # A number is compared as the column holds it, so that p_true<=.3 takes in a stored .3.
        low, high = (
            values.dtype.type(end) if values.dtype.kind == "f" else end
            for end in (interval.low, interval.high)
        )
    above = values > low if interval.is_low_open else values >= low
    below = values < high if interval.is_high_open else values <= high
    return np.asarray(above & below, np.bool_)


@mask_of.register
def _(condition: ClassIn, where: Context) -> Mask:
    values = column(where.run, condition.column.name, condition.epoch, where.map)
    known = values >= 0
    found = known & (np.isin(values, condition.classes) != condition.is_negated)
    if condition.or_unknown and not condition.is_negated:
        found = found | ~known
    return np.asarray(found, np.bool_)


@mask_of.register
def _(condition: SameClass, where: Context) -> Mask:
    one = column(where.run, condition.column.name, condition.epoch, where.map)
    other = column(where.run, condition.other.name, condition.other_epoch, where.map)
    return np.asarray((one >= 0) & (other >= 0) & ((one == other) != condition.is_negated), np.bool_)


@mask_of.register
def _(condition: TextIn, where: Context) -> Mask:
    values = column(where.run, condition.column.name, None, where.map)
    texts = set(condition.texts)
    lowered = not condition.is_exact

    def holds(value: Any) -> bool:
        if value is None:
            return condition.or_unknown and not condition.is_negated
        text = str(value).lower() if lowered or condition.is_negated else str(value)
        return (text in texts) != condition.is_negated

    return _each(values, holds)


@mask_of.register
def _(condition: TextContains, where: Context) -> Mask:
    values = column(where.run, condition.column.name, None, where.map)
    return _each(values, lambda value: value is not None and _contains(str(value), condition.texts))


def _contains(value: str, words: tuple[str, ...]) -> bool:
    lower = value.lower()
    return any(word in lower for word in words)


def _each(values: NDArray[Any], holds: Any) -> Mask:
    """A test of each text, made once for every text that occurs."""
    answers: dict[Any, bool] = {}
    out = np.empty(len(values), np.bool_)
    for at, value in enumerate(values.tolist()):
        answer = answers.get(value)
        if answer is None:
            answer = answers[value] = bool(holds(value))
        out[at] = answer
    return out


@mask_of.register
def _(condition: FlagIs, where: Context) -> Mask:
    values = column(where.run, condition.column.name, condition.epoch, where.map)
    wanted = UNKNOWN_FLAG if condition.value is None else int(condition.value)
    return np.asarray(values == wanted, np.bool_)


@mask_of.register
def _(condition: Happened, where: Context) -> Mask:
    found = np.zeros(len(where.run.samples), np.bool_)
    for epoch, before in condition.steps:
        if condition.kind == "surprise":
            found |= column(where.run, "surprise", epoch) == 1
        else:
            old, new = (where.run.predictions(one).predicted for one in (before, epoch))
            found |= getattr(changes(old, new, where.run.samples.labels), condition.kind)
    return found


@mask_of.register
def _(condition: Became, where: Context) -> Mask:
    old, new = (where.run.predictions(one).predicted for one in (condition.before, condition.epoch))
    return np.asarray((old >= 0) & (old != condition.number) & (new == condition.number), np.bool_)


@mask_of.register
def _(condition: Word, where: Context) -> Mask:
    samples = where.run.samples
    found = np.isin(samples.labels, condition.classes)
    if condition.epoch is not None:
        found |= np.isin(where.run.predictions(condition.epoch).predicted, condition.classes)
    if condition.text.lstrip("-").isdigit() and len(condition.text) < 20:
        found |= samples.ids == int(condition.text)
    word = (condition.text.lower(),)
    for values in samples.attributes.values():
        if values.dtype.kind not in "biuf":
            found |= _each(values, lambda value: value is not None and _contains(str(value), word))
    return found
