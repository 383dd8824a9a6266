"""Projection methods side by side on one run, each in a process of its own.

A process of its own makes seconds and memory those of the method alone. Compilation is done on a small part
of the run first and told apart; fitting is timed, then decision maps and the inverse at every sample; what
judges the map is not timed. Every method is also fitted without a fifth of the samples, which are then placed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from timetravel.errors import BadInput
from timetravel.project.contracts import Report
from timetravel.project.methods import PLACES


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRow:
    """One method on one run.

    shape: epochs, samples, width, classes (0 without logits). figures: the map's overall figures, held-out
    ones among them. epochs: label -> figures. cpu_seconds, wall_seconds: fit, decision maps and inverse;
    fit_cpu_seconds: the fit alone; compile_cpu_seconds: imports and compilation before. peak_mb: of the
    process, libraries included, until the map was made. error: why there are no figures, else None.
    """

    run: str
    method: str
    seed: int
    shape: tuple[int, int, int, int] = (0, 0, 0, 0)
    settings: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, float | None] = field(default_factory=dict)
    epochs: Mapping[int, Mapping[str, float | None]] = field(default_factory=dict)
    cpu_seconds: float | None = None
    wall_seconds: float | None = None
    fit_cpu_seconds: float | None = None
    compile_cpu_seconds: float | None = None
    peak_mb: float | None = None
    threads: int | None = None
    resolution: int = 200
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> BenchRow:
        """A row read back from JSON."""
        row = dict(values)
        row["shape"] = tuple(row.get("shape", (0, 0, 0, 0)))
        row["epochs"] = {int(label): figures for label, figures in row.get("epochs", {}).items()}
        return cls(**row)


def bench(
    run: Any,
    methods: Sequence[str],
    *,
    seed: int = 0,
    resolution: int = 200,
    held_out: bool = True,
    threads: int | None = 1,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    report: Report | None = None,
) -> list[BenchRow]:
    """One row a method, in the order given; the run is only read.

    run: an opened run, the path of one, or a folder of plain arrays. threads: of the libraries underneath;
    one by default, because waiting threads use up processor time; None for as many as they like.
    settings: method -> its settings. A method that fails gets a row that says why.
    Raises BadInput for an unknown method.
    """
    unknown = [name for name in methods if name not in PLACES]
    if unknown:
        raise BadInput(f"found the methods {', '.join(unknown)}, expected some of {', '.join(PLACES)}")
    path = Path(getattr(run, "path", run))
    if not path.is_dir():
        raise BadInput(
            f"{path}: found no folder, expected a recorded run or a folder of arrays: check the path"
        )
    rows = []
    for name in methods:
        task = {
            "path": str(path.resolve()),
            "method": name,
            "seed": seed,
            "resolution": resolution,
            "held_out": held_out,
            "settings": dict((settings or {}).get(name, {})),
        }
        rows.append(_in_own_process(path.name, task, threads, report))
    return rows


THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def _in_own_process(
    run_name: str, task: Mapping[str, Any], threads: int | None, report: Report | None
) -> BenchRow:
    """Starts the child, passes its progress on and reads its row."""
    row = {"run": run_name, "method": task["method"], "seed": task["seed"], "threads": threads}
    environment = dict(os.environ)
    if threads is not None:
        environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    child = subprocess.Popen(
        [sys.executable, "-m", "timetravel.project.bench_child", json.dumps(task)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    result: dict[str, Any] = {"error": "the process ended without a result"}
    try:
        for line in child.stdout or ():
            told = _told(line)
            if "stage" in told and report is not None:
                report(f"{task['method']}: {told['stage']}", told["done"], told["total"])
            elif "row" in told:
                result = told["row"]
        _, noise = child.communicate()
    except BaseException:
        child.kill()
        child.communicate()
        raise
    if child.returncode and "error" in result and noise:
        result["error"] = noise.strip().splitlines()[-1]
    return BenchRow.from_dict({**row, **result})


def _told(line: str) -> dict[str, Any]:
    """A line of the child as a message; libraries that print to stdout are not heard."""
    try:
        told = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


COLUMNS = (
    ("neighbor_preservation", "neigh.", 3),
    ("trustworthiness", "trust", 4),
    ("ppr", "ppr", 4),
    ("ppr_worst_epoch", "ppr worst", 4),
    ("ppr_low_margin", "ppr low", 3),
    ("heldout_ppr", "held out", 3),
    ("heldout_blind_ppr", "blind", 3),
    ("tint_agreement", "tint", 4),
    ("confidence_difference", "conf. diff.", 4),
    ("boundary_preservation", "bound. /15", 2),
    ("boundary_on_map", "bound. on map", 2),
    ("boundary_on_map_by_rule", "by rule", 2),
    ("islands", "islands", 1),
    ("temporal_correlation", "temp. corr.", 2),
    ("temporal_ranking", "temp. rank.", 2),
    ("movement_ranking", "move. rank.", 2),
    ("jitter", "jitter", 4),
    ("scale_drift", "drift", 2),
)
"""Figures of the table, their titles and decimals."""


def table(rows: Sequence[BenchRow]) -> str:
    """The rows as a Markdown table, one a run, with costs first; below it what failed."""
    titles = ["method", "CPU s", "fit CPU s", "wall s", "peak MB", *(title for _, title, _ in COLUMNS)]
    parts = []
    for run in dict.fromkeys(row.run for row in rows):
        mine = [row for row in rows if row.run == run]
        shape = next((row.shape for row in mine if any(row.shape)), (0, 0, 0, 0))
        lines = [_line(titles), _line(["---", *["---:"] * (len(titles) - 1)])]
        lines += [_line(_cells(row)) for row in mine if row.error is None]
        parts.append(
            f"{run}: {shape[0]} epochs x {shape[1]:,} samples x {shape[2]} wide, {shape[3]} classes\n\n"
            + "\n".join(lines)
        )
        parts += [f"{row.method} failed: {row.error}" for row in mine if row.error is not None]
    return "\n\n".join(parts)


def _cells(row: BenchRow) -> list[str]:
    costs = (row.cpu_seconds, row.fit_cpu_seconds, row.wall_seconds)
    figures = [_number(row.figures.get(name), decimals) for name, _, decimals in COLUMNS]
    return [row.method, *(_number(c, 1) for c in costs), _number(row.peak_mb, 0), *figures]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
