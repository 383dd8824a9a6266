"""The page in a real browser: numbers first, pixels second, and no error in its console."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.browser

SIDE_A = "?runs=digits-cnn"


def pixels(tab: Any, selector: str) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(tab.page.locator(selector).first.screenshot())).convert("RGB"))


def canvas_sum(tab: Any, layer: str, side: str = "a") -> float:
    """Sum over a canvas's alpha channel: 0 when nothing is drawn."""
    return tab.page.evaluate(
        """([side, layer]) => { const c = document.querySelector(`#map-${side} canvas.${layer}`);
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let sum = 0; for (let i = 3; i < d.length; i += 4) sum += d[i]; return sum; }""",
        [side, layer],
    )


def set_slider(tab: Any, stop: int) -> None:
    tab.page.evaluate(
        "stop => { const s = document.querySelector('.slider'); s.value = stop; s.dispatchEvent(new Event('input')) }",
        stop,
    )


def at_rest(tab: Any, epoch: int) -> None:
    tab.until(
        f"epoch {epoch} is drawn",
        lambda stats: stats["epoch"] == epoch and not stats["moving"] and stats["still"],
    )


def test_the_slider_moves_points_regions_and_panels_of_both_runs(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    tab = open_tab("?runs=digits-cnn,digits-mlp&pin=5")
    first, last = runs[0].epochs[0], runs[0].epochs[-1]
    at_rest(tab, last)
    tab.see("saliency of both runs", "() => document.querySelectorAll('.inspector .tile canvas').length >= 8")
    clouds = [canvas_sum(tab, "cloud", side) for side in "ab"]
    ground = [pixels(tab, f"#map-{side}") for side in "ab"]
    probability = tab.page.locator(".card").inner_text()
    neurons = tab.see(
        "neurons", "() => [...document.querySelectorAll('.bars .bar-value')].map(e => e.textContent).join()"
    )
    set_slider(tab, 0)
    at_rest(tab, first)
    for at, side in enumerate("ab"):
        assert clouds[at] > 0
        assert (pixels(tab, f"#map-{side}") != ground[at]).any()
    tab.see(
        "the sample's card follows",
        f"() => document.querySelector('.card').innerText !== {probability!r}",
    )
    tab.see(
        "the neurons follow",
        "() => [...document.querySelectorAll('.bars .bar-value')].map(e => e.textContent).join() !== "
        + repr(neurons),
    )


@pytest.mark.parametrize("ratio", [1, 2])
def test_dots_are_where_the_store_says(open_tab: Callable[..., Any], runs: list[Any], ratio: int) -> None:
    tab = open_tab(f"{SIDE_A}&epoch={runs[0].epochs[2]}", device_scale_factor=ratio)
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
        positions = runs[0].positions(runs[0].epochs[2])
        scale = box["width"] / width
        for row in range(0, len(positions), 18):
            shown = tab.page.evaluate("id => window.timetravel.sampleAt(id)", int(runs[0].samples.ids[row]))
            x = box["x"] + (positions[row, 0] - cx) * scale + box["width"] / 2
            y = box["y"] - (positions[row, 1] - cy) * scale + box["height"] / 2
            assert abs(shown[0] - x) < 0.5
            assert abs(shown[1] - y) < 0.5


def test_the_saliency_on_the_page_is_what_captum_says(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    import torch
    from captum.attr import Saliency

    from timetravel.demo import FACTORIES
    from timetravel.explain.rebuild import rebuild

    run, epoch = runs[0], runs[0].epochs[-1]
    tab = open_tab(f"{SIDE_A}&epoch={epoch}")
    shown = tab.page.evaluate(
        """async ([epoch]) => {
          const post = await fetch('jobs', {method: 'POST', headers: {'Content-Type': 'application/json'},
            body: JSON.stringify({kind: 'saliency', run: 'digits-cnn', row: 5, epochs: [epoch], method: 'saliency', target: 'predicted'})});
          let job = await post.json();
          while (job.state === 'queued' || job.state === 'running') {
            await new Promise(r => setTimeout(r, 100)); job = await (await fetch(`jobs/${job.id}`)).json(); }
          const blob = await (await fetch(`jobs/${job.id}/result.bin`)).arrayBuffer();
          return {job, values: [...new Float32Array(blob)]}; }""",
        [epoch],
    )
    assert shown["job"]["state"] == "done", shown["job"]
    model = rebuild(*FACTORIES["digits-cnn"], run.checkpoint(epoch))
    inputs = torch.from_numpy(np.asarray(run.inputs([run.samples.ids[5]]).arrays[0], np.float32))[
        None
    ].requires_grad_()
    target = int(run.predictions(epoch).predicted[5])
    expected = Saliency(model).attribute(inputs, target=target).detach().numpy().ravel()
    np.testing.assert_allclose(shown["values"], expected, rtol=1e-5, atol=1e-7)


def test_a_lasso_selects_what_lies_in_it_and_undo_takes_it_back(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    tab = open_tab(SIDE_A)
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
        "ids => ids.map(id => window.timetravel.sampleAt(id))", [int(one) for one in runs[0].samples.ids]
    )
    inside = sum(points[0][0] <= x <= points[1][0] and points[0][1] <= y <= points[2][1] for x, y in places)
    assert abs(stats["selected"] - inside) <= max(3, inside * 0.02)
    assert stats["visible"] == len(runs[0].samples)  # selecting dims, it never hides
    tab.page.keyboard.press("Control+z")
    tab.until("undone", lambda now: now["selected"] == 0)
    tab.page.keyboard.press("Control+Shift+z")
    tab.until("redone", lambda now: now["selected"] == stats["selected"])


def test_a_search_selects_the_same_samples_as_python(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    epoch = runs[0].epochs[1]
    tab = open_tab(f"{SIDE_A}&epoch={epoch}")
    query = "label:5 wrong"
    tab.page.keyboard.press("/")
    tab.page.keyboard.type(query)
    tab.page.keyboard.press("Enter")
    expected = runs[0].select(query, epoch=epoch)
    assert len(expected)
    tab.until("the search answered", lambda now: now["selected"] == len(expected))
    assert "selection=" in tab.see(
        "the link follows", "() => location.search.includes('selection=') && location.search"
    )


def test_a_wrong_search_says_where_and_what_instead(open_tab: Callable[..., Any]) -> None:
    tab = open_tab(SIDE_A)
    tab.allowed.append("400 (Bad Request)")
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("lable:5")
    tab.page.keyboard.press("Enter")
    assert "label" in tab.see("an answer", "() => document.querySelector('.search-message').innerText")


def test_the_legend_counts_and_shows_a_class_alone(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    tab = open_tab(SIDE_A)
    counts = tab.page.locator(".legend-list .count").all_inner_texts()
    labels = runs[0].samples.labels
    assert counts[:10] == [str(int((labels == index).sum())) for index in range(10)]
    tab.page.locator(".legend-list button").nth(3).click()
    tab.until("only the threes", lambda now: now["visible"] == int((labels == 3).sum()))
    tab.page.locator(".legend-list .link").click()
    tab.until("all again", lambda now: now["visible"] == len(labels))


def test_a_link_restores_the_view_in_a_fresh_browser(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    epoch = runs[0].epochs[2]
    first = open_tab(f"{SIDE_A}&epoch={epoch}&color=loss&layers=regions,trails&selection=label%3A3&pin=8")
    first.until(
        "the selection is there", lambda now: now["selected"] == int((runs[0].samples.labels == 3).sum())
    )
    at_rest(first, epoch)
    link = first.page.evaluate("location.search")
    second = open_tab(link)
    second.until("the selection is there", lambda now: now["selected"] == first.stats()["selected"])
    at_rest(second, epoch)
    for name in ("runs", "epoch", "color", "layers", "selected", "pinned", "camera"):
        assert second.stats()[name] == first.stats()[name], name
    assert (pixels(first, "#map-a") == pixels(second, "#map-a")).mean() > 0.999


def test_the_back_button_goes_back(open_tab: Callable[..., Any]) -> None:
    tab = open_tab(SIDE_A)
    tab.page.locator(".map-tools select").select_option("loss")
    tab.see("the link follows", "() => location.search.includes('color=loss')")
    tab.page.locator(".map-tools select").select_option("correct")
    tab.see("the link follows", "() => location.search.includes('color=correct')")
    tab.page.go_back()
    tab.until("back to loss", lambda now: now["color"] == "loss")


def test_everything_is_reached_by_keyboard(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    tab = open_tab(SIDE_A)
    epochs = runs[0].epochs
    tab.page.keyboard.press("Home")
    tab.until("first", lambda now: now["epoch"] == epochs[0])
    tab.page.keyboard.press("ArrowRight")
    tab.until("second", lambda now: now["epoch"] == epochs[1])
    tab.page.keyboard.press("End")
    tab.until("last", lambda now: now["epoch"] == epochs[-1])
    tab.page.keyboard.press("r")
    tab.until("regions off", lambda now: "regions" not in now["layers"])
    tab.page.keyboard.press("a")
    tab.until("all selected", lambda now: now["selected"] == len(runs[0].samples))
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


def test_play_visits_every_epoch(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    tab = open_tab(f"{SIDE_A}&epoch={runs[0].epochs[0]}")
    for _ in range(4):
        tab.page.keyboard.press("]")
    tab.page.keyboard.press("Space")
    seen = set()
    while len(seen) < len(runs[0].epochs):
        seen.add(tab.until("another epoch", lambda now: now["epoch"] not in seen)["epoch"])
    assert seen == set(runs[0].epochs)


def test_reduced_motion_has_no_tween(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    tab = open_tab(SIDE_A, reduced_motion="reduce")
    tab.page.keyboard.press("Home")
    tab.until("first", lambda now: now["epoch"] == runs[0].epochs[0] and not now["moving"])
    assert tab.stats()["lastTweenFps"] is None or np.isnan(tab.stats()["lastTweenFps"])


def test_dark_mode_follows_the_system(open_tab: Callable[..., Any]) -> None:
    light, dark = (
        pixels(open_tab(SIDE_A, color_scheme=scheme), "body").mean() for scheme in ("light", "dark")
    )
    assert light > 180
    assert dark < 90


def test_hovering_shows_the_sample_and_a_click_pins_it(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    tab = open_tab(SIDE_A)
    sample = int(runs[0].samples.ids[40])
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


def test_cells_of_the_confusion_matrix_select(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    tab = open_tab(f"{SIDE_A}&view=confusion")
    tab.see("the matrix", "() => document.querySelectorAll('table.confusion tbody tr').length === 10")
    said, labels = runs[0].predictions(runs[0].epochs[-1]).predicted, runs[0].samples.labels
    shown = tab.page.evaluate(
        "() => [...document.querySelectorAll('table.confusion tbody tr')].map(r => [...r.querySelectorAll('button')].map(b => Number(b.innerText || 0)))"
    )
    expected = np.zeros((10, 10), int)
    np.add.at(expected, (labels, said), 1)
    assert shown == expected.tolist()
    tab.page.locator("table.confusion tbody tr").nth(4).locator("button").nth(4).click()
    tab.until("the cell's samples", lambda now: now["selected"] == expected[4, 4])


def test_agreement_of_two_runs_counts_and_selects(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    tab = open_tab("?view=compare")
    last = [run.predictions(run.epochs[-1]).correct for run in runs]
    expected = [
        (last[0] & last[1]).sum(),
        (last[0] & ~last[1]).sum(),
        (~last[0] & last[1]).sum(),
        (~last[0] & ~last[1]).sum(),
    ]
    tab.see("the counts", "() => document.querySelectorAll('.cell-button strong').length === 4")
    shown = [int(text.replace(",", "")) for text in tab.page.locator(".cell-button strong").all_inner_texts()]
    assert shown == [int(count) for count in expected]
    tab.page.locator(".cell-button").nth(1).click()
    tab.until("only A right", lambda now: now["selected"] == expected[1])


def test_two_tabs_do_not_disturb_each_other(open_tab: Callable[..., Any], runs: list[Any]) -> None:
    first, second = open_tab(SIDE_A), open_tab(SIDE_A)
    first.page.keyboard.press("Home")
    first.until("first epoch", lambda now: now["epoch"] == runs[0].epochs[0])
    assert second.stats()["epoch"] == runs[0].epochs[-1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["", "confusion", "table"])
def test_no_serious_fault_of_accessibility(open_tab: Callable[..., Any], scheme: str, view: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    tab = open_tab(f"{SIDE_A}&pin=5&view={view}", color_scheme=scheme)
    tab.see("the inspector", "() => document.querySelector('.card h3')")
    tab.page.add_script_tag = (
        None  # scripts of the page's own server alone may run: the policy forbids others
    )
    context = tab.page.context.browser.new_context(
        bypass_csp=True, color_scheme=scheme, viewport={"width": 1280, "height": 800}
    )
    page = context.new_page()
    page.goto(tab.page.url)
    page.wait_for_timeout(2500)
    found = Axe().run(page).response["violations"]
    context.close()
    serious = [
        f"{one['id']}: {one['help']} {[node['target'] for node in one['nodes']][:4]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert not serious, serious


def test_a_server_that_goes_and_comes_back_loses_nothing(
    open_tab: Callable[..., Any], served: Any, runs: list[Any]
) -> None:
    tab = open_tab(f"{SIDE_A}&epoch={runs[0].epochs[1]}&selection=label%3A3")
    tab.allowed += ["ERR_CONNECTION_REFUSED", "WebSocket", "Lost websocket", "Failed to load", "bokeh"]
    chosen = tab.until("selected", lambda now: now["selected"] > 0)["selected"]
    served.stop()
    tab.page.evaluate("() => fetch('runs.json').catch(() => 0)")
    tab.see("the banner", "() => !document.getElementById('banner').hidden")
    card = tab.page.inner_text("#inspector")
    tab.page.keyboard.press("End")
    tab.page.wait_for_timeout(600)
    assert tab.page.inner_text("#inspector").splitlines()[0] == card.splitlines()[0]  # nothing went blank
    served.start()
    tab.see("it is back", "() => document.getElementById('banner').hidden")
    last = runs[0].epochs[-1]
    tab.see(
        "the panel caught up",
        f"() => document.querySelector('#inspector h3').textContent.includes('epoch {last}')",
    )
    stats = tab.stats()
    assert stats["selected"] == chosen
    assert stats["epoch"] in runs[0].epochs
    tab.page.keyboard.press("Home")
    tab.until("it travels on", lambda now: now["epoch"] == runs[0].epochs[0] and not now["moving"])


def test_the_one_file_page_opens_from_disk(browser: Any, runs: list[Any], tmp_path: Any) -> None:
    from timetravel.render.page import write_page

    out = tmp_path / "travel.html"
    write_page(runs[0], out)
    page = browser.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(out.as_uri())
    page.wait_for_timeout(1200)
    stats = page.evaluate("() => window.timetravel.stats()")
    assert stats["points"] == len(runs[0].samples)
    assert stats["epochs"] == runs[0].epochs
    page.keyboard.press("Home")
    page.wait_for_timeout(700)
    assert page.evaluate("() => window.timetravel.stats().epoch") == runs[0].epochs[0]
    drawn = page.evaluate("() => document.getElementById('map').toDataURL()")
    assert len(base64.b64decode(drawn.split(",")[1])) > 20_000
    assert not wrong
    page.close()
