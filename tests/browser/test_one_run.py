"""The page over one run, on two real ones: digits, and the large Fashion-MNIST run where it lies beside the project."""

from __future__ import annotations

import numpy as np
import pytest
from looking import OneRun, at_rest, pixels

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("ratio", [1, 2])
def test_dots_are_where_the_store_says(one: OneRun, ratio: int) -> None:
    tab = one.open(f"&epoch={one.run.epochs[2]}", device_scale_factor=ratio)
    stats = tab.stats()
    box = tab.page.locator("#map-a").bounding_box()
    for zoomed in (False, True):
        if zoomed:
            tab.page.keyboard.press("+")
            tab.page.keyboard.press("+")
            tab.until(
                "the zoom is drawn", lambda now: now["camera"][2] < stats["camera"][2] * 0.7 and now["still"]
            )
        cx, cy, width = tab.stats()["camera"]
        positions = one.run.positions(one.run.epochs[2])
        scale = box["width"] / width
        for row in range(0, len(positions), 18):
            shown = tab.page.evaluate("id => window.timetravel.sampleAt(id)", int(one.run.samples.ids[row]))
            x = box["x"] + (positions[row, 0] - cx) * scale + box["width"] / 2
            y = box["y"] - (positions[row, 1] - cy) * scale + box["height"] / 2
            assert abs(shown[0] - x) < 0.5
            assert abs(shown[1] - y) < 0.5


def test_a_lasso_selects_what_lies_in_it_and_undo_takes_it_back(one: OneRun) -> None:
    tab = one.open()
    tab.page.keyboard.press("l")
    box = tab.page.locator("#map-a").bounding_box()
    corners = [(0.3, 0.3), (0.7, 0.3), (0.7, 0.75), (0.3, 0.75)]
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    tab.page.mouse.move(*points[0])
    tab.page.mouse.down()
    for point in [*points[1:], points[0]]:
        tab.page.mouse.move(*point, steps=12)
    tab.page.mouse.up()
    stats = tab.until("something is selected", lambda now: now["selected"] > 0)
    places = tab.page.evaluate(
        "ids => ids.map(id => window.timetravel.sampleAt(id))", [int(one) for one in one.run.samples.ids]
    )
    inside = sum(points[0][0] <= x <= points[1][0] and points[0][1] <= y <= points[2][1] for x, y in places)
    assert abs(stats["selected"] - inside) <= max(3, inside * 0.02)
    assert stats["visible"] == len(one.run.samples)  # selecting dims, it never hides
    tab.page.keyboard.press("Control+z")
    tab.until("undone", lambda now: now["selected"] == 0)
    tab.page.keyboard.press("Control+Shift+z")
    tab.until("redone", lambda now: now["selected"] == stats["selected"])


def test_samples_stay_pinned_and_a_link_keeps_them(one: OneRun) -> None:
    first, second = (int(id) for id in one.run.samples.ids[[8, 21]])
    tab = one.open(f"&pin={first}")
    tab.page.get_by_role("button", name="pin", exact=True).click()
    tab.until("one is pinned", lambda now: now["pins"] == [first])
    tab.page.mouse.move(*tab.page.evaluate("id => window.timetravel.sampleAt(id)", second))
    # Where dots lie upon each other the pointer finds the upper one; the key pins what it found.
    upper = tab.page.evaluate("id => window.timetravel.idAt(...window.timetravel.sampleAt(id))", second)
    tab.page.keyboard.press("p")
    tab.until("two are", lambda now: now["pins"] == [first, upper] and now["pinned"] == upper)
    tab.see("both are listed", "() => document.querySelectorAll('.pinned li').length === 2")
    tab.see("the link", f"() => location.search.includes('pins={first}%2C{upper}')")
    other = one.open_link(tab.page.evaluate("() => location.search"))
    other.until("the same two", lambda now: now["pins"] == [first, upper] and now["pinned"] == upper)
    other.page.get_by_role("button", name=f"unpin sample {upper}").click()
    other.until("one is let go", lambda now: now["pins"] == [first] and now["pinned"] == upper)
    other.page.locator(".pinned button", has_text=f"#{first}").click()
    other.until("the other is looked at", lambda now: now["pinned"] == first)
    for rest in ({"pinned": None, "pins": [first]}, {"pinned": None, "pins": []}):
        other.page.keyboard.press("Escape")
        other.until(f"{rest}", lambda now, rest=rest: {name: now[name] for name in rest} == rest)


def test_a_search_selects_the_same_samples_as_python(one: OneRun) -> None:
    epoch = one.run.epochs[1]
    tab = one.open(f"&epoch={epoch}")
    query = "label:5 wrong"
    tab.page.keyboard.press("/")
    tab.page.keyboard.type(query)
    tab.page.keyboard.press("Enter")
    expected = one.run.select(query, epoch=epoch)
    assert len(expected)
    tab.until("the search answered", lambda now: now["selected"] == len(expected))
    assert "selection=" in tab.see(
        "the link follows", "() => location.search.includes('selection=') && location.search"
    )


def test_the_legend_counts_and_shows_a_class_alone(one: OneRun) -> None:
    tab = one.open()
    counts = tab.page.locator(".legend-list .count").all_inner_texts()
    labels = one.run.samples.labels
    assert counts[:10] == [str(int((labels == index).sum())) for index in range(10)]
    tab.page.locator(".legend-list button").nth(3).click()
    tab.until("only the threes", lambda now: now["visible"] == int((labels == 3).sum()))
    tab.page.locator(".legend-list .link").click()
    tab.until("all again", lambda now: now["visible"] == len(labels))


