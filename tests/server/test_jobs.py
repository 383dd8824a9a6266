"""Jobs: done in a child, told while they run, cancelled, and harmless when they die."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from timetravel.server.jobs import Job, JobBoard, Kind, QueueFull, crash_sentence

FAKE = """
import os, signal, time
from timetravel.errors import MissingPart

def add(request, report):
    report("adding", 1, 2)
    print("a library that prints")
    return {"sum": request["a"] + request["b"], "pid": os.getpid()}, bytes(range(256))

def wait(request, report):
    report("waiting", 1, 4)
    time.sleep(60)

def refuse(request, report):
    raise MissingPart("this run has no checkpoints; record them with checkpoints='all'")

def stumble(request, report):
    return 1 / 0

def die(request, report):
    os.kill(os.getpid(), signal.SIGSEGV)
"""

TIMEOUT_S = 60


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobBoard]:
    (tmp_path / "fake_job_kinds.py").write_text(FAKE, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    names = ("add", "wait", "refuse", "stumble", "die")
    board = JobBoard({name: Kind(f"fake_job_kinds:{name}") for name in names})
    yield board
    board.close()


def ended(board: JobBoard, job: Job) -> Job:
    assert board.wait(job, TIMEOUT_S)
    return job


def until_running(job: Job) -> None:
    for _ in range(6000):
        if job.done:
            return
        time.sleep(0.01)
    raise AssertionError(job.describe())


def test_a_job_gives_its_result_and_bytes(board: JobBoard) -> None:
    job = ended(board, board.start("add", {"a": 2, "b": 40}))
    assert job.state == "done", job.error
    assert job.result["sum"] == 42
    assert job.result["pid"] != os.getpid()
    assert job.blob == bytes(range(256))
    assert job.describe()["error"] is None


def test_one_worker_serves_one_job_after_the_other(board: JobBoard) -> None:
    first, second = board.start("add", {"a": 1, "b": 1}), board.start("add", {"a": 1, "b": 2})
    assert ended(board, first).result["pid"] == ended(board, second).result["pid"]


def test_the_same_question_is_answered_once(board: JobBoard) -> None:
    job = board.start("add", {"a": 1, "b": 1}, same="key")
    assert board.start("add", {"a": 1, "b": 1}, same="key") is job


def test_an_error_of_ours_is_told_as_it_is_worded(board: JobBoard) -> None:
    job = ended(board, board.start("refuse", {}))
    assert job.state == "failed"
    assert job.error == "this run has no checkpoints; record them with checkpoints='all'"


def test_any_other_error_is_named_without_a_trace(board: JobBoard) -> None:
    job = ended(board, board.start("stumble", {}))
    assert job.error == "ZeroDivisionError: division by zero"


def test_a_crash_is_an_error_of_that_job_only(board: JobBoard) -> None:
    dead = ended(board, board.start("die", {}))
    assert dead.state == "failed"
    assert "SIGSEGV" in (dead.error or "")
    assert ended(board, board.start("add", {"a": 1, "b": 1})).state == "done"


def test_cancelling_a_running_job_ends_its_process_and_the_next_goes_on(board: JobBoard) -> None:
    job = board.start("wait", {})
    until_running(job)
    described = job.describe()
    assert (described["message"], described["done"], described["total"]) == ("waiting", 1, 4)
    assert described["eta_s"] is not None
    queued = board.start("wait", {})
    after = board.start("add", {"a": 1, "b": 1})
    board.cancel(queued)
    board.cancel(job)
    assert ended(board, job).state == queued.state == "cancelled"
    assert ended(board, after).state == "done"


def test_closing_the_board_cancels_and_refuses(board: JobBoard) -> None:
    job = board.start("wait", {})
    until_running(job)
    board.close()
    assert ended(board, job).state == "cancelled"
    with pytest.raises(QueueFull):
        board.start("add", {"a": 1, "b": 1})


def test_too_many_waiting_jobs_are_refused(board: JobBoard) -> None:
    def start_many() -> None:
        for _ in range(70):
            board.start("wait", {})

    with pytest.raises(QueueFull, match="waiting"):
        start_many()


@pytest.mark.parametrize(
    ("code", "said", "sentence"),
    [
        (-signal.SIGKILL, [], "it was ended by SIGKILL"),
        (3, ["no memory", ""], "it left with code 3 (no memory)"),
    ],
)
def test_a_crash_is_told_in_words(code: int, said: list[str], sentence: str) -> None:
    assert crash_sentence(code, said).endswith(sentence)


def test_a_worker_ends_with_its_parent() -> None:
    from timetravel.server.jobs import start_worker

    child = start_worker()
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(TIMEOUT_S) == 0
    for pipe in (child.stdout, child.stderr):
        assert pipe is not None
        pipe.close()
