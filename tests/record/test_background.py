"""Commits run beside the training, one at a time, and their errors are not lost."""

from __future__ import annotations

import threading
import time

import pytest

from timetravel.record.background import Background


def test_jobs_run_one_after_the_other() -> None:
    background, order, go = Background(), [], threading.Event()

    def first() -> None:
        go.wait()
        order.append(1)

    background.run(first)
    assert background.busy
    go.set()
    background.run(lambda: order.append(2))
    background.wait()
    assert order == [1, 2]
    assert not background.busy


def test_an_error_is_raised_once_by_the_next_wait() -> None:
    background = Background()

    def fail() -> None:
        raise OSError("full")

    background.run(fail)
    with pytest.raises(OSError, match="full"):
        background.wait()
    background.wait()


def test_a_thread_that_never_started_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: threading.Thread) -> None:
        raise KeyboardInterrupt

    background = Background()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            background.run(lambda: None)
    background.wait()
    assert not background.busy


def test_after_the_wait_nothing_of_the_job_is_still_being_freed() -> None:
    """A program may end right after: a thread that is inside a library then takes the process down."""

    class Slow:
        """Takes its time to go, with the interpreter's lock given up, as a large tensor does."""

        def __del__(self) -> None:
            time.sleep(0.3)
            freed.append(True)

    freed: list[bool] = []
    background = Background()
    held = [Slow()]
    background.run(lambda held=held: time.sleep(0.1))
    del held
    background.wait()
    assert freed
    assert not any(thread.name == "timetravel-commit" for thread in threading.enumerate())
