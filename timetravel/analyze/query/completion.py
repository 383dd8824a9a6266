"""What could come next in a query: columns, special terms, classes, texts and epochs, with counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timetravel.analyze.columns import Column, column
from timetravel.analyze.query.binding import HAPPENINGS, SPECIAL, canonical, names_of
from timetravel.analyze.query.context import Context, context
from timetravel.analyze.query.masks import mask_of
from timetravel.analyze.query.problem import QueryError, quoted
from timetravel.analyze.rounds import rounds
from timetravel.errors import TimetravelError
from timetravel.store.run import StoredMap, StoredRun

MOST = 12
TAKES_VALUE = {"became", "neighbors_of", "map_neighbors_of", "slice"}

_TERM = re.compile(r'(?:[^\s()"]|"(?:[^"\\]|\\.)*(?:"|$))*$')
_TEST = re.compile(
    r'^(?P<name>[^:=!<>~@"]+|"(?:[^"\\]|\\.)*")(?P<epoch>@[^:=!<>~]*)?(?P<op>!=|<=|>=|[:=<>~])'
)


@dataclass(frozen=True, slots=True)
class Completion:
    """insert: the text that takes the place of everything from `replaces` to the cursor. label: what to show.
    count: samples that it names, None where that is not known beforehand."""

    insert: str
    label: str
    count: int | None
    replaces: int


def complete(
    run: StoredRun,
    text: str,
    cursor: int | None = None,
    *,
    epoch: int | None = None,
    map: str | StoredMap | None = None,
    other: StoredRun | None = None,
    limit: int = MOST,
) -> list[Completion]:
    """At most `limit` ways to go on at the cursor (the end by default), the likeliest first."""
    cursor = len(text) if cursor is None else max(0, min(cursor, len(text)))
    found = _TERM.search(text[:cursor])
    start = found.start() if found else cursor
    term = text[start:cursor]
    while term.startswith("-"):
        term, start = term[1:], start + 1
    where = context(text, run, epoch=epoch, map=map, other=other)
    if term[:2].lower() in ("a.", "b.") and "." not in names_of(where):
        side, term, start = term[0].lower(), term[2:], start + 2
        if side == "b":
            if where.other is None:
                return []
            where = where.other
    test = _TEST.match(term)
    try:
        choices = _values(test, term, start, where) if test else _names(term, start, where)
        return [one for _, one in zip(range(limit), choices, strict=False)]
    except (QueryError, TimetravelError):
        return []


def _matching(prefix: str, names: Iterable[str]) -> list[str]:
    """Those that begin with the prefix, then those that contain it, whatever the case."""
    wanted, every = prefix.lower(), list(names)
    first = [name for name in every if name.lower().startswith(wanted)]
    return first + [name for name in every if wanted in name.lower() and name not in set(first)]


def _names(term: str, start: int, where: Context) -> Iterator[Completion]:
    """Columns and special terms, then classes of that name."""
    if "@" in term:
        yield from _epochs(term, start, where)
        return
    prefix = term.strip('"')
    known = names_of(where)
    special = {
        name: text for name, text in SPECIAL.items() if name not in known and _is_possible(name, where)
    }
    for name in _matching(prefix, [*known, *special]):
        if name in known:
            yield _named(known[name], start, where)
        else:
            yield _special(name, special[name], start, where)
    if prefix and "label" in known:
        counts = _class_counts(where.run.samples.labels, where)
        for name in _matching(prefix, where.run.classes):
            text = f"label:{quoted(name)}"
            yield Completion(text + " ", text, int(counts[where.run.classes.index(name)]), start)


def _is_possible(name: str, where: Context) -> bool:
    if name in ("wrong", "right"):
        return "correct" in names_of(where)
    if name == "disagree":
        return where.other is not None
    if name == "unfaithful":
        return "roundtrip_ok" in names_of(where)
    if name == "map_neighbors_of":
        return bool(where.run.maps)
    if name in HAPPENINGS or name == "picked":
        return False
    return name != "slice" or bool(where.run.selections())


def _named(one: Column, start: int, where: Context) -> Completion:
    text = quoted(one.name)
    if one.kind == "flag":
        return Completion(f"{text} ", f"{text} — {one.text}", _flag_count(one, where), start)
    sign = ">" if one.kind == "number" and one.name != "id" else ":"
    return Completion(text + sign, f"{text}{sign} — {one.text}", None, start)


def _flag_count(one: Column, where: Context) -> int | None:
    if one.per_epoch and where.epoch is None:
        return None
    try:
        return int((column(where.run, one.name, where.epoch, where.map) == 1).sum())
    except TimetravelError:
        return None


def _special(name: str, text: str, start: int, where: Context) -> Completion:
    if name in TAKES_VALUE:
        return Completion(f"{name}:", f"{name}: — {text}", None, start)
    return Completion(f"{name} ", f"{name} — {text}", _count(name, where), start)


def _count(query: str, where: Context) -> int | None:
    from timetravel.analyze.query.binding import bind
    from timetravel.analyze.query.grammar import parse

    try:
        return int(mask_of(bind(parse(query), where), where).sum())
    except TimetravelError:
        return None


def _epochs(term: str, start: int, where: Context) -> Iterator[Completion]:
    name, _, prefix = term.rpartition("@")
    begin = start + len(name) + 1
    words = {"-1": "the epoch before", "first": "the first epoch", "last": "the last epoch"}
    for word in _matching(prefix, [*words, *(str(epoch) for epoch in where.past.epochs)]):
        label = f"@{word} — {words[word]}" if word in words else f"@{word}"
        yield Completion(word, label, None, begin)


def _values(test: re.Match[str], term: str, start: int, where: Context) -> Iterator[Completion]:
    """Values of the column before the sign; after a comma the next one."""
    name = canonical(test.group("name").strip('"'), where)
    listed = term[test.end() :]
    begin = start + test.end() + listed.rfind(",") + 1
    prefix = listed[listed.rfind(",") + 1 :].strip('"').lstrip()
    for word, count in _choices(name, prefix, where):
        yield Completion(quoted(word), word, count, begin)


def _choices(name: str, prefix: str, where: Context) -> Iterator[tuple[str, int | None]]:
    if name == "became":
        yield from _became(prefix, where)
    elif name == "slice":
        saved = {one.name: len(one.ids) for one in where.run.selections()}
        yield from ((one, saved[one]) for one in _matching(prefix, saved))
    elif name == "picked":
        picked = {str(one.round): int(one.picked.sum()) for one in rounds(where.run)}
        yield from ((one, picked[one]) for one in _matching(prefix, picked))
    elif name in HAPPENINGS:
        if ".." not in prefix:
            for epoch in _matching(prefix, [str(one) for one in where.past.epochs[1:]]):
                yield epoch, int((column(where.run, name, int(epoch)) == 1).sum())
    elif name in names_of(where):
        yield from _of_column(names_of(where)[name], prefix, where)


def _became(prefix: str, where: Context) -> Iterator[tuple[str, int | None]]:
    for word in _matching(prefix, ["right", "wrong"] if "label" in names_of(where) else []):
        yield word, _count(f"became:{word}", where)
    for word in _matching(prefix, where.run.classes):
        yield word, _count(f"became:{quoted(word)}", where)


def _of_column(one: Column, prefix: str, where: Context) -> Iterator[tuple[str, int | None]]:
    if one.kind == "number" or (one.per_epoch and where.epoch is None):
        return
    values = column(where.run, one.name, where.epoch if one.per_epoch else None, where.map)
    if one.kind == "class":
        counts = _class_counts(values, where)
        found: dict[str, int] = {name: int(counts[at]) for at, name in enumerate(where.run.classes)}
    elif one.kind == "flag":
        found = {"yes": int((values == 1).sum()), "no": int((values == 0).sum())}
    else:
        found = _text_counts(values)
    names = _matching(prefix, found)
    if one.kind == "text":
        names.sort(key=lambda name: (not name.lower().startswith(prefix.lower()), -found[name], name))
    yield from ((name, found[name]) for name in names)


def _class_counts(values: NDArray[Any], where: Context) -> NDArray[np.int64]:
    return np.bincount(values[values >= 0], minlength=len(where.run.classes))


def _text_counts(values: NDArray[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for value in values.tolist():
        if value is not None:
            found[str(value)] = found.get(str(value), 0) + 1
    return found
