"""What the page says and does when facts are missing, rounds are labelled, or a run grows while it is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import N, Running, made_epoch, write_map, write_run

from timetravel.run import open_run
from timetravel.store.facts import EpochFacts, EpochRecord
from timetravel.store.maps import MapWriter
from timetravel.store.writer import FactsWriter

pytestmark = pytest.mark.browser


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Starts a server over run folders and gives its address."""
    started: list[Running] = []

    def start(*paths: Path, **options: Any) -> str:
        started.append(Running(list(paths), **options))
        return f"http://127.0.0.1:{started[-1].port}/"

    yield start
    for running in started:
        running.close()


def test_labelled_dots_are_filled_the_pool_is_hollow_and_rounds_are_told(
    open_tab: Callable[..., Any], serve: Callable[..., str], tmp_path: Path
) -> None:
    path = write_run(tmp_path / "rounds")
    write_map(path)
    tab = open_tab("?epoch=1", at=serve(path))
    with open_run(path) as run:
        moments = {epoch: run.labelling(epoch) for epoch in run.epochs}
        present = {epoch: run.present(epoch) for epoch in run.epochs}
    for stop, epoch in enumerate(moments):
        tab.page.keyboard.press("Home")
        for _ in range(stop):
            tab.page.keyboard.press("ArrowRight")
        hollow = int((~moments[epoch].labelled & present[epoch]).sum())
        tab.until(
            "the pool",
            lambda now, hollow=hollow, epoch=epoch: (now["epoch"], now["hollow"]) == (epoch, hollow),
        )
        labelled = int(moments[epoch].labelled.sum())
        tab.see(
            "the count",
            f"() => document.querySelector('.legend').textContent.includes('{labelled} labelled')",
        )
    tab.page.click("[data-view=labelling]")
    tab.see("the rounds", f"() => document.querySelectorAll('.view tbody tr').length === {len(moments)}")
    picked = int(moments[0].picked.sum())
    tab.page.click(".view tbody tr:first-child td:nth-child(4) button")
    tab.until("its picks", lambda now: now["selected"] == picked)


def test_a_run_of_representations_alone_opens_and_says_what_it_lacks(
    open_tab: Callable[..., Any], serve: Callable[..., str], tmp_path: Path
) -> None:
    path = write_run(tmp_path / "bare", name="bare", bare=True)
    write_map(path)
    tab = open_tab("?pin=120", at=serve(path))
    assert tab.stats()["points"] == N
    words = tab.see(
        "each panel's word",
        "() => { const t = document.querySelector('.inspector').innerText; return t.includes('Saliency') && t.includes('Neurons') && t; }",
    )
    assert "no image" in words
    assert "No logits were recorded" in words
    assert tab.page.locator("[data-view=confusion]").count() == 0
    assert tab.page.locator("[data-layer=images]").count() == 0


def test_a_run_without_a_map_says_how_to_make_one(
    open_tab: Callable[..., Any], serve: Callable[..., str], tmp_path: Path
) -> None:
    path = write_run(tmp_path / "mapless")
    tab = open_tab("", at=serve(path))
    words = tab.page.inner_text(".no-map")
    assert "timetravel project" in words
    assert "Make the map now" in words
    tab.page.click("[data-view=cube]")
    tab.see("the cube's word", "() => document.querySelector('.view').textContent.includes('needs a map')")
    tab.page.keyboard.press("Home")
    tab.until("time still moves", lambda now: now["epoch"] == now["epochs"][0])


def test_epochs_that_are_committed_while_the_page_is_open_appear(
    open_tab: Callable[..., Any], serve: Callable[..., str], tmp_path: Path
) -> None:
    path = write_run(tmp_path / "growing")
    write_map(path)
    tab = open_tab("", at=serve(path, live=True))
    assert tab.stats()["epochs"] == [0, 1, 3, 4]
    with open_run(path) as run:
        description, samples = run.description, run.samples
        x, head = run.representations(4), run.head(4)
    with FactsWriter.open(path, description, samples) as writer:
        writer.commit(
            EpochFacts(
                record=EpochRecord(epoch=7, step=70, seconds=0.5, learning_rates=(0.01,), metrics={}),
                sample_ids=samples.ids,
                representations=x,
                head=head,
                logits=head.logits(x).astype(np.float32),
            )
        )
    tab.until("the new epoch is shown", lambda now: now["epochs"] == [0, 1, 3, 4, 7] and now["epoch"] == 7)
    assert tab.stats()["shown"] == [4]  # the map has not got there
    tab.see(
        "and it is said", "() => document.getElementById('status').textContent.includes('map up to epoch 4')"
    )
    random = np.random.default_rng(0)
    with open_run(path) as run, MapWriter.open(run, run.map().description) as maps:
        places = run.map().positions(4) + 1
        maps.commit([made_epoch(7, places, run.present(7), random, with_raster=True)], {"ppr": 0.99})
    tab.until("the map follows", lambda now: now["shown"] == [7])


def test_two_runs_of_different_classes_say_so(
    open_tab: Callable[..., Any], serve: Callable[..., str], tmp_path: Path
) -> None:
    paths = [write_run(tmp_path / name, name=name) for name in ("one", "other")]
    for path in paths:
        write_map(path)
    tab = open_tab("?view=compare", at=serve(*paths))
    tab.see("counts", "() => document.querySelectorAll('.cell-button').length === 4")
    assert tab.page.locator(".figures-line").count() == 2


def test_the_inspector_and_the_curves_fold_away_and_the_browser_remembers(
    open_tab: Callable[..., Any],
) -> None:
    tab = open_tab()
    height = tab.page.locator("#map-a").bounding_box()["height"]
    width = tab.page.locator("#map-a").bounding_box()["width"]
    tab.page.keyboard.press("|")
    tab.page.keyboard.press("\\")
    tab.see("the map grew", f"() => document.getElementById('map-a').clientHeight > {height} + 60")
    assert tab.page.locator("#map-a").bounding_box()["width"] > width + 100
    assert tab.page.locator(".slider").is_visible()
    assert not tab.page.locator(".timeline-chart").is_visible()
    tab.page.keyboard.press("Home")
    tab.until("time still travels", lambda now: now["epoch"] == now["epochs"][0])
    tab.page.reload()
    tab.until("the page is ready again", lambda now: now["ready"])
    assert not tab.page.locator(".timeline-chart").is_visible()
    assert not tab.page.locator("#inspector").is_visible()
    tab.page.get_by_role("button", name="curves").click()
    tab.page.keyboard.press("\\")
    tab.see("they are back", f"() => document.getElementById('map-a').clientHeight === {round(height)}")
    assert tab.page.locator("#inspector").is_visible()
