"""Two runs side by side: which epochs stand together, one camera or two, who is right, and the runs swapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from looking import at_rest, pixels

pytestmark = pytest.mark.browser

SIDE_A = "?runs=digits-cnn"
BOTH = "?runs=digits-cnn,digits-mlp"


def test_two_runs_go_together_by_accuracy_and_a_link_keeps_it(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    from timetravel.analyze.compare import Comparison

    # Of the stops at one epoch of A the last has A's own accuracy; those before it were passed on the way.
    stops = list({stop.a: stop for stop in Comparison(*runs).stops_by_accuracy()}.values())
    tab = open_tab(BOTH)
    tab.page.select_option("#join", "accuracy")
    for stop in (stops[0], stops[-1]):
        tab.page.evaluate(
            "at => { const s = document.querySelector('.slider'); s.value = at; s.dispatchEvent(new Event('input')) }",
            runs[0].epochs.index(stop.a),
        )
        tab.until("both epochs", lambda now, stop=stop: now["shown"] == [stop.a, stop.b])
    tab.see(
        "the title names B's epoch",
        f"() => document.querySelector('[data-map-title=b]').textContent.includes('epoch {stops[-1].b}')",
    )
    tab.see("the link", "() => location.search.includes('join=accuracy')")
    other = open_tab(tab.page.evaluate("() => location.search"))
    other.until("the same two epochs", lambda now: now["shown"] == [stops[-1].a, stops[-1].b])


def test_dots_of_both_maps_show_who_is_right(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    from timetravel.analyze.compare import Comparison

    epoch = runs[0].epochs[1]
    found = Comparison(*runs).agreement(epoch, epoch).counts
    tab = open_tab(f"{BOTH}&epoch={epoch}&color=agreement_ab")
    words = {
        "both right": "both",
        "only A right": "only_a",
        "only B right": "only_b",
        "both wrong": "neither",
    }
    legend = "() => document.querySelector('#legend').textContent.replaceAll(',', '')"
    for word, cell in words.items():
        tab.see(f"{word}: {found[cell]}", f"() => ({legend})().includes('{word}{found[cell]}')")
    reds = {side: pixels(tab, f"#map-{side}") for side in "ab"}
    tab.page.select_option("select[aria-label=colour]", "p_true_difference_ab")
    tab.see("the ramp", f"() => ({legend})().includes('p_true of A less B')")
    at_rest(tab, epoch)
    for side, before in reds.items():
        assert (pixels(tab, f"#map-{side}") != before).any()
    alone = open_tab(f"{SIDE_A}&color=agreement_ab")
    alone.see(
        "a word that it is not here",
        "() => document.querySelector('.toast').textContent.includes('agreement_ab')",
    )


def test_two_runs_set_apart_by_hand_and_a_link_keeps_it(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    first, second = (run.epochs for run in runs)
    tab = open_tab(f"{BOTH}&epoch={first[1]}")
    tab.page.select_option("#join", "later")
    tab.until("one epoch later", lambda now: now["shown"] == [first[1], second[2]])
    tab.page.fill("#later", "-1")
    tab.page.press("#later", "Enter")
    tab.until("one epoch earlier", lambda now: now["shown"] == [first[1], second[0]])
    tab.see("the link", "() => location.search.includes('join=-1')")
    other = open_tab(tab.page.evaluate("() => location.search"))
    other.until("the same two epochs", lambda now: now["shown"] == [first[1], second[0]])
    other.page.fill("#later", "0")
    other.page.press("#later", "Enter")
    other.until(
        "together again", lambda now: now["join"] == "epoch" and now["shown"] == [first[1], second[1]]
    )


@pytest.mark.parametrize("query", ["a.loss>1", "split:train"])
def test_swapped_runs_keep_the_samples_that_were_selected_and_their_epochs(
    open_tab: Callable[..., Any], runs: list[Any], query: str
) -> None:
    epoch = runs[0].epochs[1]
    wanted = len(runs[0].select(query.removeprefix("a."), epoch=epoch))
    assert 0 < wanted < len(runs[0].samples)
    tab = open_tab(f"{BOTH}&epoch={epoch}&join=1&view=compare&selection={query}")
    tab.until("they are selected", lambda now: now["selected"] == wanted)
    with tab.page.expect_event("load"):
        tab.page.keyboard.press("x")
    tab.see("the page again", "() => window.timetravel?.stats().ready ?? false")
    tab.until(
        "the same samples, the other way round",
        lambda now: (
            (now["runs"], now["shown"], now["join"], now["view"], now["selected"])
            == (["digits-mlp", "digits-cnn"], [runs[1].epochs[2], epoch], "-1", "compare", wanted)
        ),
    )


def test_unlinked_cameras_move_alone(open_tab: Callable[..., Any]) -> None:
    tab = open_tab(BOTH)
    range_of_b = "() => { const f = Bokeh.documents[0].get_model_by_name('map-b'); return [f.x_range.start, f.x_range.end] }"
    before = tab.page.evaluate(range_of_b)
    tab.page.keyboard.press("+")
    tab.page.wait_for_timeout(300)
    zoomed = tab.page.evaluate(range_of_b)
    assert zoomed[1] - zoomed[0] < 0.9 * (before[1] - before[0])
    tab.page.click("#link-cameras")
    tab.page.keyboard.press("+")
    tab.page.wait_for_timeout(300)
    assert np.allclose(tab.page.evaluate(range_of_b), zoomed)
    tab.see("the link keeps it", "() => location.search.includes('camera_b=')")
    other = open_tab(tab.page.evaluate("() => location.search"))
    assert not other.stats()["linked"]
    assert np.allclose(other.page.evaluate(range_of_b), zoomed, rtol=1e-3)
    tab.page.click("#link-cameras")
    tab.page.wait_for_timeout(300)
    linked = tab.page.evaluate(range_of_b)
    assert linked[1] - linked[0] < 0.9 * (zoomed[1] - zoomed[0])
