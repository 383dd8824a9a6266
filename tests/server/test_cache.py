"""Answers are kept within a bound, and threads do not hold up a stop."""

import threading
import time
from dataclasses import dataclass

import pytest

from timetravel.server.cache import ByteCache
from timetravel.server.pool import Pool


@dataclass(frozen=True)
class Blob:
    size: int


def test_the_oldest_go_when_the_bound_is_reached() -> None:
    cache: ByteCache[Blob] = ByteCache(100)
    for name in "abcd":
        cache.put(name, Blob(30))
    assert cache.get("a") is None
    assert cache.size == 90
    assert cache.get("b") == Blob(30)  # now the most recent
    cache.put("e", Blob(30))
    assert cache.get("c") is None
    assert cache.get("b") is not None


def test_one_giant_does_not_drive_out_all_others() -> None:
    cache: ByteCache[Blob] = ByteCache(100)
    cache.put("a", Blob(30))
    cache.put("giant", Blob(80))
    assert cache.get("giant") is None
    assert cache.get("a") is not None


def test_replacing_counts_once() -> None:
    cache: ByteCache[Blob] = ByteCache(100)
    cache.put("a", Blob(30))
    cache.put("a", Blob(40))
    assert (len(cache), cache.size) == (1, 40)


def test_a_pool_gives_results_and_errors() -> None:
    pool = Pool(2)
    assert pool.submit(lambda: 42).result(10) == 42
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result(10)
    pool.close()


def test_closing_a_pool_does_not_wait_and_drops_what_is_queued() -> None:
    pool, hold, entered = Pool(1), threading.Event(), threading.Event()

    def held() -> str:
        entered.set()
        hold.wait(60)
        return "done"

    first = pool.submit(held)
    second = pool.submit(lambda: "never")
    assert entered.wait(10)
    begun = time.monotonic()
    pool.close()
    assert time.monotonic() - begun < 10
    assert second.cancelled()
    hold.set()
    assert first.result(10) == "done"
