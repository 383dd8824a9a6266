"""Sets of samples beside the map: what a set is kept to, its transitions, and cells that select within a split."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.browser

SIDE_A = "?runs=digits-cnn"
CHIP = "#inspector .chip:has-text('{}')"


def told_of(tab: Any, count: int) -> None:
    """Wait until the inspector speaks of a set of so many samples."""
    words = f"{count:,} sample{'' if count == 1 else 's'} "
    tab.see(words, f"() => document.querySelector('#inspector h3')?.textContent.startsWith('{words}')")


def test_a_set_without_an_expression_is_kept_to_a_class_and_to_a_change(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    run = runs[0]
    before, epoch = run.epochs[0], run.epochs[1]
    old, new = run.predictions(before).predicted, run.predictions(epoch).predicted
    labels = run.samples.labels
    tab = open_tab(f"{SIDE_A}&epoch={epoch}&selection=label:4,7")
    tab.page.keyboard.press("i")
    mine = ~np.isin(labels, (4, 7))
    tab.until("the others", lambda now: now["selected"] == mine.sum())
    learned = mine & (old != labels) & (new == labels)
    drift = mine & (old != new) & (old != labels) & (new != labels)
    unchanged = mine & (old == new)
    for word, rows in (("learned", learned), ("wrong to other", drift), ("unchanged", unchanged)):
        told_of(tab, mine.sum())
        assert tab.page.inner_text(CHIP.format(word)).startswith(f"{rows.sum():,} ")
        tab.page.click(CHIP.format(word))
        tab.until(word, lambda now, rows=rows: now["selected"] == rows.sum())
        tab.page.keyboard.press("Control+z")
        tab.until("undone", lambda now: now["selected"] == mine.sum())
    told_of(tab, mine.sum())
    a, b = next(
        (a, b) for a in range(10) for b in range(10) if a != b and (mine & (old == a) & (new == b)).any()
    )
    tab.page.click(f"#inspector table.confusion [aria-label^='epoch {before} {a}, epoch {epoch} {b}:']")
    rows = mine & (old == a) & (new == b)
    tab.until("the cell", lambda now: now["selected"] == rows.sum())
    told_of(tab, rows.sum())
    tab.page.keyboard.press("Control+z")
    tab.until("undone", lambda now: now["selected"] == mine.sum())
    told_of(tab, mine.sum())
    bar = tab.page.locator("#inspector .bars button").nth(0)
    label = int(bar.locator(".bar-name").inner_text())
    bar.click()
    tab.until("one class", lambda now: now["selected"] == (labels == label).sum())


def test_a_cell_selects_within_the_split_that_is_chosen(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    tab = open_tab(f"{SIDE_A}&view=confusion")
    tab.page.select_option(".view select[aria-label=split]", "test")
    run = runs[0]
    said, labels = run.predictions(run.epochs[-1]).predicted, run.samples.labels
    rows = (labels == 3) & (said == 3) & (run.samples.split == "test")
    cell = f".view [aria-label='label 3, predicted 3: {rows.sum()}']"
    tab.page.click(cell)
    tab.until("the cell in the split", lambda now: now["selected"] == rows.sum())


def test_two_runs_say_whose_set_it_is(open_tab: Callable[..., Any]) -> None:
    tab = open_tab("?runs=digits-cnn,digits-mlp&selection=label:3")
    tab.see("whose", "() => document.querySelector('#inspector .run-name')?.innerText.startsWith('A ·')")
