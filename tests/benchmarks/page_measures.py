"""What is measured on the page: each function drives one thing and gives its figures; none judges them."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from page_drive import Browser, Served, Tab, browser_pids, cpu_seconds

Figures = list[float]

CHANGED = "() => Number.isFinite(window.timetravel.stats().lastChangeMs)"
PAUSE_MS = 700
SHOWN_EPOCHS = 12
"""Epochs that are visited once before anything is timed: the page holds them then."""


@contextmanager
def opened(browser: Browser, url: str, **settings: Any) -> Iterator[Tab]:
    """A tab on the page, closed again."""
    tab = browser.tab(**settings)
    try:
        tab.open(url)
        yield tab
    finally:
        tab.close()


def visit(tab: Tab, count: int = SHOWN_EPOCHS) -> None:
    """Go over the first epochs and back, so that the page holds what they need."""
    tab.press("Home", holds=CHANGED)
    for _ in range(min(count, len(tab.stats()["epochs"])) - 1):
        tab.press("ArrowRight", holds=CHANGED)
        tab.rest(60)
    home(tab)


def home(tab: Tab) -> None:
    """Go to the first epoch, where `there_and_back` begins."""
    tab.press("Home", holds=CHANGED)
    tab.rest()


def there_and_back(tab: Tab, count: int) -> Iterator[str]:
    """Keys that walk over the visited epochs, to their end and back."""
    last = min(SHOWN_EPOCHS, len(tab.stats()["epochs"])) - 1
    for number in range(count):
        yield "ArrowRight" if (number // last) % 2 == 0 else "ArrowLeft"


def first_paint(browser: Browser, url: str) -> float:
    """Milliseconds from the navigation to dots that are drawn finely, in a browser that holds nothing."""
    tab = browser.tab()
    try:
        tab.page.goto(url, wait_until="commit")
        script = """async () => {
          while (!window.timetravel?.stats().ready) await new Promise((resolve) => setTimeout(resolve, 5));
          return performance.now(); }"""
        while True:
            try:
                return float(tab.page.evaluate(script))
            except Exception as error:  # the page was not there yet
                if "context" not in str(error):
                    raise
    finally:
        tab.close()


def epoch_changes(tab: Tab, count: int) -> tuple[Figures, Figures]:
    """(milliseconds from key to painted frame, milliseconds of our own code) of epochs that the page holds."""
    wall, own = [], []
    for key in there_and_back(tab, count):
        before = tab.stats()["epoch"]
        wall.append(tab.press(key, holds=CHANGED))
        now = tab.stats()
        assert now["epoch"] != before, "the key changed nothing"
        own.append(float(now["lastChangeMs"]))
        tab.rest(250)
    return wall, own


def held_key(tab: Tab, seconds: float = 3) -> float:
    """Epochs a second that are painted while an arrow key repeats every 33 ms."""
    home(tab)
    tab.page.evaluate(
        f"() => {{ window.probe.frames('keydown', {1000 * seconds}, () => window.timetravel.stats().epoch); }}"
    )
    end = time.monotonic() + seconds
    keys = there_and_back(tab, 10_000)
    while time.monotonic() < end:
        started = time.monotonic()
        tab.page.keyboard.press(next(keys))
        time.sleep(max(0.0, 0.033 - (time.monotonic() - started)))
    return tab.result()


def tweens(tab: Tab, count: int) -> Figures:
    """Frames a second of the movement between two epochs."""
    rates = []
    home(tab)
    for key in there_and_back(tab, count):
        before = tab.stats()["epoch"]
        tab.page.evaluate("() => { window.probe.frames('keydown', 400); }")
        tab.page.keyboard.press(key)
        rates.append(tab.result())
        assert tab.stats()["epoch"] != before, "the key changed nothing"
        tab.rest(250)
    return rates


def lassos(tab: Tab, count: int, vertices: int = 200) -> tuple[Figures, float]:
    """(milliseconds from the button's release to the painted selection, share of the samples that it took)."""
    walls: Figures = []
    share = 0.0
    box = tab.page.locator("#map-a").bounding_box()
    angles = np.linspace(np.pi, 3 * np.pi, vertices)  # from the left: the legend lies on the right
    for number in range(count):
        reach = 0.38 - 0.01 * (number % 3)
        xs = box["x"] + box["width"] / 2 + reach * box["width"] * np.cos(angles)
        ys = box["y"] + box["height"] / 2 + reach * box["height"] * np.sin(angles)
        tab.page.keyboard.press("l")
        tab.page.mouse.move(xs[0], ys[0])
        tab.page.mouse.down()
        for x, y in zip(xs[1:], ys[1:], strict=True):
            tab.page.mouse.move(x, y)
        holds = "() => window.timetravel.stats().selected > 0"
        tab.page.evaluate(f"() => {{ window.probe.painted('pointerup', {holds}); }}")
        tab.page.mouse.up()
        walls.append(tab.result())
        stats = tab.stats()
        share = stats["selected"] / stats["points"]
        tab.rest(300)
        tab.page.keyboard.press("Escape")  # leaves the tool
        tab.page.keyboard.press("Escape")  # and lets the selection go
        tab.until(lambda stats: stats["selected"] == 0)
        tab.rest(300)
    return walls, share


def pan_and_zoom(tab: Tab, seconds: float = 2) -> tuple[float, float]:
    """Frames a second in which the camera moved: while the mouse drags the map, while the wheel turns."""
    box = tab.page.locator("#map-a").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    seen = "() => window.timetravel.stats().camera.join()"
    rates = []
    for kind in ("pointerdown", "wheel"):
        tab.page.mouse.move(*middle)
        tab.rest()
        tab.page.evaluate(f"() => {{ window.probe.frames({kind!r}, {1000 * seconds}, {seen}); }}")
        if kind == "pointerdown":
            tab.page.mouse.down()
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            number += 1
            if kind == "pointerdown":
                turn = number / 12
                tab.page.mouse.move(middle[0] + 90 * np.sin(turn), middle[1] + 60 * np.cos(turn))
            else:
                tab.page.mouse.wheel(0, -40 if (number // 40) % 2 == 0 else 40)
        rates.append(tab.result())
        if kind == "pointerdown":
            tab.page.mouse.up()
    tab.page.keyboard.press("0")
    tab.rest()
    return rates[0], rates[1]


def hover(tab: Tab, ids: list[int]) -> tuple[Figures, Figures]:
    """(milliseconds from the pointer's last move to the painted card, milliseconds of finding the sample)."""
    cards, finds = [], []
    for one in ids:
        x, y = tab.page.evaluate("id => window.timetravel.sampleAt(id)", one)
        tab.page.mouse.move(5, 5)
        tab.page.wait_for_timeout(150)
        holds = "() => !document.querySelector('.hover-card').hidden"
        tab.page.evaluate(f"() => {{ window.probe.painted('pointermove', {holds}); }}")
        tab.page.mouse.move(x, y)
        cards.append(tab.result())
        script = """([x, y]) => { const from = performance.now();
          for (let i = 0; i < 10; i++) window.timetravel.idAt(x, y);
          return (performance.now() - from) / 10; }"""
        finds.append(float(tab.page.evaluate(script, [x, y])))
    tab.page.mouse.move(5, 5)
    return cards, finds


def cpu_per_change(server: Served, tab: Tab, count: int) -> float:
    """Milliseconds of processor time, of browser and server together, for one epoch change, drawn finely."""
    pids = [*browser_pids(), server.process.pid]
    before = cpu_seconds(pids)
    for key in there_and_back(tab, count):
        tab.press(key, holds=CHANGED)
        tab.page.wait_for_timeout(PAUSE_MS)  # asking the page whether it rests would cost processor time too
    return 1000 * (cpu_seconds(pids) - before) / count


def cpu_while_held(server: Served, tab: Tab, seconds: float = 3) -> float:
    """The same for one epoch of a held key, when nothing but the dots and the timeline is drawn."""
    pids = [*browser_pids(), server.process.pid]
    before = cpu_seconds(pids)
    rate = held_key(tab, seconds)
    return 1000 * (cpu_seconds(pids) - before) / (rate * seconds)


def cpu_of_scatter(browser: Browser, folder: Path, points: int, count: int) -> tuple[float, Figures]:
    """The same for Bokeh's own Scatter on its canvas: (milliseconds of processor time, wall milliseconds)."""
    from bokeh.embed import file_html
    from bokeh.models import ColumnDataSource, Range1d
    from bokeh.plotting import figure
    from bokeh.resources import INLINE

    rng = np.random.default_rng(0)
    source = ColumnDataSource({"x": [], "y": [], "color": []}, name="cloud")
    plot = figure(width=920, height=552, x_range=Range1d(start=-4, end=4), y_range=Range1d(start=-4, end=4))
    plot.scatter("x", "y", color="color", size=4, line_color=None, source=source)
    colors = rng.integers(0, 10, points)
    path = folder / f"scatter-{points}.html"
    path.write_text(file_html(plot, INLINE, "scatter"))
    tab = browser.tab()
    tab.page.goto(path.as_uri())
    tab.page.evaluate(
        """async ([colors, count]) => {
          while (!window.Bokeh?.documents?.[0]?.get_model_by_name("cloud")) await new Promise((r) => setTimeout(r, 20));
          const palette = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"];
          const color = colors.map((one) => palette[one]);
          const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
          const places = () => Float32Array.from({ length: count }, normal);
          window.stages = [0, 1].map(() => ({ x: places(), y: places(), color }));
          window.source = Bokeh.documents[0].get_model_by_name("cloud");
          addEventListener("keydown", (event) => { window.source.data = window.stages[event.key === "a" ? 0 : 1]; });
        }""",
        [colors.tolist(), points],
    )
    tab.press("a")
    tab.page.wait_for_timeout(2000)
    before = cpu_seconds(browser_pids())
    walls = []
    for number in range(count):
        walls.append(tab.press("b" if number % 2 == 0 else "a"))
        tab.page.wait_for_timeout(PAUSE_MS)
    spent = 1000 * (cpu_seconds(browser_pids()) - before) / count
    tab.close()
    return spent, walls


def session_memory(server: Served, browser: Browser, tabs: int = 5) -> float:
    """MiB of the server for each further tab that looks at what the first one has looked at."""
    first = browser.tab()
    opened_tabs = [first]
    try:
        first.open(server.url)
        visit(first)
        # The second still meets code and caches that are used for the first time.
        second = browser.tab()
        opened_tabs.append(second)
        second.open(server.url)
        visit(second)
        time.sleep(1)
        before = server.memory()
        for _ in range(tabs):
            tab = browser.tab()
            opened_tabs.append(tab)
            tab.open(server.url)
            visit(tab)
        time.sleep(1)
        return (server.memory() - before) / tabs
    finally:
        for tab in opened_tabs:
            tab.close()


def sessions_left(server: Served, count: int = 200) -> tuple[float, float]:
    """(MiB a session while all are open, MiB that are left once all have been closed and have expired)."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from tornado.httpclient import HTTPRequest
    from tornado.websocket import websocket_connect

    origin = server.url.rstrip("/")

    async def session() -> Any:
        loop = asyncio.get_running_loop()
        page = await loop.run_in_executor(
            None, lambda: urllib.request.urlopen(server.url, timeout=60).read().decode()
        )
        token = re.search(r'"token":"([^"]+)"', page)
        assert token is not None
        request = HTTPRequest(f"{origin.replace('http', 'ws')}/ws", headers={"Origin": origin})
        socket = await websocket_connect(request, subprotocols=["bokeh", token.group(1)])
        for _ in range(3):  # the parts of the greeting, before which the server reads nothing
            assert await socket.read_message() is not None
        for part in ({"msgid": "1", "msgtype": "PULL-DOC-REQ"}, {}, {}):
            await socket.write_message(json.dumps(part))
        for _ in range(3):  # those of the document
            assert await socket.read_message() is not None
        return socket

    async def wave(size: int) -> list[Any]:
        return [await session() for _ in range(size)]

    async def through() -> tuple[float, float]:
        for socket in await wave(5):
            socket.close()
        await asyncio.sleep(35)
        before = server.memory()
        sockets = await wave(count)
        await asyncio.sleep(1)
        during = server.memory()
        for socket in sockets:
            socket.close()
        await asyncio.sleep(40)
        return (during - before) / count, server.memory() - before

    with ThreadPoolExecutor(1) as apart:  # the browser's driver has a loop of its own in this thread
        return apart.submit(lambda: asyncio.run(through())).result()


def round_trips(tab: Tab, count: int) -> Figures:
    """Milliseconds from the page's message on the websocket to the server's answer."""
    home(tab)
    tab.page.evaluate("() => { window.probe.trips.length = 0; }")
    for key in there_and_back(tab, count):
        tab.page.keyboard.press(key)
        tab.rest(400)
    return [float(one) for one in tab.page.evaluate("() => window.probe.trips")]


def thumbnails(tab: Tab, count: int = 200, times: int = 10) -> Figures:
    """Milliseconds until a sheet of so many images, each time others, is decoded in the page."""
    return [
        float(one)
        for one in tab.page.evaluate(
            """async ([count, times]) => {
              const slug = window.timetravel.stats().runs[0];
              const walls = [];
              for (let at = 0; at < times; at++) {
                const rows = Array.from({ length: count }, (_, i) => at * count + i);
                const from = performance.now();
                const answer = await fetch(`data/${slug}/sheet.png`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ rows, size: 32 }) });
                await createImageBitmap(await answer.blob());
                walls.push(performance.now() - from);
              }
              return walls; }""",
            [count, times],
        )
    ]


def policy(server: Served) -> str:
    """The page's Content-Security-Policy."""
    with urllib.request.urlopen(server.url, timeout=20) as answer:
        return str(answer.headers["Content-Security-Policy"])


