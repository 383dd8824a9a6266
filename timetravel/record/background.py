"""One commit at a time beside the training, at most one epoch behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable

_LOOK_S = 0.5
"""Between two looks at whether the thread is still there."""


class Background:
    """Runs one job at a time on a thread of its own.

    The thread is a daemon, so that a second Ctrl-C ends the program at once; whoever owns this calls
    :meth:`wait` before the program ends, because the last epoch may still be on its way.
    """

    def __init__(self) -> None:
        # Thread.join only after that: on Python 3.11, a Ctrl-C during it marks the running thread as ended.
        self._done = threading.Event()
        self._done.set()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return not self._done.is_set()

    def run(self, job: Callable[[], None]) -> None:
        """Start `job` once the one before is done; raises what that one raised."""
        self.wait()

        def work() -> None:
            try:
                job()
            except BaseException as error:
                self._error = error
            finally:
                self._done.set()

        self._thread = threading.Thread(target=work, name="timetravel-commit", daemon=True)
        self._done.clear()
        self._thread.start()

    def wait(self) -> None:
        """Until the job is done; raises what it raised, once."""
        # A Ctrl-C just before the start leaves a job that nobody does; that must not be waited for.
        while not self._done.wait(_LOOK_S) and self._thread is not None and self._thread.is_alive():
            pass
        self._done.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread.ident is not None:
            # What the job held is freed by its thread. A program that ended meanwhile would be aborted in there.
            thread.join()
        error, self._error = self._error, None
        if error is not None:
            raise error
