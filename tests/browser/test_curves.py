"""The curves of what was recorded over the epochs: their numbers are those of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import Running, write_map, write_run

pytestmark = pytest.mark.browser

VALUES = """name => Object.fromEntries([...document.querySelectorAll(`[data-scalar="${name}"] tbody tr:not(.apart)`)]
  .map((row) => [row.children[0].textContent, [...row.children].slice(1).map((cell) => Number(cell.textContent.replace('−', '-')))]))"""


def close(shown: float, recorded: float) -> bool:
    return abs(shown - recorded) <= 6e-4 * abs(recorded)


def test_curves_show_what_each_epoch_of_the_run_recorded(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    run = runs[0]
    tab = open_tab(f"?runs=digits-cnn&view=curves&epoch={run.epochs[2]}")
    tab.see("the accuracy", "() => document.querySelector('[data-scalar^=\"accuracy of\"]')")
    plot = tab.page.locator('[data-scalar="loss"] .plot')
    plot.focus()
    for at, epoch in ((2, run.epochs[2]), (4, run.epochs[4])):
        tab.page.keyboard.press("Home")  # the pointer, not the page
        for _ in range(at + 1):
            tab.page.keyboard.press("ArrowRight")
        pointed, record = run.records[at + 1], run.records[at]
        tab.see(
            "the epoch shown",
            f"() => document.querySelector('.curves-told').textContent.startsWith('epoch {epoch} ')",
        )
        for scalar in ("loss", "accuracy"):
            shown = tab.page.evaluate(VALUES, scalar)
            assert sorted(shown) == ["train", "val"]
            for split, (there, now) in shown.items():
                assert close(now, record.metrics[f"{split}_{scalar}"])
                assert close(there, pointed.metrics[f"{split}_{scalar}"])
        shown = tab.page.evaluate(VALUES, "accuracy of the recorded samples")
        for split, (_, now) in shown.items():
            mine = run.samples.split == split
            assert close(now, run.predictions(epoch).correct[mine].mean())
        assert close(tab.page.evaluate(VALUES, "learning rate")["value"][1], record.learning_rates[0])
        tab.page.keyboard.press("Home")
        for _ in range(4):
            tab.page.keyboard.press("ArrowRight")
        tab.page.keyboard.press("Enter")
        tab.until("travelled", lambda now: now["epoch"] == run.epochs[4])
    box = plot.bounding_box()
    tab.page.mouse.click(box["x"] + 47, box["y"] + 40)
    tab.until("the first epoch", lambda now: now["epoch"] == run.epochs[0])


def test_two_runs_share_a_chart_and_a_scale_and_the_choice_stays(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    tab = open_tab("?view=curves")
    shown = tab.see(
        "the values",
        f"() => {{ const found = ({VALUES})('loss'); return Object.keys(found).length && found; }}",
    )
    for letter, run in zip("AB", runs, strict=True):
        for split in ("train", "val"):
            assert close(shown[f"{letter} {split}"][1], run.records[-1].metrics[f"{split}_loss"])
    tab.page.locator(".curves-head button", has_text="log").click()
    tab.page.evaluate(
        "() => { const one = document.querySelector('.curves-head input'); one.value = 0.5; one.dispatchEvent(new Event('input')); }"
    )
    assert tab.page.locator('[data-scalar="loss"] path.raw').count() == 4
    assert tab.page.locator('[data-scalar="loss"] path.smooth').count() == 4
    tab.page.reload()
    tab.see("the choice", "() => document.querySelectorAll('.curves-plot path.raw').length >= 4")
    assert tab.page.locator(".curves-head button", has_text="log").get_attribute("aria-pressed") == "true"


def test_pictures_of_a_sample_have_a_scale_within_their_height(
    open_tab: Callable[..., Any], runs: list[Any]
) -> None:
    tab = open_tab("?runs=digits-cnn&pin=5")
    tab.see("two charts", "() => document.querySelectorAll('#inspector .chart-axes').length >= 2")
    shown = tab.page.evaluate(
        "() => [...document.querySelectorAll('#inspector .chart-axes')].slice(0, 2).map((one) => [one.offsetHeight, [...one.querySelectorAll('span')].map((end) => end.textContent)])"
    )
    ends = [str(runs[0].epochs[0]), str(runs[0].epochs[-1])]
    assert shown[0] == [76, ["1", "0", *ends]]
    assert shown[1][0] == 40
    loss = [run_loss(runs[0], epoch) for epoch in runs[0].epochs]
    high, low = (float(text) for text in shown[1][1][:2])
    assert abs(high - max(loss)) <= 0.06 * max(loss)
    assert abs(low - min(loss)) <= 0.06 * min(loss)
    assert shown[1][1][2:] == ends


def run_loss(run: Any, epoch: int) -> float:
    """The loss of the pinned sample, from its logits."""
    row = list(run.samples.ids).index(5)
    logits = run.logits(epoch)[row].astype(float)
    return float(
        np.log(np.exp(logits - logits.max()).sum()) - (logits[run.samples.labels[row]] - logits.max())
    )


def test_a_run_without_any_number_says_how_to_record_one(
    open_tab: Callable[..., Any], tmp_path: Path
) -> None:
    path = write_run(tmp_path / "bare", bare=True)
    write_map(path)
    running = Running([path])
    try:
        tab = open_tab("?view=curves", at=f"http://127.0.0.1:{running.port}/")
        tab.see("the learning rate", "() => document.querySelectorAll('.curves-chart').length === 1")

        def without(route: Any) -> None:
            run = route.fetch().json()
            route.fulfill(json={**run, "learning_rate": [None] * len(run["epochs"])})

        tab.page.route("**/run.json*", without)
        tab.page.reload()
        said = tab.see("words", "() => document.querySelector('.curves-body .empty')?.textContent")
        assert "recorder.record(" in said
        assert tab.page.locator(".curves-head").is_hidden()
    finally:
        running.close()
