"""Progress on the terminal: one line a stage, with time left."""

from __future__ import annotations

import sys
from types import TracebackType

from tqdm import tqdm

LOG_INTERVAL_S = 30.0
"""How often a bar is drawn where nobody watches: in a log file or a pipe."""


class Progress:
    """A `report(stage, done, total)` callable that draws one bar a stage on stderr.

    Use it as a context manager, so that the last bar is closed when the work ends or is interrupted.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._stage = ""
        self._bar: tqdm[None] | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._quiet:
            return
        if self._bar is None or stage != self._stage:
            self._close()
            self._stage = stage
            self._bar = tqdm(
                total=total,
                desc=stage,
                file=sys.stderr,
                dynamic_ncols=True,
                leave=True,
                mininterval=0.1 if sys.stderr.isatty() else LOG_INTERVAL_S,
                maxinterval=LOG_INTERVAL_S,
                bar_format="{desc:<28} {bar} {n_fmt}/{total_fmt} {elapsed}<{remaining}",
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
