"""Links, the back button and the boxes that people type into say what the page shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from looking import at_rest

pytestmark = pytest.mark.browser

RUN = "?runs=digits-cnn"
BOX = "() => document.getElementById('search-input').value"
LISTED = "() => !document.getElementById('search-list').hidden"


def search(tab: Any, text: str) -> None:
    tab.page.keyboard.press("/")
    tab.page.keyboard.press("Control+a")
    tab.page.keyboard.type(text)
    tab.page.keyboard.press("Enter")


def test_a_link_selects_what_was_selected_at_the_epoch_of_the_search(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    first, last = runs[0].epochs[0], runs[0].epochs[-1]
    count = len(runs[0].select("wrong", epoch=last))
    assert count != len(runs[0].select("wrong", epoch=first))
    tab = open_tab(RUN)
    search(tab, "wrong")
    tab.until("the wrong ones", lambda now: now["selected"] == count)
    tab.page.locator("#map-a").focus()
    tab.page.keyboard.press("Home")
    link = tab.see(
        "the link tells both epochs",
        f"() => location.search.includes('epoch={first}&') && location.search.includes('selection_epoch={last}') && location.search",
    )
    tab.page.locator(".legend-list button").nth(3).click()
    tab.see("the class alone", "() => location.search.includes('solo=3')")
    visible = tab.stats()["visible"]
    tab.page.reload()
    tab.until("the same", lambda now: now["ready"] and (now["selected"], now["visible"]) == (count, visible))
    other = open_tab(link)
    assert (other.stats()["selected"], other.stats()["epoch"]) == (count, first)
    assert other.page.evaluate(BOX) == "wrong"


def test_going_back_restores_what_is_usual(open_tab: Callable[..., Any]) -> None:
    tab = open_tab(f"{RUN}&pin=8")
    before = tab.stats()
    tab.page.evaluate("() => document.activeElement.blur()")
    steps = tab.page.evaluate("history.length")
    tab.page.locator(".map-tools select").select_option("label")
    tab.page.locator(".legend-list button").nth(2).click()
    tab.see("a class alone", "() => location.search.includes('solo=')")
    tab.page.locator("[data-view=table]").click()
    tab.see("a view", "() => location.search.includes('view=')")
    for press in ("r", "+", "m", "Home", "m"):
        tab.page.locator("#map-a").focus()
        tab.page.keyboard.press(press)
    tab.see("an interval and a camera", "() => /interval=.*camera=/.test(location.search)")
    tab.page.locator(".map-tools select").select_option("loss")
    tab.see("a colour", "() => location.search.includes('color=loss')")
    tab.page.evaluate("steps => history.go(steps - history.length)", steps)
    names = ("epoch", "color", "layers", "interval", "view", "pinned", "visible", "selected")
    tab.until("as it was", lambda now: all(now[name] == before[name] for name in names))
    tab.until("and where it was", lambda now: now["camera"] == pytest.approx(before["camera"], rel=1e-6))


def test_a_link_that_asks_for_what_is_not_there_says_so(open_tab: Callable[..., Any]) -> None:
    tab = open_tab(f"{RUN}&color=nosuch&view=nosuch&layers=trails,evil&solo=nobody&interval=2..99")
    stats = tab.stats()
    assert (stats["color"], stats["view"], stats["layers"]) == ("label", "", ["trails"])
    assert stats["interval"] == [2, stats["epochs"][-1]]
    said = tab.page.inner_text(".toast")
    for word in ("colour nosuch", "view nosuch", "evil", "nobody", "2 to 99"):
        assert word in said


def test_the_search_box_shows_what_is_selected_and_its_list_stays_shut(open_tab: Callable[..., Any]) -> None:
    tab = open_tab(RUN)
    search(tab, "label:3")
    count = tab.until("the threes", lambda now: now["selected"] > 0)["selected"]
    tab.page.wait_for_timeout(400)  # longer than the list waits for a pause in typing
    assert not tab.page.evaluate(LISTED)
    tab.page.locator("#map-a").focus()
    tab.page.keyboard.press("i")
    tab.until("the others", lambda now: now["selected"] not in (0, count))
    assert tab.page.evaluate(BOX) == ""
    tab.page.keyboard.press("Control+z")
    tab.until("the threes again", lambda now: now["selected"] == count)
    assert tab.page.evaluate(BOX) == "label:3"
    tab.page.keyboard.press("Escape")
    tab.until("none", lambda now: now["selected"] == 0)
    assert tab.page.evaluate(BOX) == ""
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("lab")
    tab.see("completions", LISTED)
    tab.page.locator("#map-a").focus()
    tab.see("none without the box", "() => document.getElementById('search-list').hidden")
    assert tab.page.evaluate(BOX) == "lab"


def test_escape_leaves_the_typed_epoch_then_the_interval_then_the_selection(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    first, last = runs[0].epochs[0], runs[0].epochs[-1]
    tab = open_tab(f"{RUN}&interval={first}..{last}&selection=label:3")
    tab.page.keyboard.press("g")
    tab.page.keyboard.type(str(first))
    tab.page.keyboard.press("Escape")
    assert tab.page.evaluate("() => document.activeElement === document.body")
    assert tab.page.evaluate("() => document.querySelector('.jump').value") == str(last)
    at_rest(tab, last)
    tab.page.keyboard.press("Escape")
    assert tab.until("no interval", lambda now: now["interval"] is None)["selected"]
    tab.page.keyboard.press("Escape")
    tab.until("no selection", lambda now: now["selected"] == 0)
