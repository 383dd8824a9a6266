"""A run made from somebody's arrays: plain folders, and folders of DeepVisualInsight and TimeVis."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from timetravel.errors import BadInput
from timetravel.record.foreign import ForeignRun
from timetravel.store.writer import FactsWriter

Report = Callable[[str, int, int], None]


def read_folder(folder: str | Path) -> ForeignRun:
    """The run in a folder, in whichever of the known layouts it is; headers checked, arrays not yet read."""
    from timetravel.record.dvi import PublishedFolder, is_published_layout
    from timetravel.record.dvi_later import LaterFolder, is_later_layout
    from timetravel.record.plain import PlainFolder

    path = Path(folder)
    if not path.is_dir():
        raise BadInput(f"{path} is no folder; expected a folder of arrays")
    if not (path / "run.json").is_file():
        if is_published_layout(path):
            return PublishedFolder(path).run()
        if is_later_layout(path):
            return LaterFolder(path).run()
    return PlainFolder(path).run()


def import_arrays(folder: str | Path, run_path: str | Path, *, report: Report | None = None) -> Path:
    """Write the arrays in `folder` as a run at `run_path`, and return that path.

    One epoch is in memory at a time. The run appears when it is complete: an error or an interruption
    leaves nothing behind. Raises BadInput that names the file, what was found, what was expected.
    """
    target = Path(run_path)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadInput(f"{target} exists already; expected a new path: name another, or move it away")
    foreign = read_folder(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write(foreign, made / "run", report)
        if target.exists():
            target.rmdir()
        (made / "run").rename(target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def _write(foreign: ForeignRun, path: Path, report: Report | None) -> None:
    with FactsWriter.open(path, foreign.description, foreign.samples, foreign.inputs) as writer:
        for done, facts in enumerate(foreign.epochs(), 1):
            writer.commit(facts)
            if report is not None:
                report("import", done, foreign.epoch_count)
