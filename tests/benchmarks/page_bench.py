"""Measures the page against the targets I1 to I18 of its design, and prints one Markdown table.

    python tests/benchmarks/page_bench.py [--points 10000,60000,200000] [--only I1,I2] [--json] [--folder RUNS]

Makes runs (nothing is trained or projected), serves them from a child process on loopback, and drives a headless
Chromium that draws in software. `docs/page-speed.md` holds the last table and how to read it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import page_measures as measure
from made_runs import made_run
from page_drive import Browser, Served

CHANGE_MS = {10_000: 60, 60_000: 80, 200_000: 150, 1_000_000: 500}
"""p95 of an epoch change that is allowed, by points."""
TWEEN_FPS = {10_000: 40, 60_000: 30, 200_000: 20}
LASSO_MS = {60_000: 50, 1_000_000: 300}
EPOCHS = 12
MILLION = 1_000_000
PICTURED = 2000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. met: None where there is no goal or nothing to measure yet."""

    target: str
    what: str
    goal: str
    measured: str
    met: bool | None


def spread(values: Sequence[float], unit: str = "ms") -> str:
    """Median and p95 in words."""
    return f"median {np.median(values):.1f}, p95 {np.percentile(values, 95):.1f} {unit}"


def p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95))


class Bench:
    """The measurements in order, and the rows that they gave."""

    def __init__(self, folder: Path, only: set[str]) -> None:
        self.folder, self.only = folder, only
        self.rows: list[Row] = []
        self.browser = Browser()
        self.policies: list[str] = []

    def wants(self, *targets: str) -> bool:
        """Whether one of the targets is asked for."""
        return not self.only or bool(self.only & set(targets))

    def add(self, target: str, what: str, goal: str, measured: str, met: bool | None) -> None:
        """Keep a row, and show it at once."""
        self.rows.append(Row(target, what, goal, measured, met))
        print(f"{time.strftime('%H:%M:%S')}  {target}  {what}: {measured}  (goal {goal})", file=sys.stderr)

    def run(self, samples: int, epochs: int) -> Path:
        """A made run, written at first use."""
        path = self.folder / f"{samples}x{epochs}"
        return made_run(path, samples=samples, epochs=epochs, pictured=min(PICTURED, samples))

    def size(self, points: int) -> None:
        """Everything that is measured for each number of points."""
        count = 24 if points < MILLION else 12
        name = f"{points:,} points"
        with Served(self.run(points, EPOCHS)) as server:
            self.policies.append(measure.policy(server))
            if self.wants("I1"):
                with measure.opened(self.browser, server.url, calm=True) as tab:
                    measure.visit(tab)
                    wall, own = measure.epoch_changes(tab, count)
                    goal = CHANGE_MS.get(points)
                    self.add(
                        "I11" if points >= MILLION else "I1",
                        f"epoch change, {name}: key to painted frame",
                        f"p95 at most {goal} ms" if goal else "–",
                        spread(wall),
                        p95(wall) <= goal if goal else None,
                    )
                    self.add("I1", f"the same, our own code (lastChangeMs), {name}", "–", spread(own), None)
                    rate = measure.held_key(tab)
                    self.add(
                        "I1", f"scrubbing with a held key, {name}", "–", f"{rate:.0f} epochs a second", None
                    )
            if self.wants("I1", "I2"):
                with measure.opened(self.browser, server.url) as tab:
                    measure.visit(tab)
                    if self.wants("I1"):
                        wall, _ = measure.epoch_changes(tab, 12)
                        self.add("I1", f"first frame of the movement, {name}", "–", spread(wall), None)
                    rates = measure.tweens(tab, 12)
                    goal = TWEEN_FPS.get(points)
                    self.add(
                        "I2",
                        f"frames a second of the movement, {name}",
                        f"at least {goal}" if goal else "–",
                        f"median {np.median(rates):.0f}, lowest {min(rates):.0f}",
                        float(np.median(rates)) >= goal if goal else None,
                    )
            if self.wants("I3"):
                with measure.opened(self.browser, server.url, calm=True) as tab:
                    walls, share = measure.lassos(tab, 12 if points >= MILLION else 20)
                    goal = LASSO_MS.get(points)
                    self.add(
                        "I3",
                        f"lasso of 200 vertices around {share:.0%} of {name}, with repaint",
                        f"p95 at most {goal} ms" if goal else "–",
                        spread(walls),
                        p95(walls) <= goal if goal else None,
                    )
            if self.wants("I4") and points >= 200_000:
                with measure.opened(self.browser, server.url, calm=True) as tab:
                    pan, zoom = measure.pan_and_zoom(tab)
                    goal = 24 if points == 200_000 else None
                    self.add(
                        "I4",
                        f"pan and zoom, {name}",
                        f"at least {goal} frames a second" if goal else "–",
                        f"pan {pan:.0f}, zoom {zoom:.0f}",
                        min(pan, zoom) >= goal if goal else None,
                    )
            if self.wants("I6"):
                with measure.opened(self.browser, server.url, calm=True) as tab:
                    cards, finds = measure.hover(
                        tab, [int(points * share) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
                    )
                    self.add(
                        "I6",
                        f"hover card, {name} (80 ms of rest included)",
                        "median at most 100 ms",
                        spread(cards),
                        float(np.median(cards)) <= 100,
                    )
                    self.add(
                        "I6",
                        f"finding the sample under the pointer, {name}",
                        "at most 16 ms",
                        spread(finds),
                        p95(finds) <= 16,
                    )

    def first_paints(self) -> None:
        """I5."""
        for samples, epochs, goal in ((60_000, 100, 2.0), (10_000, 700, 3.0)):
            path = self.run(samples, epochs)
            name = f"{samples:,} x {epochs} epochs"
            cold = []
            for _ in range(3):
                with Served(path) as server:
                    cold.append(measure.first_paint(self.browser, server.url) / 1000)
            with Served(path) as server:
                measure.first_paint(self.browser, server.url)
                warm = [measure.first_paint(self.browser, server.url) / 1000 for _ in range(5)]
            limit = f"at most {goal:.0f} s"
            self.add(
                "I5",
                f"first useful paint, {name}, server just started",
                limit,
                spread(cold, "s"),
                max(cold) <= goal,
            )
            self.add(
                "I5", f"the same, {name}, run opened before", limit, spread(warm, "s"), p95(warm) <= goal
            )

    def processor(self) -> None:
        """I7."""
        points, count = 60_000, 12
        with (
            Served(self.run(points, EPOCHS)) as server,
            measure.opened(self.browser, server.url, calm=True) as tab,
        ):
            measure.visit(tab)
            ours = measure.cpu_per_change(server, tab, count)
            measure.home(tab)
            held = measure.cpu_while_held(server, tab)
        theirs, walls = measure.cpu_of_scatter(self.browser, self.folder, points, count)
        self.add(
            "I7",
            f"processor time of an epoch change, {points:,} points, against Bokeh's Scatter",
            "at most a tenth",
            f"{ours:.0f} against {theirs:.0f} ms (Scatter takes {np.median(walls):.0f} ms to be seen)",
            ours * 10 <= theirs,
        )
        self.add("I7", "the same for each epoch of a held key", "–", f"{held:.0f} ms", None)

    def memory(self) -> None:
        """I8."""
        path = self.run(10_000, EPOCHS)
        with Served(path) as server:
            each = measure.session_memory(server, self.browser)
            self.add("I8", "server memory of a further tab", "at most 5 MiB", f"{each:.2f} MiB", each <= 5)
        with Served(path) as server:
            each, left = measure.sessions_left(server)
            self.add("I8", "server memory a session, 200 open", "at most 5 MiB", f"{each:.2f} MiB", each <= 5)
            self.add(
                "I8", "left after 200 sessions were closed", "at most 20 MiB", f"{left:.1f} MiB", left <= 20
            )

    def small(self) -> None:
        """What does not depend on the number of points."""
        path = self.run(10_000, EPOCHS)
        with Served(path) as server:
            if self.wants("I9"):
                with measure.opened(self.browser, server.url, calm=True) as tab:
                    trips = measure.round_trips(tab, 30)
                    self.add(
                        "I9",
                        f"state round trip ({len(trips)} of them)",
                        "median at most 15 ms",
                        spread(trips),
                        float(np.median(trips)) <= 15,
                    )
            if self.wants("I10"):
                with measure.opened(self.browser, server.url, calm=True) as tab:
                    walls = measure.thumbnails(tab)
                    self.add("I10", "200 thumbnails", "at most 150 ms", spread(walls), p95(walls) <= 150)
                self.add("I10", "class heat map 1,000 x 100", "at most 100 ms", "no such view yet", None)
            if self.wants("I13"):
                faults = measure.serious_faults(self.browser, server)
                self.add(
                    "I13",
                    "axe: serious or critical findings, three views, light and dark",
                    "0",
                    str(faults),
                    faults == 0,
                )
            if self.wants("I14"):
                self.add("I14", "keyboard only", "every question", "tests/browser/test_page.py", None)
            if self.wants("I15"):
                self.add("I15", "palettes, contrast", "0.08; 4.5", "tests/render/test_palette.py", None)
            if self.wants("I16"):
                same = measure.restored(self.browser, server)
                self.add(
                    "I16",
                    "a link in a fresh browser: pixels and figures",
                    "equal",
                    "equal" if same else "different",
                    same,
                )
            if self.wants("I18"):
                worst = measure.offsets(self.browser, server, path)
                self.add(
                    "I18",
                    "drawn against stored place, 100 samples, ratio 1 and 2, zoomed",
                    "below 0.5 px",
                    f"{worst:.3f} px",
                    worst < 0.5,
                )
            if self.wants("I17"):
                took = measure.survived(self.browser, server)
                self.add(
                    "I17",
                    "server restarted under an open page: epoch and selection kept",
                    "within 5 s",
                    f"{took:.1f} s",
                    took <= 5,
                )

    def manners(self) -> None:
        """I12, over everything that was driven."""
        wrong = self.browser.wrong
        unsafe = any("unsafe-eval" in one for one in self.policies)
        self.add(
            "I12",
            "requests that leave, console errors, unsafe-eval, in this whole run",
            "0",
            f"{len(wrong) + unsafe}" + (f": {wrong[:3]}" if wrong else ""),
            not wrong and not unsafe,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 when a target was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", default="10000,60000,200000,1000000", help="sizes for I1 to I6 and I11")
    parser.add_argument("--only", default="", help="targets, like I1,I5; all without it")
    parser.add_argument("--folder", type=Path, help="keeps the made runs here, for the next time")
    parser.add_argument("--json", action="store_true", help="prints rows as JSON")
    asked = parser.parse_args(arguments)
    points = [int(text) for text in asked.points.split(",") if text]
    with tempfile.TemporaryDirectory() as made:
        bench = Bench(asked.folder or Path(made), {text for text in asked.only.split(",") if text})
        try:
            everything(bench, points)
        finally:
            bench.browser.close()
    print(json.dumps([asdict(row) for row in bench.rows], indent=1) if asked.json else table(bench.rows))
    return int(any(row.met is False for row in bench.rows))


def everything(bench: Bench, points: Sequence[int]) -> None:
    """All that is asked for; one part that fails does not lose the others."""
    parts: list[tuple[str, Callable[[], None]]] = []
    if bench.wants("I1", "I2", "I3", "I4", "I6", "I11"):
        parts += [(f"{count} points", lambda count=count: bench.size(count)) for count in points]  # type: ignore[misc]
    for target, part in (("I5", bench.first_paints), ("I7", bench.processor), ("I8", bench.memory)):
        if bench.wants(target):
            parts.append((target, part))
    parts += [("the rest", bench.small), ("I12", bench.manners)]
    for name, part in parts:
        try:
            part()
        except Exception as error:
            bench.add("–", name, "–", f"failed: {type(error).__name__}: {error}"[:300], False)


def table(rows: Sequence[Row]) -> str:
    """The rows and the machine in Markdown."""
    words = {True: "met", False: "**missed**", None: "–"}
    lines = ["| | what | goal | measured | |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.target} | {row.what} | {row.goal} | {row.measured} | {words[row.met]} |" for row in rows
    ]
    return "\n".join([machine(), "", *lines])


def machine() -> str:
    """The machine in one sentence."""
    info = Path("/proc/cpuinfo")
    names = (
        [
            line.split(":", 1)[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        if info.exists()
        else []
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, load {load}, {time.strftime('%Y-%m-%d')}."


if __name__ == "__main__":
    sys.exit(main())
