"""One commit at a time beside the training, at most one epoch behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Background:
    """Runs one job at a time on a thread of its own.

    The thread is a daemon, so that a second Ctrl-C ends the program at once; whoever owns this calls
    :meth:`wait` before the program ends, because the last epoch may still be on its way.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def run(self, job: Callable[[], None]) -> None:
        """Start `job` once the one before is done; raises what that one raised."""
        self.wait()

        def work() -> None:
            try:
                job()
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=work, name="timetravel-commit", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until the job is done; raises what it raised, once."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error
