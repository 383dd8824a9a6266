"""Two runs whose epochs differ: the slider holds those of either, and who lacks one says what is shown instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_runs
import pytest
from looking import set_slider
from made_runs import Running, write_map, write_run

from timetravel.analyze.stops import stops_by_epoch

pytestmark = pytest.mark.browser

EPOCHS = {"a": (1, 4, 8), "b": (0, 2, 4, 6)}


def test_the_slider_holds_the_epochs_of_either_run(
    open_tab: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, (name, epochs) in enumerate(EPOCHS.items()):
        monkeypatch.setattr(made_runs, "EPOCHS", epochs)
        write_map(write_run(tmp_path / name, seed=seed, name=name))
    running = Running([tmp_path / name for name in EPOCHS])
    try:
        address = f"http://127.0.0.1:{running.port}/"
        tab = open_tab("?runs=a,b", at=address)
        stops = stops_by_epoch(EPOCHS["a"], EPOCHS["b"])
        assert tab.page.locator(".slider").get_attribute("max") == str(len(stops) - 1)
        for at, stop in enumerate(stops):
            set_slider(tab, at)
            tab.until("both epochs", lambda now, stop=stop: now["shown"] == [stop.a, stop.b] and now["still"])
            assert tab.page.locator(".jump").input_value() == str(stop.epoch)
            said = tab.page.locator(".reason").inner_text()
            for side, shown, holds in (("A", stop.a, stop.holds_a), ("B", stop.b, stop.holds_b)):
                assert (f"{side} has no epoch {stop.epoch} and shows {shown}" in said) == holds
                title = tab.page.locator(f"[data-map-title={side.lower()}]").inner_text()
                assert (f"(no {stop.epoch})" in title) == holds
        set_slider(tab, 4)
        tab.see("the link", f"() => location.search.includes('epoch={stops[4].epoch}')")
        other = open_tab(tab.page.evaluate("() => location.search"), at=address)
        other.until("the same stop", lambda now: now["shown"] == [stops[4].a, stops[4].b])
        other.page.keyboard.press("ArrowRight")
        other.until("the next stop", lambda now: now["shown"] == [stops[5].a, stops[5].b])
    finally:
        running.close()