def test_a_link_restores_the_view_in_a_fresh_browser(one: OneRun) -> None:
    epoch = one.run.epochs[2]
    first = one.open(f"&epoch={epoch}&color=loss&layers=regions,trails&selection=label%3A3&pin=8")
    first.until(
        "the selection is there", lambda now: now["selected"] == int((one.run.samples.labels == 3).sum())
    )
    at_rest(first, epoch)
    link = first.page.evaluate("location.search")
    second = one.open_link(link)
    second.until("the selection is there", lambda now: now["selected"] == first.stats()["selected"])
    at_rest(second, epoch)
    for name in ("runs", "epoch", "color", "layers", "selected", "pinned", "camera"):
        assert second.stats()[name] == first.stats()[name], name
    # Figures and trails arrive after the dots: what counts is what both come to show.
    for _ in range(100):
        share = (pixels(first, "#map-a") == pixels(second, "#map-a")).mean()
        if share > 0.999:
            break
        second.page.wait_for_timeout(200)
    assert share > 0.999


def test_the_back_button_goes_back(one: OneRun) -> None:
    tab = one.open()
    tab.page.locator(".map-tools select").select_option("loss")
    tab.see("the link follows", "() => location.search.includes('color=loss')")
    tab.page.locator(".map-tools select").select_option("correct")
    tab.see("the link follows", "() => location.search.includes('color=correct')")
    tab.page.go_back()
    tab.until("back to loss", lambda now: now["color"] == "loss")


def test_everything_is_reached_by_keyboard(one: OneRun) -> None:
    tab = one.open()
    epochs = one.run.epochs
    tab.page.keyboard.press("Home")
    tab.until("first", lambda now: now["epoch"] == epochs[0])
    tab.page.keyboard.press("ArrowRight")
    tab.until("second", lambda now: now["epoch"] == epochs[1])
    tab.page.keyboard.press("End")
    tab.until("last", lambda now: now["epoch"] == epochs[-1])
    tab.page.keyboard.press("r")
    tab.until("regions off", lambda now: "regions" not in now["layers"])
    tab.page.keyboard.press("a")
    tab.until("all selected", lambda now: now["selected"] == len(one.run.samples))
    tab.page.keyboard.press("Escape")
    tab.until("none selected", lambda now: now["selected"] == 0)
    tab.page.keyboard.press("?")
    assert tab.page.locator("dialog[open]").count() == 1
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("g")
    tab.page.keyboard.type(str(epochs[1]))
    tab.page.keyboard.press("Enter")
    tab.until("typed", lambda now: now["epoch"] == epochs[1])
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("rrr")  # keys do nothing while somebody types
    assert "regions" not in tab.stats()["layers"]


def test_play_visits_every_epoch(one: OneRun) -> None:
    tab = one.open(f"&epoch={one.run.epochs[0]}")
    # Watched from within the page: from outside, a quick epoch could pass between two looks.
    tab.page.evaluate(
        """() => { window.passed = [window.timetravel.stats().epoch];
        new MutationObserver(() => window.passed.push(window.timetravel.stats().epoch))
          .observe(document.querySelector('.slider'), { attributeFilter: ['aria-valuetext'] }); }"""
    )
    for _ in range(2):
        tab.page.keyboard.press("]")
    tab.page.keyboard.press("Space")
    at_rest(tab, one.run.epochs[-1])
    assert tab.page.evaluate("() => [...new Set(window.passed)]") == one.run.epochs


def test_reduced_motion_has_no_tween(one: OneRun) -> None:
    tab = one.open(reduced_motion="reduce")
    tab.page.keyboard.press("Home")
    tab.until("first", lambda now: now["epoch"] == one.run.epochs[0] and not now["moving"])
    assert tab.stats()["lastTweenFps"] is None or np.isnan(tab.stats()["lastTweenFps"])


def test_dark_mode_follows_the_system(one: OneRun) -> None:
    light, dark = (pixels(one.open(color_scheme=scheme), "body").mean() for scheme in ("light", "dark"))
    assert light > 180
    assert dark < 90


def test_hovering_shows_the_sample_and_a_click_pins_it(one: OneRun) -> None:
    tab = one.open()
    sample = int(one.run.samples.ids[40])
    x, y = tab.page.evaluate("id => window.timetravel.sampleAt(id)", sample)
    tab.page.mouse.move(x, y)
    text = tab.see(
        "the card",
        "() => !document.querySelector('.hover-card').hidden && document.querySelector('.hover-card').innerText",
    )
    assert text.startswith("#")
    tab.page.mouse.down()
    tab.page.mouse.up()
    pinned = tab.until("pinned", lambda now: now["pinned"] is not None)["pinned"]
    assert f"#{pinned}" in tab.see("the inspector", "() => document.querySelector('.card h3')?.innerText")


def test_cells_of_the_confusion_matrix_select(one: OneRun) -> None:
    tab = one.open("&view=confusion")
    tab.see("the matrix", "() => document.querySelectorAll('table.confusion tbody tr').length === 10")
    said, labels = one.run.predictions(one.run.epochs[-1]).predicted, one.run.samples.labels
    shown = tab.page.evaluate(
        "() => [...document.querySelectorAll('table.confusion tbody tr')].map(r => [...r.querySelectorAll('button')].map(b => Number(b.innerText || 0)))"
    )
    expected = np.zeros((10, 10), int)
    np.add.at(expected, (labels, said), 1)
    assert shown == expected.tolist()
    tab.page.locator("table.confusion tbody tr").nth(4).locator("button").nth(4).click()
    tab.until("the cell's samples", lambda now: now["selected"] == expected[4, 4])


def test_two_tabs_do_not_disturb_each_other(one: OneRun) -> None:
    first, second = one.open(), one.open()
    first.page.keyboard.press("Home")
    first.until("first epoch", lambda now: now["epoch"] == one.run.epochs[0])
    assert second.stats()["epoch"] == one.run.epochs[-1]
