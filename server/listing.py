"""Samples as rows of a table: a page of it for the screen, or all of a selection as a file."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from timetravel.analyze.columns import Column, column, columns, map_columns
from timetravel.server.columns import known_column
from timetravel.server.routes import Answer, Ask, Refusal, Route
from timetravel.store.run import StoredMap, StoredRun

PAGE_LIMIT = 500
FIRST_COLUMNS = ("id", "label", "predicted", "correct", "p_true", "confidence", "loss", "split")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is run as a formula by spreadsheets; CSV gets an apostrophe before it."""


def table(ask: Ask) -> Answer:
    """One page of samples, sorted by any column."""
    run, body = ask.run(), ask.body
    epoch = ask.epoch(run, str(body["epoch"])) if body.get("epoch") is not None else None
    stored = ask.map(run, body.get("map")) if run.maps else None
    rows = ask.rows(run) if "rows" in body or "mask" in body else np.arange(len(run.samples))
    shown = chosen_columns(run, stored, body.get("columns"), epoch)
    rows = sorted_rows(run, stored, rows, body, epoch)
    offset = _whole(body, "offset", 0, len(run.samples))
    limit = _whole(body, "limit", 100, PAGE_LIMIT)
    page = rows[offset : offset + limit]
    values = {one.name: values_of(run, stored, one, epoch)[page] for one in shown}
    lines = []
    for at, row in enumerate(page):
        line: dict[str, Any] = {"row": row, "id": run.samples.ids[row]}
        for one in shown:
            value = values[one.name][at]
            line[one.name] = in_words(run, one, value)
            if one.kind == "class":
                line[f"{one.name}_index"] = value
        lines.append(line)
    return Answer.json(
        {"total": len(rows), "offset": offset, "rows": lines, "columns": [one.name for one in shown]}
    )


def _whole(body: dict[str, Any], name: str, default: int, high: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refusal(400, f"{name} is {value!r}", "Pass a whole number from 0.")
    return min(value, high)


def chosen_columns(run: StoredRun, stored: StoredMap | None, names: Any, epoch: int | None) -> list[Column]:
    """The columns asked for, else the usual ones and the caller's own."""
    there = [*columns(run), *(map_columns(stored) if stored is not None else [])]
    if epoch is None:
        there = [one for one in there if not one.per_epoch]
    if names is None:
        return [one for name in FIRST_COLUMNS for one in there if one.name == name] + [
            one for one in there if one.own
        ]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refusal(400, "columns is no list of names", "Pass names of columns.")
    known = {one.name: one for one in there}
    return [known[name] if name in known else known_column(run, name) for name in names if name != "row"]


def values_of(run: StoredRun, stored: StoredMap | None, one: Column, epoch: int | None) -> NDArray[Any]:
    """(N,) values of a column."""
    return column(run, one.name, epoch if one.per_epoch else None, map=stored if one.of_map else None)


def in_words(run: StoredRun, one: Column, value: Any) -> Any:
    """A value as a table shows it: classes by name, an unknown flag as nothing."""
    if one.kind == "class":
        return run.classes[value] if 0 <= value < len(run.classes) else None
    if one.kind == "flag":
        return int(value) if value in (0, 1) else None
    return value


def sorted_rows(
    run: StoredRun, stored: StoredMap | None, rows: NDArray[np.int64], body: dict[str, Any], epoch: int | None
) -> NDArray[np.int64]:
    """Rows by a column, unknown values last either way, ties by row."""
    name = body.get("sort")
    if name is None:
        return rows
    there = {one.name: one for one in (*columns(run), *(map_columns(stored) if stored is not None else []))}
    one = there.get(str(name)) or known_column(run, str(name))
    if one.per_epoch and epoch is None:
        raise Refusal(400, f"column {name} differs from epoch to epoch", "Pass an epoch.")
    values = values_of(run, stored, one, epoch)[rows]
    if one.kind == "text":
        texts = np.array(["" if value is None else str(value) for value in values.tolist()])
        unknown = np.array([value is None for value in values.tolist()], bool)
        keys = np.unique(texts, return_inverse=True)[1].astype(np.float64)
    else:
        keys = values.astype(np.float64)
        unknown = ~np.isfinite(keys) | (
            (keys < 0) if one.kind == "class" else keys > 1 if one.kind == "flag" else False
        )
    keys = np.where(unknown, 0, -keys if body.get("descending") is True else keys)
    return rows[np.lexsort((rows, keys, unknown))]


def selection_table(ask: Ask) -> pa.Table:
    """Every column of the selected samples at an epoch, positions on the map among them."""
    run, body = ask.run(), ask.body
    epoch = ask.epoch(run, str(body["epoch"])) if body.get("epoch") is not None else None
    stored = ask.map(run, body.get("map")) if run.maps else None
    rows = ask.rows(run)
    found: dict[str, Any] = {}
    there = [*columns(run), *(map_columns(stored) if stored is not None else [])]
    for one in there:
        if one.per_epoch and (
            epoch is None or (one.of_map and stored is not None and epoch not in stored.epochs)
        ):
            continue
        values = values_of(run, stored, one, epoch)[rows]
        if one.kind in ("class", "flag", "text"):
            found[one.name] = [in_words(run, one, value) for value in values.tolist()]
        else:
            found[one.name] = pa.array(values, from_pandas=True)
    if stored is not None and epoch in stored.epochs:
        points = stored.positions(epoch)[rows]
        found["x"], found["y"] = (pa.array(points[:, side], from_pandas=True) for side in (0, 1))
    if epoch is not None:
        found["epoch"] = np.full(len(rows), epoch)
    return pa.table(found)


def export_csv(ask: Ask) -> Answer:
    """The selection as CSV in UTF-8."""
    found = selection_table(ask)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(found.column_names)
    for line in zip(*(one.to_pylist() for one in found.columns), strict=True):
        writer.writerow([harmless(value) for value in line])
    return Answer.file(text.getvalue().encode(), f"{ask.run().name}-selection.csv", "text/csv; charset=utf-8")


def harmless(value: Any) -> Any:
    """A value that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value


def export_parquet(ask: Ask) -> Answer:
    """The selection as Parquet."""
    sink = io.BytesIO()
    pyarrow.parquet.write_table(selection_table(ask), sink, compression="zstd")
    mime = "application/vnd.apache.parquet"
    return Answer.file(sink.getvalue(), f"{ask.run().name}-selection.parquet", mime)


ROUTES = (
    Route("POST", r"data/(?P<run>[^/]+)/table", table),
    Route("POST", r"export/(?P<run>[^/]+)/selection\.csv", export_csv),
    Route("POST", r"export/(?P<run>[^/]+)/selection\.parquet", export_parquet),
)
