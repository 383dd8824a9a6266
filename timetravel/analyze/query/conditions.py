"""What a query means for one run at one epoch: conditions with every name, class and epoch looked up.

A condition holds for a sample, or it does not; what is unknown does not hold. So a minus sign also takes in
the samples of which nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.columns import Column


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of numbers; its ends belong to it unless they are open."""

    low: float = -np.inf
    high: float = np.inf
    is_low_open: bool = False
    is_high_open: bool = False


@dataclass(frozen=True, slots=True)
class NumberIn:
    """A known number inside (or, negated, outside) the intervals, or unknown where `or_unknown`."""

    column: Column
    epoch: int | None
    intervals: tuple[Interval, ...]
    or_unknown: bool = False
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class ClassIn:
    """A known class among (or not among) some, or unknown where `or_unknown`."""

    column: Column
    epoch: int | None
    classes: tuple[int, ...]
    or_unknown: bool = False
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class SameClass:
    """Two known classes that are equal, or differ."""

    column: Column
    epoch: int | None
    other: Column
    other_epoch: int | None
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class TextIn:
    """A known text equal to (or to none of) some, letter for letter or whatever their case."""

    column: Column
    texts: tuple[str, ...]
    is_exact: bool
    or_unknown: bool = False
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class TextContains:
    """A text that contains one of some, whatever their case."""

    column: Column
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlagIs:
    """A flag that is yes, no, or (value None) unknown."""

    column: Column
    epoch: int | None
    value: bool | None


@dataclass(frozen=True, slots=True)
class Happened:
    """flipped, learned, forgotten, drift or surprise at one of some epochs, each given with the one before."""

    kind: str
    steps: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Became:
    """Predicted as a class now, and as another one at the epoch before."""

    number: int
    epoch: int
    before: int


@dataclass(frozen=True, slots=True)
class Word:
    """A text found in label, prediction, id or a text column. classes: those whose name contains it."""

    text: str
    classes: tuple[int, ...]
    epoch: int | None


@dataclass(frozen=True, slots=True)
class Rows:
    """Samples that were found otherwise than by a column. mask: (N,)."""

    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Never:
    """Holds for no sample, as a test of the epoch before the first."""


@dataclass(frozen=True, slots=True)
class Opposite:
    """Holds where its part does not."""

    part: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds; no parts: all samples."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Condition, ...]


Leaf = (
    NumberIn | ClassIn | SameClass | TextIn | TextContains | FlagIs | Happened | Became | Word | Rows | Never
)
Condition = Leaf | Opposite | AllOf | AnyOf
