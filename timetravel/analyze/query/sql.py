"""A condition as one SELECT over the public views of a run, with parameters.

The epochs are joined one by one as `p1`, `p2`, … of `predictions`; what needs the whole training is a WITH
part: `moments` orders the epochs and names the one before each, `told` is every prediction with its place in
that order.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatchmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.columns import Column
from timetravel.analyze.query.conditions import (
    AllOf,
    AnyOf,
    Became,
    ClassIn,
    Condition,
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
from timetravel.analyze.query.grammar import Item
from timetravel.analyze.query.masks import mask_of
from timetravel.analyze.turned import SURPRISE_QUANTILE

LARGEST_SINGLE = float(np.finfo(np.float32).max)

STORIES = {
    "first_learned": "SELECT sample_id, arg_min(epoch, position) FILTER (correct) AS value FROM told GROUP BY sample_id",
    "final_learned": """SELECT t.sample_id, arg_min(t.epoch, t.position) FILTER (t.correct
          AND t.position > coalesce(l.last_wrong, -1)) AS value
        FROM told t JOIN (SELECT sample_id, max(position) FILTER (NOT correct) AS last_wrong
                          FROM told GROUP BY sample_id) l USING (sample_id)
        GROUP BY t.sample_id""",
    "settled": """SELECT t.sample_id, arg_min(t.epoch, t.position) FILTER (t.predicted IS NOT NULL
          AND t.position > coalesce(o.last_other, -1)) AS value
        FROM told t JOIN (
          SELECT t.sample_id, max(t.position) FILTER (t.predicted <> e.final) AS last_other
          FROM told t JOIN (SELECT sample_id, arg_max(predicted, position) FILTER (predicted IS NOT NULL) AS final
                            FROM told GROUP BY sample_id) e USING (sample_id)
          GROUP BY t.sample_id) o USING (sample_id)
        GROUP BY t.sample_id""",
    "forgets": """SELECT n.sample_id, CASE WHEN bool_or(n.correct) THEN
          count(*) FILTER (b.correct AND NOT n.correct) END AS value
        FROM told n LEFT JOIN predictions b ON b.sample_id = n.sample_id AND b.epoch = n.before
        GROUP BY n.sample_id""",
    "never_learned": "SELECT sample_id, NOT bool_or(correct) AS value FROM told GROUP BY sample_id",
    "unforgettable": """SELECT n.sample_id, bool_or(n.correct)
          AND NOT coalesce(bool_or(b.correct AND NOT n.correct), false) AS value
        FROM told n LEFT JOIN predictions b ON b.sample_id = n.sample_id AND b.epoch = n.before
        GROUP BY n.sample_id""",
    "mean_p_true": """SELECT sample_id, CAST(avg(CAST(nullif(p_true, 'NaN') AS DOUBLE)) AS FLOAT) AS value
        FROM told GROUP BY sample_id""",
    "variability": """SELECT sample_id, CAST(stddev_pop(CAST(nullif(p_true, 'NaN') AS DOUBLE)) AS FLOAT) AS value
        FROM told GROUP BY sample_id""",
    "correctness": """SELECT sample_id, CAST(count(*) FILTER (correct) / nullif(count(correct), 0) AS FLOAT) AS value
        FROM told GROUP BY sample_id""",
}
"""Columns over the whole training, each as a table of sample_id and value."""

SINGLE = {"mean_p_true", "variability", "correctness"}
"""Those of them that are float32."""

HAPPENED = {
    "flipped": "n.predicted <> b.predicted",
    "learned": "n.correct AND NOT b.correct",
    "forgotten": "b.correct AND NOT n.correct",
    "drift": "NOT n.correct AND NOT b.correct AND n.predicted <> b.predicted",
    "surprise": "NOT n.correct AND b.loss <= small.line",
}

FIGURES = {"p_true": "p_true", "confidence": "p_predicted", "margin": "margin", "loss": "loss"}
CHANGES = {"loss_change": "loss", "p_true_change": "p_true"}
MAP_FIGURES = ("neighbors_kept", "roundtrip_confidence", "boundary_distance")


@dataclass(frozen=True, slots=True)
class Translation:
    """sql: one SELECT with parameters $1, $2, …; its answer is one column, sample_id, in row order."""

    sql: str
    parameters: tuple[Any, ...]

    @property
    def plain(self) -> str:
        """The same with the values written into it, for `timetravel sql`."""
        return re.sub(r"\$(\d+)", lambda found: _literal(self.parameters[int(found.group(1)) - 1]), self.sql)


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_literal(one) for one in value) + "]"
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)" if not np.isfinite(value) else repr(value)
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def translate(condition: Condition, where: Context) -> Translation:
    """The SELECT that names the same samples as the mask of a condition."""
    return _Writer(where).select(condition)


class _Writer:
    """Collects joins, WITH parts and parameters while it writes the conditions of one query."""

    def __init__(self, where: Context) -> None:
        self._where = where
        self._parameters: list[Any] = []
        self._joins: dict[tuple[Any, ...], tuple[str, str]] = {}
        self._parts: dict[str, str] = {}

    def select(self, condition: Condition) -> Translation:
        test = self.write(condition)
        lines = []
        if self._parts:
            lines.append("WITH " + ",\n".join(f"{name} AS ({body})" for name, body in self._parts.items()))
        lines.append("SELECT s.sample_id FROM samples s")
        lines += [f"LEFT JOIN {text}" for _, text in self._joins.values()]
        lines += [f"WHERE {test}", "ORDER BY s.row"]
        return Translation("\n".join(lines), tuple(self._parameters))

    def _parameter(self, value: Any) -> str:
        if not isinstance(value, list) and value in self._parameters:
            for number, known in enumerate(self._parameters, 1):
                if type(known) is type(value) and known == value:
                    return f"${number}"
        self._parameters.append(value)
        return f"${len(self._parameters)}"

    def _joined(self, key: tuple[Any, ...], letter: str, text: Callable[[str], str]) -> str:
        """The name of a joined table, joining it when this is the first use."""
        if key not in self._joins:
            name = f"{letter}{1 + sum(other[0] == key[0] for other in self._joins)}"
            self._joins[key] = (name, text(name))
        return self._joins[key][0]

    def _predictions(self, epoch: int | None) -> str:
        return self._joined(
            ("predictions", epoch),
            "p",
            lambda name: (
                f"predictions {name} ON {name}.sample_id = s.sample_id AND {name}.epoch = {_epoch(epoch)}"
            ),
        )

    def _labelling(self, epoch: int | None) -> str:
        return self._joined(
            ("labelling", epoch),
            "l",
            lambda name: (
                f"labelling {name} ON {name}.sample_id = s.sample_id AND {name}.epoch = {_epoch(epoch)}"
            ),
        )

    def _positions(self, epoch: int | None) -> str:
        stored = self._where.stored_map(Item("", False, 0, 0))
        return self._joined(
            ("positions", epoch),
            "m",
            lambda name: (
                f"positions {name} ON {name}.sample_id = s.sample_id AND {name}.epoch = {_epoch(epoch)} "
                f"AND {name}.map_id = {self._parameter(stored.name)}"
            ),
        )

    def _attribute(self, column: str) -> str:
        return self._joined(
            ("sample_attributes", column),
            "a",
            lambda name: (
                f"sample_attributes {name} ON {name}.sample_id = s.sample_id "
                f"AND {name}.name = {self._parameter(column)}"
            ),
        )

    def _moments(self) -> str:
        damaged = sorted(self._where.run.damaged)
        left_out = f" WHERE epoch NOT IN ({', '.join(map(str, damaged))})" if damaged else ""
        self._parts.setdefault(
            "moments",
            f"SELECT epoch, position, lag(epoch) OVER (ORDER BY position) AS before FROM epochs{left_out}",
        )
        return "moments"

    def _story(self, column: str) -> str:
        self._moments()
        self._parts.setdefault(
            "told",
            "SELECT p.sample_id, p.epoch, m.position, m.before, p.predicted, p.correct, p.p_true "
            "FROM predictions p JOIN moments m USING (epoch)",
        )
        self._parts.setdefault(column, STORIES[column])
        return self._joined(
            (column,), column + "_", lambda name: f"{column} {name} ON {name}.sample_id = s.sample_id"
        )

    def _number(self, column: Column, epoch: int | None) -> tuple[str, bool] | None:
        """An expression that is NULL where unknown, and whether it is float32; None when there is none."""
        name = column.name
        if column.own:
            return f"nullif({self._attribute(name)}.number, 'NaN')", False
        if name == "id":
            return "s.sample_id", False
        if name in FIGURES:
            return f"nullif({self._predictions(epoch)}.{FIGURES[name]}, 'NaN')", True
        if name in CHANGES and epoch is not None:
            before = self._where.past.before(epoch)
            if before is None:
                return "NULL", True
            new, old = self._predictions(epoch), self._predictions(before)
            return f"nullif({new}.{CHANGES[name]} - {old}.{CHANGES[name]}, 'NaN')", True
        if name in MAP_FIGURES:
            return f"nullif({self._positions(epoch)}.{name}, 'NaN')", True
        if name == "pick_rank":
            return f"nullif({self._labelling(epoch)}.rank, 0)", True
        if name in STORIES:
            return f"{self._story(name)}.value", name in SINGLE
        return None

    def _class(self, column: Column, epoch: int | None) -> str:
        if column.name == "predicted":
            return f"{self._predictions(epoch)}.predicted"
        return f"s.{column.name}"

    def _text(self, column: Column) -> str:
        return f"{self._attribute(column.name)}.text" if column.own else "s.split"

    def _ids(self, mask: NDArray[np.bool_]) -> str:
        ids = [int(one) for one in self._where.run.samples.ids[mask]]
        return f"s.sample_id IN (SELECT unnest(CAST({self._parameter(ids)} AS BIGINT[])))" if ids else "false"

    @singledispatchmethod
    def write(self, condition: Any) -> str:
        """A condition as a boolean expression that is never NULL."""
        raise TypeError(f"{condition!r} is no condition of a query")

    @write.register
    def _(self, condition: AllOf) -> str:
        return self._listed(condition.parts, " AND ", "true")

    @write.register
    def _(self, condition: AnyOf) -> str:
        return self._listed(condition.parts, " OR ", "false")

    def _listed(self, parts: tuple[Condition, ...], word: str, if_none: str) -> str:
        texts = [self.write(part) for part in parts]
        return texts[0] if len(texts) == 1 else f"({word.join(texts)})" if texts else if_none

    @write.register
    def _(self, condition: Opposite) -> str:
        return f"NOT {self.write(condition.part)}"

    @write.register
    def _(self, condition: Never) -> str:
        return "false"

    @write.register
    def _(self, condition: Rows) -> str:
        return self._ids(condition.mask)

    @write.register
    def _(self, condition: NumberIn) -> str:
        found = self._number(condition.column, condition.epoch)
        if found is None:
            return self._ids(mask_of(condition, self._where))
        value, is_single = found
        tests = [self._interval(value, interval, is_single) for interval in condition.intervals]
        return _known(value, tests, condition.is_negated, condition.or_unknown)

    def _interval(self, value: str, interval: Interval, is_single: bool) -> str:
        def end(number: float) -> str:
            if not is_single:
                return self._parameter(number)
            # A column of float32 is compared with the float32 nearest to the number.
            number = float(number)
            if abs(number) > LARGEST_SINGLE:
                number = float(np.sign(number)) * float("inf")
            return f"CAST({self._parameter(number)} AS FLOAT)"

        if interval.low == interval.high:
            return f"{value} = {end(interval.low)}"
        tests = []
        if np.isfinite(interval.low) or interval.is_low_open:
            tests.append(f"{value} {'>' if interval.is_low_open else '>='} {end(interval.low)}")
        if np.isfinite(interval.high) or interval.is_high_open:
            tests.append(f"{value} {'<' if interval.is_high_open else '<='} {end(interval.high)}")
        return " AND ".join(tests) if tests else f"{value} IS NOT NULL"

    @write.register
    def _(self, condition: ClassIn) -> str:
        value = self._class(condition.column, condition.epoch)
        chosen = ", ".join(str(number) for number in condition.classes)
        tests = [f"{value} IN ({chosen})"] if chosen else []
        return _known(value, tests, condition.is_negated, condition.or_unknown)

    @write.register
    def _(self, condition: SameClass) -> str:
        one = self._class(condition.column, condition.epoch)
        other = self._class(condition.other, condition.other_epoch)
        return f"coalesce({one} {'<>' if condition.is_negated else '='} {other}, false)"

    @write.register
    def _(self, condition: TextIn) -> str:
        value = self._text(condition.column)
        shown = value if condition.is_exact else f"lower({value})"
        chosen = ", ".join(self._parameter(text) for text in condition.texts)
        tests = [f"{shown} IN ({chosen})"] if chosen else []
        return _known(value, tests, condition.is_negated, condition.or_unknown)

    @write.register
    def _(self, condition: TextContains) -> str:
        value = self._text(condition.column)
        tests = [f"contains(lower({value}), {self._parameter(text)})" for text in condition.texts]
        return f"coalesce({' OR '.join(tests)}, false)"

    @write.register
    def _(self, condition: FlagIs) -> str:
        value = self._flag(condition.column, condition.epoch)
        if value is None:
            return self._ids(mask_of(condition, self._where))
        if condition.value is None:
            return f"({value}) IS NULL"
        return f"coalesce({'' if condition.value else 'NOT '}({value}), false)"

    def _flag(self, column: Column, epoch: int | None) -> str | None:
        """A boolean expression that is NULL where unknown; None when there is none."""
        name = column.name
        if name == "correct":
            return f"{self._predictions(epoch)}.correct"
        if name == "noisy":
            return "s.true_label <> s.label"
        if name in ("labelled", "picked"):
            return f"coalesce({self._labelling(epoch)}.{name}, false)"
        if name in STORIES:
            return f"{self._story(name)}.value"
        if name == "placed":
            return f"coalesce({self._positions(epoch)}.placed, false)"
        if name == "roundtrip_ok":
            back = f"{self._positions(epoch)}.roundtrip_class"
            return f"CASE WHEN {back} >= 0 THEN {back} = {self._predictions(epoch)}.predicted END"
        return None

    @write.register
    def _(self, condition: Happened) -> str:
        if not condition.steps:
            return "false"
        at = ", ".join(str(epoch) for epoch, _ in condition.steps)
        test = HAPPENED[condition.kind]
        tables = (
            f"predictions n JOIN {self._moments()} m ON m.epoch = n.epoch "
            "JOIN predictions b ON b.sample_id = n.sample_id AND b.epoch = m.before"
        )
        if condition.kind == "surprise":
            self._parts.setdefault(
                "small",
                f"SELECT p.epoch, x.split, quantile_cont(CAST(p.loss AS DOUBLE), {SURPRISE_QUANTILE}) "
                "FILTER (isfinite(p.loss)) AS line "
                "FROM predictions p JOIN samples x USING (sample_id) GROUP BY p.epoch, x.split",
            )
            tables += (
                " JOIN samples x ON x.sample_id = n.sample_id "
                "JOIN small ON small.epoch = b.epoch AND small.split = x.split"
            )
        return f"s.sample_id IN (SELECT n.sample_id FROM {tables} WHERE n.epoch IN ({at}) AND {test})"

    @write.register
    def _(self, condition: Became) -> str:
        new, old = self._predictions(condition.epoch), self._predictions(condition.before)
        number = condition.number
        return f"coalesce({new}.predicted = {number} AND {old}.predicted <> {number}, false)"

    @write.register
    def _(self, condition: Word) -> str:
        tests = []
        if condition.classes:
            chosen = ", ".join(str(number) for number in condition.classes)
            tests.append(f"s.label IN ({chosen})")
            if condition.epoch is not None:
                tests.append(f"{self._predictions(condition.epoch)}.predicted IN ({chosen})")
        text = condition.text
        if text.lstrip("-").isdigit() and len(text) < 20:
            tests.append(f"s.sample_id = {self._parameter(int(text))}")
        tests.append(
            "s.sample_id IN (SELECT sample_id FROM sample_attributes "
            f"WHERE contains(lower(text), {self._parameter(text.lower())}))"
        )
        return f"({' OR '.join(f'coalesce({test}, false)' for test in tests)})"


def _epoch(epoch: int | None) -> str:
    return "NULL" if epoch is None else str(int(epoch))


def _known(value: str, tests: list[str], is_negated: bool, or_unknown: bool) -> str:
    """Tests of a value, any of which may hold (or none, when negated), and what becomes of NULL."""
    inside = " OR ".join(f"({test})" if len(tests) > 1 else test for test in tests) or "false"
    if is_negated:
        return f"({value} IS NOT NULL AND NOT ({inside}))"
    return f"({value} IS NULL OR coalesce({inside}, false))" if or_unknown else f"coalesce({inside}, false)"
