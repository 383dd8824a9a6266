"""Calls in daemon threads: results and errors come back, and closing does not wait for ever."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Semaphore

import pytest
from made_runs import Running

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


def test_what_a_stopping_server_had_not_begun_is_refused_in_words(
    serving: Callable[..., Running], runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "CLOSE_S", 0.05)
    running = serving([runs["made"]], live=False)
    pool, begun, go = running.server.site.pool, Semaphore(0), Event()
    for _ in range(pools.WORKERS):
        pool.submit(lambda: begun.release() or go.wait(20))
    for _ in range(pools.WORKERS):
        assert begun.acquire(timeout=10)
    with ThreadPoolExecutor(1) as apart:
        asked = apart.submit(running.fetch, "data/made/classes.json")
        end = time.monotonic() + 10
        while pool._calls.empty() and time.monotonic() < end:
            time.sleep(0.01)
        pool.close()
        answer = asked.result(20)
        go.set()
    assert answer.code == 503
    assert "stopping" in json.loads(answer.body)["error"]["message"]
