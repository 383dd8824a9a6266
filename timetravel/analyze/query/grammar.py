"""The words of a query: text to a tree of terms, each knowing where it stands.

query = term { ["AND"] term }            spaces mean AND; OR binds more tightly than AND
term  = factor { "OR" factor }
factor = ("-" | "NOT ") factor | "(" query ")" | test | word
test  = column ["@" epoch] [ op value ]  op is one of : = != < <= > >= ~
value = item { "," item }                quotes for spaces and signs, \\" for a quote inside
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from timetravel.analyze.query.problem import QueryError

MOST_CHARACTERS = 20_000
MOST_DEPTH = 50
"""Brackets and minus signs inside each other."""

_NAME = re.compile(r'[^\s:=!<>~@()",]+')
_EPOCH = re.compile(r'[^\s:=!<>~()",@]*')
_OPERATOR = re.compile(r"!=|<=|>=|==|[:=<>~]")
_ITEM = re.compile(r'[^\s,()"]+')
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Item:
    """One value as it was written. start, end: its place in the text, quotes included."""

    text: str
    is_quoted: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Test:
    """column @ epoch op items; without an op a bare word or flag. start: where the column begins."""

    column: Item
    epoch: Item | None
    operator: str | None
    items: tuple[Item, ...]
    end: int

    @property
    def start(self) -> int:
        """Where the test begins."""
        return self.column.start


@dataclass(frozen=True, slots=True)
class Not:
    """A minus sign."""

    part: Node


@dataclass(frozen=True, slots=True)
class Both:
    """All parts hold; no parts: everything."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds."""

    parts: tuple[Node, ...]


Node = Test | Not | Both | Either


def parse(text: str) -> Node:
    """The tree of a query. QueryError says where it stops being one."""
    if len(text) > MOST_CHARACTERS:
        raise QueryError(
            f"the query has {len(text)} characters, at most {MOST_CHARACTERS} are read; save a selection and use "
            "slice:NAME",
            MOST_CHARACTERS,
        )
    return _Parser(text).whole()


class _Parser:
    """Reads one query from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        tree = self._all()
        if self._at < len(self._text):
            raise QueryError(
                'there is a ")" without a "(" before it',
                self._at,
                (self._text[: self._at] + self._text[self._at + 1 :]).strip(),
            )
        return tree

    def _all(self) -> Node:
        parts: list[Node] = []
        while True:
            self._skip()
            if self._at >= len(self._text) or self._text[self._at] == ")":
                return parts[0] if len(parts) == 1 else Both(tuple(parts))
            if self._keyword("AND"):
                if not parts:
                    raise QueryError("AND needs a term before it", self._at)
                start = self._at
                self._at += 3
                self._expect_term("AND", start)
            parts.append(self._either())

    def _either(self) -> Node:
        parts = [self._factor()]
        while True:
            here = self._at
            self._skip()
            if not self._keyword("OR"):
                self._at = here
                return parts[0] if len(parts) == 1 else Either(tuple(parts))
            start = self._at
            self._at += 2
            self._expect_term("OR", start)
            parts.append(self._factor())

    def _factor(self) -> Node:
        self._depth += 1
        try:
            if self._depth > MOST_DEPTH:
                raise QueryError(f"brackets are nested more than {MOST_DEPTH} deep", self._at)
            return self._deep_factor()
        finally:
            self._depth -= 1

    def _deep_factor(self) -> Node:
        self._skip()
        start = self._at
        sign = self._text[start : start + 1]
        if self._keyword("OR"):
            raise QueryError("OR needs a term before it", start)
        if self._keyword("NOT"):
            self._at += 3
            self._expect_term("NOT", start)
            return Not(self._factor())
        if sign == "-":
            self._at += 1
            if self._at >= len(self._text) or self._text[self._at].isspace():
                raise QueryError('"-" needs a term right after it', start)
            return Not(self._factor())
        if sign == "(":
            self._at += 1
            inside = self._all()
            if self._text[self._at : self._at + 1] != ")":
                raise QueryError('the bracket "(" is not closed', start, self._text.rstrip() + ")")
            self._at += 1
            return inside
        return self._test()

    def _test(self) -> Test:
        start = self._at
        if self._text[start] == '"':
            column = self._quoted()
        else:
            found = _NAME.match(self._text, start)
            if found is None:
                raise QueryError(f"{self._text[start]!r} cannot begin a term", start)
            self._at = found.end()
            column = Item(found.group(), False, start, self._at)
        epoch = None
        if self._text[self._at : self._at + 1] == "@":
            begin = self._at + 1
            found = _EPOCH.match(self._text, begin)
            self._at = found.end() if found else begin
            epoch = Item(self._text[begin : self._at], False, begin, self._at)
        end = self._at
        self._skip()
        operator = _OPERATOR.match(self._text, self._at)
        if operator is None:
            if self._text[self._at : self._at + 1] == "!":
                raise QueryError(
                    '"!" stands alone; write != for "is not", or - before a term',
                    self._at,
                    self._text[: self._at] + "!=" + self._text[self._at + 1 :].lstrip(),
                )
            self._at = end
            return Test(column, epoch, None, (), end)
        self._at = operator.end()
        items = self._items(column, operator.group(), operator.start())
        return Test(column, epoch, "=" if operator.group() == "==" else operator.group(), items, self._at)

    def _items(self, column: Item, operator: str, start: int) -> tuple[Item, ...]:
        items = []
        while True:
            self._skip()
            begin = self._at
            if self._text[begin : begin + 1] == '"':
                items.append(self._quoted())
            else:
                found = _ITEM.match(self._text, begin)
                if found is None:
                    raise QueryError(
                        f"{column.text}{operator} needs a value after it", min(begin, len(self._text))
                    )
                self._at = found.end()
                items.append(Item(found.group(), False, begin, self._at))
            here = self._at
            self._skip()
            if self._text[self._at : self._at + 1] != ",":
                self._at = here
                return tuple(items)
            self._at += 1

    def _quoted(self) -> Item:
        start = self._at
        letters = []
        at = start + 1
        while at < len(self._text):
            letter = self._text[at]
            if letter == "\\" and at + 1 < len(self._text):
                letters.append(self._text[at + 1])
                at += 2
                continue
            if letter == '"':
                self._at = at + 1
                return Item("".join(letters), True, start, self._at)
            letters.append(letter)
            at += 1
        raise QueryError("the quotation is not closed", start, self._text + '"')

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _keyword(self, word: str) -> bool:
        end = self._at + len(word)
        after = self._text[end : end + 1]
        return self._text[self._at : end] == word and (not after or after.isspace() or after in '()"')

    def _expect_term(self, word: str, start: int) -> None:
        self._skip()
        if self._at >= len(self._text) or self._text[self._at] == ")":
            raise QueryError(f"{word} needs a term after it", start, self._text[:start].rstrip() or None)
