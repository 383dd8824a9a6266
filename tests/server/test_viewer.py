"""The page steered from Python."""

import html
import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from made_runs import EPOCHS, N

import timetravel
from timetravel.errors import TimetravelError
from timetravel.server.viewer import Viewer

STATE = "Bokeh.documents[0].get_model_by_name('state')"


@pytest.fixture
def viewer(runs: dict[str, Path]) -> Iterator[Viewer]:
    with timetravel.show(runs["made"], open_browser=False, live=False) as viewer:
        yield viewer


def test_a_viewer_serves_the_run_and_shows_itself_as_a_frame(viewer: Viewer) -> None:
    from urllib.request import urlopen

    assert viewer.url.startswith("http://127.0.0.1:")
    with urlopen(viewer.url + "runs.json", timeout=60) as answer:
        assert json.load(answer)["runs"] == ["made"]
        assert "http://localhost:*" in answer.headers["Content-Security-Policy"]
    assert f'src="{html.escape(viewer.url)}"' in viewer._repr_html_()
    assert viewer.url in repr(viewer)


def test_without_a_page_nothing_is_selected_and_no_epoch_is_shown(viewer: Viewer) -> None:
    assert viewer.epoch is None
    assert viewer.selection.tolist() == []


def test_what_python_sets_it_reads_back(viewer: Viewer) -> None:
    viewer.epoch = 3
    viewer.selection = [120, 101]
    assert viewer.epoch == 3
    assert sorted(viewer.selection.tolist()) == [101, 120]
    viewer.selection = []
    assert viewer.selection.tolist() == []


def test_an_epoch_or_sample_that_is_not_there_is_refused(viewer: Viewer) -> None:
    with pytest.raises(ValueError, match="recorded are"):
        viewer.epoch = 2
    with pytest.raises(TimetravelError, match="no sample"):
        viewer.selection = [7]


def test_a_closed_viewer_says_so_and_frees_its_port(runs: dict[str, Path]) -> None:
    import socket

    viewer = timetravel.show(runs["made"], runs["other"], open_browser=False)
    port = int(viewer.url.rstrip("/").rpartition(":")[2])
    viewer.close()
    viewer.close()
    with pytest.raises(TimetravelError, match="closed"):
        _ = viewer.epoch
    assert "closed" in viewer._repr_html_()
    assert "iframe" not in viewer._repr_html_()
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_asked_again_it_gives_the_viewer_that_is_open(runs: dict[str, Path]) -> None:
    viewer = timetravel.show(runs["bare"], open_browser=False)
    assert timetravel.show(str(runs["bare"]), open_browser=False) is viewer
    other = timetravel.show(runs["bare"], runs["made"], open_browser=False)
    assert other is not viewer
    other.close()
    viewer.close()
    with timetravel.show(runs["bare"], open_browser=False) as fresh:
        assert fresh is not viewer
        assert fresh.is_open


def test_a_path_that_is_no_run_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(TimetravelError, match="no run"):
        timetravel.show(tmp_path, open_browser=False)


@pytest.fixture
def page(browser: Any, viewer: Viewer) -> Iterator[Any]:
    """A Chromium page of the viewer whose Bokeh document is there; fails on errors in its console."""
    troubles: list[str] = []
    strangers: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "request",
        lambda request: (
            strangers.append(request.url)
            if not request.url.startswith((viewer.url, "data:", "blob:"))
            else None
        ),
    )
    page.goto(viewer.url)
    until(page, f"window.Bokeh && Bokeh.documents.length && {STATE} && true")
    yield page
    page.close()
    assert not troubles
    assert not strangers


def until(page: Any, expression: str) -> Any:
    """The value of an expression once it is true; the policy of the page forbids Playwright's own waiting."""
    for _ in range(600):
        value = page.evaluate(f"() => ({expression})")
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(expression)


def eventually(read: Callable[[], Any], expected: Any) -> None:
    for _ in range(600):
        if read() == expected:
            return
        time.sleep(0.05)
    raise AssertionError((read(), expected))


@pytest.mark.browser
def test_epoch_and_selection_go_both_ways(viewer: Viewer, page: Any, runs: dict[str, Path]) -> None:
    eventually(lambda: viewer.epoch, EPOCHS[-1])  # the page has told what it opened with
    # From the page to Python, as the page's own code does it: a posted mask, then the state.
    key = page.evaluate(
        "async () => (await (await fetch('data/made/mask.json', {method: 'POST', body: JSON.stringify({rows: [3, 9]})})).json()).key"
    )
    page.evaluate(f"key => {STATE}.setv({{epoch: 3, selection_key: key}})", key)
    eventually(lambda: viewer.epoch, 3)
    with timetravel.open_run(runs["made"]) as run:
        ids = run.samples.ids
    eventually(lambda: sorted(viewer.selection.tolist()), sorted(ids[[3, 9]].tolist()))
    # From Python to the page.
    viewer.epoch = 1
    command = json.loads(until(page, f"{STATE}.command.includes('\"epoch\": 1') && {STATE}.command"))
    assert command["n"] == 1
    viewer.selection = ids[[4]]
    command = json.loads(until(page, f"{STATE}.command.includes('\"n\": 2') && {STATE}.command"))
    bits = page.evaluate(
        "async key => [...new Uint8Array(await (await fetch(`data/made/mask/${key}.bin`)).arrayBuffer())]",
        command["selection_key"],
    )
    assert np.flatnonzero(np.unpackbits(np.array(bits, np.uint8), bitorder="little")[:N]).tolist() == [4]


@pytest.mark.browser
def test_python_knows_what_a_page_shows_that_nobody_has_touched(viewer: Viewer, page: Any) -> None:
    eventually(lambda: viewer.epoch, EPOCHS[-1])


@pytest.mark.browser
def test_a_page_that_opens_shows_what_python_asked_for_before(
    viewer: Viewer, browser: Any, runs: dict[str, Path]
) -> None:
    with timetravel.open_run(runs["made"]) as run:
        viewer.selection = run.samples.ids[[4, 7]]
    viewer.epoch = EPOCHS[0]
    page = browser.new_page()
    page.goto(viewer.url)
    until(page, f"window.timetravel?.stats().epoch === {EPOCHS[0]} && timetravel.stats().selected === 2")
    page.goto(f"{viewer.url}?epoch={EPOCHS[1]}")
    until(page, "window.timetravel?.stats().selected === 2")
    assert page.evaluate("() => timetravel.stats().epoch") == EPOCHS[1]
    page.close()


@pytest.fixture
def notebook(viewer: Viewer) -> Iterator[str]:
    """The address of a page of another origin on this machine that shows the viewer as a notebook does."""

    class Cell(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><link rel=icon href=data:,>" + viewer._repr_html_().encode())

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Cell) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


@pytest.mark.browser
def test_in_a_notebook_the_page_is_ready_in_its_frame_and_obeys(
    viewer: Viewer, browser: Any, notebook: str
) -> None:
    page = browser.new_page(viewport={"width": 828, "height": 900})
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(notebook)
    frame = page.frame(url=viewer.url)
    until(frame, "window.timetravel?.stats().ready")
    viewer.epoch = EPOCHS[0]
    until(frame, f"timetravel.stats().epoch === {EPOCHS[0]}")
    assert page.locator("iframe").bounding_box()["height"] == 720
    page.close()
    assert not troubles


@pytest.mark.browser
def test_a_state_round_trip_reaches_the_page_quickly(viewer: Viewer, page: Any) -> None:
    for epoch in EPOCHS:
        viewer.epoch = epoch
    assert until(page, f"{STATE}.command.includes('\"epoch\": {EPOCHS[-1]}')")
