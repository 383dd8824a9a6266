"""The page in a real browser: numbers first, pixels second, and no error in its console."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from looking import at_rest, canvas_sum, pixels, set_slider

pytestmark = pytest.mark.browser

SIDE_A = "?runs=digits-cnn"


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


def test_a_wrong_search_says_where_and_what_instead(open_tab: Callable[..., Any]) -> None:
    tab = open_tab(SIDE_A)
    tab.allowed.append("400 (Bad Request)")
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("lable:5")
    tab.page.keyboard.press("Enter")
    assert "label" in tab.see("an answer", "() => document.querySelector('.search-message').innerText")


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["", "confusion", "curves", "events", "table"])
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
    tab.see("the banner", "() => !document.getElementById('banner').hidden")
    card = tab.page.inner_text("#inspector")
    tab.page.keyboard.press("End")
    tab.page.wait_for_timeout(600)
    assert tab.page.inner_text("#inspector").splitlines()[0] == card.splitlines()[0]  # nothing went blank
    figures = tab.see("figures", "() => document.querySelector('[data-figures=a]').innerText")
    assert f"still epoch {runs[0].epochs[1]}" in figures  # what stands beside the dots is theirs
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
    assert "still epoch" not in tab.page.inner_text("[data-figures=a]")
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
