"""Travel through the training of a neural network.

The public surface is what stands in ``__all__``; each name loads what it needs on first use, so that
``import timetravel`` brings in neither torch nor bokeh nor faiss.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from timetravel.version import __version__

if TYPE_CHECKING:
    from timetravel.errors import (
        BadInput,
        FormatTooNew,
        MissingPart,
        RunCorrupt,
        RunLocked,
        RunNotFound,
        TimetravelError,
        TimetravelWarning,
    )
    from timetravel.project.pipeline import project
    from timetravel.record.arrays import import_arrays
    from timetravel.record.recorder import Recorder
    from timetravel.run import Run, open_run
    from timetravel.server.viewer import show

_HOMES = {
    "Recorder": "timetravel.record.recorder",
    "import_arrays": "timetravel.record.arrays",
    "open_run": "timetravel.run",
    "Run": "timetravel.run",
    "project": "timetravel.project.pipeline",
    "show": "timetravel.server.viewer",
    "TimetravelError": "timetravel.errors",
    "TimetravelWarning": "timetravel.errors",
    "BadInput": "timetravel.errors",
    "FormatTooNew": "timetravel.errors",
    "MissingPart": "timetravel.errors",
    "RunCorrupt": "timetravel.errors",
    "RunLocked": "timetravel.errors",
    "RunNotFound": "timetravel.errors",
}

__all__ = [
    "__version__",
    "Recorder",
    "import_arrays",
    "open_run",
    "project",
    "show",
    "Run",
    "TimetravelError",
    "TimetravelWarning",
    "BadInput",
    "FormatTooNew",
    "MissingPart",
    "RunCorrupt",
    "RunLocked",
    "RunNotFound",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'timetravel' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
