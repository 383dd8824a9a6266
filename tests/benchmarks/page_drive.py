"""What the page's benchmark drives: the server as a child process, a headless Chromium, and a tab with a probe.

The probe is a script of ours that runs in the page before its own scripts. It times from an input event's own
time stamp to the first task after the frame that shows what is waited for, so the browser's way from the key
to the page and the painting are in the figure; the way from this process to the browser is not.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from os import environ
from pathlib import Path
from typing import Any

import psutil

WINDOW = {"width": 1280, "height": 800}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LOCAL = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "file:")

PROBE = """
window.probe = {
  // Milliseconds from the next event of a kind to the first task after the frame in which holds() is true.
  painted(kind, holds) {
    this.result = new Promise((resolve) => {
      setTimeout(() => resolve(NaN), 30_000);
      addEventListener(kind, (event) => {
        const look = () => {
          if (!holds()) return requestAnimationFrame(look);
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => resolve(performance.now() - event.timeStamp);
          port2.postMessage(0);
        };
        requestAnimationFrame(look);
      }, { capture: true, once: true });
    });
  },
  // Frames a second over some milliseconds after the next event of a kind; seen() names what a frame shows.
  frames(kind, milliseconds, seen = () => performance.now()) {
    this.result = new Promise((resolve) => {
      setTimeout(() => resolve(0), 30_000);
      addEventListener(kind, () => {
        const stamps = [];
        let last;
        const start = performance.now();
        const step = () => {
          const now = performance.now();
          const shown = seen();
          if (shown !== last) stamps.push(now);
          last = shown;
          if (now - start < milliseconds) requestAnimationFrame(step);
          else resolve(stamps.length < 2 ? 0 : ((stamps.length - 1) * 1000) / (stamps.at(-1) - stamps[0]));
        };
        requestAnimationFrame(step);
      }, { capture: true, once: true });
    });
  },
  // Round trips on the websocket: from a text that is sent to the next one that arrives.
  trips: [],
};
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...words) {
    super(...words);
    this.addEventListener("message", () => {
      if (this.sentAt) window.probe.trips.push(performance.now() - this.sentAt);
      this.sentAt = 0;
    });
  }
  send(data) {
    this.sentAt ||= performance.now();
    super.send(data);
  }
};
"""


def chromium_path() -> str | None:
    """The system's Chromium; None leaves the choice to Playwright."""
    for name in (environ.get("TIMETRAVEL_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    return None


class Served:
    """`python -m timetravel.server` on a port of its own."""

    def __init__(self, *folders: Path, port: int = 0) -> None:
        self.folders, self.port = folders, port
        self.start()

    def start(self) -> None:
        """Start it (again, on the same port when there is one) and wait until it answers."""
        words = ["-m", "timetravel.server", *map(str, self.folders), "--port", str(self.port)]
        self.process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.url = line.split()[1]
        self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.url}runs.json", timeout=5).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def memory(self) -> float:
        """MiB that belong to this process alone."""
        return float(psutil.Process(self.process.pid).memory_full_info().uss) / 2**20

    def stop(self) -> None:
        """End it and wait."""
        self.process.terminate()
        self.process.wait(timeout=20)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


class Tab:
    """A page of the browser with the probe in it; remembers everything that went wrong."""

    def __init__(self, context: Any, wrong: list[str]) -> None:
        self.context, self.wrong = context, wrong
        self.page = context.new_page()
        self.page.add_init_script(PROBE)
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", self._watch)

    def _listen(self, message: Any) -> None:
        if message.type == "error":
            self.wrong.append(message.text)

    def _watch(self, request: Any) -> None:
        if not request.url.startswith(LOCAL):
            self.wrong.append(f"a request left the machine: {request.url}")

    def open(self, url: str, seconds: float = 180) -> None:
        """Go there and wait until the page is drawn finely."""
        self.page.goto(url)
        self.until(lambda stats: stats["ready"] and stats["still"], seconds)

    def stats(self) -> dict[str, Any]:
        """What `window.timetravel.stats()` says."""
        found: dict[str, Any] = self.page.evaluate(
            "() => window.timetravel ? window.timetravel.stats() : {ready: false}"
        )
        return found

    def until(self, holds: Callable[[dict[str, Any]], Any], seconds: float = 60) -> dict[str, Any]:
        """The page's figures as soon as they fulfil a condition."""
        end = time.monotonic() + seconds
        while not holds(stats := self.stats()):
            if time.monotonic() > end:
                raise TimeoutError(f"the page did not get there: {stats}")
            self.page.wait_for_timeout(20)
        return stats

    def rest(self, milliseconds: int = 450) -> None:
        """Wait until nothing moves, the fine picture is drawn, and what follows a change has been done."""
        self.until(lambda stats: stats["still"] and not stats["moving"])
        self.page.wait_for_timeout(milliseconds)

    def press(self, key: str, kind: str = "keydown", holds: str = "() => true") -> float:
        """Milliseconds from a key to the frame in which `holds` is true."""
        self.page.evaluate(f"() => {{ window.probe.painted({kind!r}, {holds}); }}")
        self.page.keyboard.press(key)
        return self.result()

    def result(self) -> float:
        """What the probe measured."""
        found = float(self.page.evaluate("() => window.probe.result"))
        if found != found:
            raise TimeoutError("what was waited for did not happen within 30 s")
        return found

    def close(self) -> None:
        """Close it with its context."""
        self.context.close()


class Browser:
    """Headless Chromium with software drawing."""

    def __init__(self) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self.browser: Any = self._playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        self.wrong: list[str] = []

    def tab(self, *, calm: bool = False, ratio: float = 1, **settings: Any) -> Tab:
        """A tab in a context of its own, with caches of its own. calm: reduced motion, so no tween."""
        motion = "reduce" if calm else "no-preference"
        context = self.browser.new_context(
            viewport=WINDOW, reduced_motion=motion, device_scale_factor=ratio, **settings
        )
        return Tab(context, self.wrong)

    def close(self) -> None:
        """End it."""
        self.browser.close()
        self._playwright.stop()


def cpu_seconds(pids: Sequence[int]) -> float:
    """Seconds of processor time that some processes and all their children have used."""
    total = 0.0
    for pid in pids:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            try:
                used = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += used.user + used.system
    return total


def browser_pids() -> list[int]:
    """The browser's first process: the one among our descendants whose parent is no browser."""

    def is_browser(process: psutil.Process) -> bool:
        return "chrom" in process.name().lower() or "headless" in process.name().lower()

    found = []
    for process in psutil.Process().children(recursive=True):
        parent = process.parent()
        if is_browser(process) and (parent is None or not is_browser(parent)):
            found.append(process.pid)
    return found
