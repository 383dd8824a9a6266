"""Searching neighbours in many samples."""

from __future__ import annotations

import numpy as np
import pytest

from timetravel.project.neighbours import EXACT_LIMIT, Search


def test_a_search_through_lists_says_nothing_and_finds_nearly_all(capfd: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(size=(EXACT_LIMIT + 100, 4)).astype(np.float32)
    found = Search(x).of(x[:200], 11)[0][:, 1:]
    squares = ((x[:200, None] - x[None]) ** 2).sum(2)
    exact = np.argsort(squares, 1)[:, 1:11]
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact, strict=True)])
    assert kept > 0.95
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err == ""
