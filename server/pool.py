"""Threads for work that would hold up the event loop; a stopping server does not wait for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any

WORKERS = 4
"""More would only share the two or four cores of a laptop in thinner slices."""


class Pool:
    """Runs calls in daemon threads, unlike ThreadPoolExecutor, whose threads are waited for at exit."""

    def __init__(self, workers: int = WORKERS) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._count = workers
        for number in range(workers):
            Thread(target=self._work, name=f"timetravel-pool-{number}", daemon=True).start()

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        """The call's future result."""
        future: Future[Any] = Future()
        self._calls.put((future, call))
        return future

    def close(self) -> None:
        """Lets each thread end after the call that it is in; calls still queued are cancelled."""
        while not self._calls.empty():
            item = self._calls.get()
            if item is not None:
                item[0].cancel()
        for _ in range(self._count):
            self._calls.put(None)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            future, call = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:  # handed to whoever waits for the result
                future.set_exception(error)
