"""What is wrong with a query, where, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from timetravel.errors import BadInput


class QueryError(BadInput):
    """A query that cannot be answered.

    position: offset in the text at which the mistake begins, from 0. suggestion: the whole query corrected,
    None where nothing comes near.
    """

    def __init__(self, message: str, position: int, suggestion: str | None = None) -> None:
        hint = "" if suggestion is None else f"; did you mean: {suggestion}"
        super().__init__(f"{message} (at character {position + 1}){hint}")
        self.message = message
        self.position = position
        self.suggestion = suggestion


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """The known word that is most like a wrong one, whatever its case; None when none is alike."""
    by_lower: dict[str, str] = {}
    for word in known:
        by_lower.setdefault(word.lower(), word)
    found = difflib.get_close_matches(wrong.lower(), list(by_lower), n=1, cutoff=0.6)
    if found:
        return by_lower[found[0]]
    starts = [word for lower, word in by_lower.items() if wrong and lower.startswith(wrong.lower())]
    return min(starts, key=len) if starts else None


def corrected(text: str, start: int, end: int, better: str | None) -> str | None:
    """The text with a part replaced; None when there is nothing better."""
    return None if better is None else text[:start] + better + text[end:]


def quoted(word: str) -> str:
    """A word as it is written in a query: in quotes where it needs them."""
    plain = word and not any(one.isspace() or one in '"(),:=!<>~@' for one in word)
    is_keyword = word in ("AND", "OR", "NOT") or word.startswith("-")
    return word if plain and not is_keyword else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
