"""A real browser on the real server, over two recorded and mapped runs on real digits."""

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from looking import OneRun

from timetravel.run import Run, open_run

START_S = 60


@pytest.fixture(scope="session")
def demo_folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small networks trained on the digits for six epochs, with their maps."""
    from timetravel.demo import run_demo

    return run_demo(tmp_path_factory.mktemp("demo"), epochs=6, seed=0)


class Served:
    """A server in a process of its own, as users start it, on a port of its own."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it (again, on the same port when there is one) and wait until it answers."""
        code = (
            "import sys; from pathlib import Path; from timetravel.demo import FACTORIES; "
            "from timetravel.server.serve import serve; "
            "serve([Path(p) for p in sys.argv[2:]], port=int(sys.argv[1]), factories=FACTORIES)"
        )
        words = [str(self.port), *map(str, self.folders)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.url = line.split()[1]
        self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])
        end = time.monotonic() + START_S
        while True:
            try:
                urllib.request.urlopen(f"{self.url}runs.json", timeout=5).close()
                return
            except OSError:
                assert time.monotonic() < end, "the server did not start"
                time.sleep(0.1)

    def stop(self) -> None:
        """End it and wait."""
        self.process.terminate()
        self.process.wait(timeout=20)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture(scope="session")
def served(demo_folders: list[Path]) -> Iterator[Served]:
    server = Served(demo_folders)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def runs(demo_folders: list[Path]) -> Iterator[list[Run]]:
    opened = [open_run(folder) for folder in demo_folders]
    yield opened
    for run in opened:
        run.close()


class Tab:
    """A page of the browser that remembers everything that went wrong in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.wrong: list[str] = []
        self.allowed: list[str] = []
        page.on("console", lambda message: message.type == "error" and self.wrong.append(message.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", self._watch)

    def _watch(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.wrong.append(f"a request left the machine: {request.url}")

    def stats(self) -> dict[str, Any]:
        return self.page.evaluate("() => window.timetravel ? window.timetravel.stats() : {ready: false}")

    def until(self, what: str, holds: Callable[[dict[str, Any]], Any], seconds: float = 60) -> dict[str, Any]:
        """Wait until the page's own figures fulfil a condition."""
        end = time.monotonic() + seconds
        while True:
            stats = self.stats()
            if holds(stats):
                return stats
            assert time.monotonic() < end, f"not within {seconds} s: {what}; {stats}"
            self.page.wait_for_timeout(50)

    def see(self, what: str, script: str, seconds: float = 60) -> Any:
        """Wait until a script in the page answers with something true; what it looks at may not be there yet."""
        from playwright.sync_api import Error

        end = time.monotonic() + seconds
        while True:
            trouble = ""
            try:
                value = self.page.evaluate(script)
            except Error as error:
                value, trouble = None, f" ({error.message.splitlines()[0]})"
            if value:
                return value
            assert time.monotonic() < end, f"not within {seconds} s: {what}{trouble}"
            self.page.wait_for_timeout(80)


@pytest.fixture
def open_tab(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Tab]]:
    """Opens the page with the given arguments, of another server `at` its address; at the end nothing may have
    gone wrong in any tab."""
    contexts, tabs = [], []

    def open_tab(query: str = "", *, at: str = "", **settings: Any) -> Tab:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **settings})
        contexts.append(context)
        tab = Tab(context.new_page())
        tabs.append(tab)
        tab.page.goto((at or request.getfixturevalue("served").url) + query)
        tab.until("the page is ready", lambda stats: stats["ready"] and stats["still"])
        return tab

    yield open_tab
    for tab in tabs:
        wrong = [text for text in tab.wrong if not any(part in text for part in tab.allowed)]
        assert not wrong, wrong
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def fashion(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Served]]:
    """A recorded network on Fashion-MNIST, 12 epochs of 7,000 samples, mapped and served."""
    from timetravel.project.pipeline import project
    from timetravel.record.arrays import import_arrays

    folder = tmp_path_factory.mktemp("fashion") / "fashion"
    import_arrays(shared / "data" / "recorded" / "fmnist_cnn", folder)
    with open_run(folder) as run:
        project(run)
    server = Served([folder])
    run = open_run(folder)
    yield run, server
    run.close()
    server.stop()


@pytest.fixture(params=["digits", "Fashion-MNIST"])
def one(request: pytest.FixtureRequest, open_tab: Callable[..., Tab]) -> OneRun:
    """One real run: the first of the demo, then a large recorded one."""
    if request.param == "digits":
        run = request.getfixturevalue("runs")[0]
        return OneRun(run, "digits-cnn", request.getfixturevalue("served").url, open_tab)
    run, server = request.getfixturevalue("fashion")
    return OneRun(run, "fashion", server.url, open_tab)
