"""Threads for work that would hold up the event loop; a stopping server waits for them a moment at most."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any

WORKERS = 4
"""More would only share the two or four cores of a laptop in thinner slices."""
CLOSE_S = 3.0
"""How long the end of calls is waited for: a process that ends while one reads the run's database is aborted."""


class Pool:
    """Runs calls in daemon threads, unlike ThreadPoolExecutor, whose threads are waited for at exit."""

    def __init__(self, workers: int = WORKERS) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._work, name=f"timetravel-pool-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        """The call's future result."""
        future: Future[Any] = Future()
        self._calls.put((future, call))
        return future

    def close(self) -> None:
        """Lets each thread end after the call that it is in, and waits a little; calls still queued are cancelled."""
        while not self._calls.empty():
            item = self._calls.get()
            if item is not None:
                item[0].cancel()
        for _ in self._threads:
            self._calls.put(None)
        end = time.monotonic() + CLOSE_S
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    @property
    def is_busy(self) -> bool:
        """Whether a closed pool still has a call under way."""
        return any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            future, call = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:  # handed to whoever waits for the result
                future.set_exception(error)
