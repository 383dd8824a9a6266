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


def test_the_agreement_selects_what_both_say_and_is_ordered_as_asked(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    epoch = runs[0].epochs[1]
    tab = open_tab(f"?runs=digits-cnn,digits-mlp&view=compare&epoch={epoch}")
    a, b = (run.predictions(epoch).predicted for run in runs)
    labels = runs[0].samples.labels
    alike = (a == b) & (a != labels)
    tab.see("the test", "() => /McNemar p [0-9]/.test(document.querySelector('.compare').textContent)")
    tab.page.locator(".compare p .link").nth(1).click()
    tab.until("wrong alike", lambda now: now["selected"] == alike.sum())
    value = "() => [...document.querySelectorAll('.disagreement .value')].map(e => e.textContent)"
    assert all(text.startswith("p_true ") for text in tab.see("values", value))
    tab.page.select_option(".compare select", "divergence")
    told = tab.see("divergences", f"() => {{ const v = ({value})(); return v[0].includes('bits') && v; }}")
    sizes = [float(text.split()[1]) for text in told]
    assert sizes == sorted(sizes, reverse=True)
    tab.page.click(".compare .group button:text('classes')")
    one, two = next((x, y) for x in range(10) for y in range(10) if x != y and ((a == x) & (b == y)).any())
    rows = (a == one) & (b == two)
    tab.page.click(f".compare [aria-label='A says {one}, B says {two}: {rows.sum()}']")
    tab.until("the pair", lambda now: now["selected"] == rows.sum())


def test_the_table_scrolls_sideways_with_its_ids_in_sight(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    tab = open_tab(f"{SIDE_A}&view=table&selection=label:5")
    tab.see(
        "the table",
        "() => document.querySelector('.view-panel > .row')?.textContent.startsWith('182 selected')",
    )
    samples = runs[0].samples
    rows = np.flatnonzero(samples.labels == 5)
    rows = rows[np.argsort(samples.ids[rows])][:100]
    correct = runs[0].predictions(runs[0].epochs[-1]).correct[rows]
    marks = (
        "() => [...document.querySelectorAll('table.samples tbody td:nth-child(4)')].map(e => e.textContent)"
    )
    assert tab.page.evaluate(marks) == ["✓" if right else "✕" for right in correct]
    places = """() => { const box = document.querySelector('.wide'); box.scrollLeft = 1e4;
      const at = (e) => e.getBoundingClientRect();
      return [box.scrollLeft > 0, at(document.querySelector('table.samples tbody th')).left - at(box).left,
        at(box).right - at(document.querySelector('table.samples thead th:last-child')).right,
        new Set([...document.querySelectorAll('.view-panel > .row > button')].map((e) => at(e).top)).size]; }"""
    scrolls, first, last, lines = tab.page.evaluate(places)
    assert scrolls
    assert abs(first) < 2
    assert abs(last) < 2
    assert lines == 1


def test_both_sentences_on_neighbours_name_how_many(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    tab = open_tab(f"{SIDE_A}&pin={runs[0].samples.ids[5]}")
    words = "() => document.querySelector('#inspector').textContent.match(/keeps \\d+ of its \\d+ nearest neighbours/g)"
    found = tab.see("both", f"() => {{ const all = ({words})(); return all?.length === 2 && all; }}")
    kept = runs[0].map().columns(runs[0].epochs[-1])["neighbors_kept"][5]
    assert found[0] == f"keeps {round(kept * 15)} of its 15 nearest neighbours"
    assert found[1].endswith("of its 8 nearest neighbours")


def test_events_are_counted_by_kind_and_select_their_samples(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    from timetravel.analyze.events import event_counts

    run = runs[0]
    learned, moved = (event_counts(run)[kind] for kind in ("learned", "moved"))
    tab = open_tab(f"{SIDE_A}&view=events&epoch={run.epochs[2]}")
    row = "[...document.querySelectorAll('.event-kinds tr')].find(r => r.textContent.startsWith('learned'))"
    tab.see("the count of this epoch", f"() => {row}?.querySelector('.value').textContent === '{learned[2]}'")
    assert tab.page.locator(".event-kinds", has_text="flipped").count() == 0  # each is one of the others here
    tab.page.get_by_role("button", name="learned", exact=True).click()
    tab.page.get_by_role("button", name=f"select all {learned[2]}").click()
    tab.until("they are selected", lambda now: now["selected"] == learned[2])
    tab.see("as a search", f"() => location.search.includes('selection=learned%3A{run.epochs[2]}')")
    at = int(moved.argmax())
    tab.page.get_by_role("button", name="moved far", exact=True).click()
    tab.page.locator(".event-kinds tr.chosen .clickable").nth(at).click(force=True)
    tab.until("a bar goes to its epoch", lambda now: now["epoch"] == run.epochs[at])
    tab.page.get_by_role("button", name=f"select all {moved[at]}").click()
    tab.until("what no search names is selected too", lambda now: now["selected"] == moved[at])
    tab.page.locator(".event-list .disagreement").first.click()
    tab.until("a sample is looked at", lambda now: now["pinned"] is not None)
