"""Calls in daemon threads: results and errors come back, and closing does not wait for ever."""

from __future__ import annotations

from threading import Event

import pytest

from timetravel.server import pool as pools
from timetravel.server.pool import Pool


def test_results_and_errors_reach_who_waits() -> None:
    pool = Pool(workers=1)
    assert pool.submit(lambda: 7).result(10) == 7
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(10)
    pool.close()
    assert not pool.is_busy


def test_a_long_call_does_not_hold_up_closing_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "CLOSE_S", 0.05)
    pool, begun, go = Pool(workers=1), Event(), Event()
    running = pool.submit(lambda: begun.set() or go.wait())
    assert begun.wait(10)
    queued = pool.submit(lambda: 7)
    pool.close()
    assert queued.cancelled()
    assert pool.is_busy
    go.set()
    assert running.result(10)