def serious_faults(browser: Browser, server: Served) -> int:
    """Serious and critical findings of axe-core over views, light and dark."""
    from axe_playwright_python.sync_playwright import Axe

    found = 0
    for scheme in ("light", "dark"):
        for view in ("", "confusion", "table"):
            # The policy forbids axe's script, so it is set aside for this one check.
            with opened(
                browser, f"{server.url}?pin=5&view={view}", bypass_csp=True, color_scheme=scheme
            ) as tab:
                tab.rest(1500)
                violations = Axe().run(tab.page).response["violations"]
                found += sum(one["impact"] in ("serious", "critical") for one in violations)
    return found


def restored(browser: Browser, server: Served) -> bool:
    """Whether a link gives the same pixels and figures in a fresh browser."""
    link = f"{server.url}?epoch=3&color=loss&layers=regions,trails&selection=label:%22class%203%22&pin=8&camera=1,-1,30"
    looks = []
    for at in range(2):
        with opened(browser, link) as tab:
            tab.rest(1500)
            pixels = tab.page.evaluate(
                "() => [...document.querySelectorAll('#map-a canvas.layer')].map((one) => one.toDataURL())"
            )
            stats = tab.stats()
            names = ("epoch", "selected", "visible", "color", "layers", "pinned", "camera")
            looks.append((pixels, [stats[name] for name in names]))
            if at == 0:
                link = str(tab.page.evaluate("() => location.href"))
    return looks[0] == looks[1]


def survived(browser: Browser, server: Served) -> float:
    """Seconds from the start of a restarted server until the page travels on, epoch and selection kept."""
    wrong = len(browser.wrong)
    tab = browser.tab()
    try:
        tab.open(f"{server.url}?epoch=3&selection=label:%22class%203%22")
        before = tab.until(lambda stats: stats["selected"] > 0)
        tab.rest()
        server.stop()
        tab.page.evaluate("() => fetch('runs.json').catch(() => 0)")
        tab.page.wait_for_timeout(1500)
        started = time.monotonic()
        server.start()
        tab.until(lambda stats: stats["connection"] == "online")
        stats = tab.stats()
        took = time.monotonic() - started
        kept = all(stats[name] == before[name] for name in ("epoch", "selected"))
        tab.press("Home", holds=CHANGED)
        tab.rest()
        return took if kept else float("inf")
    finally:
        tab.close()
        del browser.wrong[wrong:]  # the browser reports that the server was away, as it should


def offsets(browser: Browser, server: Served, folder: Path, count: int = 100) -> float:
    """Largest distance in CSS pixels of drawn samples from where the store has them, at ratio 1 and 2, zoomed too."""
    from timetravel.run import open_run

    worst = 0.0
    with open_run(folder) as run:
        epoch = run.epochs[3]
        positions = run.positions(epoch)
        rows = np.linspace(0, len(positions) - 1, count).astype(int)
        ids = [int(one) for one in run.samples.ids[rows]]
    for ratio in (1, 2):
        with opened(browser, f"{server.url}?epoch={epoch}", ratio=ratio) as tab:
            for zoomed in (False, True):
                if zoomed:
                    for _ in range(3):
                        tab.page.keyboard.press("+")
                tab.rest(900)
                box = tab.page.locator("#map-a").bounding_box()
                cx, cy, width = tab.stats()["camera"]
                scale = box["width"] / width
                shown = np.array(
                    tab.page.evaluate("ids => ids.map((id) => window.timetravel.sampleAt(id))", ids)
                )
                x = box["x"] + (positions[rows, 0] - cx) * scale + box["width"] / 2
                y = box["y"] - (positions[rows, 1] - cy) * scale + box["height"] / 2
                worst = max(worst, float(np.hypot(shown[:, 0] - x, shown[:, 1] - y).max()))
    return worst
